"""Pruning while training: what is masked stays masked and is cut without a change, and a stopped job goes on bit for bit."""

import itertools

import pytest
import torch
import toy
from torch import nn

from pruning import train
from pruning.allocate import from_settings
from pruning.channels.trace import trace
from pruning.criteria import CRITERIA, score
from pruning.equivalence import verify
from pruning.errors import UserError
from pruning.run import Run
from pruning.schedule import towards
from pruning.shaping import Gradual, Growing, going, norm, onwards, sunk
from pruning.spec import CriterionName, Curve, Optimizer, PruneSettings, Spread, TrainSettings
from pruning.surgery import masked, prune

FOUR = TrainSettings(epochs=4, batch_size=8, learning_rate=0.01)
HALF = PruneSettings(share=0.5, score_images=20)
SGD = {"optimizer": Optimizer.SGD, "momentum": 0.9}


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path / "00001")


def channels():
    return trace(toy.network(), torch.zeros(2, 1, 8, 8))


def fit(run, shaping, settings=FOUR, notes=None):
    torch.manual_seed(settings.seed)
    return train.fit(toy.network(), toy.dataset(), settings, run=run, report=notes or toy.Notes(), shaping=shaping)


def chosen(model, wish=HALF):
    scores = score(model, channels(), wish.criterion, seed=wish.seed)
    return from_settings(channels(), scores, wish)


def growing():
    torch.manual_seed(0)
    return Growing(chosen(toy.network()), 2.0)


def masking(criterion=CriterionName.L1, **growth):
    return gradual(channels(), HALF.model_copy(update={"criterion": criterion}), **growth)


def gradual(map_, wish, *, curve=Curve.POLYNOMIAL, updates=0):
    units = sum(group.units for group in map_.groups)
    return Gradual(map_, lambda time: towards(wish, curve, time, units), updates)


MAKERS = {
    "l1": masking,
    "taylor": lambda: masking(CriterionName.TAYLOR),
    "seven updates": lambda: masking(updates=7),
    "growing": growing,
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_stopped_shaping_goes_on_bit_for_bit(run, tmp_path, monkeypatch, make):
    monkeypatch.setattr(train, "SAVE_EVERY", 0.0)
    whole = toy.digest(fit(Run(tmp_path / "whole"), make()))
    for stop in (9, 6):
        with pytest.raises(toy.Stopped):
            fit(run, make(), notes=toy.Notes(stop=stop))
        torch.manual_seed(99)  # another process
    shaping = make()
    assert toy.digest(fit(run, shaping)) == whole
    assert len(shaping.plan.removed()["0"]) == 3


def test_a_finished_shaping_still_knows_its_plan_after_a_restart(run):
    first, second = masking(), masking()
    fit(run, first)
    fit(run, second)
    assert second.plan.keep == first.plan.keep


@pytest.mark.parametrize("optimizer", Optimizer)
def test_what_grew_masked_is_cut_without_a_change(run, optimizer):
    shaping = masking()
    model = fit(run, shaping, FOUR.model_copy(update={"optimizer": optimizer, "weight_decay": 1e-2}))
    small = prune(model, shaping.plan)
    assert verify(model, small, shaping.plan) < 1e-9
    assert toy.digest(masked(model, shaping.plan)) == toy.digest(model)
    images = torch.randn(5, 1, 8, 8)
    torch.testing.assert_close(small(images), model(images))


@pytest.mark.parametrize("curve", Curve)
def test_masks_grow_along_the_curve_to_the_numbers_of_one_cut(run, curve):
    notes, shaping = toy.Notes(), masking(curve=curve)
    fit(run, shaping, notes=notes)
    gone = [event.split()[1] for event in notes.events if event.startswith("Masked")]
    assert gone == {"linear": ["1", "2", "3", "3"], "polynomial": ["2", "3", "3", "3"]}.get(curve, ["1", "2", "3", "3"])
    assert shaping.plan.kept() == chosen(toy.network()).kept()


def test_updates_come_at_equal_distances_and_at_most_once_a_step(run):
    notes = toy.Notes()
    fit(run, masking(updates=7), FOUR, notes)  # 20 steps
    assert [int(e.split()[-2]) for e in notes.events if e.startswith("Masked")] == [0, 3, 6, 9, 12, 15, 18]
    fit(Run(run.path.parent / "00002"), many := masking(updates=90), FOUR, notes := toy.Notes())
    assert len([e for e in notes.events if e.startswith("Masked")]) == 20
    assert many.done == 86


@pytest.mark.parametrize("criterion", CRITERIA)
def test_scoring_on_the_way_leaves_the_training_as_it_is(run, tmp_path, criterion):
    plain, shaped = toy.Notes(), toy.Notes()
    fit(Run(tmp_path / "plain"), None, notes=plain)
    nothing = PruneSettings(criterion=criterion, share=0.0, score_images=20)
    fit(run, gradual(channels(), nothing), notes=shaped)
    assert [r | {"seconds": 0} for r in shaped.records] == [r | {"seconds": 0} for r in plain.records]


def test_what_is_masked_stays_so_whatever_the_criterion_says():
    wishes = [HALF.model_copy(update={"share": share}) for share in (0.2, 0.5, 0.8)]
    torch.manual_seed(0)
    before, map_ = None, channels()
    for wish in wishes:
        scores = {"0": torch.randn(6).numpy()}  # another opinion each time
        plan = onwards(before, from_settings(map_, sunk(scores, before), wish), scores)
        assert before is None or set(before.removed()["0"]) < set(plan.removed()["0"])
        before = plan
    assert len(before.removed()["0"]) == 5


@pytest.mark.parametrize("spread", [Spread.UNIFORM, Spread.GLOBAL, Spread.TOTAL])
def test_layers_are_compared_anew_at_every_update(run, spread):
    wish = PruneSettings(spread=spread, share=0.5, filters=7)
    torch.manual_seed(0)
    deep = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(128, 3))
    map_ = trace(deep, torch.zeros(2, 1, 8, 8))
    shaping = gradual(map_, wish, curve=Curve.EXPONENTIAL, updates=5)
    model = train.fit(deep, toy.dataset(), FOUR, run=run, report=toy.Notes(), shaping=shaping)
    assert sum(map(len, shaping.plan.removed().values())) == 7
    assert verify(model, prune(model, shaping.plan), shaping.plan) < 1e-9


def test_only_epochs_of_the_whole_mask_can_be_the_best(run):
    notes = toy.Notes()
    fit(run, masking(), FOUR.model_copy(update={"patience": 1}), notes)
    assert len(notes.records) == 4
    assert notes.events[-1].startswith(
        f"Best validation accuracy {notes.records[-1]['validation_accuracy']:.2%} in epoch 4"
    )


def test_the_penalty_grows_evenly_and_pulls_only_at_what_goes(run):
    shaping = growing()
    seen = []
    shaping.after_step = lambda session: seen.append(pull(session, shaping))
    settings = FOUR.model_copy(update=SGD | {"learning_rate": 1e-9})
    fit(run, shaping, settings)
    first, last = seen[0], seen[-1]
    assert last / first == pytest.approx(20, rel=1e-3)
    assert all(b > a for a, b in itertools.pairwise(seen))


def pull(session, shaping):
    """How much the penalty added to the gradient of the first layer, for one of its going weights of 1."""
    weight = session.model[0].weight
    mask, before = shaping.masks[weight], weight.grad.clone()
    shaping.after_backward(session)
    added = weight.grad - before
    assert not added[~mask].any()
    torch.testing.assert_close(before + added, weight.grad)
    return (added[mask] / weight.detach()[mask]).median().item()


def test_the_penalty_leaves_little_of_what_goes_and_says_how_much(tmp_path):
    settings = TrainSettings(epochs=8, batch_size=8, learning_rate=0.05, **SGD)
    rest = {}
    for name, shaping in (("plain", None), ("growing", growing())):
        model = fit(Run(tmp_path / name), shaping, settings, notes := toy.Notes())
        rest[name] = norm(going(model, growing().plan))
    assert rest["growing"] < 0.1 * rest["plain"]
    (told,) = (e for e in notes.events if "shrunk" in e)
    torch.manual_seed(0)
    begun = norm(going(toy.network(), growing().plan))
    assert told == f"The weights that go have shrunk to {rest['growing'] / begun:.1%} of their norm."


def test_what_goes_is_what_masking_silences():
    torch.manual_seed(0)
    model = toy.network()
    plan = chosen(model)
    silent = masked(model, plan)
    for name, parameter in model.named_parameters():
        mask = going(model, plan).get(parameter, torch.zeros_like(parameter, dtype=torch.bool))
        assert torch.equal(torch.where(mask, 0.0, parameter), silent.get_parameter(name))


def test_shaping_needs_epochs(run):
    with pytest.raises(UserError, match="needs epochs"):
        fit(run, masking(), TrainSettings(epochs=0))
