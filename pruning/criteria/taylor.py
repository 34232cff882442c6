"""First-order Taylor expansion of the loss (Molchanov et al. 2017, arXiv 1611.06440, eq. 8), at the layer's output.

Dividing each layer's scores by their L2 norm, as the paper does, is `allocate(normalise="l2")`.
"""

import torch
from torch import Tensor

from pruning.criteria.units import Units


def watch(a: Tensor, g: Tensor) -> Tensor:
    """|mean over positions of a·∂L/∂a|, (N, C, …) → (N, C)."""
    product = a * g
    return (product.flatten(2).mean(2) if product.dim() > 2 else product).abs()


def score(units: Units) -> Tensor:
    return torch.stack(list(units.seen.values())).sum(0)
