"""Proof by measurement: the pruned network equals its masked original, in float64, on sampled inputs."""

import copy

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from pruning.errors import UserError
from pruning.plan import Plan
from pruning.surgery import masked

TOLERANCE = 1e-9


class VerifyError(RuntimeError):
    """The pruned network is not the function it should be; it must not be saved or shown."""


def verify(model: nn.Module, small: nn.Module, plan: Plan, example_input: Tensor | None = None) -> float:
    """Largest |masked − pruned| ÷ largest |masked| over all outputs, in float64 on the CPU, in eval mode.

    Inputs are `example_input` (N, …), or two standard normal examples. Raises VerifyError above 1e-9, unless the plan
    removes units of a group that is marked approximate (layer norm, group norm), whose difference is only measured.
    """
    if example_input is None:
        generator = torch.Generator().manual_seed(0)
        example_input = torch.randn((2, *plan.channels.input_shape), generator=generator, dtype=torch.float64)
    whole = outputs(masked(model, plan), example_input)
    pruned = outputs(small, example_input)
    if [t.shape for t in whole] != [t.shape for t in pruned]:
        raise VerifyError("the pruned network's outputs have other shapes than the masked original's")
    difference = max(relative(a, b) for a, b in zip(whole, pruned, strict=True))
    if not difference <= TOLERANCE and exact(plan):
        raise VerifyError(
            f"the pruned network differs from its masked original by {difference:.1e} (allowed: {TOLERANCE:.0e})"
        )
    return difference


def exact(plan: Plan) -> bool:
    """Whether no removed unit belongs to an approximate group."""
    removed = plan.removed()
    return not any(group.approximate and group.name in removed for group in plan.channels.groups)


def outputs(model: nn.Module, example_input: Tensor) -> list[Tensor]:
    """All output tensors of a float64 copy on the CPU, in eval mode; raises UserError when it cannot run."""
    twin = copy.deepcopy(model).to("cpu", torch.float64).eval()
    try:
        with torch.no_grad():
            return [t for t in tree_leaves(twin(example_input.to("cpu", torch.float64))) if isinstance(t, Tensor)]
    except RuntimeError as error:
        raise UserError(f"the network cannot run on an input of shape {tuple(example_input.shape)}: {error}") from error


def relative(a: Tensor, b: Tensor) -> float:
    scale = a.abs().max().item() if a.numel() else 0.0
    return (a - b).abs().max().item() / (scale or 1.0) if a.numel() else 0.0
