"""From scores and wishes to a plan: which units go. Plain numpy, so that sliders need no torch."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pruning.channels.map import ChannelMap
from pruning.errors import UserError
from pruning.plan import Plan
from pruning.spec import Normalise, PruneSettings, Rounding, Spread

Scores = Mapping[str, Any]  # group -> (units,) tensor, array or list; low is removed first


def allocate(
    channels: ChannelMap,
    scores: Scores,
    *,
    share: float | None = None,
    shares: Mapping[str, float] | None = None,
    spread: str | None = None,
    filters: int | Mapping[str, int] | None = None,
    normalise: str = "l2",
    rounding: str = "ceil",
    floor: int = 1,
) -> Plan:
    """Spread a wish over the groups and keep the best units of each.

    `share` of every group (`spread="uniform"`) or of all units (`"global"`); `shares` for single groups, on top of `share`
    or alone (others stay whole); `filters` = n of every group (`"per-layer"`), of all (`"total"`), or per group by name.
    Every group keeps at least `floor` units; groups without scores stay whole. Raises UserError for a share outside [0, 1) or an unknown group.
    """
    spread = spread or default_spread(share, filters)
    check(channels, share, shares or {}, filters)
    refuse_idle(spread, share, shares, filters)
    vectors = {g.name: np.asarray(scores[g.name], np.float64) for g in channels.groups if g.name in scores}
    sizes = {g.name: g.units for g in channels.groups}
    if spread in (Spread.GLOBAL, Spread.TOTAL):
        total = sum(len(v) for v in vectors.values())
        wanted = (
            int(filters or 0)
            if spread == Spread.TOTAL and not isinstance(filters, Mapping)
            else whole(share, total, rounding)
        )
        removed = lowest(vectors, wanted, normalise, floor)
    else:
        removed = counts(sizes, spread, share, shares or {}, filters, rounding)
    named = {*(name for name, s in (shares or {}).items() if s), *(filters if isinstance(filters, Mapping) else ())}
    if missing := sorted(named - vectors.keys()):
        raise UserError(
            f"there are no scores for {', '.join(missing)}", do="Choose a criterion that scores this group."
        )
    keep = {name: best(v, max(min(floor, len(v)), len(v) - removed.get(name, 0))) for name, v in vectors.items()}
    return Plan(channels, {name: kept for name, kept in keep.items() if len(kept) < sizes[name]})


def from_settings(channels: ChannelMap, scores: Scores, settings: PruneSettings) -> Plan:
    """The plan that a form's settings ask for."""
    uses_share = settings.spread in (Spread.UNIFORM, Spread.GLOBAL)
    uses_shares = settings.spread in (Spread.UNIFORM, Spread.GROUPS)
    return allocate(
        channels,
        scores,
        share=settings.share if uses_share else None,
        shares=settings.shares if uses_shares else None,
        spread=settings.spread,
        filters=settings.filters if settings.spread in (Spread.PER_LAYER, Spread.TOTAL) else None,
        normalise=settings.normalise,
        rounding=settings.rounding,
        floor=settings.floor,
    )


def refuse_idle(
    spread: str, share: float | None, shares: Mapping[str, float] | None, filters: int | Mapping[str, int] | None
) -> None:
    """Raise UserError for a spread that is none, or a wish that it would not read."""
    reads = {
        Spread.UNIFORM: share is not None or bool(shares) or isinstance(filters, Mapping),
        Spread.GROUPS: share is None and (shares is not None or isinstance(filters, Mapping)),
        Spread.GLOBAL: share is not None and not shares,
        Spread.PER_LAYER: isinstance(filters, int) and not shares,
        Spread.TOTAL: isinstance(filters, int) and not shares,
    }
    if spread not in reads:
        raise UserError(f"spread={spread!r} is not one of {', '.join(Spread)}")
    if not reads[Spread(spread)]:
        raise UserError(f"spread={str(spread)!r} does not go with what was given", do=NEEDS[Spread(spread)])


NEEDS = {
    Spread.UNIFORM: "Give share=, the share to remove of every group.",
    Spread.GROUPS: "Give shares= or filters=, by group name, and no overall share.",
    Spread.GLOBAL: "Give share=, the share to remove of all units, and no shares of single groups.",
    Spread.PER_LAYER: "Give filters=, the number to remove of every group.",
    Spread.TOTAL: "Give filters=, the number to remove over all groups.",
}


def check(
    channels: ChannelMap, share: float | None, shares: Mapping[str, float], filters: int | Mapping[str, int] | None
) -> None:
    names = {g.name: g.units for g in channels.groups}
    counted = filters if isinstance(filters, Mapping) else {}
    for name in (*shares, *counted):
        if name not in names:
            raise UserError(f"group={name!r} is not one of {', '.join(names)}", do="Name a group of this network.")
    for what, value in (("share", share), *((f"share of {n}", s) for n, s in shares.items())):
        if value is not None and not (isinstance(value, int | float) and 0 <= value < 1):
            raise UserError(f"{what}={value!r} is not in [0, 1)", do="Give the share to remove, e.g. 0.5 for half.")
    for what, n in (*counted.items(), ("filters", filters if isinstance(filters, int) else 0)):
        if n < 0:
            raise UserError(f"{what}={n} filters cannot be removed", do="Give a number of filters ≥ 0.")


def default_spread(share: float | None, filters: int | Mapping[str, int] | None) -> Spread:
    if filters is not None and not isinstance(filters, Mapping):
        return Spread.PER_LAYER
    return Spread.UNIFORM if share is not None else Spread.GROUPS


def counts(
    sizes: Mapping[str, int],
    spread: str,
    share: float | None,
    shares: Mapping[str, float],
    filters: int | Mapping[str, int] | None,
    rounding: str,
) -> dict[str, int]:
    """Units to remove per group, before the floor."""
    if isinstance(filters, Mapping):
        return dict(filters)
    if spread == Spread.PER_LAYER:
        return dict.fromkeys(sizes, filters or 0)
    overall = share if spread == Spread.UNIFORM else None
    return {name: whole(shares.get(name, overall), n, rounding) for name, n in sizes.items()}


ROUND: dict[Rounding, Callable[[float], int]] = {
    Rounding.CEIL: math.ceil,
    Rounding.ROUND: round,
    Rounding.FLOOR: math.floor,
}


def whole(share: float | None, units: int, rounding: str) -> int:
    """share × units as a whole number; binary fractions such as .55 × 100 = 55.000…01 count as what they mean."""
    return ROUND[Rounding(rounding)](round((share or 0.0) * units, 9))


def lowest(vectors: Mapping[str, NDArray[np.float64]], wanted: int, normalise: str, floor: int) -> dict[str, int]:
    """How many units each group loses when the `wanted` lowest over all go; a group at its floor is passed over."""
    scaled = {name: np.sort(normalised(v, normalise))[: max(0, len(v) - floor)] for name, v in vectors.items()}
    names = [name for name, v in scaled.items() for _ in v]
    order = np.argsort(np.concatenate([np.empty(0), *scaled.values()]), kind="stable")[:wanted]
    taken = [names[i] for i in order]
    return {name: taken.count(name) for name in vectors}


def normalised(scores: NDArray[np.float64], by: str) -> NDArray[np.float64]:
    """A layer's scores divided by their L2 norm (Molchanov 2017), mean or maximum, to compare layers."""
    size = {
        Normalise.L2: lambda: float(np.linalg.norm(scores)),
        Normalise.MEAN: lambda: float(np.abs(scores).mean()),
        Normalise.MAX: lambda: float(np.abs(scores).max()),
        Normalise.NONE: lambda: 1.0,
    }[Normalise(by)]()
    return scores / (size or 1.0)


def best(scores: NDArray[np.float64], n: int) -> tuple[int, ...]:
    """The n highest, ascending; of equal ones the first stay."""
    return tuple(sorted(np.argsort(-scores, kind="stable")[:n].tolist()))
