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
    modules = dict(model.named_modules())
    for number, group in enumerate(channels.groups):
        rows = [rows_of(module_weight(modules[n]), channels, n, start, group) for n in group.layers if n in modules]
        gamma = [
            rows_of(m.weight, channels, n, start, group)
            for n, m in modules.items()
            if is_norm(m, n, channels, start, group)
        ]
        values = {n: units_mean(v, channels, n, start, group) for n, v in seen.items() if n in group.layers}
        yield Units(group.name, group.units, joined(rows, group), joined(gamma, group), values, seed + number)
        start += group.units


def joined(rows: list[Tensor], group: Group) -> Tensor:
    return torch.cat(rows, 1) if rows else torch.empty(group.units, 0)


def module_weight(module: nn.Module) -> Tensor:
    """Weight with the produced channels first."""
    weight = module.weight.detach()  # type: ignore[operator]
    return weight.transpose(0, 1) if getattr(module, "transposed", False) else weight


def is_norm(module: nn.Module, name: str, channels: ChannelMap, start: int, group: Group) -> bool:
    if not isinstance(module, _NormBase) or module.weight is None:
        return False
    (units,) = channels.units.get(f"{name}.weight", (None,))
    return units is not None and bool(np.any((units >= start) & (units < start + group.units)))


def rows_of(weight: Tensor, channels: ChannelMap, layer: str, start: int, group: Group) -> Tensor:
    """Rows of a weight by unit, (units, …); several positions of one unit stand beside each other."""
    where = positions(channels, layer, start, group)
    whole = np.array_equal(where, np.arange(len(weight)))  # spare big weights the copy
    rows = weight.detach() if whole else weight.detach()[torch.from_numpy(where).to(weight.device)]
    return rows.reshape(group.units, -1).float()


def units_mean(values: Tensor, channels: ChannelMap, layer: str, start: int, group: Group) -> Tensor:
    """Per-channel values (C,) of a layer summed over the positions of each unit, (units,)."""
    where = torch.from_numpy(positions(channels, layer, start, group)).to(values.device)
    return values[where].reshape(group.units, -1).sum(1)


def positions(channels: ChannelMap, layer: str, start: int, group: Group) -> NDArray[np.intp]:
    """Positions of the group's units in a layer's produced dimension, all positions of unit 0 first."""
    dims = channels.units[f"{layer}.weight"]
    units = next(d for d in dims if d is not None and np.any((d >= start) & (d < start + group.units)))
    inside = np.flatnonzero((units >= start) & (units < start + group.units))
    return inside[np.argsort(units[inside], kind="stable")]
