"""What can be known of a job before it is queued, without torch: that its names exist, and the files it starts from."""

import difflib
from collections.abc import Iterable
from pathlib import Path

from models import MODELS
from pruning import recipes
from pruning.allocate import limits_of
from pruning.channels.map import ChannelMap
from pruning.data import DATASETS
from pruning.errors import UserError
from pruning.refusals import no_early_weights, refuse_masks
from pruning.run import Run, read_json
from pruning.spec import (
    DataSettings,
    InspectSpec,
    MaskSettings,
    MaskSpec,
    ModelSettings,
    PrepareSpec,
    PruneSettings,
    PruneSpec,
    RecipeSpec,
    Rewind,
    ScheduleSettings,
    Spec,
    SweepSpec,
    TrainSpec,
)


def check(spec: Spec) -> None:
    """Raise UserError for a job that would only fail later."""
    if isinstance(spec, TrainSpec | InspectSpec | PrepareSpec):
        check_data(spec.data)
    if isinstance(spec, TrainSpec | InspectSpec):
        check_model(spec.model)
        check_fit(spec.model, spec.data)
    if isinstance(spec, RecipeSpec):
        for step in recipes.steps(spec)[:1]:  # all its seeds train on the same images
            check(step.spec)
    if isinstance(spec, PruneSpec | SweepSpec):
        check_groups(spec.parent, spec.pruning)
        check_rewind(spec.parent, spec.schedule)
    if isinstance(spec, MaskSpec):
        check_masks(spec.masking)


def check_data(settings: DataSettings) -> None:
    one_of("data.name", settings.name, DATASETS)
    DATASETS[settings.name].stamp(settings)  # a folder's: lists it, or says what it misses


def check_model(settings: ModelSettings) -> None:
    one_of("model.name", settings.name, MODELS)
    if settings.pretrained and not MODELS[settings.name].has_weights:
        raise UserError(f"{settings.name} has no pretrained weights.", do="Leave --model.pretrained away.")
    if settings.weights and not Path(settings.weights).is_file():
        raise UserError(f"There is no checkpoint file {settings.weights}.", do="Check model.weights for a slip.")


def check_fit(model: ModelSettings, images: DataSettings) -> None:
    takes, gives = (
        ("images" if size else "rows of features")
        for size in (MODELS[model.name].image_size, DATASETS[images.name].image_size)
    )
    if takes != gives:
        raise UserError(f"{model.name} takes {takes}, and {images.name} has {gives}.", do="Choose another of the two.")


def check_groups(parent: int, wish: PruneSettings) -> None:
    """Groups and layers of a network stand in its run folder as soon as its training has begun."""
    file, _ = Run.of(parent).explained(wish.blocks)
    groups = [group["name"] for group in read_json(file, {}).get("groups", [])]
    for name in wish.shares if groups else ():
        one_of("pruning.shares", name, groups, do=f"Groups of run {parent}: {', '.join(groups)}.")
    if groups:
        limits_of(ChannelMap.from_json(file.read_text()), wish)


def check_rewind(parent: int, schedule: ScheduleSettings) -> None:
    """Early weights are kept by the training that a run goes back to, if it was asked to."""
    root = Run.of(parent)
    while "parent" in (raw := read_json(root.spec, {})):
        root = Run.of(raw["parent"])
    if schedule.rewind is Rewind.EARLY and raw and not raw.get("training", {}).get("early_epoch"):
        raise no_early_weights(root.number)


def check_masks(wish: MaskSettings) -> None:
    refuse_masks(wish)
    if wish.file and not Path(wish.file).is_file():
        raise UserError(f"There is no file of masks {wish.file}.", do="Check masking.file for a slip.")


def one_of(field: str, given: str, known: Iterable[str], *, do: str = "--help lists them.") -> None:
    names = list(known)
    if given not in names:
        near = difflib.get_close_matches(given, names, n=3, cutoff=0.4)
        do = f"Did you mean {' or '.join(near)}?" if near else do
        raise UserError(f"{field}={given!r} is not known.", do=do)
