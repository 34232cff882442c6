"""The sample grid: a few images of every class in one PNG."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pruning.data.dataset import Pixels

ROWS, MOST_CLASSES = 4, 20
GAP = 2  # pixels of white between images
CELL = 84  # pixels a small image is scaled up to at most, whole times; larger ones are scaled down to it


def png(x: Pixels, y: NDArray[np.int64], classes: int) -> bytes:
    """PNG of 4 rows: column c holds the first images of class c; `x` is uint8 (N, C, H, W)."""
    columns = [[_tile(x[int(i)]) for i in np.flatnonzero(y == c)[:ROWS]] for c in range(min(classes, MOST_CLASSES))]
    side = next(tile.width for column in columns for tile in column)
    step = side + GAP
    sheet = Image.new("RGB", (len(columns) * step - GAP, ROWS * step - GAP), "white")
    for c, column in enumerate(columns):
        for r, tile in enumerate(column):
            sheet.paste(tile, (c * step, r * step))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _tile(image: NDArray[np.uint8]) -> Image.Image:
    channels, side = image.shape[:2]
    picture = (
        Image.fromarray(image[0]) if channels == 1 else Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0)))
    )
    times = min(3, CELL // side)
    if times:
        return picture.resize((side * times, side * times), Image.Resampling.NEAREST)
    return picture.resize((CELL, CELL), Image.Resampling.BILINEAR)
