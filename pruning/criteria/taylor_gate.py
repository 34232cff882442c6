"""Taylor of a gate on the unit: (Σ a·∂L/∂a)² per example, at the batch norm's output where there is one.

There it is (γ·∂L/∂γ + β·∂L/∂β)² (Molchanov et al. 2019, arXiv 1906.10771, section 3.2).
"""

from torch import Tensor

from pruning.criteria.units import Units


def watch(a: Tensor, g: Tensor) -> Tensor:
    """(Σ over positions of a·∂L/∂a)², (N, C, positions) → (N, C)."""
    return (a * g).sum(2) ** 2


def score(units: Units) -> Tensor:
    return units.seen.sum(1)
