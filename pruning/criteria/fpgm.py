"""Distance to the geometric median: sᵢ = Σⱼ‖Fᵢ − Fⱼ‖₂, low for a filter that others can stand in for (He et al. 2019, arXiv 1811.00250)."""

import torch
from torch import Tensor

from pruning.criteria.units import Units


def score(units: Units) -> Tensor:
    filters = units.filters.double()  # distances of near filters are small differences of large squares
    return torch.cdist(filters, filters).sum(1).float()
