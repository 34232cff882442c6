"""Accuracy of any plan, untuned, foretold from a scan of single groups: what each group leaves above chance, multiplied.

Of the ways to combine groups compared in benchmarks/prediction.py, the product of ratios errs least; its one exponent is
learnt from measured plans, and what measured plans near by were off by is taken off. The interval joins data subsets (jackknife over folds) and the residuals of measured plans,
each foretold without itself (split conformal: Lei et al. 2018, arXiv 1604.04173). No torch.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pruning.damage import Array, Curve, curve, curve_points, without_folds
from pruning.errors import UserError

COVERAGE = 0.8  # share of plans whose measured accuracy lies inside the interval
GRID = np.linspace(-1.5, 1.5, 301)  # logarithms of the exponents tried
SHRINK, SCALE = 2.0, 0.02  # pull of the exponent towards 1, against absolute errors in units of SCALE
FLOOR, RELATIVE, DEEP = 0.005, 0.2, 0.05  # errors: at least; by a share of the damage; near chance, which is never flat
PRIOR = (0.2, 0.5, 0.8, 1.2, 2.0)  # residuals of other networks in units of `width`, until this one has its own
ALIVE = 0.15  # of the accuracy above chance
NEAR, PULL = 0.07, 0.5  # how far a measured plan reaches (root mean square of the shares), and how much it is doubted
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
        if damage is None:
            return None
        middle, width = self.estimate(damage, self.exponent)
        weights = reach(self.removed(kept) - self.places)
        half = self.quantiles[int(self.alive(damage))] * width
        return told(middle + self.nearby(kept, weights, self.errors[0]), half)

    def damage(self, kept: Kept) -> Array | None:
        """Summed over the groups. (1 + folds,)"""
        total = np.zeros(len(self.dense))
        for name, units in self.units.items():
            if (left := kept.get(name, units)) < units:
                if name not in self.curves:
                    return None
                total += self.curves[name].at(1 - left / units)
        return total

    def removed(self, kept: Kept) -> Array:
        """Shares by group, in the order of `units`. (groups,)"""
        return np.array([1 - kept.get(name, units) / units for name, units in self.units.items()])

    def nearby(self, kept: Kept, weights: Array, errors: Array) -> float:
        """What measured plans, by their weights, were off by; nothing where nothing is cut."""
        fade = 1 - float(reach(self.removed(kept)))
        return fade * float(weights @ errors) / (float(weights.sum()) + PULL)

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
    def places(self) -> Array:
        """(points, groups)"""
        return np.array([self.removed(point.kept) for point, _ in self.points]).reshape(-1, len(self.units)).round(4)

    @cached_property
    def errors(self) -> Array:
        """Measured less estimated, of every point: by the exponent in use, then by each of `exponents`. (1 + points, points)"""
        damages = np.array([damage[0] for _, damage in self.points])
        known = np.array([point.accuracy for point, _ in self.points])
        top, exponents = float(self.dense[0]) - self.chance, np.concatenate([[self.exponent], self.exponents])
        found: Array = known - self.chance - top * np.exp(-exponents[:, None] * damages)
        return found

    @cached_property
    def blind(self) -> list[tuple[float, float]]:
        """Of each point, foretold without itself and its twins: accuracy and width."""
        found = []
        for i, (point, damage) in enumerate(self.points):
            middle, width = self.estimate(damage, float(self.exponents[i]))
            weights = reach(self.places[i] - self.places) * ~self.twins[i]
            found.append((middle + self.nearby(point.kept, weights, self.errors[1 + i]), width))
        return found

    @cached_property
    def residuals(self) -> Array:
        """Of each point, foretold without itself, in units of its width. (points,)"""
        known = [point.accuracy for point, _ in self.points]
        return np.array([abs(y - middle) / width for y, (middle, width) in zip(known, self.blind, strict=True)])

    def alive(self, damage: Array) -> bool:
        """Whether more is left than a little above chance; errors there say nothing of errors here, so each has its own interval."""
        return math.exp(-self.exponent * float(damage[0])) >= ALIVE

    @cached_property
    def quantiles(self) -> tuple[float, float]:
        """Of residuals near chance, and above."""
        alive = np.array([self.alive(damage) for _, damage in self.points], bool)
        return conformal(self.residuals[~alive]), conformal(self.residuals[alive])

    @cached_property
    def held_out(self) -> tuple[tuple[Measured, Prediction], ...]:
        """Every measured plan with its prediction, which leaves itself out of exponent and interval."""
        alive = np.array([self.alive(damage) for _, damage in self.points], bool)
        rest = [
            conformal(self.residuals[~twins & (alive == own)]) for twins, own in zip(self.twins, alive, strict=True)
        ]
        found = [told(middle, q * width) for q, (middle, width) in zip(rest, self.blind, strict=True)]
        return tuple(zip((point for point, _ in self.points), found, strict=True))

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
            "calibration": {"exponent": self.exponent, "quantiles": list(self.quantiles), "alive": ALIVE},
            "near": self.near(groups),
            "floor": FLOOR,
            "relative": RELATIVE,
            "deep": DEEP,
            "coverage": COVERAGE,
            "mean_error": self.mean_error,
            "measured": len(self.points),
        }

    def near(self, groups: Sequence[str]) -> dict[str, Any]:
        """Measured plans as shares by group, and what they are off by."""
        order = [list(self.units).index(name) for name in groups]
        return {
            "shares": self.places[:, order].tolist(),
            "errors": self.errors[0].tolist(),
            "reach": NEAR,
            "pull": PULL,
        }

    def knots(self, name: str) -> dict[str, Any] | None:
        curve = self.curves.get(name)
        return {"shares": list(curve.shares), "damages": curve.damages.tolist()} if curve else None


def told(middle: float, half: float) -> Prediction:
    inside = min(1.0, max(0.0, middle))
    return Prediction(inside, max(0.0, inside - half), min(1.0, inside + half))


def reach(apart: Array) -> Array:
    """Weight of plans whose shares differ so: 1 for the same plan. (…, groups) → (…)"""
    found: Array = np.exp(-(apart**2).mean(-1) / NEAR**2)
    return found


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
