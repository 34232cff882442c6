"""Which runs Compare shows: those of the link, or those chosen before, or the newest family; the link follows the choice."""

import re

import streamlit as st

from pages.ui import cards, state, words
from pruning.jobs.store import NETWORK, TREES, Row, State

KEY, LINK = "compare", "runs"  # the choice in the session, and in the address
Rows = dict[str, Row]


def known() -> Rows:
    """Every run with a network, sweep and recipe, newest first."""
    return {str(row.id): row for row in state.rows((*NETWORK, *TREES), limit=2000)}


def members(row: Row, rows: Rows) -> list[Row]:
    """The finished runs with a network that a choice stands for, oldest first."""
    found = [other for other in rows.values() if other.sweep == row.id] if row.kind in TREES else [row]
    return sorted((r for r in found if r.state is State.SUCCEEDED and r.kind in NETWORK), key=lambda r: r.id)


def offered(rows: Rows) -> list[str]:
    """Single runs, sweeps and recipes that have something to compare; the runs of a sweep stand behind it."""
    filled = {row.sweep for row in rows.values() if row.state is State.SUCCEEDED and row.kind in NETWORK}
    return [n for n, row in rows.items() if row.sweep is None
            and (row.id in filled if row.kind in TREES else row.state is State.SUCCEEDED)]  # fmt: skip


def family(offers: list[str], rows: Rows) -> list[str]:
    """The newest sweep or recipe, or else the newest run, with all single runs of its network and data set."""
    first = next((rows[n] for n in offers if rows[n].kind in TREES), rows[offers[0]])
    if first.kind in TREES:
        return [str(first.id)]
    return [n for n in offers if rows[n].kind in NETWORK and state.network(int(n)) == state.network(first.id)][:20]


def read(link: str, rows: Rows) -> tuple[list[str], list[str]]:
    """'3,5,99' → the runs that can be compared, and why each of the others cannot."""
    found, wrong = [], []
    for number in dict.fromkeys(part for part in re.split(r"[,\s]+", link) if part):
        row = rows.get(number) or state.anywhere(number)
        if row is not None and not row.trashed and members(row, rows):
            found.append(str(row.id))
        else:
            wrong.append(reason(number, row))
    return found, wrong


def reason(number: str, row: Row | None) -> str:
    """Why a run cannot be compared, as part of a sentence."""
    if row is None:
        return f"run {number} does not exist"
    if row.trashed:
        return f"run {number} is in the trash"
    if row.kind not in (*NETWORK, *TREES):
        return f"run {number} ends with no network ({cards.KINDS.get(row.kind, row.kind).lower()})"
    if row.kind in TREES:
        return f"no run of {row.kind} {number} has ended well yet"
    return f"run {number} has no result ({cards.STATES[row.state][0].lower()})"


def choose(rows: Rows) -> list[str]:
    """Numbers of the chosen runs, sweeps and recipes."""
    st.query_params.pop("run", None)  # of a run's page that Back came from
    offers, link = offered(rows), st.query_params.get(LINK, "")
    named, wrong = read(link, rows)
    if link != st.session_state.get("compare-link", "") and named:
        st.session_state[KEY] = named
    options = list(dict.fromkeys([*offers, *named]))
    before = st.session_state.get(KEY)
    st.session_state[KEY] = family(offers, rows) if before is None else [n for n in before if n in options]
    chosen = st.multiselect(
        "Runs, sweeps and recipes", options, format_func=lambda n: f"{n} · {cards.title(rows[n])}", key=KEY, persist_state="session",
        help="What to compare: single runs, or all finished runs of a sweep or a recipe. The address of this page follows the choice.",
    )  # fmt: skip
    if wrong and chosen == (named or st.session_state[KEY]):
        st.warning(f"**Left out, as {words.plain('; '.join(wrong))}.** The rest of the link is shown.")
    else:
        remember(link, chosen)
    st.session_state["compare-link"] = st.query_params.get(LINK, "")
    return chosen


def remember(link: str, chosen: list[str]) -> None:
    """Put the choice into the address, so that a copied link shows the same."""
    if not chosen:
        st.query_params.pop(LINK, None)
    elif link != ",".join(chosen):
        st.query_params[LINK] = ",".join(chosen)
