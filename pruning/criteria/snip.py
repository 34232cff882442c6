"""SNIP: |g·w| of every weight, g the gradient over all examples (Lee et al. 2019, arXiv 1810.02340)."""

from collections.abc import Iterable

from torch import Tensor, nn

from pruning.criteria.gradients import leaves, mean_gradient
from pruning.criteria.units import Batch


def saliency(model: nn.Module, data: Iterable[Batch], seed: int) -> dict[str, Tensor]:
    weights = leaves(model)
    return {name: (g * weights[name]).abs() for name, g in mean_gradient(model, data).items()}
