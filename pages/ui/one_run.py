"""Which run a page is about: the one in the link, the one looked at before, or the page's own choice."""

import streamlit as st

from pages.ui import cards, state
from pruning.jobs.store import Row


def choose(rows: list[Row], preferred: Row, page: str) -> Row:
    """One of `rows`, the one in the link first; the link follows the choice, and coming back shows the same."""
    numbers, key = [row.id for row in rows], f"{page}-run"
    linked = st.query_params.get("run", "")
    is_linked = linked.isdecimal() and int(linked) in numbers
    start = int(linked) if is_linked else before(key, numbers, preferred.id)
    if is_linked:
        st.session_state[key] = start
    elif linked:
        st.warning(f"**{missing(linked)}** Run {start} is shown instead.")
    elif start != preferred.id:
        st.query_params["run"] = str(start)
    names = {row.id: cards.label(row) for row in rows}
    chosen = st.selectbox("Run", numbers, index=numbers.index(start), format_func=lambda n: names[n],
                          help="Whose network this page is about; the address follows.")  # fmt: skip
    if chosen != start:
        st.query_params.pop("shares", None)
        st.query_params["run"] = str(chosen)
        st.rerun()
    return rows[numbers.index(chosen)]


def before(key: str, numbers: list[int], preferred: int) -> int:
    """The run that this page was last opened or set for, where it can still be shown."""
    last = st.session_state.get(key)
    return last if last in numbers else preferred


def missing(linked: str) -> str:
    """Why the run of a link cannot be shown."""
    row = state.anywhere(linked)
    if row is None:
        return f"Run {linked} does not exist."
    if row.trashed:
        return f"Run {linked} is in the trash."
    if not row.state.is_finished:
        return f"Run {linked} has nothing to show here yet."
    return f"Run {linked} is not one of those that can be shown here."
