"""Small pictures of what networks see and make: test images, an image of one's own, feature maps side by side."""

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from pruning.data.dataset import Dataset
from pruning.data.photos import UNREADABLE, pixels
from pruning.errors import UserError

Bytes = NDArray[np.uint8]
Map = NDArray[np.float32]
Maps = dict[str, NDArray[np.float32]]  # layer → (channels, height, width)
CELL = 112  # pixels of an image in a sheet
ACROSS = 10  # images in a row of a sheet
TILE, GAP, APART = 48, 2, 8  # pixels of a feature map, between two of a unit, between two units
TILES_ACROSS = 18  # feature maps in a row: 9 units of two networks, 6 of three


def of_file(path: Path, dataset: Dataset, *, invert: bool = False) -> Bytes:
    """An image file as the data set stores its own, (1, C, side, side): upright, square by its centre, grey where they are.

    Raises UserError when the data set has no images, or the file cannot be read as one.
    """
    if not dataset.image_size:
        raise UserError(f"{dataset.name} has rows of features, not images.", do="Compare on the test examples instead.")
    channels, side = dataset.test_x.shape[1], dataset.test_x.shape[-1]
    try:
        shown = pixels(path.read_bytes(), side)
    except UNREADABLE as error:
        raise UserError(f"{path.name} cannot be read as an image.", do="Choose a PNG, JPEG or WebP file.") from error
    if channels == 1:
        shown = np.asarray(Image.fromarray(shown.transpose(1, 2, 0)).convert("L"))[None]
    return np.array(255 - shown if invert else shown)[None]  # a copy that torch may take over


def picture(image: Bytes, side: int = CELL) -> Image.Image:
    """(C, H, W) as a square picture: small images enlarged pixel by pixel, larger ones averaged down."""
    flat = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
    resample = Image.Resampling.NEAREST if image.shape[-1] < side else Image.Resampling.BOX
    return Image.fromarray(np.ascontiguousarray(flat)).resize((side, side), resample)


def sheet(images: Iterable[Bytes]) -> bytes:
    """PNG of pictures, ACROSS in a row."""
    shown = [picture(image) for image in images]
    rows = -(-len(shown) // ACROSS)
    page = Image.new(shown[0].mode, (ACROSS * CELL, rows * CELL))
    for i, one in enumerate(shown):
        page.paste(one, (i % ACROSS * CELL, i // ACROSS * CELL))
    return png(page)


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@torch.no_grad()
def seen(model: nn.Module, inputs: Tensor) -> tuple[Maps, Tensor]:
    """What every convolution of images gives for one example, before norm and activation, in order of use; and the outputs."""
    found: Maps = {}

    def keep(name: str, output: Tensor) -> None:
        found.setdefault(name, output[0].float().cpu().numpy())

    hooks = [
        module.register_forward_hook(lambda _module, _inputs, output, name=name: keep(name, output))
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)
    ]
    try:
        return found, model.eval()(inputs)
    finally:
        for hook in hooks:
            hook.remove()


def units(networks: Sequence[Sequence[Map | None]]) -> bytes:
    """PNG of feature maps, unit by unit: the same unit in every network side by side, on one scale; None leaves it clear."""
    together = list(zip(*networks, strict=True))
    width = len(networks) * (TILE + GAP) - GAP + APART
    across = TILES_ACROSS // len(networks)
    rows = -(-len(together) // across)
    page = Image.new("LA", (across * width - APART, rows * (TILE + APART) - APART))
    for number, maps in enumerate(together):
        left, top = number % across * width, number // across * (TILE + APART)
        for i, tile in enumerate(tiles(maps)):
            if tile is not None:
                page.paste(tile.convert("LA"), (left + i * (TILE + GAP), top))
    return png(page)


def tiles(maps: Sequence[Map | None]) -> list[Image.Image | None]:
    """One unit's maps as grey pictures on one scale, from the lowest value of all to the highest."""
    known = [m for m in maps if m is not None]
    low, high = min(m.min() for m in known), max(m.max() for m in known)
    scale = 255 / (high - low) if high > low else 0.0
    return [None if m is None else tile((m - low) * scale) for m in maps]


def tile(values: Map) -> Image.Image:
    """Brightness (H, W) in 0..255 as a square, its shape kept within."""
    shown = Image.fromarray(values.round().astype(np.uint8))
    resample = Image.Resampling.NEAREST if max(values.shape) < TILE else Image.Resampling.BOX
    return shown.resize((TILE, TILE), resample)
