"""Batch-norm scale: s_j = Σ|γ_j| over the batch norms behind the filter (Liu et al. 2017, network slimming)."""

from torch import Tensor

from pruning.criteria.units import Units


def score(units: Units) -> Tensor:
    return units.scales.abs().sum(1)
