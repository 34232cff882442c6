"""Fewer passes over memory: a batch norm goes into the convolution before it, sums and ReLUs are made in place."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten

from pruning.prefixes.record import Fixed, Named, Program, Slot, Step, filled

aten = torch.ops.aten
CONVOLUTION = aten.convolution.default
NORMS = {aten.native_batch_norm.default, aten._native_batch_norm_legit_no_training.default}
FRESH = {CONVOLUTION, *NORMS, aten.add.Tensor, aten.add_.Tensor}  # their output is nobody else's memory


def fused(steps: Sequence[Step], program: Program, keep: frozenset[int]) -> list[Step]:
    """Steps that make the same values of `keep`, but for rounding; the weights of convolutions are scaled once, here."""
    readers = Counter(n for step in steps for n in step.reads()) + Counter(keep)
    found: list[Step] = []
    places: dict[int, int] = {}  # number → place of the step that made it
    for step in steps:
        first = next(iter(step.reads()), -1)
        made = found[places[first]] if readers[first] == 1 and first in places else None
        one = folded(made, step, program, readers) if made else None
        if one:
            found[places[first]], places[first] = one, places[first]
            places[one.outs[0] or 0] = places[first]
            continue
        places |= {n: len(found) for n in step.outs if n is not None}
        found.append(in_place(made, step, program))
    return found


def in_place(made: Step | None, step: Step, program: Program) -> Step:
    """The same op on memory that nobody else reads."""
    if made is None or made.op not in FRESH or len(step.outs) != 1:
        return step
    before, after = (program.likes[n] for n in (next(iter(step.reads())), step.outs[0] or 0))
    if before.shape != after.shape or before.dtype != after.dtype:
        return step
    if step.op is aten.relu.default:
        return replace(step, op=aten.relu_.default)
    return replace(step, op=aten.add_.Tensor) if step.op is aten.add.Tensor and isinstance(step.flat[0], Slot) else step


def folded(conv: Step, norm: Step, program: Program, readers: Counter[int]) -> Step | None:
    """conv(x) · γ / √(σ² + ε) + β − μ γ / √(σ² + ε) as one convolution, where all but x is constant."""
    if conv.op is not CONVOLUTION or norm.op not in NORMS or any(readers[n] for n in norm.outs[1:] if n is not None):
        return None
    (x, weight, bias, *others), _ = conv.arguments(conv.flat)
    (_, gamma, beta, mean, variance, *rest), _ = norm.arguments(norm.flat)
    is_training, is_transposed = (rest[0] if isinstance(rest[0], bool) else False), others[3]
    if (
        is_training
        or is_transposed
        or not all(is_known(v, program) for v in (weight, bias, gamma, beta, mean, variance))
    ):
        return None
    kernel = value(weight, program)
    w, b, g, o, m, v = (
        None if y is None else source(y, program).double() for y in (weight, bias, gamma, beta, mean, variance)
    )
    assert w is not None
    assert m is not None
    assert v is not None
    scale = (v + rest[-1]).rsqrt() * (1 if g is None else g)
    shift = (0 if o is None else o) + ((0 if b is None else b) - m) * scale
    scaled = (w * scale.view(-1, *[1] * (w.dim() - 1))).to(kernel)
    layout = (
        torch.channels_last
        if kernel.is_contiguous(memory_format=torch.channels_last) and w.dim() == 4
        else torch.contiguous_format
    )
    flat, form = tree_flatten(
        ((x, Fixed(scaled.contiguous(memory_format=layout)), Fixed(shift.to(kernel)), *others), {})
    )
    return Step(CONVOLUTION, tuple(flat), form, conv.made, norm.outs[:1])


def is_known(x: Any, program: Program) -> bool:
    return x is None or isinstance(x, Named | Fixed) or (isinstance(x, Slot) and x.number in program.constants)


def value(x: Any, program: Program) -> Tensor:
    found: Tensor = filled(x, program, {})
    return found


def source(x: Any, program: Program) -> Tensor:
    """The value, before it was rounded to bf16 where it is a parameter that was."""
    if isinstance(x, Slot):
        maker = next(step for step in program.steps if x.number in step.outs)
        if maker.op is aten._to_copy.default and is_known(maker.flat[0], program):
            return source(maker.flat[0], program)
    return value(x, program)
