"""Sensitivity: each group alone is cut, measured, and never measured twice."""

import numpy as np
import pytest
import torch
import toy
from test_engine import TRAIN, execute

from pruning import score, trace
from pruning.allocate import allocate
from pruning.channels.map import ChannelMap
from pruning.curves import curves, of_run
from pruning.errors import UserError
from pruning.evaluate import evaluate
from pruning.plan import Plan
from pruning.run import Run, read_json, write_json
from pruning.sensitivity import in_words, scan
from pruning.spec import PruneSettings, PruneSpec, ScanSettings, ScanSpec, Spread, TrainSettings
from pruning.surgery import prune

DATA, CPU = toy.dataset(), torch.device("cpu")


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    head = (torch.nn.Flatten(), torch.nn.Linear(128, 3))
    return torch.nn.Sequential(torch.nn.Conv2d(1, 6, 3), torch.nn.ReLU(), torch.nn.Conv2d(6, 8, 3), *head).eval()


def scanned(report=None, path=None, **settings):
    model = network()
    channels = trace(model, torch.zeros(2, *DATA.input_shape))
    scores = {name: s.numpy() for name, s in score(model, channels, "l1").items()}
    return scan(model, channels, scores, DATA, ScanSettings(**settings), report or toy.Notes(), CPU, path=path)


def test_a_point_is_what_the_network_without_that_share_of_one_group_does():
    model, found = network(), scanned(images=100, shares=(0.1, 0.25))
    channels = trace(model, torch.zeros(2, *DATA.input_shape))
    cut = prune(model, allocate(channels, score(model, channels, "l1"), shares={"2": 0.25}))
    alone = evaluate(cut, DATA.validation_x, DATA.validation_y, DATA)
    assert found["images"] == len(DATA.validation_y)
    share, kept, accuracy, loss, folds = found["groups"]["2"][1]
    assert (share, kept, accuracy, loss) == (0.25, 6, alone["accuracy"], pytest.approx(alone["loss"]))
    assert np.average(folds, weights=[2] * 4 + [1] * 4) == pytest.approx(accuracy)


def test_every_group_has_a_point_a_share_and_keeps_a_filter():
    found = scanned(shares=(0.1, 0.5, 0.95, 0.99))
    assert {name: [kept for _, kept, *_ in points] for name, points in found["groups"].items()} == {
        "0": [5, 3, 1, 1],
        "2": [7, 4, 1, 1],
    }
    assert "Scanned 2 groups on 12 validation images: without 95% of" in in_words(found)


def test_a_stopped_scan_goes_on_where_it_was(tmp_path):
    path = tmp_path / "scan.json"
    with pytest.raises(toy.Stopped):
        scanned(toy.Notes(stop=2), path)
    begun = read_json(path)
    assert list(begun["groups"]) == ["0"]
    begun["groups"]["0"] = [[share, 6, 0.5, 7.0, [0.5] * 8] for share in begun["shares"]]
    write_json(path, begun)
    assert scanned(path=path)["groups"]["0"] == begun["groups"]["0"]
    assert scanned(path=path)["groups"]["2"] == scanned()["groups"]["2"]


def test_another_network_or_other_settings_are_scanned_anew(tmp_path):
    path = tmp_path / "scan.json"
    whole = scanned(path=path)
    write_json(path, whole | {"groups": {}, "dense": {"accuracy": 1.0, "loss": 9.0}})
    assert scanned(path=path)["groups"] == whole["groups"]
    assert [point[0] for point in scanned(path=path, shares=(0.5,))["groups"]["0"]] == [0.5]


def test_curves_start_at_nothing_and_end_at_everything():
    found = {"dense": {"accuracy": 0.9}, "units": {"a": 4}, "groups": {"a": [[0.5, 2, 0.8, 1.0]]}}
    assert np.allclose(curves(found)["a"], [(0, 0), (0.5, 0.1), (1, 0.9)])


def test_a_scan_job_leaves_curves_for_its_parents_network():
    execute(1, TRAIN)
    wish = ScanSettings(shares=(0.25, 0.75), images=20)
    run = execute(2, ScanSpec(parent=1, scan=wish))
    assert read_json(run.result)["after"] == read_json(Run.of(1).result)["after"]
    spread = PruneSettings(spread=Spread.SENSITIVITY, share=0.5, scan=2)
    pruned = execute(3, PruneSpec(parent=1, pruning=spread, finetune=TrainSettings(epochs=0)))
    channels = ChannelMap.from_json(Run.of(1).channels.read_text())
    assert sum(Plan.from_json(pruned.plan.read_text(), channels).kept().values()) == 12
    with pytest.raises(UserError, match="Run 2 scanned another network"):
        of_run(2, trace(network(), torch.zeros(2, *DATA.input_shape)))
    with pytest.raises(UserError, match="Run 1 has no sensitivity scan"):
        of_run(1, trace(network(), torch.zeros(2, *DATA.input_shape)))
