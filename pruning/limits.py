"""How many units a group may keep: floor, ceiling, share that always stays, and multiples. No torch."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pruning.channels.map import ChannelMap, Group
from pruning.errors import UserError
from pruning.spec import RoundMode

Amount = int | Mapping[str, int]  # for every group, or by group name


@dataclass(frozen=True)
class Limits:
    """What a group of `units` may keep: all, or from `least` to `most`, in multiples of `multiple`."""

    units: int
    least: int
    most: int
    multiple: int = 1
    mode: RoundMode = RoundMode.NEAREST

    def kept(self, wanted: int) -> int:
        """The allowed number for `wanted` units; of two that are equally near, the larger."""
        wanted = min(max(wanted, self.least), self.most)
        if self.multiple == 1 or wanted == self.units:
            return wanted
        below, above = self.neighbours(wanted)
        if below is None or above is None:
            return below or above or wanted
        if self.mode is RoundMode.NEAREST:
            return above if above - wanted <= wanted - below else below
        return above if self.mode is RoundMode.UP else below

    def neighbours(self, wanted: int) -> tuple[int | None, int | None]:
        """The allowed numbers next to `wanted`, downwards and upwards; None where there is none."""
        down, up = wanted // self.multiple * self.multiple, -(-wanted // self.multiple) * self.multiple
        whole = self.units if self.most == self.units else None
        return down if down >= self.least else None, up if up <= self.most else whole

    def are_possible(self) -> bool:
        return self.least <= self.most and any(self.neighbours(self.least))


def limits(
    channels: ChannelMap,
    *,
    floor: Amount = 1,
    ceiling: Amount | None = None,
    keep_at_least: float = 0.0,
    round_to: int = 1,
    round_mode: str = "nearest",
    protected: Collection[str] = (),
) -> dict[str, Limits]:
    """Limits of every group; raises UserError for those that contradict each other.

    A number for all leaves a group whole that is no larger than the floor; a floor given by name must fit the group.
    Multiples are of the units kept: a group smaller than `round_to`, or one that nothing is cut from, is not rounded.
    """
    check(channels, floor, ceiling, keep_at_least, round_to, round_mode)
    found, mode = {}, RoundMode(round_mode)
    for group in channels.groups:
        if group.name in protected:
            found[group.name] = Limits(group.units, group.units, group.units)
            continue
        one = Limits(
            group.units,
            least(group, floor, keep_at_least),
            most(group, ceiling),
            1 if group.units < round_to else round_to,
            mode,
        )
        if not one.are_possible():
            raise contradiction(group.name, one)
        found[group.name] = one
    return found


def least(group: Group, floor: Amount, share: float) -> int:
    asked = floor.get(group.name, 1) if isinstance(floor, Mapping) else min(floor, group.units)
    if asked > group.units:
        raise UserError(
            f"floor of {group.name}={asked} is more than its {group.units} units", do="Lower this group's floor."
        )
    return max(asked, math.ceil(round(share * group.units, 9)))


def most(group: Group, ceiling: Amount | None) -> int:
    asked = ceiling.get(group.name) if isinstance(ceiling, Mapping) else ceiling
    return group.units if asked is None else min(asked, group.units)


def contradiction(name: str, wish: Limits) -> UserError:
    if wish.least > wish.most:
        return UserError(
            f"{name} cannot keep {wish.least} units at least and {wish.most} at most",
            do="Lower the floor or the share that always stays (keep_at_least), or raise the ceiling.",
        )
    return UserError(
        f"{name} cannot keep a multiple of {wish.multiple}: none lies from {wish.least} to {wish.most} units",
        do="Lower round_to or floor, or raise ceiling.",
    )


def check(
    channels: ChannelMap, floor: Amount, ceiling: Amount | None, keep_at_least: float, round_to: int, round_mode: str
) -> None:
    """Raise UserError for a setting that no group could follow, or a group that is none."""
    for what, amount in (("floor", floor), ("ceiling", ceiling)):
        named = {f"{what} of {n}": v for n, v in amount.items()} if isinstance(amount, Mapping) else {what: amount}
        for name, value in named.items():
            if amount is not None and not is_count(value):
                raise UserError(f"{name}={value!r} is not a whole number ≥ 1", do="Give the units to keep, e.g. 8.")
        for group in amount if isinstance(amount, Mapping) else ():
            known_group(channels, group)
    if not is_count(round_to):
        raise UserError(f"round_to={round_to!r} is not a whole number ≥ 1", do="Give a multiple, e.g. 8; 1 is none.")
    known("round_mode", round_mode, RoundMode)
    in_unit_interval("keep_at_least", keep_at_least, "Give the share that always stays, e.g. 0.1.")


def is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def in_unit_interval(what: str, value: object, do: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise UserError(f"{what}={value!r} is not in [0, 1)", do=do)


def known(what: str, value: str, choices: type[StrEnum]) -> None:
    if value not in tuple(choices):
        raise UserError(f"{what}={value!r} is not one of {', '.join(choices)}")


def known_group(channels: ChannelMap, name: str) -> None:
    names = [group.name for group in channels.groups]
    if name not in names:
        raise UserError(f"group={name!r} is not one of {', '.join(names)}", do="Name a group of this network.")
