"""Budgets on parameters and MACs: the smallest share that meets them, by bisection on exact counts. No torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pruning.channels.map import ChannelMap, Counts
from pruning.errors import UserError
from pruning.limits import Limits

Kept = dict[str, int]  # group -> units kept; groups left out are whole
Sizes = Callable[[float], Kept]  # share removed -> what that keeps; a larger share never keeps more
MOST = 1 - 1e-12  # a share that every group's limits stop
HALVINGS = 22


@dataclass(frozen=True)
class Budget:
    params: int = 0  # at most so many; 0: any number
    macs: int = 0

    def allows(self, counts: Counts) -> bool:
        return (not self.params or counts.params <= self.params) and (not self.macs or counts.macs <= self.macs)

    def __bool__(self) -> bool:
        return bool(self.params or self.macs)


def solve(channels: ChannelMap, sizes: Sizes, allowed: Mapping[str, Limits], budget: Budget) -> Kept:
    """Units to keep of each group: never over the budget, and one unit more of every group that is cut would be.

    Raises UserError for a budget that cannot be met, with the smallest network that can be reached and what binds it.
    """
    over, fits = sizes(0.0), sizes(MOST)
    if not budget.allows(channels.counts(fits)):
        raise unreachable(channels, fits, allowed, budget)
    if budget.allows(channels.counts(over)):
        return over
    low, high = 0.0, MOST
    for _ in range(HALVINGS):
        share = (low + high) / 2
        kept = sizes(share)
        if budget.allows(channels.counts(kept)):
            high, fits = share, kept
        else:
            low, over = share, kept
    return given_back(channels, fits, over, allowed, budget)


def given_back(channels: ChannelMap, fits: Kept, over: Kept, allowed: Mapping[str, Limits], budget: Budget) -> Kept:
    """What fits, with single units of what was over the budget given back while it holds, group after group."""
    kept, left = dict(fits), [name for name in fits if fits[name] < over[name]]
    while left:
        for name in tuple(left):
            larger = kept | {name: next_size(kept[name], allowed[name])}
            if not kept[name] < larger[name] <= over[name] or not budget.allows(channels.counts(larger)):
                left.remove(name)
            else:
                kept = larger
    return kept


def next_size(kept: int, limit: Limits) -> int:
    """The next number that the group may keep."""
    return next((n for n in range(kept + 1, limit.units) if limit.kept(n) == n), limit.units)


def unreachable(channels: ChannelMap, smallest: Kept, allowed: Mapping[str, Limits], budget: Budget) -> UserError:
    least = channels.counts(smallest)
    missed = [
        f"{least.params:,} parameters, not {budget.params:,}" * bool(budget.params and least.params > budget.params),
        f"{least.macs:,} MACs, not {budget.macs:,}" * bool(budget.macs and least.macs > budget.macs),
    ]
    return UserError(
        f"the smallest network that can be reached has {' and '.join(filter(None, missed))}: {binds(smallest, allowed)}",
        do="Raise the budget, lower the floor and the share that always stays (keep_at_least), or protect fewer layers.",
    )


def binds(smallest: Kept, allowed: Mapping[str, Limits]) -> str:
    """What keeps a network from getting smaller, in words."""
    whole = [name for name, limit in allowed.items() if smallest.get(name, limit.units) == limit.units > 1]
    held = [name for name in allowed if name not in whole]
    floors = sorted({smallest[name] for name in held})
    spans = f"{floors[0]}" if len(floors) == 1 else f"{floors[0]} to {floors[-1]}" if floors else ""
    told = [f"{listed(held)} keep{'s' * (len(held) == 1)} {spans}"] if held else []
    told += [f"{listed(whole)} stay{'s' * (len(whole) == 1)} whole"] if whole else []
    return ", and ".join(told) or "nothing of it can be cut"


def listed(names: list[str], most: int = 4) -> str:
    rest = len(names) - most
    return ", ".join(names) if rest < 2 else f"{', '.join(names[:most])} and {rest} more"
