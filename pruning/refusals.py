"""Wishes of `allocate`, and of masks, that cannot be, each refused in a sentence. No torch."""

from collections.abc import Mapping
from typing import Any

from pruning.channels.map import ChannelMap
from pruning.criterion_cards import WEIGHTWISE
from pruning.errors import UserError
from pruning.limits import Amount, in_unit_interval, known, known_group
from pruning.spec import BY_SHARE, MaskScope, MaskSettings, MaskStructure, Spread

Filters = int | Mapping[str, int] | None


def named(wish: Mapping[str, float] | int | None) -> set[str]:
    """Groups of which something is wanted by name."""
    return {name for name, value in wish.items() if value} if isinstance(wish, Mapping) else set()


def refuse_unscored(names: set[str]) -> None:
    if names:
        raise UserError(
            f"there are no scores for {', '.join(sorted(names))}", do="Choose a criterion that scores this group."
        )


def refuse_idle(
    spread: str,
    share: float | None,
    shares: Mapping[str, float] | None,
    filters: Filters,
    ceiling: Amount | None,
    *,
    has_budget: bool = False,
    has_curves: bool = False,
) -> None:
    """Raise UserError for a spread that is none, or a wish that it would not read. A budget finds the share."""
    known("spread", spread, Spread)
    if has_budget and spread not in BY_SHARE:
        raise UserError(f"spread={str(spread)!r} reads no share that a budget could find", do=BUDGET)
    by_name, has_share = shares is not None or isinstance(filters, Mapping), share is not None or has_budget
    reads = {
        Spread.UNIFORM: has_share or bool(shares) or isinstance(filters, Mapping),
        Spread.GROUPS: share is None and (by_name or ceiling is not None),
        Spread.GLOBAL: has_share,
        Spread.ISOMORPHIC: has_share,
        Spread.PERCENTILE: has_share,
        Spread.SENSITIVITY: has_share and has_curves,
        Spread.PER_LAYER: isinstance(filters, int),
        Spread.TOTAL: isinstance(filters, int),
    }
    if not reads[Spread(spread)]:
        raise UserError(f"spread={str(spread)!r} does not go with what was given", do=NEEDS[Spread(spread)])


BUDGET = "Choose uniform, global, isomorphic, percentile or sensitivity."
NEEDS = {
    Spread.UNIFORM: "Give share=, the share to remove of every group.",
    Spread.GROUPS: "Give shares=, filters= or ceiling=, by group name, and no overall share.",
    Spread.GLOBAL: "Give share=, the share to remove of all units.",
    Spread.ISOMORPHIC: "Give share=, the share to remove of every class of groups.",
    Spread.PERCENTILE: "Give share=, the percentile of every group's scores.",
    Spread.SENSITIVITY: "Give share=, the share to remove of all units, and the curves of a sensitivity scan.",
    Spread.PER_LAYER: "Give filters=, the number to remove of every group.",
    Spread.TOTAL: "Give filters=, the number to remove over all groups.",
}


def check(
    channels: ChannelMap, scores: Mapping[str, Any], share: float | None, shares: Mapping[str, float], filters: Filters
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


def refuse_masks(settings: MaskSettings) -> None:
    """Raise UserError for settings of masks that contradict each other."""
    if settings.structure is MaskStructure.STRUCTURED and settings.scope is MaskScope.GLOBAL:
        raise UserError(
            "Slices of different layers hold different numbers of weights, so their norms do not compare.",
            do="Choose scope=layer, or structure=unstructured.",
        )
    if settings.structure is MaskStructure.N_OF_M and settings.n >= settings.m:
        raise UserError(f"n={settings.n} of every m={settings.m} masks nothing.", do="Choose n smaller than m.")
    if settings.criterion not in WEIGHTWISE and not settings.file:
        raise UserError(
            f"criterion={str(settings.criterion)!r} scores no single weights.", do=f"Choose {', '.join(WEIGHTWISE)}."
        )


def no_early_weights(number: int) -> UserError:
    return UserError(
        f"Run {number} kept no early weights to go back to.",
        do="Train it again with an early epoch, such as 1, or go back to the initial weights.",
    )
