"""First-order Taylor expansion of the loss (Molchanov et al. 2017, arXiv 1611.06440, eq. 8), at the layer's output.

Dividing each layer's scores by their L2 norm, as the paper does, is `allocate(normalise="l2")`.
"""

from torch import Tensor

from pruning.criteria.units import Units


def watch(a: Tensor, g: Tensor) -> Tensor:
    """|mean over positions of a·∂L/∂a|, (N, C, positions) → (N, C)."""
    return (a * g).mean(2).abs()


def score(units: Units) -> Tensor:
    return units.seen.sum(1)
