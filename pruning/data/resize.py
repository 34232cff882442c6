"""Small images to another size, once, before training."""

import numpy as np
import psutil
from numpy.typing import NDArray
from PIL import Image

from pruning.data.dataset import Pixels, Rows
from pruning.errors import UserError


def resized(x: Pixels, size: int) -> Pixels:
    """uint8 (N, C, H, W) at `size` × `size` pixels; photos on disk, rows of features and fitting images stay as they are."""
    if isinstance(x, Rows) or x.ndim == 2 or x.shape[-1] == size:
        return x
    n, channels = x.shape[:2]
    _check_memory(n * channels * size * size)
    out = np.empty((n, channels, size, size), np.uint8)
    for i in range(n):
        out[i] = _one(x[i], size)
    return out


def _one(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Every channel (H, W) on its own, antialiased."""
    scaled = [Image.fromarray(channel).resize((size, size), Image.Resampling.BILINEAR) for channel in image]
    return np.stack([np.asarray(channel) for channel in scaled])


def _check_memory(needed: int) -> None:
    free = psutil.virtual_memory().available
    if needed > free:
        raise UserError(
            f"images of that size need {needed / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are free",
            do="Use fewer training images or a smaller image size.",
        )
