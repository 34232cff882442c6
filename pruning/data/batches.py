"""The batch path: one uint8 array, cut into batches that are a function of (seed, epoch, batch number) alone."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from pruning.data import augment as change
from pruning.data.dataset import Pixels, Rows
from pruning.spec import Augment

RESIDENT = 2e9  # bytes of images that are put on the accelerator as a whole


def batches(
    x: Pixels,
    y: NDArray[np.int64],
    *,
    size: int,
    seed: int,
    epoch: int,
    mean: Sequence[float],
    std: Sequence[float],
    augment: Augment,
    device: torch.device | str,
    shuffle: bool,
    start: int = 0,
    channels_last: bool = False,
    image_size: int = 0,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of (inputs float (N, C, H, W) or (N, F), labels int64 (N,)) from number `start` on.

    `shuffle` marks training: another order each epoch, and no last batch of a single image. Photos stored larger than
    `image_size` are cropped to it: at random when `augment` crops, else their centre.
    """
    order = torch.randperm(len(y), generator=generator(seed, epoch)) if shuffle else torch.arange(len(y))
    images, labels = _place(x, device), torch.from_numpy(y).to(device)
    scale = _scale(mean, std, device)
    layout = torch.channels_last if channels_last and len(x.shape) == 4 else torch.contiguous_format
    for number in range(start, batch_count(len(y), size, shuffle=shuffle)):
        index = order[number * size : (number + 1) * size]
        batch = _gather(images, index)
        if batch.ndim == 4:
            batch = _augmented(batch, augment, image_size, generator(seed, epoch, number))
            batch = _normalised(batch.to(device), scale)
        yield batch.to(device).contiguous(memory_format=layout), labels[index.to(labels.device)]


def batch_count(n: int, size: int, *, shuffle: bool) -> int:
    """Number of batches of `n` images; training leaves out a last batch of one, on which batch norm cannot train."""
    whole, rest = divmod(n, size)
    return whole + (rest > (1 if shuffle and whole else 0))


def generator(*numbers: int) -> Generator:
    """A generator of its own for these numbers, such as (seed, epoch, batch)."""
    state = int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])
    return Generator().manual_seed(state >> 1)


def _place(x: Pixels, device: torch.device | str) -> Tensor | Rows:
    if isinstance(x, Rows):
        return x
    images = torch.from_numpy(x)
    return images.to(device) if x.nbytes < RESIDENT else images


def _gather(images: Tensor | Rows, index: Tensor) -> Tensor:
    return torch.from_numpy(images[index.numpy()]) if isinstance(images, Rows) else images[index.to(images.device)]


def _augmented(x: Tensor, augment: Augment, image_size: int, own: Generator) -> Tensor:
    is_photo = 0 < image_size < x.shape[-1]
    if augment == Augment.CROP_FLIP:
        x = change.resized_crop(x, image_size, own) if is_photo else change.crop(x, own)
    elif is_photo:
        x = change.centre(x, image_size)
    return x if augment == Augment.NONE else change.flip(x, own)


def _scale(mean: Sequence[float], std: Sequence[float], device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Factor and offset (C, 1, 1) that take a byte to (byte/255 − mean) / std."""
    spread = torch.tensor(std, device=device)[:, None, None]
    return 1 / (255 * spread), torch.tensor(mean, device=device)[:, None, None] / spread


def _normalised(x: Tensor, scale: tuple[Tensor, Tensor]) -> Tensor:
    factor, offset = scale
    return x.to(torch.float32).mul_(factor).sub_(offset)
