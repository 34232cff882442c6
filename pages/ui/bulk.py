"""What can be done to several runs of the list at once."""

from functools import partial

import streamlit as st

from pages.ui import notes, state, trash, words
from pruning.jobs.store import NETWORK, TREES, Row


def actions(rows: list[Row]) -> None:
    """A line of buttons that is always there, so that the table never jumps; without a selection they rest."""
    none = not rows
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(
            f"{words.plural(len(rows), 'run')} selected" if rows else "Select runs by the boxes on the left",
            width="content",
        )
        unstar = bool(rows) and all(row.starred for row in rows)
        st.button("Take star" if unstar else "Star", icon=":material/star:", disabled=none, on_click=star, args=(rows, not unstar),
                  help="Star what is selected, or take the stars where all have one.")  # fmt: skip
        tags(rows)
        compare(rows)
        if st.button(
            "Move to trash",
            icon=":material/delete:",
            disabled=none,
            help="Out of all lists, until restored; nothing is deleted.",
        ):
            trash.move([row.id for row in rows])
            st.rerun()
    trash.complaint()


def star(rows: list[Row], starred: bool) -> None:
    for row in rows:
        state.store().annotate(row.id, starred=starred)


def tags(rows: list[Row]) -> None:
    """Add tags to what is selected, and take others away."""
    with st.popover(
        "Tag", icon=":material/sell:", disabled=not rows, help="Add tags to what is selected, or take some away."
    ):
        added = st.multiselect("Add", notes.used(), key="tags-added", accept_new_options=True, placeholder="Choose, or type a new one",
                               help="Enter adds a new tag.")  # fmt: skip
        there = sorted({tag for row in rows for tag in row.tags})
        gone = st.multiselect(
            "Take away",
            there,
            key="tags-gone",
            placeholder="None",
            disabled=not there,
            help="Tags of what is selected.",
        )
        st.button("Apply", type="primary", key="tags-apply", on_click=tag, args=(rows, added, gone), disabled=not (added or gone),
                  help="Change the tags of all selected runs.")  # fmt: skip


def tag(rows: list[Row], added: list[str], gone: list[str]) -> None:
    for row in rows:
        changed = {*row.tags, *added} - set(gone)
        notes.attempt(trash.COMPLAINT, partial(state.store().annotate, row.id, tags=tuple(changed)))
    st.session_state.update({"tags-added": [], "tags-gone": []})


def compare(rows: list[Row]) -> None:
    fit = [row for row in rows if row.kind in (*NETWORK, *TREES)]
    if st.button(
        "Compare",
        icon=":material/scatter_plot:",
        disabled=not fit,
        help="Accuracy against cost of what is selected: runs with a network, sweeps and recipes.",
    ):
        st.switch_page("pages/compare.py", query_params={"runs": ",".join(str(row.id) for row in fit)})


def in_trash(rows: list[Row]) -> None:
    """The line of buttons above the trash."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(
            f"{words.plural(len(rows), 'run')} selected" if rows else "Select runs by the boxes on the left",
            width="content",
        )
        st.button("Restore", icon=":material/restore_from_trash:", disabled=not rows, on_click=trash.restore, args=([row.id for row in rows],),
                  help="Back into all lists, with the runs that they start from.")  # fmt: skip
        trash.erase(rows)
    trash.complaint()
