"""Spearman's rank correlation with intervals from a stratified bootstrap (Efron and Tibshirani 1993, chapter 13)."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Counts = NDArray[np.int64]  # (resamples, n): how often each is drawn
Estimate = dict[str, float] | None  # rho, low, high; None: one of the two orders nothing
TAILS = (0.025, 0.5, 0.975)  # an interval of 95 %
SIZE = 2_000_000  # numbers that are ranked at once
ONE = 1 - 1e-12  # Fisher's z of 1 is infinite


def resampled(sizes: Mapping[str, int], resamples: int, seed: int) -> dict[str, Counts]:
    """Per stratum, how often each of its members is drawn when as many are drawn with replacement, by seed."""
    return {
        name: np.random.default_rng((seed, number)).multinomial(size, np.full(size, 1 / size), resamples)
        for number, (name, size) in enumerate(sizes.items())
    }


def correlation(a: Sequence[Vector], b: Sequence[Vector], drawn: Sequence[Counts]) -> tuple[float, Vector]:
    """ρ over all strata together, and that of every resample; NaN where one of the two is constant."""
    x, y = np.concatenate(a), np.concatenate(b)
    step = max(1, SIZE // len(x))
    starts = range(0, len(drawn[0]), step)
    parts = [spearman(x, y, np.concatenate([c[i : i + step] for c in drawn], 1)) for i in starts]
    return once(x, y), np.concatenate(parts)


def once(a: Vector, b: Vector) -> float:
    """ρ of `a` with `b`, (n,) each, as they are; NaN where one is constant."""
    return float(spearman(a, b, np.ones((1, len(a)), np.int64))[0])


def spearman(a: Vector, b: Vector, drawn: Counts) -> Vector:
    """ρ of `a` with `b`, (n,) each, in every resample; NaN where one is constant."""
    middle = (len(a) + 1) / 2
    x, y = (ranks(values, drawn) - middle for values in (a, b))
    size = np.sqrt((drawn * x**2).sum(1) * (drawn * y**2).sum(1))
    rho: Vector = np.divide((drawn * x * y).sum(1), size, out=np.full(len(drawn), np.nan), where=size > 0)
    return rho


def ranks(values: Vector, drawn: Counts) -> Vector:
    """Rank of each value in every resample, the middle one of those that tie; sorted once, as all have the same values."""
    order = np.argsort(values, kind="stable")
    is_new = np.diff(values[order], prepend=np.nan) != 0
    each = np.add.reduceat(drawn[:, order], np.flatnonzero(is_new), 1)
    middle = np.cumsum(each, 1) - (each - 1) / 2
    found = np.empty(drawn.shape)
    found[:, order] = middle[:, np.cumsum(is_new) - 1]
    return found


def estimate(rho: float, spread: Vector) -> Estimate:
    """ρ with the interval of its resamples; those that order nothing are left out.

    Members that are drawn twice tie, which pulls resampled ρ towards zero: their percentiles are moved on Fisher's scale so
    that their median is the estimate.
    """
    left = spread[np.isfinite(spread)]
    if not np.isfinite(rho) or not len(left):
        return None
    low, middle, high = np.arctanh(np.clip(np.quantile(left, TAILS), -ONE, ONE))
    ends = np.tanh(np.arctanh(np.clip(rho, -ONE, ONE)) + np.array([low, high]) - middle).tolist()
    return {"rho": rho, "low": ends[0], "high": ends[1]}


def difference(gap: float, spread: Vector) -> Estimate:
    """A difference of two ρ with the interval of its resamples, moved alike."""
    left = spread[np.isfinite(spread)]
    if not len(left):
        return None
    low, middle, high = np.quantile(left, TAILS).tolist()
    return {"difference": gap, "low": gap + low - middle, "high": gap + high - middle}


def mean_over(spread: Sequence[Vector]) -> Vector:
    """Mean over strata of each resample, all weighing the same, of those that order something."""
    rows = np.stack(spread)
    counts = np.isfinite(rows).sum(0)
    mean: Vector = np.divide(np.nansum(rows, 0), counts, out=np.full(len(counts), np.nan), where=counts > 0)
    return mean
