"""Random changes to a batch of uint8 images, each image its own, on the device that holds them."""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

PADDING = 4  # pixels around small images before a random crop (He et al. 2016, section 4.2)
TRIES = 10  # draws of a crop before the whole image is taken, as in torchvision


def flip(x: Tensor, generator: Generator) -> Tensor:
    """Mirror each image of (N, C, H, W) with probability ½."""
    mirrored = torch.rand(len(x), generator=generator) < 0.5
    return torch.where(mirrored.to(x.device)[:, None, None, None], x.flip(3), x)


def crop(x: Tensor, generator: Generator) -> Tensor:
    """Pad (N, C, H, W) by 4 black pixels and cut each image out at its own random place."""
    height, width = x.shape[2:]
    windows = F.pad(x, [PADDING] * 4).unfold(2, height, 1).unfold(3, width, 1)  # (N, C, 9, 9, H, W), a view
    top, left = torch.randint(0, 2 * PADDING + 1, (2, len(x)), generator=generator).to(x.device)
    return windows[torch.arange(len(x), device=x.device), :, top, left]


def centre(x: Tensor, size: int) -> Tensor:
    """The middle `size` × `size` pixels of (N, C, H, W)."""
    top, left = (x.shape[2] - size) // 2, (x.shape[3] - size) // 2
    return x[:, :, top : top + size, left : left + size]


def resized_crop(x: Tensor, size: int, generator: Generator) -> Tensor:
    """Cut 8–100 % of each image's area at an aspect of ¾–4⁄3 and scale it to `size` (Szegedy et al. 2015), antialiased."""
    boxes = _boxes(len(x), x.shape[2], x.shape[3], generator)
    cut = [
        image[None, :, top : top + height, left : left + width]
        for image, (top, left, height, width) in zip(x, boxes, strict=True)
    ]
    return torch.cat([F.interpolate(c, (size, size), mode="bilinear", antialias=True) for c in cut])


def _boxes(n: int, height: int, width: int, generator: Generator) -> list[list[int]]:
    """Top, left, height and width of one random crop an image: the first of ten draws that fits, else the whole."""
    area = height * width * torch.empty(n, TRIES).uniform_(0.08, 1, generator=generator)
    ratio = torch.empty(n, TRIES).uniform_(math.log(3 / 4), math.log(4 / 3), generator=generator).exp()
    sizes = torch.stack([(area / ratio).sqrt(), (area * ratio).sqrt()], 2).round().long()  # (N, 10, 2)
    limits = torch.tensor([height, width])
    fits = ((sizes <= limits) & (sizes > 0)).all(2)
    first = sizes[torch.arange(n), fits.int().argmax(1)]
    chosen = torch.where(fits.any(1)[:, None], first, limits)
    corner = (torch.rand(n, 2, generator=generator) * (limits - chosen + 1)).long()
    boxes: list[list[int]] = torch.cat([corner, chosen], 1).tolist()
    return boxes
