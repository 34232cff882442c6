"""Mean |w| of a filter: L1 over the number of its weights (Molchanov et al. 2017, arXiv 1611.06440, section 2.2)."""

from torch import Tensor

from pruning.criteria.units import Units


def score(units: Units) -> Tensor:
    return units.filters.abs().mean(1)
