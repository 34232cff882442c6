"""Mean activation: what a ReLU behind passes on, max(a, 0) (Molchanov et al. 2017, arXiv 1611.06440, section 2.2).

Which nonlinearity follows is not known here; ReLU is assumed, as in the paper.
"""

from torch import Tensor

from pruning.criteria.units import Units


def look(a: Tensor) -> Tensor:
    """Mean over positions, (N, C, …) → (N, C)."""
    return a.flatten(2).clamp(min=0).mean(2) if a.dim() > 2 else a.clamp(min=0)


def score(units: Units) -> Tensor:
    return units.seen.mean(1)
