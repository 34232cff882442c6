"""Certificate: a probe cut on meta must run the same ops on the sizes that the labels foretell.

Numbers written in a network's Python (`x.view(n, 64, -1)`, a fixed scale) show here and nowhere else.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor, nn

from pruning.channels.labels import Array, is_any
from pruning.channels.map import ChannelMap
from pruning.channels.norms import BATCH_NORMS
from pruning.channels.source import modules_around, outward, raising
from pruning.channels.tape import Dims
from pruning.plan import Plan

MODAL = ("native_dropout", "add", "mul", *BATCH_NORMS)  # "add": batch norm counts its batches


@dataclass(frozen=True)
class Step:
    """One op of the dense run: its name, the numbers it computes with, the labels of what went in and came out, and where it is."""

    name: str
    constants: tuple[Any, ...]
    inputs: tuple[Dims, ...]
    outputs: tuple[Dims | None, ...]  # None: a side output that no rule describes
    place: str = ""
    inside: tuple[str, ...] = ()  # names of the modules that were running, the innermost first

    def dimensions(self) -> Iterator[tuple[tuple[int, int], Array]]:
        """((tensor, dimension), labels): what it makes, then what it reads."""
        for i, dims in enumerate((*self.outputs, *self.inputs)):
            yield from (((i, d), a) for d, a in enumerate(dims or ()))

    def labels(self, where: tuple[int, int]) -> Array:
        dims = (*self.outputs, *self.inputs)[where[0]]
        return dims[where[1]] if dims else np.empty(0, np.int64)


class Differs(BaseException):
    """The probe has seen enough; no network's `except Exception` may hold this up."""


@dataclass
class Probe:
    """Follows the run of a cut network beside the dense one's steps and stops at the first that differs."""

    steps: Sequence[Step]
    stays: Array  # label -> 1 or 0: whether it is kept
    values: bool = True  # hold the numbers that ops compute with against each other, not only sizes
    at: int = 0
    fault: Step | None = None
    around: list[nn.Module] = field(default_factory=list)  # modules that were running at the fault, the innermost first
    _sizes: dict[int, int] = field(default_factory=dict)

    def see(self, name: str, layout: bool, constants: tuple[Any, ...], outs: Sequence[Tensor]) -> None:
        if layout:
            return
        if self.at < len(self.steps):
            step = self.steps[self.at]
            if step.name != name or (self.values and step.constants != constants) or not self.agrees(step, outs):
                self.fault, self.around = step, modules_around(outward(sys._getframe(2)))
                raise Differs
        self.at += 1

    def ended(self, error: BaseException | None) -> None:
        """The run is over: it broke at the op that was next, or stopped short of the dense one's last."""
        if self.fault is None and (error is not None or self.at < len(self.steps)):
            self.fault = self.steps[min(self.at, len(self.steps) - 1)]
            self.around = modules_around(raising(error)) if error else []

    def agrees(self, step: Step, outs: Sequence[Tensor]) -> bool:
        return all(
            dims is None or (len(dims) == out.dim() and all(map(self.same_size, dims, out.shape)))
            for dims, out in zip(step.outputs, outs, strict=True)
        )

    def same_size(self, a: Array, size: int) -> bool:
        """Whether so many of a dimension's indices stay."""
        if is_any(a):
            return True
        if id(a) not in self._sizes:  # the steps hold the array, so that its id is its own
            self._sizes[id(a)] = int(self.stays[a].sum())
        return self._sizes[id(a)] == size


@dataclass
class Names:
    """The names of a run's ops, but for those that dropout and batch norm add in training."""

    seen: list[str] = field(default_factory=list)

    def see(self, name: str, layout: bool, constants: tuple[Any, ...], outs: Sequence[Tensor]) -> None:
        if not layout and not is_modal(name, outs[0].shape):
            self.seen.append(name)


def is_modal(name: str, shape: Sequence[int]) -> bool:
    """Whether an op is of those that differ between the modes and hold no width: one number is drawn for an example, say."""
    return name in MODAL or all(n == 1 for n in shape[1:])


def probe_plans(channels: ChannelMap) -> tuple[Plan, Plan]:
    """A different random part of every group, as equal shares would hide what differs between groups; and hardly anything.

    Two units are the least where there are more, for a dimension of one broadcasts.
    """
    rng = np.random.default_rng(0)
    some = {
        g.name: rng.choice(g.units, rng.integers(min(2, g.units - 1), g.units), replace=False) for g in channels.groups
    }
    few = {g.name: range(min(2, g.units - 1)) for g in channels.groups}
    return probe_plan(channels, some), probe_plan(channels, few)


def probe_plan(channels: ChannelMap, keep: Mapping[str, Iterable[int]]) -> Plan:
    return Plan(channels, {name: tuple(sorted(map(int, kept))) for name, kept in keep.items()})


def labels_kept(plan: Plan, label_units: Array) -> Array:
    """Label -> 1 or 0: whether the plan keeps it."""
    return np.append(plan.stays(), True)[label_units].astype(np.int64)
