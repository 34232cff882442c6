"""Tables of runs: the recent ones with sparklines, the full list, and the best trade-off so far."""

from collections.abc import Iterable
from typing import Any

import pandas as pd
import streamlit as st

from pages.ui import cards, state, words
from pruning.jobs.store import Row, State


def record(row: Row) -> dict[str, Any]:
    """What a table shows of a run."""
    after = (state.result(row.id) or {}).get("after") or {}
    curve = [100 * m["validation_accuracy"] for m in state.metrics(row.id)]
    return {
        "run": f"{row.id} · {cards.title(row)}",
        "kind": cards.KINDS[row.kind],
        "state": cards.STATES[row.state][0],
        "network": state.network(row.id),
        "parameters": after.get("params"),
        "accuracy": percent_or_none(after.get("test_accuracy")),
        "validation": curve if len(curve) > 1 else None,
        "when": words.ago(row.started) if row.started else f"added {words.ago(row.created)}",
    }


def percent_or_none(share: float | None) -> float | None:
    return None if share is None else 100 * share


ROWS = 20  # of a table before it scrolls
SHORT = ["run", "state", "parameters", "accuracy", "validation", "when"]
MIXED = ["run", "kind", *SHORT[1:]]  # where runs are of several kinds
COLUMNS = {
    "run": st.column_config.TextColumn("Run", width=230, help="Click a title to open the run."),
    "kind": st.column_config.TextColumn("Kind", width=85),
    "state": st.column_config.TextColumn("State", width=70),
    "network": st.column_config.TextColumn("Network", width=150),
    "parameters": st.column_config.NumberColumn("Parameters", format="localized", width=95),
    "accuracy": st.column_config.NumberColumn("Accuracy", format="%.2f %%", width=80, help="On the test images."),
    "when": st.column_config.TextColumn("When", width=110, help="When it was started, or added while it waits."),
}


def table(rows: list[Row], columns: list[str], *, key: str) -> None:
    """Runs, one a line; a click on the title opens its page."""
    frame = pd.DataFrame([record(row) for row in rows])[columns]
    before = st.session_state.get(f"{key}-shown", [])  # what the browser shows, and a click is on, while this runs
    st.session_state[f"{key}-shown"] = [row.id for row in rows]
    chosen = st.dataframe(
        frame,
        hide_index=True,
        column_config=COLUMNS | {"validation": sparkline(frame.get("validation", ()))},
        on_select="rerun",
        selection_mode=["single-row", "single-cell"],
        height="content" if len(rows) <= ROWS else 36 * ROWS,
        placeholder="–",
        key=key,
    )
    picked = chosen["selection"]
    lines = [*picked["rows"], *(line for line, column in picked["cells"] if column == "run")]
    for line in lines:
        if line < len(before):
            cards.open_run(before[line])


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
    ended = state.result(row.id) or {}
    st.subheader("Best trade-off so far", anchor=False, help="Most parameters saved for at most 1 pp of test accuracy.")
    cards.link(row, "best")
    cards.differences(ended["before"], ended["after"])


def best_of(rows: list[Row]) -> Row | None:
    """Most parameters saved among the runs that lost at most TOLERANCE of accuracy; the most accurate of equals."""
    kept = [(saved, cards.accuracy(row.id) or 0.0, row.id, row) for row in rows
            if (saved := _saved(state.result(row.id))) is not None]  # fmt: skip
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
