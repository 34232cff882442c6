"""Stratified choice of rows: every class keeps its share."""

import numpy as np
from numpy.typing import NDArray

from pruning.errors import UserError

Indices = NDArray[np.int64]


def stratified(y: Indices, n: int, seed: int) -> Indices:
    """Ascending indices of `n` rows of `y`, drawn so that every class keeps its share (largest remainders)."""
    generator = np.random.default_rng(seed)
    quotas = _quotas(np.bincount(y), n)
    chosen = [
        generator.permutation(np.flatnonzero(y == label))[:quota] for label, quota in enumerate(quotas) if quota > 0
    ]
    return np.sort(np.concatenate(chosen)).astype(np.int64) if chosen else np.empty(0, np.int64)


def _quotas(counts: Indices, n: int) -> Indices:
    exact = counts * (n / counts.sum())
    quotas: Indices = np.floor(exact).astype(np.int64)
    missing = n - int(quotas.sum())
    quotas[np.argsort(quotas - exact, kind="stable")[:missing]] += 1
    return quotas


def train_validation(y: Indices, *, share: float, limit: int, seed: int) -> tuple[Indices, Indices]:
    """Indices of the training and the validation rows out of `limit` (0: all) rows; raises UserError when there are too few."""
    pool = stratified(y, min(limit, len(y)), seed) if limit else np.arange(len(y))
    held = stratified(y[pool], max(1, round(len(pool) * share)), seed)
    rest = np.setdiff1d(np.arange(len(pool)), held)
    if not len(rest):
        raise UserError(
            f"{len(pool)} training images leave none to train on after validation is held back",
            do="Use more training images.",
        )
    return pool[rest], pool[held]
