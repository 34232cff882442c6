"""Tables of runs: the recent ones with sparklines, the full list, and the best trade-off so far."""

import json
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from pages.ui import cards, state, words
from pruning.jobs.store import NETWORK, Row, State

Known = Mapping[int, Row]  # rows that are at hand, by number
STAR, NO_STAR = "★", "☆"


def record(row: Row, columns: Iterable[str], known: Known) -> dict[str, Any]:
    """What a table shows of a run, from the list of jobs alone; only the curve is read from the run's folder."""
    return {name: CELLS[name](row, known) for name in columns}


def title(row: Row, known: Known) -> str:
    return f"{row.id} · {cards.title(row, known)}"


def network(row: Row, known: Known) -> str:
    """'scnnb on fashion-mnist-sample', found along the line of parents."""
    spec = json.loads(row.spec)
    while "parent" in spec and (above := known.get(spec["parent"]) or state.anywhere(spec["parent"])) is not None:
        spec = json.loads(above.spec)
    if "model" in spec and "data" in spec:
        return f"{spec['model']['name']} on {spec['data']['name']}"
    return state.network(row.id)


def curve(row: Row, known: Known) -> list[float] | None:
    found = [100 * record["validation_accuracy"] for record in state.metrics(row.id)]
    return found if len(found) > 1 else None


def measured(name: str, row: Row, known: Known) -> float | None:
    found = ((row.summary.get("after") if row.kind in NETWORK else None) or {}).get(name)
    return None if found is None else float(found)


def when(row: Row, known: Known) -> str:
    return words.ago(row.started) if row.started else f"added {words.ago(row.created)}"


def accuracy(row: Row, known: Known) -> float | None:
    found = measured("test_accuracy", row, known)
    return None if found is None else 100 * found


CELLS: dict[str, Callable[[Row, Known], Any]] = {
    "star": lambda row, known: STAR if row.starred else NO_STAR,
    "run": title,
    "kind": lambda row, known: cards.KINDS[row.kind],
    "state": lambda row, known: cards.STATES[row.state][0],
    "network": network,
    "parameters": partial(measured, "params"),
    "accuracy": accuracy,
    "validation": curve,
    "tags": lambda row, known: list(row.tags),
    "when": when,
    "trashed": lambda row, known: words.ago(row.trashed),
}
ROWS = 20  # of a table before it scrolls
CURVES = 60  # rows up to which a table draws them: each is read from its run's folder
SHORT = ["run", "state", "parameters", "accuracy", "validation", "when"]
MIXED = ["run", "kind", *SHORT[1:]]  # where runs are of several kinds
COLUMNS = {
    "run": st.column_config.TextColumn("Run", width=230, help="Click a title to open the run."),
    "kind": st.column_config.TextColumn("Kind", width=85),
    "state": st.column_config.TextColumn("State", width=70),
    "network": st.column_config.TextColumn("Network", width=150),
    "parameters": st.column_config.NumberColumn("Parameters", format="localized", width=95),
    "accuracy": st.column_config.NumberColumn("Accuracy", format="%.2f %%", width=80, help="On the test images."),
    "tags": st.column_config.MultiselectColumn("Tags", width=110, color="auto", help="Set them on a run's own page, or for several runs above the table."),
    "when": st.column_config.TextColumn("When", width=110, help="When it was started, or added while it waits."),
    "trashed": st.column_config.TextColumn("In the trash", width=110, help="When it was moved there."),
}  # fmt: skip


def table(
    rows: list[Row], columns: list[str], *, key: str, known: Known | None = None, several: bool = False
) -> list[Row]:
    """Runs, one a line; a click on the title opens its page. Returns the selected rows, where `several` can be."""
    at_hand = known or {row.id: row for row in rows}
    columns = [name for name in columns if name != "validation" or len(rows) <= CURVES]
    frame = pd.DataFrame([record(row, columns, at_hand) for row in rows])[columns]
    numbers = [row.id for row in rows]
    place = f"{key}-{hash(tuple(numbers))}"  # other rows are another table: a selection never slips to the next run
    chosen = st.dataframe(
        frame,
        hide_index=True,
        column_config=COLUMNS
        | {"validation": sparkline(frame.get("validation", ())), "star": star_column(place, numbers)},
        on_select=partial(clicked, place, numbers, several),
        selection_mode=["multi-row" if several else "single-row", "single-cell"],
        height="content" if len(rows) <= ROWS else 36 * ROWS,
        placeholder="–",
        key=place,
    )
    if number := st.session_state.pop("clicked", None):
        cards.open_run(number)
    return [rows[line] for line in chosen["selection"]["rows"]]


def clicked(place: str, numbers: list[int], several: bool) -> None:
    """Remember the run whose title was clicked, or whose row was chosen where only one can be."""
    picked = st.session_state[place]["selection"]
    lines = [*([] if several else picked["rows"]), *(line for line, column in picked["cells"] if column == "run")]
    if lines:
        st.session_state["clicked"] = numbers[lines[0]]


def star_column(place: str, numbers: list[int]) -> Any:
    """A star to click in every row."""
    key = f"star-{place}"
    return st.column_config.ButtonColumn(
        "★", width=40, type="tertiary", key=key, on_click=starred, args=(key, numbers),
        help="A star marks what you want to find again; click to set or take it.",
    )  # fmt: skip


def starred(key: str, numbers: list[int]) -> None:
    click = st.session_state[key]
    state.store().annotate(numbers[click["row"]], starred=click["label"] == NO_STAR)


def sparkline(curves: Iterable[list[float] | None]) -> Any:
    """One y range for all curves of a table, as wide as they need."""
    values = [value for curve in curves if isinstance(curve, list) for value in curve] or [0, 100]
    return st.column_config.LineChartColumn(
        "Validation accuracy", y_min=min(values), y_max=max(max(values), min(values) + 1), width=120
    )


def recent(rows: list[Row], most: int = 8) -> None:
    st.subheader("Recent runs", anchor=False)
    table(rows[:most], SHORT, key="recent")
    if len(rows) > most:
        st.page_link("pages/runs.py", label=f"All {len(rows)} runs")


TOLERANCE = 0.01  # accuracy that a trade-off may give up


def best() -> None:
    """The pruned run that saved most among those that kept their accuracy, with its numbers."""
    row = best_of([row for row in state.finished() if row.kind == "prune"])
    if row is None:
        return
    ended = row.summary
    st.subheader("Best trade-off so far", anchor=False, help="Most parameters saved for at most 1 pp of test accuracy.")
    cards.link(row, "best")
    cards.differences(ended["before"], ended["after"])


def best_of(rows: list[Row]) -> Row | None:
    """Most parameters saved among the runs that lost at most TOLERANCE of accuracy; the most accurate of equals."""
    kept = [(saved, row.summary["after"]["test_accuracy"], row.id, row) for row in rows
            if (saved := _saved(row.summary)) is not None]  # fmt: skip
    return max(kept)[-1] if kept else None


def _saved(ended: dict[str, Any] | None) -> float | None:
    before, after = (ended or {}).get("before") or {}, (ended or {}).get("after") or {}
    if "test_accuracy" not in before or "test_accuracy" not in after:
        return None
    lost = before["test_accuracy"] - after["test_accuracy"]
    return 1 - after["params"] / before["params"] if lost <= TOLERANCE else None


def count_by_state(rows: list[Row]) -> str:
    """'3 done · 1 failed'."""
    known = [(cards.STATES[s][0].lower(), sum(row.state is s for row in rows)) for s in State]
    return " · ".join(f"{n} {word}" for word, n in known if n)
