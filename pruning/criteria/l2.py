"""L2 norm of a filter: s_j = √Σ F_j²."""

from torch import Tensor

from pruning.criteria.units import Units


def score(units: Units) -> Tensor:
    return units.filters.norm(2, dim=1)
