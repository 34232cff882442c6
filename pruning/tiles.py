"""A small picture of every filter, by group: what Explore shows of the units that stay and go."""

import io

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pruning.channels.map import ChannelMap

SIDE = 8  # of the square that a filter without positions is folded into, at most
COLOURS = 3  # input channels that are shown as red, green and blue


@torch.no_grad()
def tiles(model: nn.Module, channels: ChannelMap) -> dict[str, NDArray[np.uint8]]:
    """Group name → pictures of its units in order, (units, h, w) or (units, h, w, 3); 128 is zero, alike for a whole group.

    A filter on three input channels is shown as it is, one on others as its mean over them; weights without positions are
    means of neighbours, folded into a square.
    """
    tensors, found, start = {**dict(model.named_parameters()), **dict(model.named_buffers())}, {}, 0
    for group in channels.groups:
        for name, dimension in (place for layer in group.layers for place in channels.makers.get(layer, ())):
            weights = of_units(tensors[name], channels.units[name][dimension], dimension, start, group.units)
            if weights is not None and weights.ndim > 1:
                found[group.name] = shaded(pictured(weights))
                break
        start += group.units
    return found


def of_units(tensor: Tensor, units: NDArray[np.int64] | None, dimension: int, start: int, count: int) -> Tensor | None:
    """The weights that make each unit, (count, …); None when this tensor does not make them all."""
    if units is None:
        return None
    first = {int(unit): index for index, unit in reversed(list(enumerate(units)))}
    places = [first.get(start + unit) for unit in range(count)]
    if None in places:
        return None
    return (
        tensor.index_select(dimension, torch.tensor(places, device=tensor.device)).movedim(dimension, 0).float().cpu()
    )


def pictured(weights: Tensor) -> Tensor:
    """(units, …) → (units, h, w) or (units, h, w, 3)."""
    if weights.ndim == 4 and weights[0, 0].numel() > 1:  # (units, inputs, h, w)
        return weights.movedim(1, -1) if weights.shape[1] == COLOURS else weights.mean(1)
    flat = weights.flatten(1)
    side = min(SIDE, max(1, int(flat.shape[1] ** 0.5)))
    means = [part.mean(1) for part in flat.tensor_split(side * side, dim=1)]
    return torch.stack(means, 1).reshape(-1, side, side)


def shaded(pictures: Tensor) -> NDArray[np.uint8]:
    """Weights as bytes; the largest of the group is white or black."""
    scaled = 128 + 127 * pictures / pictures.abs().max().clamp(min=1e-12)
    return scaled.round().clamp(0, 255).byte().numpy()


def packed(by_name: dict[str, NDArray[np.uint8]]) -> bytes:
    """The content of an .npz file."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **by_name)  # type: ignore[arg-type]
    return buffer.getvalue()
