"""Runs: everything that ran, and one run's page when the link names it."""

import streamlit as st

from pages.ui import cards, detail, example, overview, state
from pruning.jobs.store import Row, State

TABLE = ["run", "kind", "state", "parameters", "accuracy", "when", "network"]
STATES = {
    "Active": state.ACTIVE,
    "Done": (State.SUCCEEDED,),
    "Failed": (State.FAILED,),
    "Cancelled": (State.CANCELLED,),
}


def choose(rows: list[Row]) -> list[Row]:
    """Those that fit the search and the filters above the table."""
    left, middle, right = st.columns([2, 3, 3], vertical_alignment="top")
    wanted = left.text_input(
        "Search", key="search", placeholder="title, data set or model", bind="query-params", type="search"
    )
    kinds = middle.pills(
        "Kind", list(cards.KINDS.values()), selection_mode="multi", key="kind", bind="query-params", wrap=True
    )
    states = right.pills("State", list(STATES), selection_mode="multi", key="state", bind="query-params", wrap=True)
    return [row for row in rows if fits(row, wanted or "", kinds, states)]


def fits(row: Row, wanted: str, kinds: list[str], states: list[str]) -> bool:
    words = f"{row.id} {cards.title(row)} {state.network(row.id)}".lower()
    return (
        wanted.lower() in words
        and (not kinds or cards.KINDS[row.kind] in kinds)
        and (not states or any(row.state in STATES[name] for name in states))
    )


def everything() -> None:
    cards.header(
        "Runs",
        "Everything that ran, is running or waits; a click on its title opens a run.",
        "Sweep",
        "Parameters",
        "Accuracy",
    )
    rows = state.rows()
    if not rows:
        if cards.empty(
            f"Every training, prune, sweep and recipe will be listed here. {example.LINE}", example.BUTTON, key="fill"
        ):
            example.start()
        return
    found = choose(rows)
    inside = sum(row.sweep is not None for row in found)
    if inside and not st.toggle("Show runs of sweeps and recipes", key="sweeps", bind="query-params",
                                help=f"{inside} runs belong to a sweep or a recipe and stand on its page."):  # fmt: skip
        found = [row for row in found if row.sweep is None]
    st.caption(overview.count_by_state(found))
    if found:
        overview.table(found, TABLE, key="runs")
    else:
        st.info("No run fits the search and the filters.")


cards.inside_app()
number = st.query_params.get("run")
row = state.find(number)
if row is not None and row.kind not in cards.KINDS:  # a small request, which lists leave out
    row = None
if number is None:
    everything()
elif row is None:
    detail.unknown(number)
else:
    detail.show(row)
