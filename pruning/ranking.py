"""Units of several groups in one order: scores made comparable, the lowest first, classes of alike groups. Plain numpy."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from pruning.channels.map import ChannelMap, Group
from pruning.criterion_cards import CARDS
from pruning.limits import Limits
from pruning.spec import CriterionName, Normalise, PruneSettings, Spread

Vector = NDArray[np.float64]
SIZED = (
    CriterionName.L1,
    CriterionName.L2,
    CriterionName.FPGM,
)  # as large as a layer's weights are
RAW = (
    "Un-normalised {criterion} scores are as large as a layer's weights: over all layers they correlate negatively with what "
    "filters are worth. Normalise them by L2 norm, mean or maximum."
)


def remark(settings: PruneSettings) -> str:
    """What to know before scores of different layers are compared as they are, or nothing."""
    compares = settings.spread in (Spread.GLOBAL, Spread.TOTAL) and settings.normalise is Normalise.NONE
    return RAW.format(criterion=CARDS[settings.criterion].title) if compares and settings.criterion in SIZED else ""


def lowest(
    vectors: Mapping[str, Vector], normalise: str, limits: Mapping[str, Limits]
) -> Callable[[int], dict[str, int]]:
    """From a number of units to how many each group loses when the lowest over all go.

    A group that is down to the least it may keep is passed over; what a ceiling cuts goes first, and counts.
    """
    parts = [removable(np.sort(normalised(v, normalise)), limits[name]) for name, v in vectors.items()]
    forced = sum(limits[name].units - limits[name].most for name in vectors)
    owner = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    order = owner[np.argsort(np.concatenate([np.empty(0), *parts]), kind="stable")]

    def taken(wanted: int) -> dict[str, int]:
        counted = np.bincount(order[: max(wanted, forced)], minlength=len(parts))
        return dict(zip(vectors, counted.tolist(), strict=True))

    return taken


def removable(ascending: Vector, limit: Limits) -> Vector:
    """The scores that may go, with those that must go below all others."""
    ascending = ascending[: limit.units - limit.least]
    ascending[: limit.units - limit.most] = -np.inf
    return ascending


def normalised(scores: Vector, by: str) -> Vector:
    """A layer's scores divided by their L2 norm (Molchanov 2017), mean or maximum, to compare layers."""
    size = {
        Normalise.L2: lambda: float(np.linalg.norm(scores)),
        Normalise.MEAN: lambda: float(np.abs(scores).mean()),
        Normalise.MAX: lambda: float(np.abs(scores).max()),
        Normalise.NONE: lambda: 1.0,
    }[Normalise(by)]()
    return scores / (size or 1.0)


def classes(channels: ChannelMap, names: Iterable[str]) -> list[list[str]]:
    """The named groups, those of the same structure together (Isomorphic Pruning, Fang et al. 2024, arXiv 2407.04616).

    Two groups are alike when as many layers make them, as many others are cut along in the same places (norms, inputs),
    and their weights act alike: once an example, or at every position. Widths do not matter, as in the paper.
    """
    groups, spatial = {g.name: g for g in channels.groups}, at_positions(channels)
    found: dict[object, list[str]] = {}
    for name in names:
        found.setdefault((structure(groups[name]), channels.index(name) in spatial), []).append(name)
    return list(found.values())


def structure(group: Group) -> tuple[int, frozenset[tuple[str, int]], str]:
    """How many layers make it, how many others are cut along in which place, and what makes it approximate."""
    places = Counter(words.partition(" ")[2] for words in group.coupled)
    return len(group.layers), frozenset(places.items()), group.approximate


def at_positions(channels: ChannelMap) -> set[int]:
    """Groups some of whose weights are used at more than one position: their MACs exceed their parameters."""
    held = Counter[object]()
    for factor, dims in channels.params:
        held[frozenset(dims)] += factor
    return {
        group
        for factor, dims in channels.macs
        if factor > held[frozenset(dims)]
        for _, parts in dims
        for group, _ in parts
    }
