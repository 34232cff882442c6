"""The search of shares: its trials, its Pareto front, and that a stop changes nothing."""

import pytest
import toy
from test_engine import ONE, TRAIN, execute

from pages.ui import search_charts
from pruning.run import Run, read_json
from pruning.search import START, Trial, front, search
from pruning.spec import Cost, PruneSettings, PruneSpec, SearchSettings, SearchSpec, Spread, TrainSettings

SETTINGS = SearchSettings(trials=30, seed=3)
NAMES = ("a", "b")


def objective(shares):
    """Group b costs accuracy, group a costs none: removing a alone is best."""
    return 1 - shares["b"], 200 - 100 * shares["a"] - 100 * shares["b"]


def test_uniform_shares_come_first():
    trials = search(NAMES, SETTINGS, objective)
    assert [trial.shares for trial in trials[: len(START)]] == [{"a": share, "b": share} for share in START]
    assert all(0 <= share <= SETTINGS.most for trial in trials for share in trial.shares.values())


def test_it_finds_what_uniform_shares_miss():
    trials = search(NAMES, SETTINGS, objective)
    found = [trials[n] for n in front(trials)]
    half = next(trial for trial in trials if trial.shares == {"a": 0.5, "b": 0.5})
    assert any(trial.accuracy > half.accuracy + 0.2 and trial.cost < half.cost + 20 for trial in found)


def test_a_search_goes_on_as_if_it_had_never_stopped():
    whole = search(NAMES, SETTINGS, objective)
    assert search(NAMES, SETTINGS, objective, done=whole[:9]) == whole
    assert search(NAMES, SETTINGS.model_copy(update={"seed": 4}), objective) != whole


def test_the_front_is_what_no_other_beats():
    values = [(0.9, 100), (0.8, 50), (0.8, 60), (0.95, 100), (0.7, 55), (0.8, 50)]
    assert front([Trial({}, accuracy, cost) for accuracy, cost in values]) == [1, 3]


def test_a_search_job_stopped_in_the_middle_tries_the_same_shares():
    execute(1, TRAIN)
    spec = SearchSpec(parent=1, search=SearchSettings(trials=7, images=20, cost=Cost.PARAMS))
    whole = execute(2, spec)
    with pytest.raises(toy.Stopped):
        execute(3, spec, toy.StopsIn(Run.of(3), "search", 5))
    assert len(read_json(Run.of(3).search)["trials"]) == 5
    assert read_json(execute(3, spec).search) == read_json(whole.search)
    assert read_json(whole.result)["after"] == read_json(Run.of(1).result)["after"]


def test_a_trial_is_the_network_that_its_shares_give():
    execute(1, TRAIN)
    found = read_json(execute(2, SearchSpec(parent=1, search=SearchSettings(trials=3, images=20))).search)
    trial = found["trials"][2]
    wish = PruneSettings(spread=Spread.GROUPS, shares=trial["shares"])
    pruned = execute(3, PruneSpec(parent=1, pruning=wish, finetune=TrainSettings(epochs=0)))
    assert read_json(pruned.result)["after"]["macs"] == trial["cost"] < found["dense"]["cost"]


def test_trials_can_be_tuned_before_they_are_judged():
    execute(1, TRAIN)
    spec = SearchSpec(parent=1, search=SearchSettings(trials=2, images=20, epochs=1), finetune=ONE)
    run = execute(2, spec)
    assert len(read_json(run.search)["trials"]) == 2
    assert not run.metrics.exists()
    assert not (run.path / "trial").exists()


RAW = {
    "cost": "macs", "images": 20, "epochs": 0, "dense": {"accuracy": 0.9, "cost": 1000.0}, "uniform": [0, 1], "front": [2, 3, 0],
    "trials": [{"shares": {"a": s, "b": t}, "accuracy": accuracy, "cost": cost} for s, t, accuracy, cost in
               ((0, 0, 0.9, 1000.0), (0.5, 0.5, 0.6, 500.0), (0.9, 0.1, 0.7, 450.0), (0.5, 0, 0.8, 750.0))],
}  # fmt: skip


def test_a_search_is_told_in_a_sentence_and_as_a_table():
    found = search_charts.found(RAW)
    assert search_charts.sentence(found).endswith(
        "At 500 MACs or less, the best is +10.00 pp against the same share everywhere."
    )
    assert found.label(2) == "Trial 2: 70.00 % at 450 MACs (−55.0 %)"
    assert [row["on the front"] for row in found.rows()] == [True, False, True, True]


def test_every_trial_stands_once_in_the_figure():
    figure = search_charts.draw(search_charts.found(RAW))
    assert figure.layout.xaxis.title.text == "MACs (weights, one image)"
    assert {trace.name: list(trace.customdata) for trace in figure.data} == {
        "tried": [], "same share everywhere": [0, 1], "beaten by none": [2, 3, 0]
    }  # fmt: skip
