"""Schedules: curves, cuts in steps, and the weights that a pruned network goes on with."""

from itertools import pairwise

import numpy as np
import pytest
import torch
import toy
from test_engine import NORMED as TOY
from test_engine import ONE, execute
from test_plan import at_random, network, traced
from torch import nn

from pruning import checkpoint, data, resume, train
from pruning.channels.trace import trace
from pruning.choices import Curve
from pruning.contradictions import refuse_idle
from pruning.equivalence import verify
from pruning.errors import UserError
from pruning.kinds.cuts import opened
from pruning.origin import build_arguments, reborn, start
from pruning.plan import Plan
from pruning.report import FolderReport
from pruning.run import Run, read_json, read_lines
from pruning.schedule import carried, continuation, grown, towards
from pruning.spec import (
    CriterionName,
    FinetuneSpec,
    ModelSettings,
    Order,
    PruneSettings,
    PruneSpec,
    Rewind,
    ScheduleSettings,
    Spread,
    TrainSettings,
    When,
)
from pruning.surgery import prune

TRAIN = TOY.model_copy(update={"model": ModelSettings(name="fashion-cnn")})
NORMED = TOY.model_copy(update={"model": ModelSettings(name="scnnb")})
NONE = TrainSettings(epochs=0)
THREE = ScheduleSettings(steps=3, epochs=1)


@pytest.fixture(autouse=True)
def toys(monkeypatch):
    toy.registered(monkeypatch)


@pytest.mark.parametrize("curve", Curve)
def test_every_curve_grows_from_nothing_to_the_wish(curve):
    shares = [grown(curve, step / 10, 0.7) for step in range(11)]
    assert shares[0] == 0
    assert shares[-1] == 0.7
    assert all(a < b for a, b in pairwise(shares))


def test_curves_are_those_of_their_papers():
    assert grown(Curve.LINEAR, 0.25, 0.8) == pytest.approx(0.2)
    assert grown(Curve.POLYNOMIAL, 0.5, 0.8) == pytest.approx(0.8 + (0 - 0.8) * (1 - 0.5) ** 3)
    kept = [1 - grown(Curve.EXPONENTIAL, step / 3, 0.488) for step in range(4)]
    assert [b / a for a, b in pairwise(kept)] == pytest.approx([0.8] * 3)


def test_document_002s_2560_filters_go_in_five_times_512():
    wish = PruneSettings(spread=Spread.TOTAL, filters=2560)
    assert [towards(wish, Curve.LINEAR, n / 5, 4224).filters for n in range(1, 6)] == [512, 1024, 1536, 2048, 2560]


@pytest.mark.parametrize("seed", range(5))
def test_the_rest_of_a_plan_after_a_part_of_it_is_found_by_positions(seed):
    model = network()
    channels = traced(model)
    whole = at_random(channels, seed)
    part = Plan(channels, {n: tuple(sorted({*kept, *gone[::2]})) for n, kept, gone in halves(whole)})
    rest = continuation(part, whole, traced(prune(model, part)))
    assert part.then(rest).kept() == whole.kept()
    assert part.then(rest).removed() == whole.removed()


def halves(plan):
    return [(name, kept, plan.removed().get(name, [])) for name, kept in plan.keep.items()]


def test_scores_come_back_to_the_places_of_their_units_and_what_is_gone_is_lowest():
    model = network()
    channels = traced(model)
    done = at_random(channels, 1)
    now = traced(prune(model, done))
    found = carried(done, now, {g.name: np.arange(g.units) - 2.0 for g in now.groups})
    for group in now.groups:
        assert found[group.name][list(done.keep[group.name])].tolist() == [u - 2.0 for u in range(group.units)]
        assert set(found[group.name][done.removed().get(group.name, [])]) <= {-3.0}
    assert {*found} - {group.name for group in now.groups} == {n for n, kept in done.keep.items() if len(kept) == 1}
    assert carried(Plan(channels, {}), channels, {"mix": np.ones(7)}).keys() == {"mix"}


class Grouped(nn.Sequential):
    """A grouped convolution, whose blocks shrink to one channel each by a first cut."""

    def __init__(self):
        super().__init__(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3, groups=4), nn.ReLU(), nn.Conv2d(8, 2, 2))


def test_channels_that_hang_together_by_now_go_together_or_stay():
    model = Grouped().eval()
    channels = trace(model, torch.zeros(2, 1, 6, 6))
    for seed in range(20):
        part, whole = at_random(channels, seed), at_random(channels, seed + 100)
        whole = Plan(channels, {n: tuple(set(k) & set(part.keep[n])) or part.keep[n] for n, k in whole.keep.items()})
        small = prune(model, part)
        rest = continuation(part, whole, trace(small, torch.zeros(2, 1, 6, 6)))
        verify(small, prune(small, rest), rest)
        both = part.then(rest)
        assert all(
            set(units) <= set(whole.removed().get(name, [])) | set(part.removed().get(name, []))
            for name, units in both.removed().items()
        )


def steps(number, **wish):
    """A cut in three steps of the network that run 1 trained: its run, and what one shot would keep."""
    settings = PruneSettings(**{"share": 0.6, "score_images": 40} | wish)
    run = execute(number, PruneSpec(parent=1, pruning=settings, schedule=THREE, finetune=ONE))
    shot = execute(number + 1, PruneSpec(parent=1, pruning=settings, finetune=NONE))
    return run, *(plan_of(r).kept() for r in (run, shot))


def plan_of(run):
    spec = PruneSpec.model_validate_json(run.spec.read_text())
    return Plan.from_json(run.plan.read_text(), opened(spec, run, FolderReport(run)).channels)


WISHES = (
    {"spread": Spread.UNIFORM, "floor": 5},
    {"spread": Spread.GROUPS, "shares": {"conv1": 0.5, "conv2": 0.7}},
    {"spread": Spread.PER_LAYER, "filters": 5},
    {"spread": Spread.PERCENTILE},
    {"spread": Spread.UNIFORM, "order": Order.GREEDY},
    {"spread": Spread.UNIFORM, "round_to": 4},
    {"spread": Spread.UNIFORM, "max_params": 2_000},
)


@pytest.mark.parametrize("wish", WISHES, ids=str)
def test_steps_end_with_as_many_units_of_each_group_as_one_shot(wish):
    execute(1, TRAIN)
    run, stepped, at_once = steps(2, **wish)
    assert stepped == at_once
    kept = checkpoint.recipe(run.model)["keep"]
    assert {n: sum(b - a for a, b in spans) for n, spans in kept.items()} == stepped


@pytest.mark.parametrize("spread", [Spread.GLOBAL, Spread.ISOMORPHIC, Spread.TOTAL])
def test_steps_over_all_layers_end_with_as_many_units_as_one_shot(spread):
    execute(1, TRAIN)
    run, stepped, at_once = steps(2, spread=spread, filters=13)
    assert sum(stepped.values()) == sum(at_once.values())
    assert [step["removed"] for step in read_json(run.result)["steps"]] == (
        [4, 9, 13] if spread == "total" else [5, 10, 15]
    )


def test_a_run_in_steps_tells_each_and_leaves_one_plan():
    execute(1, TRAIN)
    run, *_ = steps(2)
    result, lines = read_json(run.result), read_lines(run.metrics)
    assert [line["stage"] for line in lines] == ["step1", "step2", "step3", "finetune"]
    assert [step["removed"] for step in result["steps"]] == [6, 11, 15]
    assert [a["params"] > b["params"] for a, b in pairwise(result["steps"])] == [True, True]
    assert {"macs", "validation_accuracy", "cut_accuracy"} <= set(result["steps"][0])
    assert result["pruned"]["params"] == result["after"]["params"] == result["steps"][-1]["params"]
    assert result["epochs"] == 4
    assert result["verified"] < 1e-9
    said = [line["text"] for line in read_lines(run.events) if line["text"].startswith("Step")]
    assert said[1].startswith("Step 2 of 3: Pruned 5 of 18 filters")
    assert not run.steps.exists()


@pytest.mark.parametrize(("stage", "at"), [("step2", 2), ("finetune", 3), ("score", 0)])
def test_a_run_that_is_stopped_between_its_steps_ends_with_the_weights_of_an_undisturbed_one(stage, at, monkeypatch):
    monkeypatch.setattr(train, "SAVE_EVERY", 0.0)
    execute(1, TRAIN)
    wish = PruneSettings(spread=Spread.GLOBAL, share=0.6, criterion=CriterionName.TAYLOR, score_images=40)
    spec = PruneSpec(parent=1, pruning=wish, schedule=THREE, finetune=ONE)
    whole = execute(2, spec)
    with pytest.raises(toy.Stopped):
        execute(3, spec, toy.StopsIn(Run.of(3), stage, at))
    rest = execute(3, spec)
    assert toy.digest(checkpoint.load(rest.model)) == toy.digest(checkpoint.load(whole.model))
    assert rest.plan.read_text() == whole.plan.read_text()
    assert read_json(rest.result)["steps"] == read_json(whole.result)["steps"]


def test_a_network_cut_in_steps_is_the_dense_one_at_the_kept_places_when_nothing_is_trained():
    execute(1, TRAIN)
    schedule = ScheduleSettings(steps=4, epochs=0)
    run = execute(2, PruneSpec(parent=1, pruning=PruneSettings(share=0.7), schedule=schedule, finetune=NONE))
    small = prune(checkpoint.load(Run.of(1).model), plan_of(run))
    assert toy.digest(small) == toy.digest(checkpoint.load(run.model))


@pytest.mark.parametrize("when", [When.TRAINING, When.REGULARISED])
def test_what_goes_while_training_is_as_much_as_one_shot_removes(when):
    execute(1, TRAIN)
    schedule = ScheduleSettings(when=when, epochs=2)
    run = execute(2, PruneSpec(parent=1, schedule=schedule, finetune=ONE))
    shot = execute(3, PruneSpec(parent=1, finetune=NONE))
    assert [line["stage"] for line in read_lines(run.metrics)] == [str(when)] * 2 + ["finetune"]
    assert plan_of(run).kept() == plan_of(shot).kept()
    assert read_json(run.result)["verified"] < 1e-9


@pytest.mark.parametrize("when", [When.TRAINING, When.REGULARISED])
def test_pruning_while_training_goes_on_after_a_stop(when, monkeypatch):
    monkeypatch.setattr(train, "SAVE_EVERY", 0.0)
    execute(1, TRAIN)
    spec = PruneSpec(parent=1, schedule=ScheduleSettings(when=when, epochs=2), finetune=ONE)
    whole = execute(2, spec)
    with pytest.raises(toy.Stopped):
        execute(3, spec, toy.StopsIn(Run.of(3), str(when), 4))
    rest = execute(3, spec)
    assert toy.digest(checkpoint.load(rest.model)) == toy.digest(checkpoint.load(whole.model))


@pytest.fixture
def normed():
    """A network with batch norm, trained as run 1, whose weights after its epoch were kept; pruned as run 2."""
    execute(1, NORMED.model_copy(update={"training": ONE.model_copy(update={"early_epoch": 1})}))
    execute(2, PruneSpec(parent=1, pruning=PruneSettings(share=0.4), finetune=ONE))
    return data.load(NORMED.data)


def initial(dataset, seed=0):
    return start(NORMED.model, build_arguments(dataset.input_shape, len(dataset.classes)), seed)[0]


def test_initial_weights_are_those_that_the_training_began_with(normed):
    began = execute(9, NORMED.model_copy(update={"training": NONE}))
    again = reborn(Run.of(1), Rewind.INITIAL, normed, seed=5)
    assert toy.digest(again) == toy.digest(checkpoint.load(began.model)) == toy.digest(initial(normed))


def rewound(number, rewind, parent=2, steps=2, **finetune):
    """A pruned network of a pruned one, gone back and not trained any more: its run and network."""
    schedule = ScheduleSettings(rewind=rewind, steps=steps, epochs=0)
    settings = TrainSettings(epochs=0, **finetune)
    run = execute(
        number, PruneSpec(parent=parent, pruning=PruneSettings(share=0.5), schedule=schedule, finetune=settings)
    )
    return run, checkpoint.load(run.model)


def test_a_rewound_network_has_exactly_the_initial_values_at_the_kept_places(normed):
    run, small = rewound(3, Rewind.INITIAL)
    first, later = plan_of(Run.of(2)), plan_of(run)
    expected = prune(prune(initial(normed), first), later)
    assert toy.digest(small) == toy.digest(expected)
    assert any("Went back to the weights that run 1 began with" in line["text"] for line in read_lines(run.events))


def test_early_weights_are_those_after_the_early_epoch(normed):
    run, small = rewound(3, Rewind.EARLY)
    dense = initial(normed)
    dense.load_state_dict(resume.read(Run.of(1).early))
    assert toy.digest(small) == toy.digest(prune(prune(dense, plan_of(Run.of(2))), plan_of(run)))


def test_the_control_has_the_same_architecture_and_other_weights(normed):
    (_, small), (_, control) = rewound(3, Rewind.INITIAL), rewound(4, Rewind.SCRATCH)
    assert [p.shape for p in small.parameters()] == [p.shape for p in control.parameters()]
    assert toy.digest(small) != toy.digest(control)
    assert toy.digest(control) != toy.digest(rewound(5, Rewind.SCRATCH, seed=1)[1])


@pytest.mark.usefixtures("normed")
def test_a_control_is_trained_as_long_as_what_it_controls():
    both = [ScheduleSettings(rewind=rewind) for rewind in (Rewind.NONE, Rewind.SCRATCH)]
    runs = [execute(3 + n, PruneSpec(parent=1, schedule=s, finetune=ONE)) for n, s in enumerate(both)]
    assert [read_json(run.result)["epochs"] for run in runs] == [1, 1]
    assert len({read_json(run.result)["after"]["params"] for run in runs}) == 1


def test_early_weights_that_were_not_kept_are_said():
    execute(1, TRAIN)
    with pytest.raises(UserError, match="Run 1 kept no early weights"):
        rewound(2, Rewind.EARLY, parent=1)


def test_a_schedule_goes_on_from_a_fine_tuned_parent():
    execute(1, TRAIN)
    execute(2, FinetuneSpec(parent=1, training=ONE))
    run, small = rewound(3, Rewind.INITIAL, parent=2)
    began = reborn(Run.of(1), Rewind.INITIAL, data.load(TRAIN.data), seed=1)
    assert toy.digest(small) == toy.digest(prune(began, plan_of(run)))


IDLE = (
    ({"when": When.TRAINING, "epochs": 0}, {}, "has no training to prune in"),
    ({"when": When.TRAINING}, {"order": Order.GREEDY}, "goes layer by layer"),
    ({"rewind": Rewind.SCRATCH}, {}, "weights that nothing has trained"),
)


@pytest.mark.parametrize(("schedule", "wish", "what"), IDLE)
def test_schedules_that_could_not_do_what_they_say_are_refused(schedule, wish, what):
    spec = PruneSpec(
        parent=1, schedule=ScheduleSettings(**schedule), pruning=PruneSettings(**wish), finetune=TrainSettings(epochs=0)
    )
    with pytest.raises(UserError, match=what):
        refuse_idle(spec)
    refuse_idle(PruneSpec(parent=1, schedule=ScheduleSettings(rewind=Rewind.INITIAL)))


def test_every_training_of_a_schedule_can_learn_from_the_parents_network():
    execute(1, TRAIN)
    runs = [
        execute(n, PruneSpec(parent=1, schedule=THREE, finetune=ONE.model_copy(update={"distill": part})))
        for n, part in ((2, 0.0), (3, 0.9))
    ]
    assert len({toy.digest(checkpoint.load(run.model)) for run in runs}) == 2
    assert all(read_json(run.result)["epochs"] == 4 for run in runs)


@pytest.mark.usefixtures("normed")
def test_a_sensitivity_is_scanned_once_for_all_steps():
    wish = PruneSettings(spread=Spread.SENSITIVITY, share=0.3)
    run = execute(3, PruneSpec(parent=1, pruning=wish, schedule=THREE, finetune=NONE))
    shot = execute(4, PruneSpec(parent=1, pruning=wish, finetune=NONE))
    assert plan_of(run).kept() == plan_of(shot).kept()


def test_whole_blocks_go_in_steps(monkeypatch):
    execute(1, TRAIN.model_copy(update={"model": ModelSettings(name="blocks")}))
    wish = PruneSettings(blocks="whole", share=0.75)
    run = execute(2, PruneSpec(parent=1, pruning=wish, schedule=THREE, finetune=ONE))
    assert [step["removed"] for step in read_json(run.result)["steps"]] == [1, 2, 3]
    assert checkpoint.load(run.model)[3].groups == 1
