"""What the user says of a run: its star, title, tags and note, shown on its page and changed in place."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.ui import cards, overview, state, words
from pruning.errors import UserError
from pruning.jobs.notes import LONGEST
from pruning.jobs.store import Row

LINES = 12  # of a note before it is folded


def star(row: Row) -> None:
    """The button that sets the star or takes it."""
    says = "Take the star away" if row.starred else "Mark it with a star, to find it again in the list of runs"
    st.button(overview.STAR if row.starred else overview.NO_STAR, type="tertiary", key=f"star-{row.id}", help=says, on_click=annotate, args=(row.id,),
              kwargs={"starred": not row.starred})  # fmt: skip


def edit(row: Row) -> None:
    """Title, tags and note behind one button; each is kept as soon as its field is left."""
    with st.popover("Edit", icon=":material/edit:", type="tertiary", help="Rename this run, tag it, write a note."):
        own = row.title if row.title != row.given_title else ""
        st.text_input(
            "Title", own, key=f"title-{row.id}", max_chars=LONGEST["title"], placeholder=cards.title(row),
            on_change=kept, args=(row.id, "title"), help="What lists call this run. Empty: the title that it was started with.",
        )  # fmt: skip
        st.multiselect(
            "Tags", used(), default=list(row.tags), key=f"tags-{row.id}", accept_new_options=True, placeholder="Choose, or type a new one",
            on_change=kept, args=(row.id, "tags"), help="Words to find runs by, such as “paper” or “broken”. Enter adds a new one.",
        )  # fmt: skip
        st.text_area(
            "Note", row.note, key=f"note-{row.id}", max_chars=LONGEST["note"], height=160, on_change=kept, args=(row.id, "note"),
            placeholder="Why it was started, what came out, what to try next",
            help="Plain text, shown as typed. It is kept when you click elsewhere, or press Ctrl+Enter.",
        )  # fmt: skip
    complaint = st.session_state.pop(f"complaint-{row.id}", None)
    if complaint is not None:
        cards.problem(complaint)


def kept(number: int, name: str) -> None:
    """Keep what a field of `edit` says now."""
    annotate(number, **{name: st.session_state[f"{name}-{number}"]})


def annotate(number: int, **changes: Any) -> None:
    """Say something of a run; what cannot be is said on the next drawing of its page."""
    attempt(f"complaint-{number}", lambda: state.store().annotate(number, **changes))


def attempt(place: str, do: Callable[[], Any]) -> bool:
    """Do it; where it is refused, leave the reason in the session for whoever draws next."""
    try:
        do()
    except UserError as error:
        st.session_state[place] = error
        return False
    return True


def used() -> list[str]:
    """Every tag that any run has, in alphabetical order."""
    return sorted({tag for row in state.rows(limit=-1) for tag in row.tags}, key=str.casefold)


def shown(row: Row) -> None:
    """The tags and the note of a run, as typed."""
    if row.tags:
        with st.container(horizontal=True, gap="xsmall"):
            for tag in row.tags:
                st.badge(words.plain(tag), color="violet", icon=":material/sell:")
    if row.note.count("\n") >= LINES:
        with st.expander("Note"):
            st.text(row.note)
    elif row.note:
        st.text(row.note)
