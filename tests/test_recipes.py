"""Recipes: every card's steps give its exact counts, whatever version is run, and what came out is told beside what must."""

import pytest
import torch

import models
from pruning import masks, recipes, trace
from pruning.allocate import from_settings
from pruning.errors import UserError
from pruning.jobs.store import LONG, NETWORK, State, Store
from pruning.jobs.words import checked
from pruning.recipes import DENSE, RECIPES, What, cost, outcome
from pruning.run import Run, write_json
from pruning.spec import (
    DataSettings,
    MaskSpec,
    PruneSpec,
    RecipeSpec,
    Rewind,
    TrainSettings,
    TrainSpec,
    parse,
)

FOLDER = DataSettings(name="", folder="/photos")
SHAPES = {"iris": (4,), "mnist": (1, 28, 28), "fashion-mnist": (1, 28, 28), "cifar10": (3, 32, 32)}


def wish(name, **options) -> RecipeSpec:
    images = FOLDER if RECIPES[name].needs_folder else DataSettings(name="")
    return RecipeSpec(name=name, data=images, **options)


def channels_of(name):
    """Channels of the card's network for its own images; VGG-16 on small photos, which leave its counts as they are."""
    training = RECIPES[name].training
    shape = SHAPES.get(training.data.name, (3, 64, 64))
    classes = {"iris": 3, "imagefolder": 2}.get(training.data.name, 10)
    size = shape[-1] if len(shape) > 1 else 0
    with torch.device("meta" if training.data.name == "imagefolder" else "cpu"):
        made = models.build(training.model.name, in_channels=shape[0], num_classes=classes, image_size=size)
    return trace(made, torch.empty(2, *shape))


@pytest.mark.parametrize("name", RECIPES)
def test_the_counts_of_a_card_come_out_of_its_own_steps(name):
    card, channels = RECIPES[name], channels_of(name)
    scores = {group.name: torch.rand(group.units).numpy() for group in channels.groups}
    for expected in card.expected:
        spec = card.steps[expected.step]
        plan = from_settings(channels, scores, spec.pruning) if isinstance(spec, PruneSpec) else None
        found = plan.counts() if plan else channels.counts()
        if expected.what is What.REMOVED:
            assert sum(map(len, plan.removed().values())) == expected.value
        elif expected.what is not What.ZEROS:
            assert (found.params if expected.what is What.PARAMS else found.macs) == expected.value


def mask_steps() -> list[tuple[str, MaskSpec, int]]:
    """(network, step, weights that must be masked) of every recipe."""
    return [
        (card.training.model.name, spec, expected.value)
        for card in RECIPES.values()
        for expected in card.expected
        if isinstance(spec := card.steps[expected.step], MaskSpec) and expected.what is What.ZEROS
    ]


@pytest.mark.parametrize(("name", "spec", "value"), mask_steps())
def test_masks_zero_the_very_number_of_weights(name, spec, value):
    shape = (4,) if name == "iris-mlp" else (3, 32, 32)
    made = models.build(name, in_channels=shape[0], num_classes=3, image_size=0 if len(shape) == 1 else 32)
    images = [(torch.randn(8, *shape), torch.randint(3, (8,)))]
    chosen = masks.masked(made, spec.masking, data=images)
    assert sum(int((mask == 0).sum()) for mask in chosen.values()) == value


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("short", [False, True])
def test_every_step_starts_from_one_before_it_that_has_a_network(name, short):
    made = recipes.steps(wish(name, short=short, control=True, seeds=(3, 5)))
    for number, step in enumerate(made, start=1):
        assert parse(step.spec.model_dump_json()) == step.spec
        parent = getattr(step.spec, "parent", None)
        if parent is not None:
            assert 0 < -parent < number
            assert made[-parent - 1].seed == step.seed
            assert made[-parent - 1].spec.kind in NETWORK
    assert [step.seed for step in made if step.name == DENSE] == [3, 5]


@pytest.mark.parametrize("name", RECIPES)
def test_the_short_version_keeps_networks_and_cuts(name):
    whole, brief = (recipes.steps(wish(name, short=short)) for short in (False, True))
    for full, short in zip(whole, brief, strict=True):
        for part in ("pruning", "masking"):
            assert getattr(full.spec, part, None) == getattr(short.spec, part, None)
        if isinstance(full.spec, TrainSpec) and isinstance(short.spec, TrainSpec):
            assert full.spec.model.name == short.spec.model.name
            assert not short.spec.model.pretrained
    assert cost.seconds(wish(name, short=True)) <= cost.seconds(wish(name))


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_queued_whole_with_its_control(name, runs):
    store, asked = Store(runs), wish(name, control=True, seeds=(0, 1))
    tree = store.submit(asked)
    made = store.children(tree)
    assert [row.title for row in made] == [step.spec.title for step in recipes.steps(asked)]
    assert len({row.title for row in made}) == len(made)
    assert {row.parent for row in made} <= {None, *(row.id for row in made)}


def test_seeds_reach_every_part():
    *_, last = recipes.steps(wish("000-2", seeds=(7,)))
    assert isinstance(last.spec, PruneSpec)
    assert (last.spec.pruning.seed, last.spec.finetune.seed) == (7, 7)


def test_the_control_trains_fresh_weights_as_long_as_the_dense_network():
    control = recipes.steps(wish("001", control=True))[-1]
    assert isinstance(control.spec, PruneSpec)
    assert control.spec.schedule.rewind is Rewind.SCRATCH
    assert control.spec.finetune == RECIPES["001"].training.training
    assert not any(isinstance(step.spec, PruneSpec) for step in recipes.steps(wish("000-iris", control=True)))


def test_own_images_and_weights_take_the_place_of_the_cards():
    first = recipes.steps(wish("resnet56-a", weights="/w.th").model_copy(update={"data": FOLDER}))[0].spec
    assert isinstance(first, TrainSpec)
    assert (first.data.name, first.data.folder, first.data.image_size) == ("imagefolder", "/photos", 32)
    assert (first.training.epochs, first.model.weights) == (0, "/w.th")
    limited = parse({"kind": "recipe", "name": "000-1", "data": {"limit": 500}})
    assert isinstance(limited, RecipeSpec)
    assert recipes.steps(limited)[0].spec.data == DataSettings(name="mnist", limit=500)


def test_a_recipe_without_its_photos_and_an_unknown_one_are_refused():
    with pytest.raises(UserError, match="needs photos"):
        recipes.steps(RecipeSpec(name="002"))
    with pytest.raises(UserError) as told:
        recipes.steps(RecipeSpec(name="resnet56"))
    assert "resnet56-a" in told.value.do


def finished(store, number, params, accuracy) -> None:
    """Claim the next run and end it with these numbers."""
    row = store.claim(LONG)
    assert row.id == number
    write_json(Run.of(number).result, {"after": {"params": params, "test_accuracy": accuracy}})
    store.move(number, State.RUNNING, State.SUCCEEDED, attempt=row.attempt)


def test_what_came_out_is_told_beside_what_must(runs):
    store, asked = Store(runs), wish("000-2", seeds=(0, 1))
    tree = store.submit(asked)
    for run, made in zip(store.children(tree), [(6130, 0.9), (3052, 0.8), (6130, 0.94), (3000, 0.7)], strict=True):
        finished(store, run.id, *made)
    found = outcome.ended(asked, {run.title: Run.of(run.id) for run in store.children(tree)})
    counts, accuracies = outcome.counts(RECIPES["000-2"], found), outcome.accuracies(RECIPES["000-2"], found)
    assert [(c.measured, c.agrees) for c in counts] == [((6130, 6130), True), ((3052, 3000), False)]
    assert accuracies[0].mean == pytest.approx(0.92)
    assert accuracies[0].deviation == pytest.approx(0.0283, abs=1e-4)
    said = "\n".join(checked(counts, accuracies, short=False))
    assert all(word in said for word in ("6,130  ✓", "differs", "92.00% ± 2.83 (2 seeds)", "94.00%"))


def test_before_a_step_has_ended_nothing_is_ticked():
    assert not any(count.agrees for count in outcome.counts(RECIPES["004"], {}))


def test_the_pace_of_this_machine_replaces_the_cards():
    spec = TrainSpec(
        data=DataSettings(name="fashion-mnist-sample"), model=RECIPES["000-2"].training.model, training=TrainSettings()
    )
    ended = [(spec, {"epochs": 2, "seconds": 108.0})]
    pace = cost.pace(wish("000-2"), ended)
    assert pace == pytest.approx(108 / 2 / 5400)
    assert cost.pace(wish("003"), ended) is None
    assert cost.seconds(wish("000-2"), pace=pace) > cost.seconds(wish("000-2"))
