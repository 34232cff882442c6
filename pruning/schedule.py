"""How the share removed grows over the steps of a schedule, and which units of the first network each step removes. No torch."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from pruning.channels.map import ChannelMap
from pruning.choices import RANKED, Curve, Normalise, Order, Spread
from pruning.plan import FIXED, Plan, links, split
from pruning.ranking import Vector, normalised
from pruning.wishes import PruneSettings


def grown(curve: Curve, time: float, final: float) -> float:
    """The share removed at `time`, 0 at the start and 1 at the end, on the way to the share `final`.

    Polynomial: Zhu & Gupta 2017, equation 1 with nothing removed at the start; exponential: each moment removes the same
    share of what is left.
    """
    if time >= 1:
        return final
    if curve is Curve.POLYNOMIAL:
        return final * (1 - (1 - time) ** 3)
    if curve is Curve.EXPONENTIAL:
        return 1 - (1 - final) ** time  # type: ignore[no-any-return]
    return final * time


def towards(wish: PruneSettings, curve: Curve, time: float, units: int) -> PruneSettings:
    """What must be gone of a network of `units` at `time`, on the way to the whole wish at 1. Limits hold from the start."""
    number = round(units * grown(curve, time, min(wish.filters, units) / max(1, units)))
    return wish.model_copy(
        update={
            "share": grown(curve, time, wish.share),
            "shares": {name: grown(curve, time, share) for name, share in wish.shares.items()},
            "filters": number if time < 1 else wish.filters,
        }
    )


def is_ranked(wish: PruneSettings) -> bool:
    """Whether each step compares layers anew; else the numbers that one shot would remove of each group are approached."""
    return wish.spread in RANKED and not wish.has_budget


def settled(wish: PruneSettings, goal: Plan) -> PruneSettings:
    """The wish for as many units of each group as `goal` removes, whichever they are: its limits and budgets are in it."""
    units = {group.name: group.units for group in goal.channels.groups}
    shares = {name: len(gone) / units[name] for name, gone in goal.removed().items()}
    return PruneSettings(
        spread=Spread.GROUPS, shares=shares, **wish.model_dump(include={"criterion", "rounding", "blocks", *SCORING})
    )


SCORING = {"order", "score_at", "score_images", "recalibrate_images", "seed"}


def remaining(wish: PruneSettings, done: Plan, now: ChannelMap) -> PruneSettings:
    """A settled wish for the first network, as one for `now`, the network that `done` leaves; groups are those of the same name."""
    units = {group.name: group.units for group in done.channels.groups}
    goal = {name: units[name] - math.ceil(round(share * units[name], 9)) for name, share in wish.shares.items()}
    more = {g.name: max(0.0, 1 - goal.get(g.name, g.units) / g.units) for g in now.groups}
    return wish.model_copy(update={"shares": {name: share for name, share in more.items() if share}})


def comparable(scores: Mapping[str, Any], wish: PruneSettings) -> tuple[dict[str, Vector], PruneSettings]:
    """Scores that can be compared over the groups as they are, and the wish for such."""
    found = {name: normalised(np.asarray(values, np.float64), wish.normalise) for name, values in scores.items()}
    return found, wish.model_copy(update={"normalise": Normalise.NONE, "order": Order.INDEPENDENT})


def carried(first: Plan, now: ChannelMap, scores: Mapping[str, Vector]) -> dict[str, Vector]:
    """Scores of the network that `first` leaves, at the places of its units in the first network.

    What is gone scores lower than all others, what is left but cannot be cut any more higher. Groups that are whole and have
    no scores are left out.
    """
    ours, theirs = links(first, now)
    values = np.concatenate(
        [np.asarray(scores.get(g.name, np.full(g.units, -np.inf))) for g in now.groups] + [[np.inf]]
    )
    found = np.full(len(first.stays()) + 1, -np.inf)
    np.maximum.at(found, ours, values[theirs])
    known = np.append(values[np.isfinite(values)], 0)
    fixed = first.stays() & ~np.isfinite(found[:-1])
    whole = np.where(fixed, known.max() + 1, np.where(first.stays(), found[:-1], known.min() - 1))
    ends = np.cumsum([0, *(group.units for group in first.channels.groups)])
    parts = {g.name: slice(a, a + g.units) for g, a in zip(first.channels.groups, ends, strict=False)}
    return {name: whole[part] for name, part in parts.items() if not fixed[part].all()}


def continuation(first: Plan, whole: Plan, now: ChannelMap) -> Plan:
    """The plan for the network that `first` leaves, `now`, that removes of it what `whole` removes of the first network.

    Where channels hang together otherwise by now, only those go that can go with all that is tied to them.
    """
    ours, theirs = links(first, now)
    goes = np.append(~whole.stays(), False)
    while True:
        stays = np.ones(sum(group.units for group in now.groups) + 1, bool)
        stays[theirs] = False
        stays[theirs[~goes[ours]]] = stays[FIXED] = True
        torn = goes[ours] & stays[theirs]
        if not torn.any():
            return Plan(now, split(now, stays[:-1]))
        goes[ours[torn]] = False
