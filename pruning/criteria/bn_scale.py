"""Batch-norm scale: s_j = Σ|γ_j| over the batch norms behind the filter (Liu et al. 2017, network slimming)."""

from torch import Tensor

from pruning.criteria.units import Units
from pruning.errors import UserError


def score(units: Units) -> Tensor:
    if not units.scales.shape[1]:
        raise UserError(
            f"bn-scale needs batch norm, and {units.name} has none behind it", do="Choose l1, l2 or taylor."
        )
    return units.scales.abs().sum(1)
