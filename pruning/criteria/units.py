"""Units: what belongs to the channels of one group, lined up so that row i is unit i."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from pruning.channels.map import ChannelMap, Group
from pruning.choices import ScoreAt

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Place:
    """Where a group's units are in one dimension of a tensor: all places of unit 0 first."""

    module: str
    tensor: str
    dimension: int
    where: NDArray[np.intp]


@dataclass(frozen=True)
class Units:
    name: str
    count: int
    filters: Tensor  # (units, weights): the weights that produce the unit, over all coupled layers
    scales: Tensor  # (units, norms): γ of the batch norms the unit passes
    seen: Tensor  # (units, places): what a data criterion recorded, nothing: (units, 0)
    seed: int = 0


def units_of(
    model: nn.Module, channels: ChannelMap, seen: Mapping[str, Tensor], seed: int, at: ScoreAt = ScoreAt.LAYER
) -> Iterator[Units]:
    """Every group's units; `seen`: per module what was recorded of its output channels, (C,)."""
    tensors, modules = {**dict(model.named_parameters()), **dict(model.named_buffers())}, dict(model.named_modules())
    for number, (start, group) in enumerate(with_starts(channels)):
        made, norms = makers(channels, start, group), scales(modules, channels, start, group)
        rows = [rows_of(weight(modules, tensors, p), p, group) for p in made]
        gamma = [rows_of(tensors[p.tensor], p, group) for p in norms]
        shown = shown_at(made, norms, at)
        values = [of_layer(seen[p.module], tensors[p.tensor], p, group) for p in shown if p.module in seen]
        known = [v for v in values if v is not None]
        yield Units(
            group.name, group.units, joined(rows, group), joined(gamma, group), joined(known, group), seed + number
        )


def with_starts(channels: ChannelMap) -> Iterator[tuple[int, Group]]:
    """Each group behind the number of its first unit, all groups counted through."""
    ends = accumulate(group.units for group in channels.groups)
    return ((end - group.units, group) for end, group in zip(ends, channels.groups, strict=True))


def makers(channels: ChannelMap, start: int, group: Group) -> list[Place]:
    """The weights that produce the units."""
    named = [(layer, *place) for layer in group.layers for place in channels.makers[layer]]
    return present(Place(layer, name, d, positions(channels, name, d, start, group)) for layer, name, d in named)


def scales(modules: Mapping[str, nn.Module], channels: ChannelMap, start: int, group: Group) -> list[Place]:
    """The scales γ of the batch norms that the units pass."""
    norms = [n for n in group.coupled if isinstance(modules.get(n), _NormBase) and f"{n}.weight" in channels.units]
    return present(Place(n, f"{n}.weight", 0, positions(channels, f"{n}.weight", 0, start, group)) for n in norms)


def present(places: Iterable[Place]) -> list[Place]:
    return [place for place in places if len(place.where)]


def shown_at(made: list[Place], norms: list[Place], at: ScoreAt) -> list[Place]:
    """Whose outputs show the units: the layers that make them, or their batch norms where there are some."""
    return norms if norms and at is ScoreAt.NORM else made


def watchable(model: nn.Module, channels: ChannelMap, at: ScoreAt) -> frozenset[str]:
    """The modules whose outputs show the channels of any group."""
    modules = dict(model.named_modules())
    pairs = [(makers(channels, *g), scales(modules, channels, *g)) for g in with_starts(channels)]
    return frozenset(place.module for made, norms in pairs for place in shown_at(made, norms, at))


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


def weight(modules: Mapping[str, nn.Module], tensors: Mapping[str, Tensor], place: Place) -> Tensor:
    """The parameter, or the weight that a parametrization makes of it."""
    made = getattr(modules.get(place.module), "weight", None) if ".parametrizations." in place.tensor else None
    return made.detach() if isinstance(made, Tensor) else tensors[place.tensor].detach()


def rows_of(tensor: Tensor, place: Place, group: Group) -> Tensor:
    """Slices of a weight by unit, (units, …); several places of one unit stand beside each other."""
    rows = tensor.detach().movedim(place.dimension, 0)
    whole = np.array_equal(place.where, np.arange(len(rows)))  # spare big weights the copy
    chosen = rows if whole else rows[torch.from_numpy(place.where).to(rows.device)]
    found = chosen.reshape(group.units, -1)
    return found if found.dtype is torch.float64 else found.float()


def of_layer(values: Tensor, tensor: Tensor, place: Place, group: Group) -> Tensor | None:
    """Per-channel values (C,) of a layer's outputs at the places of each unit, (units, places); None: it makes others."""
    size = tensor.shape[place.dimension]
    if len(values) % size:
        return None
    blocks = values.reshape(-1, size)  # one, but for grouped transposed convolutions
    return blocks[:, torch.from_numpy(place.where).to(values.device)].sum(0).reshape(group.units, -1)
