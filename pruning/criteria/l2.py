"""L2 norm of a filter: s_j = √Σ F_j²."""

import torch
from torch import Tensor

from pruning.criteria.units import Units


def score(units: Units) -> Tensor:
    norms: Tensor = torch.linalg.vector_norm(units.filters, 2, dim=1)
    return norms
