"""L1 norm of a filter: s_j = Σ|F_j| (Li et al. 2017), independent of what was removed before it."""

import torch
from torch import Tensor

from pruning.criteria.units import Units


def score(units: Units) -> Tensor:
    norms: Tensor = torch.linalg.vector_norm(units.filters, 1, dim=1)
    return norms
