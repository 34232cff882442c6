"""Plan: which units of which group stay, by their ORIGINAL indices; JSON both ways, counts in closed form."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pruning.channels.map import ChannelMap, Counts
from pruning.errors import UserError


@dataclass(frozen=True)
class Plan:
    channels: ChannelMap = field(repr=False)
    keep: Mapping[str, tuple[int, ...]]  # group -> kept units, ascending; groups not named stay whole

    def __post_init__(self) -> None:
        known = {group.name: group.units for group in self.channels.groups}
        for name, kept in self.keep.items():
            if name not in known:
                raise UserError(
                    f"group={name!r} is not one of {', '.join(known)}", do="Make the plan for this network."
                )
            if not kept:
                raise UserError(f"{name} would keep no unit at all", do="Lower its share, or raise the floor.")
            if list(kept) != sorted(set(kept)) or kept[0] < 0 or kept[-1] >= known[name]:
                raise UserError(f"kept units of {name} must ascend within 0 … {known[name] - 1}")

    def kept(self) -> dict[str, int]:
        """Group name → number of units kept, for every group."""
        return {g.name: len(self.keep.get(g.name, range(g.units))) for g in self.channels.groups}

    def removed(self) -> dict[str, list[int]]:
        """Group name → removed units (ORIGINAL indices), only groups that lose some."""
        units = {g.name: g.units for g in self.channels.groups}
        gone = {name: sorted(set(range(units[name])) - set(kept)) for name, kept in self.keep.items()}
        return {name: indices for name, indices in gone.items() if indices}

    def counts(self) -> Counts:
        return self.channels.counts(self.kept())

    def then(self, later: "Plan") -> "Plan":
        """One plan for this plan's network that does what this one and then `later` do.

        `later` was made for the network that this plan leaves. Kept units are ORIGINAL indices. Raises UserError when it was
        made for another network, or parts channels that this one can only lose together (a grouped convolution that a first
        cut made depthwise, say).
        """
        if self.counts().params != later.channels.counts().params:
            raise UserError(ANOTHER, do=AGAIN)
        if self.channels.units and later.channels.units:
            return Plan(self.channels, split(self.channels, composed(self, later)))
        left = self.kept()
        if any(left.get(group.name) != group.units for group in later.channels.groups):
            raise UserError(ANOTHER, do=AGAIN)
        return Plan(self.channels, continued(self.keep, later.keep))

    def stays(self) -> NDArray[np.bool_]:
        """Whether each unit is kept; units are numbered through all groups in order."""
        parts = [np.zeros(group.units, bool) for group in self.channels.groups]
        for group, part in zip(self.channels.groups, parts, strict=True):
            part[list(self.keep.get(group.name, range(group.units)))] = True
        return np.concatenate([np.empty(0, bool), *parts])

    def to_json(self) -> str:
        return json.dumps(
            {
                "units": {g.name: g.units for g in self.channels.groups},
                "keep": {n: ranges(k) for n, k in self.keep.items()},
            }
        )

    @classmethod
    def from_json(cls, text: str, channels: ChannelMap) -> "Plan":
        """Read a plan; raises UserError when it was made for another network."""
        raw = json.loads(text)
        if raw["units"] != {g.name: g.units for g in channels.groups}:
            raise UserError("the plan was made for another network: its groups differ", do="Make a new plan.")
        return cls(channels, {name: tuple(indices(kept)) for name, kept in raw["keep"].items()})


FIXED = -1  # the unit of a position that no group holds
Units = NDArray[np.int64]  # unit numbers, by position
ANOTHER = "the later plan was made for another network than the one that this plan leaves"
AGAIN = "Trace the pruned network and make the later plan for it."
TOGETHER = "the later plan parts channels that the first network can only lose together"


def continued(first: Mapping[str, Sequence[int]], later: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, ...]]:
    """ORIGINAL units kept, when `later` keeps units of what `first` left; a group that one does not name is whole."""
    kept = {name: tuple(units) for name, units in first.items()}
    return kept | {
        name: tuple(kept[name][u] for u in units) if name in kept else tuple(units) for name, units in later.items()
    }


def composed(first: Plan, later: Plan) -> NDArray[np.bool_]:
    """Whether each unit of the first network is left by both plans, judged by the positions that units hold in the tensors."""
    ours, theirs = links(first, later.channels)
    goes = ~np.append(later.stays(), True)[theirs]
    stays = first.stays()
    kept, gone = np.zeros((2, len(stays) + 1), bool)  # the last is FIXED
    kept[ours[~goes]] = gone[ours[goes]] = True
    if (kept & gone).any() or gone[FIXED]:
        raise UserError(TOGETHER, do="Cut such channels as this network's groups have them.")
    return stays & ~gone[:-1]


def links(first: Plan, later: ChannelMap) -> tuple[Units, Units]:
    """Units of the first plan's network and of the network that it leaves, in pairs: one for each position left in a tensor."""
    ours, theirs = first.channels.units, later.units
    if theirs.keys() - ours.keys():
        raise UserError(ANOTHER, do=AGAIN)
    none, stays = np.empty(0, np.int64), first.stays()
    pairs = [
        paired(before, after, stays)
        for name, dims in ours.items()
        for before, after in zip(dims, theirs.get(name, (None,) * len(dims)), strict=True)
    ]
    return np.concatenate([none, *(left for left, _ in pairs)]), np.concatenate([none, *(right for _, right in pairs)])


def paired(before: Units | None, after: Units | None, stays: NDArray[np.bool_]) -> tuple[Units, Units]:
    """Units at each position of a dimension that the first plan leaves: of the network before, and of the one after."""
    if before is None:
        before = np.full(0 if after is None else len(after), FIXED)
    left = before[(before == FIXED) | stays[before]]
    if after is None:
        return left, np.full(len(left), FIXED)
    if len(left) != len(after):
        raise UserError(ANOTHER, do=AGAIN)
    return left, after


def split(channels: ChannelMap, stays: NDArray[np.bool_]) -> dict[str, tuple[int, ...]]:
    """Units kept by group, for groups that lose some."""
    ends = np.cumsum([0, *(group.units for group in channels.groups)])
    parts = {g.name: stays[start : start + g.units] for g, start in zip(channels.groups, ends, strict=False)}
    return {name: tuple(np.flatnonzero(part).tolist()) for name, part in parts.items() if not part.all()}


def ranges(numbers: Iterable[int]) -> list[list[int]]:
    """[0, 1, 2, 5] → [[0, 3], [5, 6]] (half-open)."""
    spans: list[list[int]] = []
    for n in numbers:
        if spans and spans[-1][1] == n:
            spans[-1][1] = n + 1
        else:
            spans.append([n, n + 1])
    return spans


def indices(spans: Iterable[Iterable[int]]) -> list[int]:
    return [i for start, stop in spans for i in range(start, stop)]
