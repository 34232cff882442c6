"""L2 norm of a filter: s_j = √Σ F_j²."""

from torch import Tensor

from pruning.criteria.units import Units


def score(units: Units) -> Tensor:
    return units.filters.square().sum(1).sqrt()
