"""Criteria against the ablation oracle: how alike they order the filters of a network, and how far their picks agree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pruning.correlation import Counts, Estimate, Vector, correlation, difference, estimate, mean_over, once, resampled
from pruning.ranking import normalised
from pruning.spec import Normalise

Scores = Mapping[str, Sequence[float]]  # group → a score for each of its units
ORACLE = "oracle"
UNJUDGED = "It has nothing to judge these filters by."
UNDEFINED = "Some of its scores are not finite numbers."
CONSTANT = "It gives all these filters the same score."
ALIKE = "Removing any of these filters changes the loss by the same."


@dataclass(frozen=True)
class Effect:
    """What removing single units of one group does to the mean loss of an image."""

    units: tuple[int, ...]
    change: Vector  # signed
    halves: Vector  # (2, units): the same on either half of the images, each up to a factor

    @property
    def size(self) -> Vector:
        return np.abs(self.change)


Oracle = Mapping[str, Effect]
Resamples = Mapping[str, Counts]


@dataclass(frozen=True)
class Agreement:
    """One criterion's correlation with the oracle."""

    layers: Mapping[str, float]  # of the groups that it orders
    spread: Mapping[str, Vector]  # the same of every resample
    pooled: Estimate  # over all units, each group's scores divided by their L2 norm
    pooled_raw: Estimate  # over all units, scores as they are
    reasons: Mapping[str, str]  # why it orders nothing in the other groups


def compared(
    oracle: Oracle, scores: Mapping[str, Scores | str], *, share: float, resamples: int, seed: int
) -> dict[str, Any]:
    """All that an audit says: `scores` hold every unit of a group, or the sentence why a criterion has none."""
    chosen = resampled({name: len(effect.units) for name, effect in oracle.items()}, resamples, seed)
    judged = {name: found for name, found in scores.items() if not isinstance(found, str)}
    agreed = {name: agreement(oracle, found, chosen) for name, found in judged.items()}
    criteria = {
        name: {"error": found} if isinstance(found, str) else said(agreed[name], oracle, found)
        for name, found in scores.items()
    }
    return {"criteria": criteria, "halves": halves(oracle), "overlap": overlap(oracle, judged, share)} | best(agreed)


def agreement(oracle: Oracle, scores: Scores, chosen: Resamples) -> Agreement:
    reasons = {name: why for name, effect in oracle.items() if (why := orders_nothing(scores.get(name), effect))}
    found = {
        name: correlation([mine], [oracle[name].size], [chosen[name]])
        for name, mine in drawn(oracle, scores).items()
        if name not in reasons
    }
    comparable = {name: normalised(np.asarray(values, np.float64), Normalise.L2) for name, values in scores.items()}
    return Agreement(
        {name: rho for name, (rho, _) in found.items()},
        {name: spread for name, (_, spread) in found.items()},
        pooled(oracle, drawn(oracle, comparable), chosen),
        pooled(oracle, drawn(oracle, scores), chosen),
        reasons,
    )


def drawn(oracle: Oracle, scores: Mapping[str, Any]) -> dict[str, Vector]:
    """Scores of the units that the oracle removed."""
    names = [name for name in oracle if name in scores]
    return {name: np.asarray(scores[name], np.float64)[list(oracle[name].units)] for name in names}


def orders_nothing(scores: Sequence[float] | None, effect: Effect) -> str:
    """Why there is no correlation in a group, or empty."""
    if scores is None:
        return UNJUDGED
    everything = np.asarray(scores, np.float64)
    if not np.isfinite(everything).all():
        return UNDEFINED
    if not np.ptp(everything[list(effect.units)]):
        return CONSTANT
    return "" if np.ptp(effect.size) else ALIKE


def pooled(oracle: Oracle, scores: Mapping[str, Vector], chosen: Resamples) -> Estimate:
    """Over the units of all groups that have finite scores; a group of equal scores counts, it stands somewhere."""
    names = [name for name, values in scores.items() if np.isfinite(values).all()]
    if not names:
        return None
    sizes, places = [oracle[name].size for name in names], [chosen[name] for name in names]
    return estimate(*correlation([scores[name] for name in names], sizes, places))


def said(found: Agreement, oracle: Oracle, scores: Scores) -> dict[str, Any]:
    """An agreement for JSON, with the scores it is about."""
    layers = {
        name: estimate(found.layers[name], found.spread[name]) if name in found.layers else None for name in oracle
    }
    mine = {name: [x if np.isfinite(x) else None for x in values] for name, values in drawn(oracle, scores).items()}
    return {
        "mean": mean(found, list(found.layers)),
        "pooled": found.pooled,
        "pooled_raw": found.pooled_raw,
        "layers": layers,
        "reasons": dict(found.reasons),
        "scores": mine,
    }


def mean(found: Agreement, names: Sequence[str]) -> Estimate:
    """The mean over these groups, all weighing the same."""
    if not names:
        return None
    rho = float(np.mean([found.layers[name] for name in names]))
    return estimate(rho, mean_over([found.spread[name] for name in names]))


def best(agreed: Mapping[str, Agreement]) -> dict[str, Any]:
    """The criterion of the highest mean among those that order most groups; how far each other is behind it.

    Differences are over the groups that both order, resample by resample: intervals of two criteria on the same filters may
    overlap where their difference is clear.
    """
    able = {name: found for name, found in agreed.items() if found.layers}
    if not able:
        return {"best": None, "behind": {}}
    first = max(able, key=lambda name: (len(able[name].layers), np.mean(list(able[name].layers.values()))))
    others = {name: behind(able[first], found) for name, found in able.items() if name != first}
    return {"best": first, "behind": {name: distance for name, distance in others.items() if distance}}


def behind(first: Agreement, other: Agreement) -> Estimate:
    shared = [name for name in first.layers if name in other.layers]
    if not shared:
        return None
    gap = float(np.mean([first.layers[name] - other.layers[name] for name in shared]))
    rows = [mean_over([found.spread[name] for name in shared]) for found in (first, other)]
    return difference(gap, rows[0] - rows[1])


def halves(oracle: Oracle) -> dict[str, float | None]:
    """ρ of the oracle on one half of the images with that on the other, per group: what noise leaves of it."""
    found = {name: once(*np.abs(effect.halves)) for name, effect in oracle.items()}
    return {name: rho if np.isfinite(rho) else None for name, rho in found.items()}


def overlap(oracle: Oracle, scores: Mapping[str, Scores], share: float) -> dict[str, Any]:
    """Share of the picks that every two have in common, the oracle first; None where no group is judged by both."""
    sizes = {ORACLE: {name: effect.size for name, effect in oracle.items()}}
    judged = sizes | {name: finite(drawn(oracle, found)) for name, found in scores.items()}
    picked = {name: {group: picks(values, share) for group, values in found.items()} for name, found in judged.items()}
    names = list(picked)
    return {"names": names, "matrix": [[common(picked[a], picked[b]) for b in names] for a in names]}


def finite(scores: Mapping[str, Vector]) -> dict[str, Vector]:
    return {name: values for name, values in scores.items() if np.isfinite(values).all()}


def picks(scores: Vector, share: float) -> set[int]:
    """The lowest `share`, at least one; of equal scores the first."""
    return set(np.argsort(scores, kind="stable")[: max(1, round(share * len(scores)))].tolist())


def common(a: Mapping[str, set[int]], b: Mapping[str, set[int]]) -> float | None:
    shared = [name for name in a if name in b]
    wanted = sum(len(a[name]) for name in shared)
    return sum(len(a[name] & b[name]) for name in shared) / wanted if wanted else None
