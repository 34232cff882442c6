"""How long a recipe takes, before it is run: images × epochs × seconds an image, and what every run takes besides."""

from collections.abc import Iterable, Mapping
from typing import Any

from pruning.recipes import DENSE, Step, card_of, is_short, steps
from pruning.spec import MaskSpec, PruneSpec, RecipeSpec, TrainSpec

IMAGES = {"mnist": 60_000, "fashion-mnist": 60_000, "fashion-mnist-sample": 6_000, "cifar10": 50_000, "iris": 120}
SIDES = {"mnist": 28, "fashion-mnist": 28, "fashion-mnist-sample": 28, "cifar10": 32, "iris": 0}  # pixels
PHOTOS = 2_000  # of a folder that has not been counted
BESIDES = 8.0  # seconds a run: start, scores, check, latency; of one CPU core


def seconds(wish: RecipeSpec, *, images: int | None = None, pace: float | None = None) -> float:
    """Estimate for the whole tree, its pruned networks as slow as the dense one.

    `images`: those there are to train on, where they were counted; `pace`: seconds of training an image, where a run on this
    machine has measured it, else the card's own for one CPU core.
    """
    card, whole = card_of(wish.name), steps(wish)
    each = pace or (card.short_seconds if is_short(wish) else 0) or card.seconds
    return float(sum(BESIDES + epochs * each * used(whole, images) for epochs in map(epochs_of, whole)))


def pace(wish: RecipeSpec, ended: Iterable[tuple[TrainSpec, Mapping[str, Any]]]) -> float | None:
    """Seconds of training an image, as a finished training (with its result.json) of the same network measured it here."""
    own = next(step.spec for step in steps(wish) if isinstance(step.spec, TrainSpec))
    for spec, result in ended:
        if result["epochs"] and shape(spec) == shape(own) and spec.data.name in IMAGES:
            return float(result["seconds"]) / float(result["epochs"]) / used([Step(DENSE, 0, spec)], None)
    return None


def shape(spec: TrainSpec) -> tuple[str, int]:
    return spec.model.name, spec.data.image_size or SIDES.get(spec.data.name, 0)


def used(whole: list[Step], images: int | None) -> float:
    """Images that an epoch trains on."""
    data = next(step.spec.data for step in whole if isinstance(step.spec, TrainSpec))
    there = images or IMAGES.get(data.name, PHOTOS)
    return min(data.limit or there, there) * (1 - data.validation)


def epochs_of(step: Step) -> int:
    match step.spec:
        case TrainSpec(training=training):
            return training.epochs
        case PruneSpec(schedule=schedule, finetune=finetune):
            return finetune.epochs + schedule.steps * schedule.epochs * (schedule.steps > 1)
        case MaskSpec(finetune=finetune):
            return finetune.epochs
    return 0
