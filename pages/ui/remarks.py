"""Remarks on groups and layers: which groups are approximate, which layers are left alone, and why."""

from collections.abc import Mapping, Sequence

import streamlit as st

from pages.ui import cards, words
from pruning import proof
from pruning.channels.map import ChannelMap, Group
from pruning.protect import REASON

Row = tuple[str, int, str]  # layer, units, why
PAGE = 12  # layers that a table lists one by one


def name(group: Group) -> str:
    """The group's name, with ≈ where it is approximate."""
    return f"{group.name} ≈" if group.approximate else group.name


def approximate(groups: Sequence[Group]) -> None:
    """What ≈ means, for each reason that there is."""
    for reason in dict.fromkeys(group.approximate for group in groups if group.approximate):
        st.caption(words.plain(because(reason)))


def because(reason: str) -> str:
    return f"≈ Approximate, because {proof.clause(reason)}."


def left_alone(whole: ChannelMap, mine: Mapping[str, str]) -> None:
    """The layers that are protected, by the user (`mine`: group → pattern) or by the trace; many are put together by reason."""
    own = [(g.name, g.units, f"{cards.sentence(REASON)} ({mine[g.name]})") for g in whole.groups if g.name in mine]
    rows = own + [(p.name, p.units, cards.sentence(p.reason)) for p in whole.protected]
    if not rows:
        return
    many = len(rows) > PAGE
    with (
        st.expander(f"Protected layers ({len(rows)})"),
        st.container(height=320 if many else "content", border=False),
    ):
        st.markdown(by_reason(rows) if many else table(rows))


def table(rows: Sequence[Row]) -> str:
    lines = [f"| {words.plain(layer)} | {units} | {words.plain(why)} |" for layer, units, why in rows]
    return "\n".join(["| Layer | Units | Why |", "|:--|--:|:--|", *lines])


def by_reason(rows: Sequence[Row]) -> str:
    """A paragraph for each reason, that of the most layers first: how many there are, and their names with their units."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row[2], []).append(row)
    return "\n\n".join(paragraph(why, alike) for why, alike in sorted(found.items(), key=lambda item: -len(item[1])))


def paragraph(why: str, rows: Sequence[Row]) -> str:
    units = words.plural(sum(units for _, units, _ in rows), "unit")
    layers = ", ".join(f"{words.plain(layer)} ({units})" for layer, units, _ in rows)
    return f"**{words.plain(why)}** {words.plural(len(rows), 'layer')}, {units}:  \n{layers}"
