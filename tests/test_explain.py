"""What Explore is shown: every criterion's scores, or why there are none yet; and one that is asked for."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import toy
from torch import Tensor, nn

from pruning import engine
from pruning.criteria import CRITERIA
from pruning.criterion_cards import CARDS, Family
from pruning.explain import ASKED, LATER, MOST_DISTANCES, channels_of, distances, explain, waits
from pruning.run import Run, read_json
from pruning.spec import CriterionName, ScoreSpec, parse

PASSES = []


def images(count: int) -> Iterator[tuple[Tensor, Tensor]]:
    PASSES.append(count)
    yield torch.randn(8, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 3


@pytest.fixture
def run(tmp_path: Path) -> Run:
    (tmp_path / "00001").mkdir()
    return Run(tmp_path / "00001")


def test_before_training_only_weights_are_scored(run: Run) -> None:
    explain(toy.network(), (1, 8, 8), run, toy.Notes())
    found = read_json(run.scores)
    assert found.keys() == set(CriterionName)
    assert {name for name in found if "error" not in found[name]} == {
        name for name in CRITERIA if CARDS[name].family in (Family.WEIGHTS, Family.CONTROL)
    }
    assert found["snip"]["error"] == LATER


def test_after_it_all_but_the_costly_ones_are_in_one_pass_and_one_for_snip(run: Run) -> None:
    PASSES.clear()
    explain(toy.network(), (1, 8, 8), run, toy.Notes(), images)
    found = read_json(run.scores)
    assert {name for name in found if found[name] == {"error": ASKED}} == {n for n in CRITERIA if CARDS[n].is_costly}
    assert all(len(found[name]["0"]) == 6 for name in CRITERIA if not CARDS[name].is_costly)
    assert PASSES == [1024, 1024]


def test_distances_between_very_many_filters_wait_until_they_are_asked_for() -> None:
    with torch.device("meta"):
        wide = nn.Sequential(nn.Linear(8, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 3))
    channels = channels_of(wide, (8,))
    assert distances(channels) > max(MOST_DISTANCES)
    assert waits(CriterionName.FPGM, channels, has_data=True) == ASKED
    assert waits(CriterionName.L1, channels, has_data=False) == ""
    narrower = channels_of(nn.Sequential(nn.Linear(900, 1400), nn.ReLU(), nn.Linear(1400, 3)), (900,))
    assert waits(CriterionName.FPGM, narrower, has_data=False) == LATER
    assert waits(CriterionName.FPGM, narrower, has_data=True) == ""


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PRUNING_HOME", str(tmp_path))
    toy.registered(monkeypatch)
    spec = {"kind": "train", "data": {"name": "toy"}, "model": {"name": "blocks"}, "training": {"epochs": 1}}
    executed(1, parse(spec))


def executed(number: int, spec: object) -> Run:
    run = Run.of(number)
    run.path.mkdir(parents=True)
    run.spec.write_text(spec.model_dump_json())
    engine.execute(spec, run, toy.Notes())
    return run


@pytest.mark.usefixtures("trained")
def test_one_criterion_is_scored_when_asked_for() -> None:
    for number, name in enumerate(("hessian", "thinet", "taylor"), 2):
        run = executed(number, ScoreSpec(parent=1, criterion=name, images=16, score_at="norm"))
        assert [len(values) for values in read_json(run.scores)[name].values()]
        assert read_json(run.result)["after"]["params"] > 0


@pytest.mark.usefixtures("trained")
def test_the_scores_asked_for_are_those_that_the_training_ended_with() -> None:
    run = executed(2, ScoreSpec(parent=1, criterion="taylor", images=1024))
    assert read_json(run.scores)["taylor"] == read_json(Run.of(1).scores)["taylor"]


@pytest.mark.usefixtures("trained")
def test_a_criterion_that_judges_nothing_there_says_so() -> None:
    run = executed(2, ScoreSpec(parent=1, criterion="bn-scale"))
    assert "needs batch norm" in read_json(run.scores)["bn-scale"]["error"]
