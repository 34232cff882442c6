"""Sensitivity: each group alone is cut, measured, and never measured twice."""

import numpy as np
import pytest
import torch
import toy
from test_engine import TRAIN, execute
from zoo import ZOO

import models
from benchmarks.networks import randomise
from pruning import prefixes, score, trace
from pruning.allocate import allocate
from pruning.channels.map import ChannelMap
from pruning.curves import curves, of_run
from pruning.data.dataset import Dataset
from pruning.errors import UserError
from pruning.evaluate import evaluate
from pruning.plan import Plan
from pruning.prefixes.bench import plain
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


EXACT = ["residual", "concat", "option-a-pad", "dense-block", "in-place", "group-norm", "squeeze-excite", "unet-nearest", "grouped",
         "loop-over-one-layer", "one-module-twice", "branch-on-shape", "pools", "unpool"]  # fmt: skip
WHOLE = {
    "noise": "chance",
    "strided-view": "memory",
    "einsum-of-three": "does not",
}  # what cannot be played in parts, and why


def photos(side: int, count: int = 20) -> Dataset:
    random = np.random.default_rng(0)
    x, y = random.integers(0, 255, (count, 3, side, side), np.uint8), np.arange(count) % 4
    return Dataset("photos", tuple("abcd"), (0.5,) * 3, (0.25,) * 3, x, y, x, y, x, y, image_size=side)


def both(model: torch.nn.Module, data: Dataset, *, is_lean: bool = False) -> tuple[list[str], float]:
    """Why something ran as a whole, and the largest relative difference between networks played in parts and pruned ones."""
    bench = prefixes.prepare(model, data, CPU, is_lean=is_lean)
    channels, found = trace(model, torch.zeros(2, *data.input_shape)), []
    for group in channels.groups:
        plans = [Plan(channels, {group.name: tuple(range(0, group.units, n))}) for n in (2, 3)]
        for plan, told in zip(plans, prefixes.measure(bench, plans), strict=True):
            alone = plain(bench, prune(bench.network, plan))
            found.append(((told - alone).abs().max() / alone.abs().max()).item())
    return bench.whole, max(found)


@pytest.mark.parametrize("name", EXACT)
def test_a_network_played_in_parts_answers_as_the_pruned_one(name, monkeypatch):
    monkeypatch.setattr(prefixes.bench, "CACHED", 3 * 8 * 8 * 8)  # three batches, the last smaller
    whole, difference = both(ZOO[name].fresh().eval(), photos(8))
    assert not whole
    assert difference < 1e-5


@pytest.mark.parametrize("name", WHOLE)
def test_what_cannot_be_played_in_parts_runs_as_a_whole(name):
    whole, difference = both(ZOO[name].fresh().eval(), photos(8))
    assert WHOLE[name] in whole[0]
    assert difference < 1e-5


def test_a_residual_network_answers_alike_in_both_precisions():
    model, data = models.build("resnet20-cifar", in_channels=3, num_classes=10, image_size=32).eval(), photos(32, 8)
    randomise(model)
    assert both(model, data) == ([], pytest.approx(0, abs=1e-5))
    assert both(model, data, is_lean=True) == ([], pytest.approx(0, abs=0.1))


def test_a_network_that_leaves_the_ops_that_are_seen_runs_as_a_whole():
    class Hidden(torch.nn.Conv2d):
        def forward(self, x):
            return super().forward(torch.from_numpy(x.numpy() * 2)).mean((2, 3))

    bench = prefixes.prepare(Hidden(3, 4, 3), photos(8), CPU)
    assert bench.whole == ["the network does something that is not seen in its ops"]


def test_dense_values_that_do_not_fit_in_memory_are_made_anew(monkeypatch):
    monkeypatch.setattr(prefixes.bench, "CACHED", 3 * 8 * 8 * 8)
    monkeypatch.setattr(prefixes.bench, "HELD", 0)
    assert both(ZOO["residual"].fresh().eval(), photos(8))[1] < 1e-5


def test_groups_are_cut_together_by_one_share_and_by_shares_of_their_own():
    found = scanned()
    uniform = [point for point in found["joint"] if point["share"] is not None]
    assert [point["kept"]["2"] for point in uniform] == [7, 7, 6, 5, 4, 4, 3, 2, 1]
    assert len(found["joint"]) - len(uniform) == 5
    assert {len(point["folds"]) for point in found["joint"]} == {8}
    assert (found["done"], found["of"]) == (2, 2)
    assert scanned()["joint"] == found["joint"]
