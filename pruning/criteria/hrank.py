"""HRank: mean rank of the feature maps that a ReLU passes on (Lin et al. 2020, arXiv 2002.10179)."""

import torch
from torch import Tensor

from pruning.criteria.units import Units


def look(a: Tensor) -> Tensor | None:
    """Rank of every map, (N, C, H, W) → (N, C); None for outputs that are no maps."""
    return torch.linalg.matrix_rank(a.clamp(min=0)).float() if a.dim() == 4 else None


def score(units: Units) -> Tensor:
    return units.seen.mean(1)
