"""From scores and wishes to a plan: which units go. Plain numpy, so that sliders need no torch."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pruning.channels.map import ChannelMap
from pruning.errors import UserError
from pruning.limits import Amount, Limits, in_unit_interval, known, known_group, limits
from pruning.plan import Plan
from pruning.protect import protected
from pruning.ranking import Vector, classes, lowest
from pruning.spec import BY_SHARE, Normalise, PruneSettings, Rounding, Spread

Scores = Mapping[str, Any]  # group -> (units,) tensor, array or list; low is removed first
Filters = int | Mapping[str, int] | None


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
) -> Plan:
    """Spread a wish over the groups and keep the best units of each.

    `share` of every group (`spread="uniform"`), of all units (`"global"`) or of every class of groups with the same structure
    (`"isomorphic"`); `shares` for single groups, on top of `share` or alone (others stay whole); `filters` = n of every
    group (`"per-layer"`), of all (`"total"`), or per group by name. Groups without scores stay whole.

    `protect`: names or patterns of layers whose groups stay whole, whatever else is asked; shares and numbers count over the
    rest. `floor`, `ceiling`: units that a group keeps at least and at most, for all or by name; `keep_at_least`: share of
    each group that stays. `round_to`: a cut group keeps a multiple of it (`round_mode` nearest, up, down), which comes last, so
    that a number over all groups is then met only nearly. Raises UserError for what cannot be, and for unknown names.
    """
    spread = spread or default_spread(share, filters)
    check(channels, scores, share, shares or {}, filters)
    known("normalise", normalise, Normalise)
    known("rounding", rounding, Rounding)
    refuse_idle(spread, share, shares, filters, ceiling)
    untouched = protected(channels, protect)
    allowed = limits(channels, floor=floor, ceiling=ceiling, keep_at_least=keep_at_least, round_to=round_to,
                     round_mode=round_mode, protected=untouched)  # fmt: skip
    vectors = {
        g.name: np.asarray(scores[g.name], np.float64)
        for g in channels.groups
        if g.name in scores and g.name not in untouched
    }
    refuse_unscored({*named(shares), *named(filters), *named(ceiling)} - {*vectors, *untouched})
    if spread in RANKED:
        removed: dict[str, int] = {}
        for names in classes(channels, vectors) if spread == Spread.ISOMORPHIC else [list(vectors)]:
            part = {name: vectors[name] for name in names}
            removed |= lowest(part, wanted(part, spread, share, filters, rounding), normalise, allowed)
    else:
        removed = counts(vectors, spread, share, shares or {}, filters, rounding)
    return plan(channels, vectors, removed, allowed)


RANKED = (Spread.GLOBAL, Spread.ISOMORPHIC, Spread.TOTAL)  # the lowest scores of several groups go first


def from_settings(channels: ChannelMap, scores: Scores, settings: PruneSettings) -> Plan:
    """The plan that a form's settings ask for."""
    uses_shares = settings.spread in (Spread.UNIFORM, Spread.GROUPS)
    return allocate(
        channels,
        scores,
        share=settings.share if settings.spread in BY_SHARE else None,
        shares=settings.shares if uses_shares else None,
        spread=settings.spread,
        filters=settings.filters if settings.spread in (Spread.PER_LAYER, Spread.TOTAL) else None,
        normalise=settings.normalise,
        rounding=settings.rounding,
        floor=settings.floor,
        ceiling=ceiling_of(settings),
        keep_at_least=settings.keep_at_least,
        round_to=settings.round_to,
        round_mode=settings.round_mode,
        protect=settings.protect,
    )


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


def named(wish: Mapping[str, float] | int | None) -> set[str]:
    """Groups of which something is wanted by name."""
    return {name for name, value in wish.items() if value} if isinstance(wish, Mapping) else set()


def refuse_unscored(names: set[str]) -> None:
    if names:
        raise UserError(
            f"there are no scores for {', '.join(sorted(names))}", do="Choose a criterion that scores this group."
        )


def refuse_idle(
    spread: str, share: float | None, shares: Mapping[str, float] | None, filters: Filters, ceiling: Amount | None
) -> None:
    """Raise UserError for a spread that is none, or a wish that it would not read."""
    by_name = shares is not None or isinstance(filters, Mapping)
    reads = {
        Spread.UNIFORM: share is not None or bool(shares) or isinstance(filters, Mapping),
        Spread.GROUPS: share is None and (by_name or ceiling is not None),
        Spread.GLOBAL: share is not None and not shares,
        Spread.ISOMORPHIC: share is not None and not shares,
        Spread.PER_LAYER: isinstance(filters, int) and not shares,
        Spread.TOTAL: isinstance(filters, int) and not shares,
    }
    known("spread", spread, Spread)
    if not reads[Spread(spread)]:
        raise UserError(f"spread={str(spread)!r} does not go with what was given", do=NEEDS[Spread(spread)])


NEEDS = {
    Spread.UNIFORM: "Give share=, the share to remove of every group.",
    Spread.GROUPS: "Give shares=, filters= or ceiling=, by group name, and no overall share.",
    Spread.GLOBAL: "Give share=, the share to remove of all units, and no shares of single groups.",
    Spread.ISOMORPHIC: "Give share=, the share to remove of every class of groups, and no shares of single groups.",
    Spread.PER_LAYER: "Give filters=, the number to remove of every group.",
    Spread.TOTAL: "Give filters=, the number to remove over all groups.",
}


def check(
    channels: ChannelMap, scores: Scores, share: float | None, shares: Mapping[str, float], filters: Filters
) -> None:
    counted = filters if isinstance(filters, Mapping) else {}
    for name in (*shares, *counted):
        known_group(channels, name)
    for what, value in (("share", share), *((f"share of {n}", s) for n, s in shares.items())):
        if value is not None:
            in_unit_interval(what, value, "Give the share to remove, e.g. 0.5 for half.")
    for what, n in (*counted.items(), ("filters", filters if isinstance(filters, int) else 0)):
        if n < 0:
            raise UserError(f"{what}={n} filters cannot be removed", do="Give a number of filters ≥ 0.")
    for group in channels.groups:
        if len(found := scores.get(group.name, range(group.units))) != group.units:
            what = f"there are {len(found)} scores of {group.name}, which has {group.units} units"
            raise UserError(what, do="Score this network.")


def default_spread(share: float | None, filters: Filters) -> Spread:
    if filters is not None and not isinstance(filters, Mapping):
        return Spread.PER_LAYER
    return Spread.UNIFORM if share is not None else Spread.GROUPS


def wanted(vectors: Mapping[str, Vector], spread: str, share: float | None, filters: Filters, rounding: str) -> int:
    """Units to remove over these groups together."""
    if spread == Spread.TOTAL and isinstance(filters, int):
        return filters
    return whole(share, sum(map(len, vectors.values())), rounding)


def counts(
    vectors: Mapping[str, Vector],
    spread: str,
    share: float | None,
    shares: Mapping[str, float],
    filters: Filters,
    rounding: str,
) -> dict[str, int]:
    """Units to remove per group, before the limits."""
    if isinstance(filters, Mapping):
        return dict(filters)
    if spread == Spread.PER_LAYER:
        return dict.fromkeys(vectors, filters or 0)
    overall = share if spread == Spread.UNIFORM else None
    return {name: whole(shares.get(name, overall), len(v), rounding) for name, v in vectors.items()}


def plan(
    channels: ChannelMap, vectors: Mapping[str, Vector], removed: Mapping[str, int], allowed: Mapping[str, Limits]
) -> Plan:
    """The best units of each group, as many as its limits allow; groups that lose none are left out."""
    sizes = {name: allowed[name].kept(len(v) - removed.get(name, 0)) for name, v in vectors.items()}
    return Plan(channels, {name: best(v, sizes[name]) for name, v in vectors.items() if sizes[name] < len(v)})


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
