"""What is set in the explorer: overall share, groups set by hand or locked, group looked at; kept in the session and in the link."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from pages.ui import forms
from pruning.allocate import limits_of
from pruning.allocate import whole as rounded
from pruning.channels.map import ChannelMap
from pruning.spec import BY_SHARE, Blocks, PruneSettings, RoundMode


@dataclass(frozen=True)
class Setting:
    overall: int = 50  # percent of the filters
    kept: Mapping[str, int] | None = None  # units kept by groups set by hand, or locked
    locked: tuple[str, ...] = ()
    group: str = ""  # the one that is looked at
    revision: int = 0  # grows with every change that the element does not know of

    def message(self) -> dict[str, Any]:
        return {
            "overall": self.overall,
            "kept": dict(self.kept or {}),
            "locked": list(self.locked),
            "group": self.group,
        }


def key(number: int, blocks: Blocks) -> str:
    """Where the session keeps a run's setting: groups are others when whole blocks go."""
    return f"set-{number}{'-whole' * (blocks is Blocks.WHOLE)}"


def current(number: int, whole: ChannelMap, blocks: Blocks) -> Setting:
    """The element's last word, or what the session or the link had before it was drawn."""
    place = key(number, blocks)
    before: Setting = st.session_state.get(place) or linked(number, whole)
    told = st.session_state.get(element(place), {}).get("wish")
    if told and told.get("revision", 0) >= before.revision:
        before = replace(
            before, overall=told["overall"], kept=told["kept"], locked=tuple(told["locked"]), group=told["group"]
        )
    st.session_state[place] = before
    return before


def element(place: str) -> str:
    """The key of the element that shows a setting."""
    return f"explorer-{place}"


def put(number: int, wish: PruneSettings, whole: ChannelMap) -> None:
    """Set what a wish asks for, as when a run is started again with other settings."""
    place = key(number, wish.blocks)
    revision = getattr(st.session_state.get(place), "revision", 0) + 1
    kept = {
        g.name: g.units - rounded(wish.shares[g.name], g.units, wish.rounding)
        for g in whole.groups
        if g.name in wish.shares
    }
    st.session_state[place] = Setting(round(100 * wish.share), kept, revision=revision)


def asked(wish: PruneSettings, setting: Setting, whole: ChannelMap, closed: Mapping[str, str]) -> PruneSettings:
    """The wish with the shares that are set; of a group set by hand, so that its number of units comes out exactly."""
    limits = limits_of(whole, wish)
    kept = {
        name: replace(limits[name], mode=RoundMode.NEAREST).kept(n)
        for name, n in (setting.kept or {}).items()
        if name in limits and name not in closed
    }
    reads_share = wish.spread in BY_SHARE and not wish.has_budget
    share = {"share": setting.overall / 100} if reads_share else {}
    return forms.checked(wish, {**share, "shares": {name: 1 - n / limits[name].units for name, n in kept.items()}})


def linked(number: int, whole: ChannelMap) -> Setting:
    """What the link says, 'share=0.4&kept=conv1:19,fc1:700&locked=fc1', where it is of groups of this run."""
    if st.query_params.get("run", str(number)) != str(number):
        return Setting()
    units = {group.name: group.units for group in whole.groups}
    pairs = [part.rpartition(":")[::2] for part in st.query_params.get("kept", "").split(",")]
    kept = {name: int(n) for name, n in pairs if name in units and n.isdecimal() and 1 <= int(n) <= units[name]}
    locked = tuple(name for name in st.query_params.get("locked", "").split(",") if name in units)
    group = st.query_params.get("group", "")
    return Setting(percent(st.query_params.get("share", "")), kept, locked, group if group in units else "")


def percent(share: str) -> int:
    """'0.4' → 40; half of all where nothing else is said."""
    try:
        return min(99, max(0, round(100 * float(share))))
    except ValueError:
        return Setting.overall


def link(setting: Setting) -> None:
    """Write the setting into the link, only what is not there yet: a link being typed stays as it is."""
    told = {
        "share": f"{setting.overall / 100:g}" if setting.overall != Setting.overall else "",
        "kept": ",".join(f"{name}:{n}" for name, n in (setting.kept or {}).items()),
        "locked": ",".join(setting.locked),
        "group": setting.group,
    }
    for name, text in told.items():
        if text == st.query_params.get(name, ""):
            continue
        if text:
            st.query_params[name] = text
        else:
            del st.query_params[name]
