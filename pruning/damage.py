"""What a group's cut alone does to a network: what is left of its accuracy above guessing, as a scan measured it. No torch."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIGITS = 6
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curve:
    """One group cut alone: shares removed from 0 to 1, and the damage there, −ln of what is left above chance."""

    shares: tuple[float, ...]  # (K,) ascending
    damages: Array  # (1 + folds, K): of all images, then without each fold

    def at(self, share: float) -> Array:
        """(1 + folds,)"""
        knot = min(bisect_right(self.shares, share) - 1, len(self.shares) - 2)
        along = (share - self.shares[knot]) / (self.shares[knot + 1] - self.shares[knot])
        found: Array = self.damages[:, knot] + along * (self.damages[:, knot + 1] - self.damages[:, knot])
        return found


def without_folds(accuracy: float, folds: Sequence[float] | None) -> Array:
    """(1 + folds,): of all images, then of all but each fold, which are of nearly equal sizes."""
    parts = np.array(folds or [])
    return np.concatenate([[accuracy], (len(parts) * accuracy - parts) / max(1, len(parts) - 1)])


def curve_points(dense: float, units: int, points: Sequence[Sequence[Any]]) -> list[tuple[float, float]]:
    """(share removed, accuracy), ascending, from the uncut network on."""
    return sorted({(0.0, dense), *((1 - point[1] / units, point[2]) for point in points)})


def curve(dense: Array, units: int, points: Sequence[Sequence[Any]], chance: float, images: int) -> Curve:
    """Damage at every share measured, never falling; losing a whole group, which nobody measures, leaves chance alone."""
    least = 0.5 / images
    cuts = {1 - point[1] / units: without_folds(point[2], folds_of(point, len(dense) - 1)) for point in points}
    shares = sorted(share for share in cuts if share > 0)
    ratios = [np.clip((cuts[share] - chance) / (dense - chance), least, 1) for share in shares]
    rows = [np.zeros(len(dense)), *(-np.log(ratio) for ratio in ratios), np.full(len(dense), -math.log(least))]
    return Curve((0.0, *shares, 1.0), np.maximum.accumulate(np.stack(rows, 1), axis=1).round(DIGITS))


def folds_of(point: Sequence[Any], count: int) -> Sequence[float]:
    """A point's fold accuracies; its own accuracy for all of them where there are none."""
    return point[4] if len(point) > 4 else [point[2]] * count
