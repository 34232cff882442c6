"""Which runs the list shows: what is typed, kind, state, network, tags and star; all of it stands in the link."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import streamlit as st

from pages.ui import cards, overview, state
from pages.ui.overview import Known
from pruning.jobs.store import Row, State

STATES = {
    "Active": state.ACTIVE,
    "Done": (State.SUCCEEDED,),
    "Failed": (State.FAILED,),
    "Cancelled": (State.CANCELLED,),
}


@dataclass(frozen=True)
class Wish:
    """Empty: whatever it is."""

    words: str = ""
    kinds: Sequence[str] = ()
    states: Sequence[str] = ()
    networks: Sequence[str] = ()
    tags: Sequence[str] = ()
    networks_of: dict[int, str] = field(default_factory=dict)  # the network of every run, in words


def choose(rows: list[Row], known: Known) -> list[Row]:
    """Those that fit the search and the filters above the table."""
    networks = {row.id: overview.network(row, known) for row in rows}
    typed, network, tagged = st.columns([3, 3, 3], vertical_alignment="top")
    words = typed.text_input(
        "Search", key="search", placeholder="title, tag, note, number", bind="query-params", type="search",
        help="Runs whose number, title, network, data set, tags or note hold all these words.",
    )  # fmt: skip
    chosen = network.multiselect(
        "Network", sorted(set(networks.values())), key="network", placeholder="any", bind="query-params",
        help="The network, and the images it was trained on, at the start of a run's line of parents.",
    )  # fmt: skip
    tags = tagged.multiselect(
        "Tags", sorted({tag for row in rows for tag in row.tags}), key="tags", placeholder="any", bind="query-params",
        help="Runs with all of these tags. Tags are set on a run's own page, or for several runs below.",
    )  # fmt: skip
    left, right = st.columns([3, 2], vertical_alignment="top")
    kinds = left.pills("Kind", list(cards.KINDS.values()), selection_mode="multi", key="kind", bind="query-params",
                       wrap=True, help="Runs of any of these kinds; none chosen shows all.")  # fmt: skip
    states = right.pills("State", list(STATES), selection_mode="multi", key="state", bind="query-params", wrap=True,
                         help="Active: waiting, running or stopping. None chosen shows all.")  # fmt: skip
    wish = Wish(words or "", kinds, states, chosen, tags, networks)
    return [row for row in rows if fits(row, wish, known)]


def fits(row: Row, wish: Wish, known: Known) -> bool:
    network = wish.networks_of[row.id]
    text = f"{overview.title(row, known)} {cards.KINDS[row.kind]} {network} {' '.join(row.tags)} {row.note}".lower()
    return (
        all(word in text for word in wish.words.lower().split())
        and (not wish.kinds or cards.KINDS[row.kind] in wish.kinds)
        and (not wish.states or any(row.state in STATES[name] for name in wish.states))
        and (not wish.networks or network in wish.networks)
        and set(wish.tags) <= set(row.tags)
    )
