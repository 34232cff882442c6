"""Signed Taylor: |Σ a·∂L/∂a| over everything, the loss's first-order change without the unit.

At the output of a layer it is |Σ w·∂L/∂w + b·∂L/∂b| exactly.
"""

from torch import Tensor

from pruning.criteria.units import Units


def watch(a: Tensor, g: Tensor) -> Tensor:
    """Σ over positions of a·∂L/∂a, (N, C, positions) → (N, C)."""
    return (a * g).sum(2)


def score(units: Units) -> Tensor:
    return units.seen.sum(1).abs()
