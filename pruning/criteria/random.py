"""A random order, the same for the same seed: the control that every criterion must beat."""

import torch
from torch import Tensor

from pruning.criteria.units import Units


def score(units: Units) -> Tensor:
    return torch.rand(units.count, generator=torch.Generator().manual_seed(units.seed))
