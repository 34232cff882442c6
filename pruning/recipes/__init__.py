"""The source documents and rows of papers by name: RECIPES says what each is, `steps` makes the runs of one. No torch in here."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from pruning.errors import UserError
from pruning.recipes import document_000, document_001, document_002, document_003, document_004, li_2017
from pruning.recipes.card import DENSE, Card, Expected, Reported, What
from pruning.spec import DataSettings, MaskSpec, PruneSpec, RecipeSpec, Rewind, Spec, TrainSettings, TrainSpec

__all__ = ["DENSE", "RECIPES", "Card", "Expected", "Reported", "Step", "What", "card_of", "is_short", "steps", "titled"]

RECIPES: dict[str, Card] = {
    "000-1": document_000.PART_1,
    "000-2": document_000.PART_2,
    "000-iris": document_000.WEIGHTS,
    "001": document_001.CARD,
    "002": document_002.CARD,
    "003": document_003.CARD,
    "004": document_004.FASHION,
    "004-cifar10": document_004.CIFAR,
    "vgg16-a": li_2017.VGG_16_A,
    "resnet56-a": li_2017.RESNET_56_A,
    "resnet56-b": li_2017.RESNET_56_B,
    "resnet110-a": li_2017.RESNET_110_A,
    "resnet110-b": li_2017.RESNET_110_B,
}
SHORT_EPOCHS = 1
CONTROL = ", from scratch"


@dataclass(frozen=True)
class Step:
    """One run of a recipe; its spec's parent −k is the k-th of all steps, counted from 1."""

    name: str
    seed: int
    spec: Spec


def card_of(name: str) -> Card:
    """The card called `name`; raises UserError with close names."""
    if name in RECIPES:
        return RECIPES[name]
    begin = [known for known in RECIPES if name and known.startswith(name)]
    near = begin or difflib.get_close_matches(name, RECIPES, n=2, cutoff=0.4) or list(RECIPES)
    raise UserError(f"recipe={name!r} is not known.", do=f"Did you mean {' or '.join(near)}?")


def steps(wish: RecipeSpec) -> list[Step]:
    """All runs in order, seed after seed; raises UserError where images or weights are wished that the recipe cannot take."""
    card = card_of(wish.name)
    images = images_of(card, wish)
    named = {name: adapted(spec, wish, images) for name, spec in card.steps.items()}
    if wish.control:
        named |= dict(controls(card, wish, named))
    return list(seeded(named, wish.seeds))


def titled(wish: RecipeSpec) -> RecipeSpec:
    """With the card's title, where none is given."""
    return wish.model_copy(update={"title": wish.title or card_of(wish.name).title + " (short)" * is_short(wish)})


def images_of(card: Card, wish: RecipeSpec) -> DataSettings:
    """The recipe's own images, or those that are wished; split and limit can be wished alone."""
    own, given = (card.short if wish.short else None) or card.training.data, wish.data
    changes: dict[str, object] = {
        n: getattr(given, n) for n in ("limit", "validation", "split_seed", "image_size") if n in changed(given)
    }
    if given.folder:
        side = own.image_size or card.image_size
        changes = {"name": "imagefolder", "folder": given.folder, "image_size": side} | changes
    elif given.name:
        changes["name"] = given.name
    if card.needs_folder and not given.folder:
        raise UserError(
            f"Recipe {wish.name} needs photos.", do="Name the folder that holds train/CLASS/* and test/CLASS/*."
        )
    return own.model_copy(update=changes)


def changed(given: DataSettings) -> set[str]:
    """Names of the fields that differ from their defaults."""
    usual = DataSettings()
    return {str(name) for name in DataSettings.model_fields if getattr(given, name) != getattr(usual, name)}


def adapted(spec: Spec, wish: RecipeSpec, images: DataSettings) -> Spec:
    """A step on these images; the short version trains for less and from fresh weights, named weights need no training."""
    if isinstance(spec, TrainSpec):
        model = spec.model.model_copy(update={"pretrained": spec.model.pretrained and not (wish.short or wish.weights)})
        start = spec.model_copy(update={"data": images, "model": model.model_copy(update={"weights": wish.weights})})
        epochs = 0 if wish.weights and not spec.training.trained else briefly(spec.training, wish).epochs
        return start.model_copy(update={"training": spec.training.model_copy(update={"epochs": epochs})})
    if isinstance(spec, PruneSpec) and is_short(wish):
        schedule = spec.schedule.model_copy(update={"epochs": min(spec.schedule.epochs, SHORT_EPOCHS)})
        spec = spec.model_copy(update={"schedule": schedule})
    return (
        spec.model_copy(update={"finetune": briefly(spec.finetune, wish)})
        if isinstance(spec, PruneSpec | MaskSpec)
        else spec
    )


def is_short(wish: RecipeSpec) -> bool:
    return wish.short and card_of(wish.name).short is not None


def briefly(training: TrainSettings, wish: RecipeSpec) -> TrainSettings:
    return training.model_copy(update={"epochs": min(training.epochs, SHORT_EPOCHS)}) if is_short(wish) else training


def controls(card: Card, wish: RecipeSpec, named: dict[str, Spec]) -> Iterator[tuple[str, Spec]]:
    """Every pruned architecture once more from fresh weights, trained as long as the dense network (Liu et al. 2019)."""
    training = briefly(card.training.training, wish).model_copy(update={"trained": ()})
    for name, spec in named.items():
        if isinstance(spec, PruneSpec):
            schedule = spec.schedule.model_copy(update={"rewind": Rewind.SCRATCH})
            yield name + CONTROL, spec.model_copy(update={"schedule": schedule, "finetune": training})


def seeded(named: dict[str, Spec], seeds: tuple[int, ...]) -> Iterator[Step]:
    for run, seed in enumerate(seeds):
        for name, spec in named.items():
            title = name if len(seeds) == 1 else f"{name}, seed {seed}"
            changes = {"title": title} | with_seed(spec, seed)
            if not isinstance(spec, TrainSpec):
                changes["parent"] = spec.parent - run * len(named)  # type: ignore[union-attr]
            yield Step(name, seed, spec.model_copy(update=changes))


def with_seed(spec: Spec, seed: int) -> dict[str, object]:
    """The parts of a spec that have a seed, with this one."""
    parts = {
        name: getattr(spec, name) for name in ("training", "pruning", "masking", "finetune") if hasattr(spec, name)
    }
    return {name: part.model_copy(update={"seed": seed}) for name, part in parts.items()}
