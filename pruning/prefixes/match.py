"""A pruned network's forward pass beside the dense one's: what both compute alike is looked up."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import TreeSpec, tree_unflatten

from pruning.prefixes.cut import Split
from pruning.prefixes.record import Fixed, Misfit, Named, Program, Recorder, Slot, Values, finished


class Matcher(Recorder):  # type: ignore[no-untyped-call]
    """Plays only what `split` says; all other ops are answered by tensors of the right shape, which nothing reads."""

    def __init__(self, network: nn.Module, inputs: Tensor, dense: Program, parts: Split, values: Values) -> None:
        super().__init__(network, inputs)
        self.dense, self.parts, self.values = dense, parts, values
        self.again = frozenset(parts.again)

    def answer(self, op: Any, given: Sequence[Any], flat: Sequence[Any], form: TreeSpec) -> Any:
        k = len(self.program.steps)
        if k >= len(self.dense.steps) or self.dense.steps[k].op is not op or self.dense.steps[k].form != form:
            raise Misfit(f"the pruned network runs {op} where the dense one does not")
        is_played = k in self.again or k in self.dense.fixed
        if not all(alike(a, b, is_played) for a, b in zip(flat, self.dense.steps[k].flat, strict=True)):
            raise Misfit(f"{op} has other arguments in the pruned network")
        if not is_played:
            return self.stand_in(given, k)
        real = [self.values.get(x.number, y) if isinstance(x, Slot) else y for x, y in zip(flat, given, strict=True)]
        return super().answer(op, real, flat, form)

    def stand_in(self, given: Sequence[Any], k: int) -> Any:
        step = self.dense.steps[k]
        if step.writes:
            return given[0]  # as x.relu_() does
        made = [None if n is None else self.empty(n) for n in step.outs]
        return tree_unflatten(made, step.made)

    def empty(self, number: int) -> Tensor:
        like, kept = self.dense.likes[number], self.parts.states[number] or ()
        device = next(iter(self.program.tensors.values())).device
        size = [n if d is None else len(d) for n, d in zip(like.shape, (*kept, *[None] * like.dim()), strict=False)]
        if size == list(like.shape):
            return torch.empty_strided(like.shape, like.stride(), dtype=like.dtype, device=device)
        last = like.dim() == 4 and like.is_contiguous(memory_format=torch.channels_last)
        layout = torch.channels_last if last else torch.contiguous_format
        return torch.empty(size, dtype=like.dtype, device=device, memory_format=layout)


def alike(mine: Any, dense: Any, is_played: bool) -> bool:
    """The same argument: tensors by reference; numbers may differ where the op is played with its own."""
    if isinstance(mine, Fixed) and isinstance(dense, Fixed):
        return is_played or (mine.tensor.shape == dense.tensor.shape and torch.equal(mine.tensor, dense.tensor))
    return type(mine) is type(dense) and (mine == dense or (is_played and not isinstance(mine, Slot | Named)))


def matched(network: nn.Module, inputs: Tensor, dense: Program, parts: Split, values: Values) -> tuple[Program, Tensor]:
    """The pruned network's program, and its class scores for these inputs; raises Misfit."""
    matcher = Matcher(network, inputs, dense, parts, values)
    program = finished(matcher, network, inputs)
    if program.out != dense.out or len(program.steps) != len(dense.steps):
        raise Misfit("the pruned network ends otherwise than the dense one")
    program.tensors = dense.tensors | {n: x for n, x in program.tensors.items() if x.shape != dense.tensors[n].shape}
    assert matcher.result is not None
    return program, values.get(dense.out, matcher.result)
