"""The trash as pages show it: the way there and back, and the page of a run that lies in it."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from pages.ui import cards, notes, state, words
from pruning.jobs.store import Row
from pruning.run import Run

UNDO, COMPLAINT = "just-trashed", "trash-complaint"  # in the session


def button(row: Row) -> None:
    """Moves a run to the trash and shows the list, with the way back."""
    says = "Out of all lists, until you restore it. Its files stay. Runs that others start from, or that are running, cannot go."
    if st.button("Move to trash", icon=":material/delete:", type="tertiary", help=says) and move([row.id]):
        st.switch_page("pages/runs.py", query_params={})


def move(numbers: Sequence[int]) -> bool:
    """Whether they went; if not, `complaint` says why."""
    went = notes.attempt(COMPLAINT, lambda: state.store().discard(numbers))
    if went:
        st.session_state[UNDO] = list(numbers)
    return went


def complaint() -> None:
    """Why something was refused a moment ago."""
    error = st.session_state.pop(COMPLAINT, None)
    if error is not None:
        cards.problem(error)


def undo() -> None:
    """What was moved to the trash just now, with the way back."""
    numbers = st.session_state.get(UNDO, ())
    rows = [row for number in numbers if (row := state.anywhere(number)) is not None and row.trashed]
    if not rows:
        return
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        told = f"Run {rows[0].id} “{cards.title(rows[0])}” is" if len(rows) == 1 else f"{len(rows)} runs are"
        st.markdown(f"{words.plain(told)} in the trash.", width="content")
        st.button(
            "Undo",
            type="primary",
            on_click=restore,
            args=([row.id for row in rows],),
            help="Take back what was moved to the trash just now.",
        )
        st.button(
            "Dismiss",
            type="tertiary",
            on_click=lambda: st.session_state.pop(UNDO),
            help="Leave it there, and hide this line.",
        )


def restore(numbers: Sequence[int]) -> None:
    """Back into the lists, with the runs that they start from."""
    for number in numbers:
        notes.attempt(COMPLAINT, partial(state.store().restore, number))
    st.session_state.pop(UNDO, None)


def erase(rows: Sequence[Row]) -> None:
    """Delete for good, behind a confirmation that says how much goes."""
    with st.popover(
        "Delete for good",
        icon=":material/delete_forever:",
        disabled=not rows,
        help="Delete the files of what is selected. This cannot be undone.",
    ):
        if not rows:
            return
        count = words.plural(len(rows), "run")
        st.markdown(
            f"**Delete {count} with {words.size(sum(map(size, rows)))} of files?**  \nNetworks, curves and notes go; this cannot be undone."
        )
        if st.button(f"Yes, delete {count}", type="primary", key="erase"):
            gone = notes.attempt(COMPLAINT, lambda: state.store().delete([row.id for row in rows]))
            st.toast(f"{count} deleted.") if gone else None
            st.rerun()


def size(row: Row) -> int:
    """Bytes of a run's files, and of its runs where it is a tree."""
    numbers = [row.id, *(other.id for other in state.rows(limit=-1, trash=True) if other.sweep == row.id)]
    return sum(file.stat().st_size for n in numbers for file in Run.of(n).path.rglob("*") if file.is_file())


def page(row: Row) -> None:
    """The page of a run in the trash."""
    cards.header("Runs", "One run's page.")
    st.warning(
        f"**Run {row.id} “{words.plain(cards.title(row))}” is in the trash.**  \nIt was moved there {words.ago(row.trashed)}."
    )
    with st.container(horizontal=True):
        st.button(
            "Restore",
            type="primary",
            on_click=restore,
            args=([row.id],),
            help="Back into all lists, with its tree and the runs that it starts from.",
        )
        erase([row])
        if st.button("All runs", type="tertiary", help="The list of all runs."):
            st.switch_page("pages/runs.py", query_params={})
    complaint()
