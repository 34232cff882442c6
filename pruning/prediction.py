"""Accuracy of any plan, untuned, foretold from a scan of single groups: what each group leaves above chance, multiplied.

Of the ways to combine groups compared in benchmarks/prediction.py, the product of ratios errs least; its one exponent is
learnt from measured plans. The interval joins data subsets (jackknife over folds) and the residuals of measured plans,
each foretold without itself (split conformal: Lei et al. 2018, arXiv 1604.04173). No torch.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pruning.errors import UserError

COVERAGE = 0.8  # share of plans whose measured accuracy lies inside the interval
GRID = np.linspace(-1.5, 1.5, 301)  # logarithms of the exponents tried
SHRINK, SCALE = 2.0, 0.02  # pull of the exponent towards 1, against absolute errors in units of SCALE
FLOOR, RELATIVE, DEEP = 0.005, 0.2, 0.05  # errors: at least; by a share of the damage; near chance, which is never flat
PRIOR = (0.2, 0.5, 0.8, 1.2, 2.0)  # residuals of other networks in units of `width`, until this one has its own
DIGITS = 6
Array = NDArray[np.float64]
Kept = Mapping[str, int]  # group → units kept


@dataclass(frozen=True)
class Measured:
    """One plan whose accuracy was measured; `run` 0: by the scan itself."""

    kept: Kept
    accuracy: float
    run: int = 0


@dataclass(frozen=True)
class Prediction:
    """Accuracies in 0…1: the estimate, and the ends of its interval."""

    accuracy: float
    low: float
    high: float

    @property
    def half(self) -> float:
        return (self.high - self.low) / 2


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


@dataclass(frozen=True, eq=False)
class Predictor:
    units: Mapping[str, int]
    curves: Mapping[str, Curve]
    alone: Mapping[str, Sequence[tuple[float, float]]]  # group → (share, accuracy when it alone is cut)
    dense: Array  # (1 + folds,): accuracy uncut
    chance: float
    images: int
    source: str
    measured: tuple[Measured, ...] = ()

    def predict(self, kept: Kept) -> Prediction | None:
        """For any plan; None where it cuts a group that was not scanned. Groups not named are whole."""
        damage = self.damage(kept)
        return None if damage is None else self.told(damage, self.exponent, self.quantile)

    def damage(self, kept: Kept) -> Array | None:
        """Summed over the groups. (1 + folds,)"""
        total = np.zeros(len(self.dense))
        for name, units in self.units.items():
            if (left := kept.get(name, units)) < units:
                if name not in self.curves:
                    return None
                total += self.curves[name].at(1 - left / units)
        return total

    def told(self, damage: Array, exponent: float, quantile: float) -> Prediction:
        middle, width = self.estimate(damage, exponent)
        return Prediction(middle, max(0.0, middle - quantile * width), min(1.0, middle + quantile * width))

    def estimate(self, damage: Array, exponent: float) -> tuple[float, float]:
        """Accuracy, and what its error is measured in: that of data subsets, of the damage, and a floor."""
        top = self.dense - self.chance
        rows = self.chance + top * np.exp(-exponent * damage)
        middle, grown = float(rows[0]), exponent * float(damage[0])
        left = math.exp(-grown)
        wrong = float(top[0]) * math.hypot(RELATIVE * grown * left, DEEP * (1 - left))
        return middle, math.sqrt(self.subsets(rows) + wrong**2 + FLOOR**2)

    def subsets(self, rows: Array) -> float:
        """Variance by the choice of images: jackknife over folds, or binomial where a scan has none."""
        folds = rows[1:]
        if not len(folds):
            return float(rows[0] * (1 - rows[0])) / self.images
        return float(((folds - folds.mean()) ** 2).sum()) * (len(folds) - 1) / len(folds)

    @cached_property
    def points(self) -> tuple[tuple[Measured, Array], ...]:
        """Measured plans that can be foretold, with their damages."""
        pairs = ((point, self.damage(point.kept)) for point in self.measured)
        return tuple((point, damage) for point, damage in pairs if damage is not None)

    @cached_property
    def twins(self) -> NDArray[np.bool_]:
        """Which points are of the same plan; each is its own. (points, points)"""
        damages = np.array([damage[0] for _, damage in self.points])
        found: NDArray[np.bool_] = damages[:, None] == damages
        return found

    @cached_property
    def costs(self) -> Array:
        """Absolute error of every point under every exponent, in units of SCALE. (len(GRID), points)"""
        damages = np.array([damage[0] for _, damage in self.points])
        known = np.array([point.accuracy for point, _ in self.points])
        top = float(self.dense[0]) - self.chance
        found: Array = np.abs(self.chance + top * np.exp(-np.exp(GRID)[:, None] * damages) - known) / SCALE
        return found

    @cached_property
    def exponent(self) -> float:
        return float(best(self.costs.sum(1)))

    @cached_property
    def exponents(self) -> Array:
        """For each point, learnt from all others; a plan that was measured twice knows neither. (points,)"""
        return best(self.costs.sum(1)[:, None] - self.costs @ self.twins)

    @cached_property
    def residuals(self) -> Array:
        """Of each point, foretold without itself, in units of its width. (points,)"""
        told = [self.estimate(damage, a) for (_, damage), a in zip(self.points, self.exponents, strict=True)]
        known = [point.accuracy for point, _ in self.points]
        return np.array([abs(y - middle) / width for y, (middle, width) in zip(known, told, strict=True)])

    @cached_property
    def quantile(self) -> float:
        return conformal(self.residuals)

    @cached_property
    def held_out(self) -> tuple[tuple[Measured, Prediction], ...]:
        """Every measured plan with its prediction, which leaves itself out of exponent and interval."""
        rest = [conformal(self.residuals[~twins]) for twins in self.twins]
        zipped = zip(self.points, self.exponents, rest, strict=True)
        return tuple((point, self.told(damage, a, q)) for (point, damage), a, q in zipped)

    @property
    def mean_error(self) -> float | None:
        """Mean |measured − foretold| over all measured plans, each left out of its own prediction; 0…1."""
        errors = [abs(point.accuracy - told.accuracy) for point, told in self.held_out]
        return sum(errors) / len(errors) if errors else None

    def to_json(self, groups: Sequence[str]) -> dict[str, Any]:
        """What predictAccuracy in prediction.js reads; lists are in the order of `groups`."""
        return {
            "dense": float(self.dense[0]),
            "chance": self.chance,
            "images": self.images,
            "source": self.source,
            "units": [self.units[name] for name in groups],
            "curves": [list(map(list, self.alone[name])) if name in self.alone else None for name in groups],
            "knots": [self.knots(name) for name in groups],
            "folds": self.dense.tolist(),
            "calibration": {"exponent": self.exponent, "quantile": self.quantile},
            "floor": FLOOR,
            "relative": RELATIVE,
            "deep": DEEP,
            "coverage": COVERAGE,
            "mean_error": self.mean_error,
            "measured": len(self.points),
        }

    def knots(self, name: str) -> dict[str, Any] | None:
        curve = self.curves.get(name)
        return {"shares": list(curve.shares), "damages": curve.damages.tolist()} if curve else None


def best(costs: Array) -> Array:
    """The exponent of least cost, a mild pull towards 1 included. (len(GRID), …) → (…)"""
    pull = SHRINK * GRID**2
    found: Array = np.exp(GRID[np.argmin(costs + pull.reshape(-1, *[1] * (costs.ndim - 1)), axis=0)])
    return found


def conformal(residuals: Array) -> float:
    """The residual that COVERAGE of all stay below, those of other networks among them."""
    known = sorted([*residuals.tolist(), *PRIOR])
    return float(known[min(len(known), math.ceil((len(known) + 1) * COVERAGE)) - 1])


def learned(scan: Mapping[str, Any], measured: Sequence[Measured], *, chance: float, source: str) -> Predictor:
    """From scan.json and plans measured since; `chance`: accuracy of guessing. Raises UserError where nothing is above it."""
    dense, images = scan["dense"]["accuracy"], scan["images"]
    if dense <= chance + 1 / images:
        raise UserError(
            "The network was no better than guessing when it was scanned.", do="Train it longer, scan again."
        )
    own = tuple(Measured(point["kept"], point["accuracy"]) for point in scan.get("joint") or ())
    rows = without_folds(dense, scan["dense"].get("folds"))
    units = dict(scan["units"])
    alone = {name: curve_points(dense, units[name], points) for name, points in scan["groups"].items()}
    curves = {name: curve(rows, units[name], points, chance, images) for name, points in scan["groups"].items()}
    return Predictor(units, curves, alone, rows, chance, images, source, (*own, *measured))


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
