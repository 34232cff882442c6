"""Proof by measurement: the pruned network equals its masked original, in float64, on sampled inputs."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from pruning.errors import UserError
from pruning.interface import given, output_tensors
from pruning.plan import Plan
from pruning.surgery import duplicate, masked

TOLERANCE = 1e-9


class VerifyError(RuntimeError):
    """The pruned network is not the function it should be; it must not be saved or shown."""


def verify(model: nn.Module, small: nn.Module, plan: Plan, example_input: Any = None) -> float:
    """Largest |masked − pruned| ÷ largest |masked| over all outputs, in float64 on the CPU, in eval mode.

    Inputs are `example_input` (a tensor (N, …), a tuple or a dict of inputs), or two standard normal examples. Raises VerifyError
    above 1e-9, unless the plan removes units of a group that is marked approximate (layer norm, group norm), whose
    difference is only measured; also when all outputs are zero, as that would prove nothing.
    """
    inputs = sampled(plan) if example_input is None else example_input
    whole, pruned = outputs(masked(model, plan), inputs), outputs(small, inputs)
    if [t.shape for t in whole] != [t.shape for t in pruned]:
        raise VerifyError("the pruned network's outputs have other shapes than the masked original's")
    if plan.removed() and not any(t.any() for t in whole):
        raise VerifyError("all outputs are zero, so nothing is proven; is the last layer still untrained?")
    difference = max(relative(a, b) for a, b in zip(whole, pruned, strict=True))
    if not difference <= TOLERANCE and exact(plan):
        raise VerifyError(
            f"the pruned network differs from its masked original by {difference:.1e} (allowed: {TOLERANCE:.0e})"
        )
    return difference


def sampled(plan: Plan) -> Tensor:
    """Two standard normal examples of the shape that the network was traced with."""
    if not plan.channels.input_shape:
        raise UserError("the network takes several inputs", do="Give example_input=, a tuple of them.")
    generator = torch.Generator().manual_seed(0)
    return torch.randn((2, *plan.channels.input_shape), generator=generator, dtype=torch.float64)


def exact(plan: Plan) -> bool:
    """Whether no removed unit belongs to an approximate group."""
    return not any(approximations(plan))


def approximations(plan: Plan) -> Iterator[str]:
    """Why removal is not the same as masking, for each cut group of which that is true."""
    removed = plan.removed()
    return (group.approximate for group in plan.channels.groups if group.approximate and group.name in removed)


def outputs(model: nn.Module, example: Any) -> list[Tensor]:
    """All output tensors of a float64 copy on the CPU, in eval mode; raises UserError when it cannot run.

    What it draws at random is the same for every network.
    """
    twin = duplicate(model, {}).to("cpu", torch.float64).eval()
    args, named = tree_map(on_cpu, given(example))
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return list(output_tensors(twin(*args, **named)))
    except RuntimeError as error:
        raise UserError(f"the network cannot run on the example input: {error}") from error


def on_cpu(value: Any) -> Any:
    """A tensor on the CPU, floats in float64; anything else as it is."""
    if not isinstance(value, Tensor):
        return value
    return value.to("cpu", torch.float64) if value.is_floating_point() else value.to("cpu")


def relative(a: Tensor, b: Tensor) -> float:
    scale = a.abs().max().item() if a.numel() else 0.0
    return (a - b).abs().max().item() / (scale or 1.0) if a.numel() else 0.0
