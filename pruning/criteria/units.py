"""Units: what belongs to the channels of one group, lined up so that row i is unit i."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from pruning.channels.map import ChannelMap, Group

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Units:
    name: str
    count: int
    filters: Tensor  # (units, weights): the weights that produce the unit, over all coupled layers
    scales: Tensor  # (units, norms): γ of the batch norms the unit passes
    seen: Mapping[str, Tensor] = field(default_factory=dict)  # layer -> (units,): what a data criterion recorded there
    seed: int = 0


def units_of(model: nn.Module, channels: ChannelMap, seen: Mapping[str, Tensor], seed: int) -> Iterator[Units]:
    start = 0
    tensors, modules = {**dict(model.named_parameters()), **dict(model.named_buffers())}, dict(model.named_modules())
    for number, group in enumerate(channels.groups):
        places = [(layer, *place) for layer in group.layers for place in channels.makers[layer]]
        inside = [(*place, w) for place in places if len(w := positions(channels, *place[1:], start, group))]
        rows = [rows_of(weight(modules, tensors, layer, name), d, w, group) for layer, name, d, w in inside]
        norms = [n for n in group.coupled if isinstance(modules.get(n), _NormBase) and f"{n}.weight" in tensors]
        scales = [(f"{n}.weight", positions(channels, f"{n}.weight", 0, start, group)) for n in norms]
        gamma = [rows_of(tensors[name], 0, w, group) for name, w in scales]
        values = {
            layer: of_layer(seen[layer], tensors[name], d, w, group) for layer, name, d, w in inside if layer in seen
        }
        known = {layer: v for layer, v in values.items() if v is not None}
        yield Units(group.name, group.units, joined(rows, group), joined(gamma, group), known, seed + number)
        start += group.units


def joined(rows: list[Tensor], group: Group) -> Tensor:
    if len(rows) == 1:
        return rows[0]  # spare big weights the copy
    return torch.cat(rows, 1) if rows else torch.empty(group.units, 0)


def positions(channels: ChannelMap, tensor: str, dimension: int, start: int, group: Group) -> NDArray[np.intp]:
    """Where the group's units are in a dimension of a tensor, all places of unit 0 first; empty: not there."""
    units = channels.units[tensor][dimension]
    if units is None:
        return np.empty(0, np.intp)
    inside = np.flatnonzero((units >= start) & (units < start + group.units))
    return inside[np.argsort(units[inside], kind="stable")]


def weight(modules: Mapping[str, nn.Module], tensors: Mapping[str, Tensor], layer: str, name: str) -> Tensor:
    """The parameter, or the weight that a parametrization makes of it."""
    made = getattr(modules.get(layer), "weight", None) if ".parametrizations." in name else None
    return made.detach() if isinstance(made, Tensor) else tensors[name].detach()


def rows_of(tensor: Tensor, dimension: int, where: NDArray[np.intp], group: Group) -> Tensor:
    """Slices of a weight by unit, (units, …); several places of one unit stand beside each other."""
    rows = tensor.detach().movedim(dimension, 0)
    whole = np.array_equal(where, np.arange(len(rows)))  # spare big weights the copy
    chosen = rows if whole else rows[torch.from_numpy(where).to(rows.device)]
    return chosen.reshape(group.units, -1).float()


def of_layer(values: Tensor, tensor: Tensor, dimension: int, where: NDArray[np.intp], group: Group) -> Tensor | None:
    """Per-channel values (C,) of a layer's outputs, summed over the places of each unit, (units,); None: it makes others."""
    size = tensor.shape[dimension]
    if len(values) % size:
        return None
    blocks = values.reshape(-1, size)  # one, but for grouped transposed convolutions
    return blocks[:, torch.from_numpy(where).to(values.device)].sum(0).reshape(group.units, -1).sum(1)
