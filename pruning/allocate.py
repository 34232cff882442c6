"""From scores and wishes to a plan: which units go. Plain numpy, so that sliders need no torch."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pruning.budget import Budget, Kept, solve
from pruning.channels.map import ChannelMap
from pruning.curves import Curves, losses
from pruning.errors import UserError
from pruning.limits import Amount, Limits, known, limits
from pruning.plan import Plan
from pruning.protect import protected
from pruning.ranking import Vector, classes, lowest
from pruning.refusals import Filters, check, named, refuse_idle, refuse_unscored
from pruning.spec import BY_SHARE, Normalise, PruneSettings, Rounding, Spread

Scores = Mapping[str, Any]  # group -> (units,) tensor, array or list; low is removed first


def allocate(
    channels: ChannelMap,
    scores: Scores,
    *,
    share: float | None = None,
    shares: Mapping[str, float] | None = None,
    spread: str | None = None,
    filters: Filters = None,
    normalise: str = "l2",
    rounding: str = "ceil",
    floor: Amount = 1,
    ceiling: Amount | None = None,
    keep_at_least: float = 0.0,
    round_to: int = 1,
    round_mode: str = "nearest",
    protect: Iterable[str] = (),
    max_params: int = 0,
    max_macs: int = 0,
    curves: Curves | None = None,
) -> Plan:
    """Spread a wish over the groups and keep the best units of each.

    `share` of every group (`spread="uniform"`), of all units (`"global"`, or `"sensitivity"`: so that each group alone would
    lose equally much accuracy by its `curves`), of every class of groups with the same structure (`"isomorphic"`), or what
    scores below the `share`-th quantile of its group (`"percentile"`); `shares` of single groups, which no spread then
    touches, or alone (others stay whole); `filters` = n of every group (`"per-layer"`), of all (`"total"`), or per group by name. Groups
    without scores stay whole. `max_params`, `max_macs`: a budget, which finds the smallest share that meets it.

    `protect`: names or patterns of layers whose groups stay whole, whatever else is asked; shares and numbers count over the
    rest. `floor`, `ceiling`: units that a group keeps at least and at most, for all or by name; `keep_at_least`: share of
    each group that stays. `round_to`: a cut group keeps a multiple of it (`round_mode` nearest, up, down), which comes last, so
    that a number over all groups is then met only nearly. Raises UserError for what cannot be, and for unknown names.
    """
    budget = Budget(max_params, max_macs)
    ready = prepared(channels, scores, share=share, shares=shares, filters=filters, normalise=normalise, rounding=rounding,
                     spread=spread or default_spread(share, filters, max_params or max_macs), floor=floor, ceiling=ceiling,
                     keep_at_least=keep_at_least, round_to=round_to, round_mode=round_mode, protect=protect,
                     has_budget=bool(budget), curves=curves)  # fmt: skip
    kept = solve(channels, ready.sizes, ready.allowed, budget) if budget else ready.sizes(share)
    keep = {name: best(v, kept[name]) for name, v in ready.vectors.items() if kept[name] < len(v)}
    return Plan(channels, keep)


Sizes = Callable[[float | None], Kept]  # overall share -> units kept, by group


@dataclass(frozen=True)
class Prepared:
    """A wish that was checked: the scores it is for, what each group may keep, and what an overall share comes to."""

    vectors: Mapping[str, Vector]
    allowed: Mapping[str, Limits]
    sizes: Sizes


def prepared(
    channels: ChannelMap,
    scores: Scores,
    *,
    share: float | None,
    shares: Mapping[str, float] | None,
    spread: str,
    filters: Filters,
    normalise: str,
    rounding: str,
    floor: Amount,
    ceiling: Amount | None,
    keep_at_least: float,
    round_to: int,
    round_mode: str,
    protect: Iterable[str],
    has_budget: bool,
    curves: Curves | None,
) -> Prepared:
    check(channels, scores, share, shares or {}, filters)
    known("normalise", normalise, Normalise)
    known("rounding", rounding, Rounding)
    refuse_idle(spread, share, shares, filters, ceiling, has_budget=has_budget, has_curves=curves is not None)
    untouched = protected(channels, protect)
    allowed = limits(channels, floor=floor, ceiling=ceiling, keep_at_least=keep_at_least, round_to=round_to,
                     round_mode=round_mode, protected=untouched)  # fmt: skip
    vectors = {
        g.name: np.asarray(scores[g.name], np.float64)
        for g in channels.groups
        if g.name in scores and g.name not in untouched
    }
    refuse_unscored({*named(shares), *named(filters), *named(ceiling)} - {*vectors, *untouched})
    wish = Wish(Spread(spread), shares or {}, filters, normalise, rounding)
    return Prepared(vectors, allowed, sizing(channels, vectors, allowed, wish, curves or {}))


@dataclass(frozen=True)
class Wish:
    """What is asked for, but for the overall share."""

    spread: Spread
    shares: Mapping[str, float]
    filters: Filters
    normalise: str
    rounding: str


def sizing(
    channels: ChannelMap, vectors: Mapping[str, Vector], allowed: Mapping[str, Limits], wish: Wish, curves: Curves
) -> Sizes:
    """From the overall share to the units that each group keeps, within its limits."""
    normalise = Normalise.NONE if wish.spread is Spread.SENSITIVITY else wish.normalise
    together = [(part, lowest(part, normalise, allowed)) for part in ranked(channels, vectors, wish, curves)]
    alone = {} if together else {name: np.sort(v) for name, v in vectors.items()}

    def sizes(share: float | None) -> Kept:
        removed = counts(alone, wish, share)
        for part, taken in together:
            removed |= taken(wanted(part, wish, share))
        removed |= {
            name: whole(own, len(vectors[name]), wish.rounding) for name, own in wish.shares.items() if name in vectors
        }
        return {name: allowed[name].kept(len(v) - removed.get(name, 0)) for name, v in vectors.items()}

    return sizes


def ranked(
    channels: ChannelMap, vectors: Mapping[str, Vector], wish: Wish, curves: Curves
) -> list[Mapping[str, Vector]]:
    """The groups whose units go in one order, with what orders them; empty where each group goes by itself."""
    if wish.spread is Spread.ISOMORPHIC:
        return [{name: vectors[name] for name in names} for names in classes(channels, vectors)]
    if wish.spread is Spread.SENSITIVITY:
        refuse_unscanned(set(vectors) - set(curves))
        return [{name: losses(curves[name], len(v)) for name, v in vectors.items()}]
    return [vectors] if wish.spread in (Spread.GLOBAL, Spread.TOTAL) else []


def refuse_unscanned(names: set[str]) -> None:
    if names:
        raise UserError(f"the scan knows nothing of {', '.join(sorted(names))}", do="Scan this network.")


def from_settings(channels: ChannelMap, scores: Scores, settings: PruneSettings, curves: Curves | None = None) -> Plan:
    """The plan that a form's settings ask for, but for what needs the network: greedy order, and a budget on latency."""
    most = (settings.max_params, settings.max_macs)
    return allocate(channels, scores, **arguments(settings), max_params=most[0], max_macs=most[1], curves=curves)


def ladder(channels: ChannelMap, scores: Scores, settings: PruneSettings, curves: Curves | None = None) -> list[Kept]:
    """Units that each group keeps at every overall share in whole percent, 0 … 99, whatever share the settings have."""
    ready = prepared(channels, scores, **arguments(settings), has_budget=False, curves=curves)
    return [ready.sizes(percent / 100) for percent in range(100)]


def arguments(settings: PruneSettings) -> dict[str, Any]:
    """A form's settings as `allocate` takes them, but for budgets."""
    same = ("spread", "normalise", "rounding", "floor", "keep_at_least", "round_to", "round_mode", "protect")
    return {name: getattr(settings, name) for name in same} | {
        "share": settings.share if settings.spread in BY_SHARE else None,
        "shares": settings.shares if settings.shares or settings.spread is Spread.GROUPS else None,
        "filters": settings.filters if settings.spread in (Spread.PER_LAYER, Spread.TOTAL) else None,
        "ceiling": ceiling_of(settings),
    }


def limits_of(channels: ChannelMap, settings: PruneSettings) -> dict[str, Limits]:
    """What each group may keep by a form's settings."""
    return limits(
        channels,
        floor=settings.floor,
        ceiling=ceiling_of(settings),
        keep_at_least=settings.keep_at_least,
        round_to=settings.round_to,
        round_mode=settings.round_mode,
        protected=protected(channels, settings.protect),
    )


def ceiling_of(settings: PruneSettings) -> Amount | None:
    """A ceiling of 0 is none."""
    if isinstance(settings.ceiling, dict):
        return {name: most for name, most in settings.ceiling.items() if most}
    return settings.ceiling or None


def default_spread(share: float | None, filters: Filters, budget: int) -> Spread:
    if filters is not None and not isinstance(filters, Mapping):
        return Spread.PER_LAYER
    return Spread.UNIFORM if share is not None or budget else Spread.GROUPS


def wanted(vectors: Mapping[str, Vector], wish: Wish, share: float | None) -> int:
    """Units to remove over these groups together."""
    if wish.spread is Spread.TOTAL and isinstance(wish.filters, int):
        return wish.filters
    return whole(share, sum(map(len, vectors.values())), wish.rounding)


def counts(vectors: Mapping[str, Vector], wish: Wish, share: float | None) -> dict[str, int]:
    """Units to remove per group, each by itself, before the limits; the scores ascend."""
    if isinstance(wish.filters, Mapping):
        return dict(wish.filters)
    if wish.spread is Spread.PER_LAYER:
        return dict.fromkeys(vectors, wish.filters or 0)
    if wish.spread is Spread.PERCENTILE:
        return {name: below_quantile(v, share or 0.0) for name, v in vectors.items()}
    overall = share if wish.spread is Spread.UNIFORM else None
    return {name: whole(overall, len(v), wish.rounding) for name, v in vectors.items()}


def below_quantile(ascending: Vector, share: float) -> int:
    """How many scores are below their quantile, as np.quantile interpolates it; those that equal it stay."""
    place = round(share * (len(ascending) - 1), 9)
    lower, upper = ascending[int(place)], ascending[math.ceil(place)]
    return int(np.searchsorted(ascending, lower, "right" if upper > lower else "left"))


ROUND: dict[str, Callable[[float], int]] = {
    Rounding.CEIL: math.ceil,
    Rounding.ROUND: round,
    Rounding.FLOOR: math.floor,
}


def whole(share: float | None, units: int, rounding: str) -> int:
    """share × units as a whole number; binary fractions such as .55 × 100 = 55.000…01 count as what they mean."""
    return ROUND[rounding](round((share or 0.0) * units, 9))


def best(scores: NDArray[np.float64], n: int) -> tuple[int, ...]:
    """The n highest, ascending; of equal ones the first stay."""
    return tuple(np.sort(np.argsort(-scores, kind="stable")[:n]).tolist())
