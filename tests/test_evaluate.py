"""Evaluate now: a plan cut for real, counted and measured; the warm process keeps what the next request needs."""

import json

import pytest

from pages.ui import evaluate, predictions, state
from pruning.channels.map import ChannelMap
from pruning.jobs.store import State, Store
from pruning.jobs.tidy import tidy
from pruning.jobs.worker import work
from pruning.kinds import warm
from pruning.plan import Plan
from pruning.run import Run, read_json, read_lines
from pruning.spec import (
    DataSettings,
    EvaluateSpec,
    ModelSettings,
    PruneSettings,
    PruneSpec,
    ScanSettings,
    ScanSpec,
    ScheduleSettings,
    ScoreSpec,
    TrainSettings,
    TrainSpec,
)

IRIS, MLP = DataSettings(name="iris"), ModelSettings(name="iris-mlp")


def done(spec) -> Run:
    store = Store(Run.of(1).path.parent)
    run = Run.of(store.submit(spec))
    work(run, 1)
    store.move(run.number, State.QUEUED, State(read_json(run.status)["state"]), attempt=0)
    return run


@pytest.fixture
def parent() -> Run:
    return done(TrainSpec(data=IRIS, model=MLP, training=TrainSettings(epochs=20, batch_size=8)))


def plan_of(run: Run, share: float) -> Plan:
    channels = ChannelMap.from_json(run.channels.read_text())
    return Plan(channels, {g.name: tuple(range(max(1, round(g.units * (1 - share))))) for g in channels.groups})


def evaluated(run: Run, plan: Plan, images: int = 0, criterion: str | None = None) -> dict:
    spec = EvaluateSpec(parent=run.number, plan=json.loads(plan.to_json()), images=images, criterion=criterion)
    answer = done(spec)
    assert read_json(answer.status)["state"] == "succeeded", read_json(answer.status)
    return read_json(answer.evaluated)


def test_a_confirmed_plan_has_the_counts_of_its_formulas_and_a_proof(parent):
    plan = plan_of(parent, 0.5)
    found, told = evaluated(parent, plan), plan.counts()
    assert (found["params"], found["macs"], found["bytes"]) == (told.params, told.macs, told.bytes)
    assert found["kept"] == plan.kept()
    assert found["verified"] < 1e-9
    assert "accuracy" not in found


def test_accuracy_is_that_of_a_scan_on_the_same_images(parent):
    scanned = read_json(done(ScanSpec(parent=parent.number, scan=ScanSettings(images=10))).scan)
    found = evaluated(parent, plan_of(parent, 0), images=10)
    assert found["accuracy"] == pytest.approx(found["dense_accuracy"])
    assert found["accuracy"] == pytest.approx(scanned["dense"]["accuracy"])
    assert found["loss"] == pytest.approx(scanned["dense"]["loss"], rel=1e-4)
    assert (found["images"], len(found["folds"])) == (10, 8)


def test_a_plan_for_another_network_is_refused_in_one_sentence(parent):
    answer = done(EvaluateSpec(parent=parent.number, plan={"units": {"else": 3}, "keep": {}}))
    assert "another network" in read_json(answer.status)["error"]["what"]
    assert not read_lines(answer.metrics)


def test_networks_and_maps_are_kept_until_their_file_changes(parent):
    first, channels = warm.network(parent), warm.channels(parent)
    assert warm.network(parent) is first
    assert warm.channels(parent) is channels
    parent.model.touch()
    assert warm.network(parent) is not first


def test_an_evaluation_leaves_the_kept_network_as_it_was(parent):
    before = {name: tensor.clone() for name, tensor in warm.network(parent).state_dict().items()}
    evaluated(parent, plan_of(parent, 0.5), images=20)
    assert all(tensor.equal(before[name]) for name, tensor in warm.network(parent).state_dict().items())


def test_old_confirmations_go_and_what_was_measured_or_asked_for_stays(runs):
    store, first = Store(runs), TrainSpec(data=IRIS, model=MLP)
    parent = store.submit(first)
    small = [EvaluateSpec(parent=parent, plan={}, images=n) for n in (0, 64, 0, 0, 0)]
    numbers = [store.submit(spec) for spec in (*small, ScoreSpec(parent=parent))]
    for number in numbers[:4]:
        store.move(number, State.QUEUED, State.SUCCEEDED, attempt=0)
    assert tidy(store, kept=1) == 2
    left = [numbers[1], *numbers[3:]]
    assert sorted(row.id for row in store.rows(kinds=["evaluate", "score"])) == left
    assert sorted(int(path.name) for path in runs.glob("9*")) == left


def test_predictions_learn_from_every_cut_by_the_scans_criterion(parent):
    done(ScanSpec(parent=parent.number, scan=ScanSettings(images=15)))
    tune = TrainSettings(epochs=1)
    ours, other = (done(PruneSpec(parent=parent.number, pruning=PruneSettings(criterion=c), finetune=tune)) for c in ("l1", "l2"))  # fmt: skip
    evaluated(parent, plan_of(parent, 0.5), images=15, criterion="l1")
    evaluated(parent, plan_of(parent, 0.3))
    whole, asked = ChannelMap.from_json(parent.channels.read_text()), PruneSettings()
    predictor = predictions.of(state.find(parent.number), whole, asked)
    known = [point.run for point, _ in predictor.held_out if point.run]
    assert (len(known), known[0], other.number in known) == (2, ours.number, False)
    assert "scan 2, 12 validation images" in predictions.so_far(predictor)
    assert f"Run {ours.number} measured" in evaluate.cut_before(state.plan(ours.number), predictor, "l1")
    assert evaluate.cut_before(state.plan(ours.number), predictor, "l2") == ""
    assert "by L1" in predictions.of(state.find(parent.number), whole, PruneSettings(criterion="l2")).source


def test_a_cut_that_was_recalibrated_or_made_in_steps_is_no_measurement_of_the_cut_alone():
    once = PruneSpec(parent=1)
    assert predictions.cut_once(once)
    assert not predictions.cut_once(once.model_copy(update={"schedule": ScheduleSettings(steps=3)}))
    assert not predictions.cut_once(once.model_copy(update={"pruning": PruneSettings(recalibrate_images=64)}))


def test_the_present_setting_is_found_again_whatever_was_asked_since(parent):
    spec = EvaluateSpec(parent=parent.number, plan=json.loads(plan_of(parent, 0.5).to_json()), images=15)
    assert evaluate.answered(spec) is None
    asked = done(spec)
    evaluated(parent, plan_of(parent, 0.3), images=15)
    assert evaluate.answered(spec).id == asked.number
