"""Any folder of photos, train/CLASS/* and test/CLASS/*, or a ZIP file of one."""

import json
from pathlib import Path

import numpy as np

from pruning.data import photos
from pruning.data.dataset import DatasetCard, Pixels, Progress, Rows, Source
from pruning.data.listing import PARTS, scan
from pruning.errors import UserError
from pruning.spec import DataSettings

SIZE = 224  # pixels, what ImageNet networks take
SMALL = 64  # up to this side the images are kept in memory at their final size


def load(settings: DataSettings, progress: Progress | None = None) -> Source:
    """Photos above 64 px are stored 256/224 larger than the network sees, so that training can crop them."""
    listing = scan(settings.folder)
    size = settings.image_size or SIZE
    folder = photos.cache(listing, size if size <= SMALL else round(size * 256 / 224), progress)
    readable = json.loads((folder / "readable.json").read_text())
    arrays: list[Pixels] = []
    labels = []
    for part in PARTS:
        fine = np.flatnonzero(readable[part])
        labels.append(np.array([label for _, label in getattr(listing, part)], np.int64)[fine])
        _check(labels[-1], listing.classes, part, settings.folder)
        arrays.append(_rows(folder / f"{part}.npy", fine, in_memory=size <= SMALL))
    notes = _notes({part: readable[part].count(False) for part in PARTS})
    return Source(listing.classes, arrays[0], labels[0], arrays[1], labels[1], image_size=size, notes=notes)


def _rows(path: Path, index: np.ndarray[tuple[int], np.dtype[np.int64]], *, in_memory: bool) -> Pixels:
    return np.load(path)[index] if in_memory else Rows(np.load(path, mmap_mode="r"), index)


def _check(
    labels: np.ndarray[tuple[int], np.dtype[np.int64]], classes: tuple[str, ...], part: str, folder: str
) -> None:
    empty = [name for label, name in enumerate(classes) if label not in labels]
    if empty:
        raise UserError(
            f"none of the photos in {part}/ of {', '.join(empty)} can be read in {folder}",
            do="Check that the files are images (JPEG, PNG, …) and whole.",
        )


def _notes(skipped: dict[str, int]) -> tuple[str, ...]:
    return tuple(
        f"{n} {'photo' if n == 1 else 'photos'} in {part}/ could not be read and {'was' if n == 1 else 'were'} skipped."
        for part, n in skipped.items()
        if n
    )


def stamp(settings: DataSettings) -> str:
    return scan(settings.folder).key


CARD = DatasetCard(
    "imagefolder",
    "Folder of photos",
    "Your own photos, of any size: train/CLASS/* and test/CLASS/*, or a ZIP file of that.",
    "as the photos'",
    (),
    3,
    SIZE,
    load,
    mean=(0.485, 0.456, 0.406),  # ImageNet's, so that pretrained weights fit
    std=(0.229, 0.224, 0.225),
    stamp=stamp,
)
