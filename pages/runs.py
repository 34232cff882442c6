"""Runs: everything that ran, and one run's page when the link names it."""

import streamlit as st

from pages.ui import bulk, cards, detail, example, filters, live, overview, state, trash, words
from pruning.jobs.store import Row

TABLE = ["star", "run", "kind", "state", "parameters", "accuracy", "when", "tags", "network"]
TRASH = ["run", "kind", "trashed", "parameters", "accuracy", "tags", "network"]
MOST = 5000  # runs that are looked at


def everything() -> None:
    cards.header("Runs", "Everything that ran, is running or waits; a click on its title opens a run.",
                 "Sweep", "Parameters", "Accuracy")  # fmt: skip
    trash.undo()
    rows, gone = state.rows(limit=MOST), state.rows(limit=MOST, trash=True)
    if not rows and not gone:
        if cards.empty(
            f"Every training, prune, sweep and recipe will be listed here. {example.LINE}", example.BUTTON, key="fill"
        ):
            example.start()
        return
    known = {row.id: row for row in (*rows, *gone)}
    if not gone:
        st.query_params.pop("trash", None)
    if st.query_params.get("trash") == "true":
        discarded(outside(gone), known)
    else:
        listed(rows, known, len(outside(gone)))


def outside(gone: list[Row]) -> list[Row]:
    """Without the runs of a tree that lies in the trash itself: they go and come with it."""
    trees = {row.id for row in gone}
    return [row for row in gone if row.sweep not in trees]


def listed(rows: list[Row], known: overview.Known, gone: int) -> None:
    """Search, filters, what can be done, and the table."""
    found = switches(filters.choose(rows, known), gone)
    live.moved(rows)
    st.caption(overview.count_by_state(found))
    above = st.container()
    chosen = overview.table(found, TABLE, key="runs", known=known, several=True) if found else []
    if not found:
        st.info("No run fits the search and the filters.")
    with above:
        bulk.actions(chosen)


def switches(found: list[Row], gone: int) -> list[Row]:
    """Stars alone, runs of trees as well, and the way to the trash."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        if st.toggle("Starred only", key="starred", bind="query-params", help="Only runs that carry a star."):
            found = [row for row in found if row.starred]
        inside = sum(row.sweep is not None for row in found)
        if inside and not st.toggle("Show runs of sweeps and recipes", key="sweeps", bind="query-params",
                                    help=f"{inside} runs belong to a sweep or a recipe and stand on its page."):  # fmt: skip
            found = [row for row in found if row.sweep is None]
        if gone and st.button(
            f"Trash ({gone})",
            icon=":material/delete:",
            type="tertiary",
            help="What was moved to the trash: restore it, or delete it for good.",
        ):
            st.query_params["trash"] = "true"
            st.rerun()
    return found


def discarded(rows: list[Row], known: overview.Known) -> None:
    """What lies in the trash; the runs of a sweep or recipe that lies there go with it."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Trash", anchor=False, width="content")
        if st.button("Back to all runs", type="tertiary", help="The list of all runs."):
            del st.query_params["trash"]
            st.rerun()
    st.caption(f"{words.plural(len(rows), 'run')}. Nothing is deleted by itself.")
    above = st.container()
    chosen = overview.table(rows, TRASH, key="trash", known=known, several=True)
    with above:
        bulk.in_trash(chosen)


cards.inside_app()
number = st.query_params.get("run")
row = state.anywhere(number)
if row is not None and row.kind not in cards.KINDS:  # a small request, which lists leave out
    row = None
if number is None:
    everything()
elif row is None:
    detail.unknown(number)
elif row.trashed:
    trash.page(row)
else:
    detail.show(row)
