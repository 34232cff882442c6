"""Gradients of the mean loss by weights, exact and once more differentiable; the network itself is not touched."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import cross_entropy

from pruning.criteria.units import Batch
from pruning.errors import UserError

Weights = dict[str, Tensor]  # by parameter name


def leaves(model: nn.Module) -> Weights:
    """The same weights as fresh leaves, also those that are frozen."""
    return {name: p.detach().requires_grad_() for name, p in model.named_parameters()}


@contextmanager
def judging(model: nn.Module) -> Iterator[None]:
    """Eval mode, so that examples don't mix, and each module's own mode afterwards."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):  # the others know no second derivatives
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def on_device(model: nn.Module, data: Iterable[Batch]) -> Iterator[Batch]:
    """Batches where the network lies, cut off from whoever made them."""
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    return ((inputs.detach().to(device), targets.to(device)) for inputs, targets in data)


def loss(model: nn.Module, weights: Weights, inputs: Tensor, targets: Tensor) -> Tensor:
    """Summed over the batch, so that its size does not matter."""
    return cross_entropy(functional_call(model, weights, (inputs,)), targets, reduction="sum")


def by_weights(of: Tensor, weights: Weights, *, again: bool = False) -> Weights:
    """Derivatives by every weight, 0 where there is none; `again`: to be differentiated once more."""
    found = torch.autograd.grad(
        of, list(weights.values()), create_graph=again, retain_graph=True, allow_unused=True, materialize_grads=True
    )
    return dict(zip(weights, found, strict=True))


def product(gradient: Weights, weights: Weights, vectors: Mapping[str, Tensor]) -> Weights:
    """Hessian times vectors, from a gradient made with `again`; raises UserError where an op has no second derivative."""
    parts = [(g * vectors[name]).sum() for name, g in gradient.items() if g.requires_grad]
    if not parts:
        return {name: torch.zeros_like(w) for name, w in weights.items()}
    try:
        return by_weights(torch.stack(parts).sum(), weights)
    except RuntimeError as error:
        if "is not implemented" not in str(error):
            raise
        what = f"This network has no second derivatives: {error}."
        raise UserError(what, do="Choose a criterion that needs none, such as fisher or taylor.") from error


def added(total: Weights, more: Mapping[str, Tensor]) -> Weights:
    return {name: total[name] + value.detach() if name in total else value.detach() for name, value in more.items()}


def mean_gradient(model: nn.Module, data: Iterable[Batch]) -> Weights:
    """∂L/∂w of the mean loss over all examples."""
    total, examples, weights = Weights(), 0, leaves(model)
    with judging(model):
        for inputs, targets in on_device(model, data):
            total = added(total, by_weights(loss(model, weights, inputs, targets), weights))
            examples += len(targets)
    return {name: value / max(examples, 1) for name, value in total.items()}
