"""Spearman's rank correlation with percentile intervals from a stratified bootstrap (Efron and Tibshirani 1993)."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Index = NDArray[np.intp]
Estimate = dict[str, float] | None  # rho, low, high; None: one of the two orders nothing
CONFIDENCE = 0.95
SIZE = 2_000_000  # numbers that are ranked at once


def resampled(sizes: Mapping[str, int], resamples: int, seed: int) -> dict[str, Index]:
    """Per stratum, (resamples, size) places drawn with replacement, by seed."""
    return {
        name: np.random.default_rng((seed, number)).integers(0, size, (resamples, size))
        for number, (name, size) in enumerate(sizes.items())
    }


def correlation(a: Sequence[Vector], b: Sequence[Vector], chosen: Sequence[Index]) -> tuple[float, Vector]:
    """ρ over all strata together, and that of every resample; NaN where one of the two is constant."""
    rho = spearman(np.concatenate(a)[None], np.concatenate(b)[None])[0]
    step, rows = max(1, SIZE // sum(map(len, a))), len(chosen[0])
    parts = [[index[start : start + step] for index in chosen] for start in range(0, rows, step)]
    return float(rho), np.concatenate([spearman(picked(a, part), picked(b, part)) for part in parts])


def picked(values: Sequence[Vector], chosen: Sequence[Index]) -> Vector:
    return np.concatenate([stratum[index] for stratum, index in zip(values, chosen, strict=True)], 1)


def spearman(a: Vector, b: Vector) -> Vector:
    """ρ of each row of `a` (rows, n) with the same row of `b`; NaN where one is constant."""
    from scipy.stats import rankdata  # half a second, which other jobs need not wait

    x, y = (ranks - ranks.mean(1, keepdims=True) for ranks in (rankdata(a, axis=1), rankdata(b, axis=1)))
    size = np.sqrt((x**2).sum(1) * (y**2).sum(1))
    rho: Vector = np.divide((x * y).sum(1), size, out=np.full(len(x), np.nan), where=size > 0)
    return rho


def estimate(value: float, spread: Vector, name: str = "rho") -> Estimate:
    """A number with the interval that its resamples span; those that order nothing are left out."""
    left = spread[np.isfinite(spread)]
    if not np.isfinite(value) or not len(left):
        return None
    low, high = np.quantile(left, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]).tolist()
    return {name: float(value), "low": low, "high": high}


def mean_over(spread: Sequence[Vector]) -> Vector:
    """Mean over strata of each resample, all weighing the same, of those that order something."""
    rows = np.stack(spread)
    counts = np.isfinite(rows).sum(0)
    mean: Vector = np.divide(np.nansum(rows, 0), counts, out=np.full(len(counts), np.nan), where=counts > 0)
    return mean
