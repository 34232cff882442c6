"""The table of the compared runs: every number with its signed difference to the run's parent."""

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from pages.ui import cards, files, words
from pages.ui.compared import Entry, Measured

COLUMNS = {
    "run": st.column_config.NumberColumn("Run", width=50),
    "title": st.column_config.TextColumn("Title", width=230, help="Click a title to open the run."),
    "accuracy": st.column_config.NumberColumn("Accuracy", format="%.2f %%", help="On the test images."),
    "Δ accuracy": st.column_config.TextColumn(alignment="right"),
    "parameters": st.column_config.NumberColumn("Parameters", format="localized"),
    "Δ parameters": st.column_config.TextColumn(alignment="right"),
    "MACs": st.column_config.NumberColumn("MACs", format="localized"),
    "Δ MACs": st.column_config.TextColumn(alignment="right"),
    "size": st.column_config.NumberColumn("Size", format="%.2f MB"),
    "latency": st.column_config.NumberColumn("Latency", format="%.2f ms"),
    "model": st.column_config.TextColumn("Network", width=150),
}
CSV = {"accuracy": "test accuracy, %", "Δ accuracy": "change of accuracy, pp", "Δ parameters": "change of parameters, %",
       "Δ MACs": "change of MACs, %", "size": "size, MB", "latency": "latency, ms"}  # fmt: skip
ROWS = 12  # before the table scrolls


def show(entries: Sequence[Entry]) -> None:
    """The table; a click on a title opens the run."""
    rows = table(entries)
    columns = [name for name in COLUMNS if name != "model" or len({e.network for e in entries}) > 1]
    st.subheader("The runs", anchor=False)
    chosen = st.dataframe(pd.DataFrame(rows), hide_index=True, column_order=columns, column_config=COLUMNS, on_select="rerun", selection_mode="single-cell",
                          placeholder="–", height="content" if len(rows) <= ROWS else 36 * ROWS, key="results",
                          alt=f"Accuracy and costs of {words.plural(len(rows), 'run')}, one a line.")  # fmt: skip
    before = st.session_state.get("results-shown", [])  # what the browser shows, and a click is on, while this runs
    st.session_state["results-shown"] = [row["run"] for row in rows]
    for line, column in chosen["selection"]["cells"]:
        if column == "title" and line < len(before):
            cards.open_run(before[line])
    st.caption(
        f"Differences are to each run's parent. MACs: conv and linear weights once per output position. {timings(entries)}"
    )
    st.download_button("Download table", lambda: files.table(for_csv(rows)), "runs.csv", icon=":material/download:",
                       type="tertiary", on_click="ignore", help="All of these rows as CSV.")  # fmt: skip


def timings(entries: Iterable[Entry]) -> str:
    """What the latencies are and where they were measured; "" where there are none."""
    timed = [e.after["latency"] for e in entries if e.after.get("latency")]
    if not timed:
        return ""
    places = sorted({f"the {t['device'].upper()}" + (f" with {words.plural(t['threads'], 'thread')}" if t.get("threads") and t["device"] == "cpu" else "")
                     for t in timed})  # fmt: skip
    apart = " They are not to be compared across devices." if len(places) > 1 else ""
    return f"Latency: median of one image on {' or '.join(places)}, measured when each run ended.{apart}"


def table(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """One row a run."""
    return [_line(e, e.before, e.after) for e in entries if e.after]


def _line(entry: Entry, before: Measured | None, after: Measured) -> dict[str, Any]:
    def difference(key: str) -> str:
        return words.change(before[key], after[key]) if before else ""

    old, new = (before or {}).get("test_accuracy"), after.get("test_accuracy")
    return {
        "run": entry.run,
        "title": entry.title,
        "accuracy": None if new is None else 100 * new,
        "Δ accuracy": words.points(old, new) if old is not None and new is not None else "",
        "parameters": after["params"],
        "Δ parameters": difference("params"),
        "MACs": after["macs"],
        "Δ MACs": difference("macs"),
        "size": after["bytes"] / 1e6,
        "latency": cards.milliseconds(after),
        "model": entry.network,
    }


def for_csv(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The table with its units in the names of the columns, and bare numbers under them."""
    return [{CSV.get(name, name): bare(value) for name, value in row.items()} for row in rows]


def bare(value: Any) -> Any:
    """'−1.00 pp' → '-1.00'; other words stay."""
    if isinstance(value, float):
        return round(value, 4)
    text = str(value)
    if not text.endswith((" pp", " %")):
        return value
    number = text.rsplit(" ", 1)[0].replace(words.MINUS, "-").replace("±", "")
    return number if number.lstrip("+-").replace(".", "", 1).isdecimal() else value
