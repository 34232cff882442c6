"""1 − APoZ, the average percentage of zeros behind a ReLU: a filter that is mostly off is worth little (Hu et al. 2016, arXiv 1607.03250)."""

from torch import Tensor

from pruning.criteria.units import Units


def look(a: Tensor) -> Tensor:
    """Share of positions above 0, (N, C, …) → (N, C)."""
    on = (a > 0).float()
    return on.flatten(2).mean(2) if a.dim() > 2 else on


def score(units: Units) -> Tensor:
    return units.seen.mean(1)
