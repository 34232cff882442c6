"""ChannelMap: the groups of coupled channels, the protected ones with the reason, and exact formulas for params and MACs.

No torch in here: the web process reads a map from `channels.json` and counts with it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Linear = tuple[int, tuple[tuple[int, int], ...]]  # constant, then (group index, factor): one dimension's size
Term = tuple[int, tuple[Linear, ...]]  # factor × the product of the dimensions' sizes


@dataclass(frozen=True)
class Group:
    """Channels that must be kept or removed together. Unit i is the i-th removable index of the first layer."""

    name: str  # the first layer that produces it
    units: int
    layers: tuple[str, ...]  # all layers that produce it
    coupled: tuple[str, ...]  # everything else that is cut along, in words: "bn1", "fc1 inputs"
    approximate: str = ""  # why the pruned network differs from the masked one, or empty: exact


@dataclass(frozen=True)
class Follow:
    """A number that a module keeps (`groups`, `num_heads`, a split size) and that changes with the cut."""

    module: str
    attribute: str
    place: int | None  # in a list or tuple of numbers
    size: Linear


@dataclass(frozen=True)
class Protected:
    """A layer whose channels are left alone, and why (one sentence)."""

    name: str
    units: int
    reason: str


@dataclass(frozen=True)
class Counts:
    params: int
    macs: int  # conv and matmul weights once per output position, one example
    bytes: int  # parameters and buffers as stored


@dataclass(frozen=True)
class ChannelMap:
    groups: tuple[Group, ...]
    protected: tuple[Protected, ...]
    params: tuple[Term, ...]
    macs: tuple[Term, ...]
    bytes: tuple[Term, ...]
    input_shape: tuple[int, ...] = ()  # of one example, without the batch dimension
    # For every cut parameter or buffer: per dimension the unit of each index (-1: fixed), or None where nothing is cut.
    # Units are numbered through all groups in order. Left out of the JSON: only surgery and scoring need it.
    units: Mapping[str, tuple[NDArray[np.int64] | None, ...]] = field(default_factory=dict, repr=False, compare=False)
    # Their sizes; layer → the (parameter, dimension) that makes its channels; and the numbers that change; for these only.
    sizes: Mapping[str, tuple[Linear, ...]] = field(default_factory=dict, repr=False, compare=False)
    makers: Mapping[str, tuple[tuple[str, int], ...]] = field(default_factory=dict, repr=False, compare=False)
    follows: tuple[Follow, ...] = field(default=(), repr=False, compare=False)

    def index(self, name: str) -> int:
        """Position of the group called `name`; raises KeyError with the known names."""
        for i, group in enumerate(self.groups):
            if group.name == name:
                return i
        raise KeyError(f"group={name!r} is not one of {', '.join(g.name for g in self.groups)}")

    def counts(self, kept: Mapping[str, int] | None = None) -> Counts:
        """Exact parameters, MACs and bytes when each named group keeps so many units (others stay whole)."""
        kept = kept or {}
        sizes = [kept.get(group.name, group.units) for group in self.groups]
        return Counts(*(evaluate(terms, sizes) for terms in (self.params, self.macs, self.bytes)))

    def to_json(self) -> str:
        return json.dumps(
            {
                "groups": [vars(g) for g in self.groups],
                "protected": [vars(p) for p in self.protected],
                "params": self.params,
                "macs": self.macs,
                "bytes": self.bytes,
                "input_shape": self.input_shape,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "ChannelMap":
        raw = json.loads(text)
        params, macs, size = (tuple(_term(t) for t in raw[name]) for name in ("params", "macs", "bytes"))
        groups = tuple(
            Group(**g | {"layers": tuple(g["layers"]), "coupled": tuple(g["coupled"])}) for g in raw["groups"]
        )
        return cls(
            groups, tuple(Protected(**p) for p in raw["protected"]), params, macs, size, tuple(raw["input_shape"])
        )


def _term(raw: list[Any]) -> Term:
    factor, dims = raw
    return factor, tuple((constant, tuple((g, f) for g, f in parts)) for constant, parts in dims)


def size(form: Linear, sizes: list[int]) -> int:
    constant, parts = form
    return constant + sum(factor * sizes[group] for group, factor in parts)


def evaluate(terms: tuple[Term, ...], sizes: list[int]) -> int:
    total = 0
    for factor, dims in terms:
        for form in dims:
            factor *= size(form, sizes)
        total += factor
    return total
