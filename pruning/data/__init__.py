"""The data sets by name: DATASETS says what each is, `load` reads one, `card` is what pages show of it. No torch in here."""

import difflib
import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pruning.data import cifar10, fashion_mnist, fashion_sample, grid, imagefolder, iris, mnist
from pruning.data.dataset import Dataset, DatasetCard, Progress, take
from pruning.data.resize import resized
from pruning.data.split import train_validation
from pruning.errors import UserError
from pruning.run import cache_home, read_json, write_atomic, write_json
from pruning.spec import DataSettings

__all__ = ["DATASETS", "Dataset", "DatasetCard", "card", "load", "prepare"]

DATASETS: dict[str, DatasetCard] = {
    "fashion-mnist-sample": fashion_sample.CARD,
    "fashion-mnist": fashion_mnist.CARD,
    "mnist": mnist.CARD,
    "cifar10": cifar10.CARD,
    "imagefolder": imagefolder.CARD,
    "iris": iris.CARD,
}


def load(settings: DataSettings, progress: Progress | None = None) -> Dataset:
    """Read a data set, downloading or decoding it first where needed; raises UserError: what is missing and what to do."""
    known = _known(settings.name)
    source = known.load(settings, progress)
    train, held = train_validation(
        source.train_y, share=settings.validation, limit=settings.limit, seed=settings.split_seed
    )
    size = source.image_size or settings.image_size or known.image_size
    return Dataset(
        name=settings.name,
        classes=source.classes,
        mean=known.mean,
        std=known.std,
        train_x=resized(take(source.train_x, train), size),
        train_y=source.train_y[train],
        validation_x=resized(take(source.train_x, held), size),
        validation_y=source.train_y[held],
        test_x=resized(source.test_x, size),
        test_y=source.test_y,
        image_size=size,
        notes=source.notes,
    )


def _known(name: str) -> DatasetCard:
    if name in DATASETS:
        return DATASETS[name]
    near = difflib.get_close_matches(name, DATASETS, n=1, cutoff=0.0)
    raise UserError(f"data set {name!r} is not one of {', '.join(DATASETS)}", do=f"Did you mean {near[0]}?")


def card(settings: DataSettings) -> dict[str, Any] | None:
    """What pages show of a data set, read from the cache; None when `prepare` has yet to run (or the folder misses).

    Keys: classes, train, validation, test (numbers), counts {part: [per class]}, input_shape, notes, grid (path of a PNG).
    """
    known = _known(settings.name)
    try:
        folder = cache_home() / "data" / _key(settings)
    except UserError:
        return None
    found: dict[str, Any] | None = read_json(folder / "card.json")
    return prepare(settings) if found is None and known.is_bundled else found


def prepare(settings: DataSettings, progress: Progress | None = None) -> dict[str, Any]:
    """Load the data set, write its card and its sample grid, and return the card."""
    data = load(settings, progress)
    folder = cache_home() / "data" / _key(settings)
    picture = folder / "grid.png"
    if data.image_size:
        write_atomic(picture, grid.png(data.train_x, data.train_y, len(data.classes)))
    parts = {"train": data.train_y, "validation": data.validation_y, "test": data.test_y}
    made = {
        "classes": list(data.classes),
        **{part: len(y) for part, y in parts.items()},
        "counts": {part: _counts(y, len(data.classes)) for part, y in parts.items()},
        "input_shape": list(data.input_shape),
        "notes": list(data.notes),
        "grid": str(picture) if data.image_size else "",
    }
    write_json(folder / "card.json", made)
    return made


def _counts(y: NDArray[np.int64], classes: int) -> list[int]:
    return [int(n) for n in np.bincount(y, minlength=classes)]


def _key(settings: DataSettings) -> str:
    stamp = DATASETS[settings.name].stamp(settings)
    return hashlib.sha256(f"{settings.model_dump_json()} {stamp}".encode()).hexdigest()[:24]
