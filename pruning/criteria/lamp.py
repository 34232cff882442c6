"""LAMP: a square over the sum of all that are not smaller in its layer (Lee et al. 2021, arXiv 2010.07611, eq. 6)."""

import torch
from torch import Tensor

from pruning.criteria import l2
from pruning.criteria.units import Units


def score(units: Units) -> Tensor:
    return relative(l2.score(units))


def relative(values: Tensor) -> Tensor:
    """v² / Σ of u² over |u| ≥ |v|, of any shape; in float64, as the sum may have millions of terms."""
    squares = values.detach().flatten().double() ** 2
    ordered = squares.sort().values
    not_smaller = ordered.flip(0).cumsum(0).flip(0)[torch.searchsorted(ordered, squares)]
    return (squares / not_smaller.clamp_min(torch.finfo(torch.float64).tiny)).reshape(values.shape)
