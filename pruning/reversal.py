"""The way back: a pruned network's weights, fine-tuned or not, at their places in the dense network they came from."""

import copy
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from pruning.errors import UserError
from pruning.plan import Plan
from pruning.surgery import Positions, fits, positions, stored


def undo(small: nn.Module, dense: nn.Module, plan: Plan) -> nn.Module:
    """A copy of `dense` whose kept entries are those of `small`; what the plan removed is as `dense` has it.

    `dense` is the network that `plan` cut, `small` what was left, both stay untouched. `prune(undo(small, dense, plan), plan)`
    has the weights of `small` again. Raises UserError when the three do not belong together.
    """
    fits(dense, plan)
    cut, ours = positions(plan), stored(small)
    whole = copy.deepcopy(dense)
    belong(ours, stored(whole), cut)
    with torch.no_grad():
        for name, tensor in stored(whole).items():
            put(tensor, ours[name], cut.get(name, ()))
    return whole


def belong(small: dict[str, Tensor], dense: dict[str, Tensor], cut: Mapping[str, tuple[Positions | None, ...]]) -> None:
    """Raise UserError unless the small network has what the plan leaves of every tensor of the dense one."""
    if odd := sorted(small.keys() ^ dense.keys()):
        raise UserError(f"only one of the two networks has {odd[0]}", do=ADVICE)
    for name, tensor in dense.items():
        kept = cut.get(name, (None,) * tensor.dim())
        shape = tuple(n if k is None else len(k) for n, k in zip(tensor.shape, kept, strict=True))
        if tuple(small[name].shape) != shape:
            raise UserError(f"{name} is {tuple(small[name].shape)}, the plan leaves {shape} of it", do=ADVICE)


ADVICE = "Give the network that was cut, what was left of it, and the plan in between."


def put(whole: Tensor, part: Tensor, kept: tuple[Positions | None, ...]) -> None:
    """Write `part` where `kept` says, in place."""
    if all(k is None for k in kept):
        whole.copy_(part)
        return
    axes = [np.arange(n) if k is None else k for n, k in zip(whole.shape, kept, strict=True)]
    index = tuple(torch.from_numpy(axis).to(whole.device) for axis in np.ix_(*axes))
    whole[index] = part.to(whole.device, whole.dtype)
