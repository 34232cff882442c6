"""SynFlow: |w|·∂R/∂|w| of every weight, R the sum of the outputs for an input of ones (Tanaka et al. 2020, arXiv 2006.05467).

Every parameter is made positive, and batch norms subtract no mean, so that nothing cancels and every layer's weights
share the same flow. In float64: R is a product over all layers.
"""

import torch
from torch import Tensor, nn
from torch.func import functional_call

from pruning.criteria.gradients import by_weights, judging


def saliency(model: nn.Module, input_shape: tuple[int, ...]) -> dict[str, Tensor]:
    weights = {name: p.detach().double().abs().requires_grad_() for name, p in model.named_parameters()}
    ones = torch.ones(1, *input_shape, dtype=torch.float64, device=next(iter(weights.values())).device)
    with judging(model):
        outputs = functional_call(model, {**constants(model), **weights}, (ones,))
        slopes = by_weights(outputs.sum(), weights)
    return {name: weights[name].detach() * slope for name, slope in slopes.items()}


def constants(model: nn.Module) -> dict[str, Tensor]:
    """Buffers in float64; running means are 0."""
    numbers = {name: b.double() for name, b in model.named_buffers() if b.is_floating_point()}
    return {name: torch.zeros_like(b) if name.endswith("running_mean") else b for name, b in numbers.items()}
