"""Certificate: a probe cut on meta must run the same ops on the sizes that the labels foretell.

Numbers written in a network's Python (`x.view(n, 64, -1)`, a fixed scale) show here and nowhere else.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from pruning.channels.labels import Array
from pruning.channels.map import ChannelMap
from pruning.channels.tape import Dims
from pruning.plan import Plan
from pruning.surgery import prune

LAYOUT = {
    "aten::clone",
    "aten::contiguous",
    "aten::_to_copy",
    "aten::detach",
    "aten::alias",
}  # may be left out by torch


@dataclass(frozen=True)
class Step:
    """One op of the dense run: its name, float constants, and the labels of what went in and came out."""

    name: str
    constants: tuple[float, ...]
    inputs: tuple[Dims, ...]
    outputs: tuple[Dims | None, ...]  # None: a side output that no rule describes


@dataclass
class Probe:
    """Follows the run of a cut network beside the dense one's steps and stops at the first that differs."""

    steps: Sequence[Step]
    stays: Array  # label -> 1 or 0: whether it is kept
    at: int = 0
    fault: Step | None = field(default=None)

    def see(self, func: Any, args: Sequence[Any], out: Any) -> None:
        name = func._schema.name
        if name in LAYOUT or self.fault:
            return
        if self.at < len(self.steps):
            step = self.steps[self.at]
            if step.name != name or step.constants != constants(args) or not self.agrees(step, shapes(out)):
                self.fault = step
        self.at += 1

    def agrees(self, step: Step, found: Sequence[tuple[int, ...]]) -> bool:
        foretold = [None if dims is None else tuple(int(self.stays[a].sum()) for a in dims) for dims in step.outputs]
        return all(a is None or a == b for a, b in zip(foretold, found, strict=True))

    def broke(self) -> None:
        """The cut network raised an error: the op that was next is the one that cannot run."""
        self.fault = self.fault or self.steps[min(self.at, len(self.steps) - 1)]


def constants(args: Sequence[Any]) -> tuple[float, ...]:
    return tuple(a for a in tree_leaves(list(args)) if isinstance(a, float))


def shapes(out: Any) -> list[tuple[int, ...]]:
    return [tuple(t.shape) for t in tree_leaves(out) if isinstance(t, Tensor)]


def skeleton(model: nn.Module) -> nn.Module:
    """A copy on the meta device, without the weights."""
    memo: dict[int, object] = {}
    for tensor in (*model.parameters(), *model.buffers()):
        empty = torch.empty_like(tensor, device="meta")
        memo[id(tensor)] = nn.Parameter(empty, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else empty
    return copy.deepcopy(model, memo)


def probe_plans(channels: ChannelMap) -> tuple[Plan, Plan]:
    """A different random part of every group, as equal shares would hide what differs between groups; and hardly anything.

    Two units are the least: a dimension of one broadcasts.
    """
    rng = np.random.default_rng(0)
    wide = [g for g in channels.groups if g.units > 2]
    some = {g.name: rng.choice(g.units, rng.integers(2, g.units), replace=False) for g in wide}
    few = {g.name: np.arange(2) for g in wide}
    return probe_plan(channels, some), probe_plan(channels, few)


def probe_plan(channels: ChannelMap, keep: dict[str, Array]) -> Plan:
    return Plan(channels, {name: tuple(sorted(kept.tolist())) for name, kept in keep.items()})


def cut(model: nn.Module, plan: Plan, label_units: Array) -> tuple[nn.Module, Array]:
    """The network cut on meta, and which labels stay in it."""
    kept = [np.isin(np.arange(g.units), plan.keep.get(g.name, range(g.units))) for g in plan.channels.groups]
    stays = np.concatenate([np.empty(0, bool), *kept, [True]])
    return prune(skeleton(model), plan), stays[label_units].astype(np.int64)
