"""The share of each group: one slider a group, what is set by hand, and both in the link."""

from collections.abc import Mapping

import streamlit as st

from pages.ui import forms, words
from pruning.channels.map import ChannelMap, Group
from pruning.spec import Blocks, PruneSettings, Spread

PAGE = 12  # groups whose sliders are shown at once
BY_GROUP = (Spread.UNIFORM, Spread.GROUPS)
Shares = dict[str, float]


def choose(number: int, whole: ChannelMap, wish: PruneSettings, closed: Mapping[str, str]) -> Shares:
    """One slider a group, where the spread has a say for single groups; only what differs from the overall share.

    `closed`: the groups that stay whole, and why.
    """
    if wish.spread not in BY_GROUP or wish.has_budget:
        return {}
    overall = wish.share if wish.spread is Spread.UNIFORM else 0.0
    place = key(number, wish.blocks)
    chosen: Shares = st.session_state.setdefault(place, linked(whole, number))
    mine = {name: share for name, share in chosen.items() if name not in closed and share != overall}
    with st.expander(f"Share per group ({len(mine)} set by hand)" if mine else "Share per group",
                     expanded=len(whole.groups) <= PAGE or wish.spread is Spread.GROUPS):  # fmt: skip
        sliders(place, page_of(whole.groups), overall, chosen, closed)
        if chosen and st.button("Back to the overall share" if overall else "Set all to 0 %"):
            chosen.clear()
            st.session_state.pop(f"drawn-{place}", None)
            link(chosen)
            st.rerun(scope="fragment")
    link(chosen)
    return mine


def key(number: int, blocks: Blocks) -> str:
    """Where the session keeps a run's shares: groups are others when whole blocks go."""
    return f"shares-{number}{'-whole' * (blocks is Blocks.WHOLE)}"


def linked(whole: ChannelMap, number: int) -> Shares:
    """The shares that the link names, 'conv1:70,fc1:0', where they are of groups of this run."""
    if st.query_params.get("run", str(number)) != str(number):
        return {}
    pairs = [part.rpartition(":")[::2] for part in st.query_params.get("shares", "").split(",")]
    names = {group.name for group in whole.groups}
    return {name: int(share) / 100 for name, share in pairs if name in names and share.isdecimal() and int(share) < 100}


def link(chosen: Shares) -> None:
    """Write the shares into the link, only when they are not there yet: a link being typed stays as it is."""
    told = ",".join(f"{name}:{round(100 * share)}" for name, share in chosen.items())
    if told != st.query_params.get("shares", ""):
        if told:
            st.query_params["shares"] = told
        else:
            del st.query_params["shares"]


def page_of(groups: tuple[Group, ...]) -> tuple[Group, ...]:
    """The groups whose sliders are shown, PAGE at a time."""
    pages = [groups[i : i + PAGE] for i in range(0, len(groups), PAGE)]
    if len(pages) == 1:
        return groups
    names = [f"{i * PAGE + 1}–{i * PAGE + len(page)}" for i, page in enumerate(pages)]
    shown = st.segmented_control("Groups", names, default=names[0], required=True, key="page")
    return pages[names.index(shown or names[0])]


def sliders(place: str, groups: tuple[Group, ...], overall: float, chosen: Shares, closed: Mapping[str, str]) -> None:
    """Sliders that start anew whenever the overall share moves, so that a browser's late answer is to one that is gone."""
    turn = drawing(place, overall)
    for cell, group in zip(forms.grid(len(groups), 2), groups, strict=True):
        why = closed.get(group.name, "")
        name = f"{place}-{group.name}-{turn}{'-closed' * bool(why)}"  # one that is closed starts anew, at 0 %
        label, mark = f"{words.plain(group.name)} ({group.units})", " ≈" * bool(group.approximate)
        cell.slider(f"{label}{mark}: {why}" if why else label + mark, 0.0, 0.99, 0.0 if why else chosen.get(group.name, overall),
                    step=0.01, format="percent", key=name, disabled=bool(why), help=group.approximate or None,
                    on_change=remember, args=(place, turn, group.name, name, overall))  # fmt: skip


def drawing(place: str, overall: float) -> int:
    """How many times the sliders were drawn anew; counts on when the overall share is another one."""
    if st.session_state.get(f"drawn-{place}") != overall:
        st.session_state[f"drawn-{place}"] = overall
        st.session_state[f"turn-{place}"] = turns(place) + 1
    return turns(place)


def turns(place: str) -> int:
    return int(st.session_state.get(f"turn-{place}", 0))


def remember(place: str, turn: int, group: str, name: str, overall: float) -> None:
    """Keep a group's own share; back at the overall one, it follows that again."""
    chosen: Shares = st.session_state[place]
    if turn != turns(place) or name not in st.session_state:  # a late answer to a slider that is gone
        return
    share = round(st.session_state[name], 2)
    if share == round(overall, 2):
        chosen.pop(group, None)
    else:
        chosen[group] = share
