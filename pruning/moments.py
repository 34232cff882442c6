"""An optimizer's moments carried over to the pruned network, so that training goes on as if the removed units had never been."""

import copy
from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils._pytree import tree_leaves

from pruning.errors import UserError
from pruning.plan import Plan
from pruning.surgery import Positions, positions, select

Cut = tuple[Positions | None, ...]  # per dimension: the positions that stay, None for all
BOUND = ("step", "_wrapped_by_lr_sched", "_opt_called")  # a scheduler's marks on the optimizer that it drives


class Twin(NamedTuple):
    """What a parameter became."""

    name: str
    small: nn.Parameter
    cut: Cut


def follow(optimizer: Optimizer, model: nn.Module, small: nn.Module, plan: Plan) -> Optimizer:
    """An optimizer over `small`, which is prune(model, plan), with the state of all kept entries; the given one is untouched.

    Groups, their settings and order, scalars (steps) and hooks are kept. A scheduler still drives the given optimizer: make
    a new one. Raises UserError when the optimizer holds other parameters than the model's, when `small` is not what the plan
    makes of `model`, and when its state is not kept per entry (L-BFGS).
    """
    twins = paired(model, small, plan)
    memo: dict[int, object] = {}
    for parameter in held(optimizer):
        if id(parameter) not in twins:
            raise UserError(
                f"the optimizer holds a parameter of shape {tuple(parameter.shape)} that is not the network's",
                do="Give the network that it trains.",
            )
        twin = twins[id(parameter)]
        memo[id(parameter)] = twin.small
        for tensor in tree_leaves(optimizer.state.get(parameter, {})):
            if isinstance(tensor, Tensor) and tensor.ndim:
                memo[id(tensor)] = entries(tensor, parameter, twin, type(optimizer).__name__)
    return copied(optimizer, memo)


def held(optimizer: Optimizer) -> Iterator[Tensor]:
    for group in optimizer.param_groups:
        yield from group["params"]


def paired(model: nn.Module, small: nn.Module, plan: Plan) -> dict[int, Twin]:
    """By the id of each of the model's parameters: what it became. Raises UserError unless `small` fits model and plan."""
    kept, cuts, found = dict(small.named_parameters()), positions(plan), {}
    for name, parameter in model.named_parameters():
        cut = cuts.get(name, (None,) * parameter.ndim)
        shape = [n if stays is None else len(stays) for n, stays in zip(parameter.shape, cut, strict=True)]
        if name not in kept or list(kept[name].shape) != shape:
            raise UserError(
                f"the small network is not what the plan makes of the other: {name} should have shape {tuple(shape)}",
                do="Give prune(model, plan), before anything else is done to it.",
            )
        if kept[name].device != parameter.device:
            raise UserError(
                f"{name} lies on {parameter.device} in one network and on {kept[name].device} in the other",
                do="Move both to one device first.",
            )
        found[id(parameter)] = Twin(name, kept[name], cut)
    return found


def entries(state: Tensor, parameter: Tensor, twin: Twin, kind: str) -> Tensor:
    """The kept entries of a parameter's state, which has its shape, or 1 where it is a mean over a dimension (Adafactor).

    In the memory order of the parameter, as fused optimizers walk through both side by side.
    """
    sizes = tuple(state.shape)
    if len(sizes) != parameter.ndim or any(
        n not in (1, whole) for n, whole in zip(sizes, parameter.shape, strict=True)
    ):
        raise UserError(
            f"{kind} keeps a state of shape {sizes} for {twin.name}, of which no entry belongs to one weight",
            do="Start a new optimizer for the pruned network.",
        )
    cut = tuple(stays if n == whole else None for n, whole, stays in zip(sizes, parameter.shape, twin.cut, strict=True))
    smaller = select(state, cut)
    if smaller.shape != twin.small.shape:
        return smaller
    return twin.small.detach().to(smaller.dtype).clone().copy_(smaller)


def copied(optimizer: Optimizer, memo: dict[int, object]) -> Optimizer:
    """A copy in which `memo` stands for what it names. By its attributes, as its own way of copying forgets some."""
    attributes = {name: value for name, value in vars(optimizer).items() if name not in BOUND}
    hooks = {name: copy.copy(value) for name, value in attributes.items() if name.endswith("_hooks")}
    rest = {name: value for name, value in attributes.items() if name not in hooks}
    twin: Optimizer = object.__new__(type(optimizer))
    twin.__setstate__(copy.deepcopy(rest, memo) | hooks)
    return twin
