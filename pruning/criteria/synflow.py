"""SynFlow: |w|·∂R/∂|w| of every weight, R the sum of the outputs for an input of ones (Tanaka et al. 2020, arXiv 2006.05467).

Every parameter is made positive, and batch norms subtract no mean, so that nothing cancels and every layer's weights
share the same flow. In float64: R is a product over all layers.
"""

import torch
from torch import Tensor, nn
from torch.func import functional_call

from pruning.criteria.gradients import by_weights, judging
from pruning.errors import UserError


def saliency(model: nn.Module, input_shape: tuple[int, ...]) -> dict[str, Tensor]:
    weights = {name: p.detach().double().abs().requires_grad_() for name, p in model.named_parameters()}
    ones = torch.ones(1, *input_shape, dtype=torch.float64, device=next(iter(weights.values())).device)
    with judging(model):
        slopes = flows(model, weights, ones)
    return {name: weights[name].detach() * slope for name, slope in slopes.items()}


def flows(model: nn.Module, weights: dict[str, Tensor], ones: Tensor) -> dict[str, Tensor]:
    """∂R/∂w; raises UserError for a network that computes in one precision only, or again with its own weights."""
    try:
        outputs: Tensor = functional_call(model, {**constants(model), **weights}, (ones,))
        return by_weights(outputs.sum(), weights)
    except RuntimeError as error:
        what = f"SynFlow cannot run this network in float64: {str(error).splitlines()[0]}."
        raise UserError(what, do="Choose another criterion, such as l1.") from error


def constants(model: nn.Module) -> dict[str, Tensor]:
    """Buffers in float64; running means are 0."""
    numbers = {name: b.double() for name, b in model.named_buffers() if b.is_floating_point()}
    return {name: torch.zeros_like(b) if name.endswith("running_mean") else b for name, b in numbers.items()}
