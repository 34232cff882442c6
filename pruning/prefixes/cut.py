"""Which ops of a recorded network a cut changes, which it leaves as they were, and which lose channels and nothing else."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch

from pruning.prefixes.record import Named, Program, Slot, Step
from pruning.surgery import Positions

Dims = tuple[Positions | None, ...]  # of each dimension, the positions that stay; None: all
State = Dims | None  # what is left of the dense network's value; None: another value

aten = torch.ops.aten


@dataclass(frozen=True)
class Split:
    """A program as a cut divides it: ops played again, and dense values that answer in place of all others."""

    start: int  # the first op that is played again or loses channels
    again: tuple[int, ...]  # ops to play on the pruned network
    states: Mapping[int, State]  # by number: what of the dense value stays
    wanted: frozenset[int]  # numbers of dense values that ops played again read


def split(dense: Program, cut: Mapping[str, Dims]) -> Split:
    """`cut`: of each cut parameter or buffer the positions that stay."""
    forced: set[int] = set()
    regions = changed_in_place(dense)
    while True:
        states, again = followed(dense, cut, forced)
        torn = set(chain(*(steps for steps in regions if not again.isdisjoint(steps)))) | unmade(dense, states, again)
        if torn <= again:
            return divided(dense, states, again, regions)
        forced |= torn


def unmade(dense: Program, states: Mapping[int, State], again: set[int]) -> set[int]:
    """Ops whose further outputs are read, which lose channels in places that no rule tells."""
    read = {n for k in again for n in dense.steps[k].reads() if states[n] is None}
    return {k for k, step in enumerate(dense.steps) if k not in again and not read.isdisjoint(step.outs)}


def followed(dense: Program, cut: Mapping[str, Dims], forced: set[int]) -> tuple[dict[int, State], set[int]]:
    """The state of every value, and the ops whose values are others."""
    states: dict[int, State] = {0: ()}
    again: set[int] = set()
    for k, step in enumerate(dense.steps):
        inputs = [state_of(x, states, cut) for x in step.flat]
        found = None if k in forced else left(step, inputs)
        again |= {k} if found is None else set()
        states |= {
            n: found if place == 0 or found == () else None for place, n in enumerate(step.outs) if n is not None
        }
    return states, again


def state_of(x: Any, states: Mapping[int, State], cut: Mapping[str, Dims]) -> State:
    if isinstance(x, Slot):
        return states[x.number]
    return cut.get(x.name, ()) if isinstance(x, Named) else ()


def left(step: Step, inputs: Sequence[State]) -> State:
    """What of an op's dense value is left: () for all, dimensions that lose positions, or None: it must be computed."""
    if any(state is None for state in inputs):
        return None
    if all(is_whole(state) for state in inputs):
        return ()
    rule = RULES.get(step.op)
    return rule(step, inputs) if rule else None


def is_whole(state: State) -> bool:
    return state is not None and all(d is None for d in state)


def same(state: State, dims: Dims) -> bool:
    """Whether a value loses exactly these positions."""
    mine, other = trimmed(state or ()), trimmed(dims)
    return len(mine) == len(other) and all(
        (a is None) == (b is None) and (a is None or b is None or np.array_equal(a, b))
        for a, b in zip(mine, other, strict=True)
    )


def trimmed(dims: Dims) -> Dims:
    return trimmed(dims[:-1]) if dims and dims[-1] is None else dims


def elementwise(step: Step, inputs: Sequence[State]) -> State:
    return inputs[0]


def by_channel(step: Step, inputs: Sequence[State]) -> State:
    """A pool: every channel on its own, in its place."""
    return inputs[0] if len(trimmed(inputs[0] or ())) == 2 and inputs[0][0] is None else None  # type: ignore[index]


def transposed(step: Step, inputs: Sequence[State]) -> State:
    dims = inputs[0] or ()
    return tuple(reversed((*dims, None, None)[:2]))


def convolution(step: Step, inputs: Sequence[State]) -> State:
    """Fewer filters on the same input."""
    args, _ = step.arguments(inputs)
    x, weight, bias = args[:3]
    given, _ = step.arguments(step.flat)
    is_plain = given[6] is False and given[8] == 1
    if not (is_plain and is_whole(x) and len(trimmed(weight)) == 1):
        return None
    return (None, weight[0]) if given[2] is None or same(bias, weight[:1]) else None


def batch_norm(step: Step, inputs: Sequence[State]) -> State:
    """Each channel's own numbers."""
    args, _ = step.arguments(inputs)
    x = trimmed(args[0])
    fits = (
        len(x) == 2
        and x[0] is None
        and all(
            same(v, x[1:]) for v, g in zip(args[1:5], step.arguments(step.flat)[0][1:5], strict=True) if g is not None
        )
    )
    return x if fits else None


def addmm(step: Step, inputs: Sequence[State]) -> State:
    """A linear layer with fewer outputs; its weight comes transposed."""
    bias, x, weight = inputs[:3]
    fits = is_whole(x) and len(trimmed(weight or ())) == 2 and weight[0] is None and same(bias, weight[1:])  # type: ignore[index]
    return weight if fits else None


POINTWISE = [
    "relu",
    "relu_",
    "_to_copy",
    "detach",
    "sigmoid",
    "silu",
    "silu_",
    "gelu",
    "tanh",
    "hardswish",
    "hardswish_",
    "hardsigmoid",
    "hardtanh",
    "hardtanh_",
    "leaky_relu",
    "elu",
    "clone",
]
POOLS = ["max_pool2d_with_indices", "avg_pool2d", "_adaptive_avg_pool2d"]
Rule = Callable[[Step, Sequence[State]], State]
RULES: dict[Any, Rule] = {
    **{getattr(aten, name).default: elementwise for name in POINTWISE if hasattr(getattr(aten, name), "default")},
    **{getattr(aten, name).default: by_channel for name in POOLS},
    aten.t.default: transposed,
    aten.convolution.default: convolution,
    aten.addmm.default: addmm,
    aten.native_batch_norm.default: batch_norm,
    aten._native_batch_norm_legit_no_training.default: batch_norm,
    aten.cudnn_batch_norm.default: batch_norm,
}


Region = tuple[int, ...]


def changed_in_place(dense: Program) -> list[Region]:
    """For each storage that an op changes: the ops that touch it, up to the last change. They are played all, or none."""
    found = []
    for key in sorted({key for step in dense.steps for key in step.writes}):
        last = max(k for k, step in enumerate(dense.steps) if key in step.writes)
        found.append(tuple(k for k, step in enumerate(dense.steps[: last + 1]) if key in step.touches))
    return found


def divided(dense: Program, states: Mapping[int, State], again: set[int], regions: Iterable[Region]) -> Split:
    played = tuple(sorted(again - dense.fixed))
    read = frozenset(n for k in played for n in dense.steps[k].reads()) | {dense.out}
    wanted = frozenset(n for n in read if states[n] is not None and n not in dense.constants)
    changed = (k for k, step in enumerate(dense.steps) if not all(n is None or is_whole(states[n]) for n in step.outs))
    start = min((k for k in changed if k not in dense.fixed), default=0)
    return Split(untorn(start, regions), played, states, wanted)


def untorn(start: int, regions: Iterable[Region]) -> int:
    """The place at or before `start` at which no op has changed what a later one will change again."""
    for steps in sorted(regions, reverse=True):
        if steps[0] < start <= steps[-1]:
            return untorn(steps[0], regions)
    return start


def needed(dense: Program, wanted: Iterable[int], start: int) -> list[int]:
    """Dense ops from `start` on that make these values."""
    numbers, found = set(wanted), set()
    for k in range(len(dense.steps) - 1, start - 1, -1):
        if k not in dense.fixed and not numbers.isdisjoint(dense.steps[k].outs):
            numbers |= set(dense.steps[k].reads())
            found.add(k)
    torn = [k for steps in changed_in_place(dense) if not found.isdisjoint(steps) for k in steps if k not in found]
    more = {n for k in torn for n in (*dense.steps[k].reads(), *dense.steps[k].outs) if n is not None}
    return needed(dense, numbers | more, start) if torn else sorted(found)
