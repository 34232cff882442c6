"""The ablation oracle: the loss when exactly one unit is removed (Molchanov et al. 2017, arXiv 1611.06440, section 3.1)."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pruning.channels.map import ChannelMap, Group
from pruning.evaluate import logits
from pruning.plan import Plan
from pruning.surgery import prune

Batches = Callable[[], Iterable[tuple[Tensor, Tensor]]]
Drawn = Mapping[str, tuple[int, ...]]  # group → units, ascending
ALONE = "its only filter cannot be removed"


class Removal(NamedTuple):
    """The loss without one unit; the group "" stands for the whole network, from which nothing was removed."""

    group: str
    unit: int
    even: float  # summed over the images at even places of their batches
    odd: float


def draw(channels: ChannelMap, units: int, seed: int) -> dict[str, tuple[int, ...]]:
    """At most `units` units of every group that has two or more, by seed."""
    return {
        group.name: tuple(sorted(np.random.default_rng((seed, number)).permutation(group.units)[:units].tolist()))
        for number, group in enumerate(channels.groups)
        if group.units > 1
    }


def removals(
    model: nn.Module, channels: ChannelMap, drawn: Drawn, batches: Batches, *, known: Collection[tuple[str, int]] = ()
) -> Iterator[Removal]:
    """The loss of the whole network, then without each drawn unit; those `known` are passed over.

    Leaves the weights bit for bit as they were.
    """
    training = model.training
    model.eval()
    try:
        if ("", -1) not in known:
            yield Removal("", -1, *losses(model, batches()))
        for group in channels.groups:
            for unit in drawn.get(group.name, ()):
                if (group.name, unit) not in known:
                    with without(model, channels, group, unit) as rest:
                        found = losses(rest, batches())
                    yield Removal(group.name, unit, *found)
    finally:
        model.train(training)


@contextmanager
def without(model: nn.Module, channels: ChannelMap, group: Group, unit: int) -> Iterator[nn.Module]:
    """The network that does what is left of it without one unit; where silence is not the same, it is really cut."""
    if group.approximate:
        kept = tuple(u for u in range(group.units) if u != unit)
        yield prune(model, Plan(channels, {group.name: kept}))
    else:
        first = sum(g.units for g in channels.groups[: channels.index(group.name)])
        with silenced(model, channels, first + unit):
            yield model


@contextmanager
def silenced(model: nn.Module, channels: ChannelMap, number: int) -> Iterator[None]:
    """All that belongs to a unit (numbered through all groups) is zero as in `surgery.masked`; afterwards as before."""
    undo = []
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            for d, units in enumerate(channels.units.get(name, ())):
                if units is not None and len(places := np.flatnonzero(units == number)):
                    where = torch.from_numpy(places).to(parameter.device)
                    undo.append((parameter, d, where, parameter.index_select(d, where)))
                    parameter.index_fill_(d, where, 0)
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, d, where, values in reversed(undo):
                parameter.index_copy_(d, where, values)


@torch.no_grad()
def losses(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> tuple[float, float]:
    """Cross-entropy summed over the images at even places, and over those at odd places."""
    sums = torch.zeros(2, dtype=torch.float64)
    for inputs, targets in batches:
        each = F.cross_entropy(logits(model(inputs)), targets, reduction="none").double()
        sums += torch.stack([each[0::2].sum(), each[1::2].sum()]).cpu()
    even, odd = sums.tolist()
    return even, odd
