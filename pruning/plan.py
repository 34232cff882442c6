"""Plan: which units of which group stay, by their ORIGINAL indices; JSON both ways, counts in closed form."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

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
