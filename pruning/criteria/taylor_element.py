"""Taylor per element: mean of |a·∂L/∂a| over positions and examples, so that nothing cancels."""

from torch import Tensor

from pruning.criteria.units import Units


def watch(a: Tensor, g: Tensor) -> Tensor:
    """Mean over positions of |a·∂L/∂a|, (N, C, positions) → (N, C)."""
    return (a * g).abs().mean(2)


def score(units: Units) -> Tensor:
    return units.seen.sum(1)
