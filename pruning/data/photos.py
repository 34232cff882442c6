"""The decode-once cache: photos of any size and mode become one uint8 array on disk, which later reads map into memory."""

import io
import json
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import psutil
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from PIL import Image, ImageOps

from pruning.data.dataset import Progress
from pruning.data.listing import PARTS, File, Listing
from pruning.errors import UserError
from pruning.run import cache_home

UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error, zipfile.BadZipFile)


def pixels(content: bytes, side: int) -> NDArray[np.uint8]:
    """A photo as (3, side, side): turned upright, short side scaled to `side`, centre kept; raises one of UNREADABLE."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.draft("RGB", (2 * side, 2 * side))  # JPEG decodes straight to a half or a quarter: much faster
            square = ImageOps.fit(_rgb(ImageOps.exif_transpose(image)), (side, side), Image.Resampling.BILINEAR)
    except Image.DecompressionBombError as error:
        raise ValueError(str(error)) from error
    return np.ascontiguousarray(np.asarray(square).transpose(2, 0, 1))


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")
    return image.convert("RGB")


def cache(listing: Listing, side: int, progress: Progress | None) -> Path:
    """Folder with train.npy, test.npy (N, 3, side, side) and readable.json, decoded now unless it was before."""
    parent = cache_home() / "photos"
    folder = parent / f"{listing.key}-{side}"
    if folder.exists():
        return folder
    parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(parent)
    _check_space(parent, (len(listing.train) + len(listing.test)) * 3 * side * side)
    temporary = parent / f".{folder.name}.{os.getpid()}"
    temporary.mkdir()
    try:
        _decode(listing, side, temporary, progress)
        os.replace(temporary, folder)
    except OSError:
        if not folder.exists():  # otherwise another process was faster, with the same content
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _decode(listing: Listing, side: int, folder: Path, progress: Progress | None) -> None:
    """Decode both parts into `folder`; which photos could be read goes into readable.json, written last."""
    readable: dict[str, list[bool]] = {}
    of, done = len(listing.train) + len(listing.test), 0
    for part in PARTS:
        files = [file for file, _ in getattr(listing, part)]
        array = open_memmap(folder / f"{part}.npy", "w+", np.uint8, (len(files), 3, side, side))
        readable[part] = _fill(array, files, listing.read, lambda n, done=done: progress and progress(done + n, of))  # type: ignore[misc]
        array.flush()
        done += len(files)
    (folder / "readable.json").write_text(json.dumps(readable))


def _fill(
    array: NDArray[np.uint8], files: list[File], read: Callable[[str], bytes], report: Callable[[int], object]
) -> list[bool]:
    """Write photo i into row i, over all cores (Pillow decodes outside Python's lock); which ones could be read."""

    def one(i: int) -> bool:
        try:
            array[i] = pixels(read(files[i].path), array.shape[-1])
        except UNREADABLE:
            return False
        return True

    fine = []
    with ThreadPoolExecutor() as pool, closing(pool.map(one, range(len(files)))) as results:  # type: ignore[type-var]
        for ok in results:
            fine.append(ok)
            report(len(fine))
    return fine


def _remove_leftovers(parent: Path) -> None:
    """Delete half-made folders of processes that are gone."""
    for leftover in parent.glob(".*.*"):
        if not psutil.pid_exists(int(leftover.suffix[1:])):
            shutil.rmtree(leftover, ignore_errors=True)


def _check_space(parent: Path, needed: int) -> None:
    free = shutil.disk_usage(parent).free
    if needed > free:
        raise UserError(
            f"the decoded photos need {needed / 1e9:.1f} GB, {parent} has {free / 1e9:.1f} GB free",
            do="Free some space, set PRUNING_HOME to a larger disk, or choose a smaller image size.",
        )
