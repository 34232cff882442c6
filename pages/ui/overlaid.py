"""Training curves of several runs on one pair of axes, smoothed where asked."""

from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from pages.ui import charts, compare_charts, files, state, tradeoffs, words
from pages.ui.compared import Entry, Key
from pages.ui.comparison import Curve, Overlay
from pruning.run import Run

MEASURES = {
    "loss": ("Loss", "cross-entropy"),
    "accuracy": ("Accuracy", "accuracy, %"),
}
DATA = ("validation", "training")
MOST = 30  # runs in one chart, taken evenly of more
HELP = {
    "measures": "One chart for each.",
    "data": "Validation images are held back from training; they choose the best epoch.",
    "smoothing": "Exponential moving average: each epoch weighs this much less than the one after it. 0 shows the values "
    "themselves; above, they stay as faint lines where there are few.",
    "log": "For losses that fall by factors.",
}


def moving_average(values: Sequence[float], weight: float) -> tuple[float, ...]:
    """Exponential moving average without the pull of its start to zero (Kingma and Ba 2015, section 3)."""
    found, mean = [], 0.0
    for i, value in enumerate(values):
        mean = weight * mean + (1 - weight) * value
        found.append(mean / (1 - weight ** (i + 1)))
    return tuple(found)


def has_any(entries: Sequence[Entry]) -> bool:
    return any(Run.of(e.run).metrics.exists() for e in entries)


def overlay(entries: Sequence[Entry], measure: str, data: Sequence[str], by: str, weight: float) -> Overlay:
    found = []
    for entry in entries:
        records, scale = state.metrics(entry.run), 100 if measure == "accuracy" else 1
        for part in data if records else ():
            values = tuple(scale * float(r[f"{'train' if part == 'training' else part}_{measure}"]) for r in records)
            found.append(Curve(entry.run, entry.label, tradeoffs.group(entry, by), part, values, moving_average(values, weight)))  # fmt: skip
    title, y_title = MEASURES[measure]
    return Overlay(f"{title} by epoch", y_title, tuple(found))


@st.cache_resource(max_entries=60, show_spinner=False)
def drawn(
    _entries: Sequence[Entry], key: Key, measure: str, data: tuple[str, ...], by: str, weight: float, log: bool
) -> tuple[Overlay, go.Figure]:
    made = overlay(_entries, measure, data, by, weight)
    return made, compare_charts.overlay(made, log=log and measure == "loss", faint=weight > 0)


@st.fragment
def show(key: Key, entries: Sequence[Entry], by: str) -> None:
    """A smoother curve does not draw the rest of the page again."""
    st.caption("How the runs learned: which were still getting better, and which only learned by heart.")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        data = st.segmented_control("Images", DATA, default=["validation"], selection_mode="multi", key="images", bind="query-params",
                                    format_func=str.capitalize, help=HELP["data"])  # fmt: skip
        weight = st.slider(
            "Smoothing", 0.0, 0.95, 0.0, 0.05, key="smoothing", bind="query-params", help=HELP["smoothing"], width=220
        )
        log = st.toggle("Log loss", key="logloss", bind="query-params", help=HELP["log"])
    learned = [e for e in entries if Run.of(e.run).metrics.exists()]
    step = -(-len(learned) // MOST)
    for column, measure in zip(st.columns(2, gap="medium"), MEASURES, strict=True):
        with column:
            record, figure = drawn(learned[::step], key, measure, tuple(data or DATA[:1]), by, weight, log)
            st.plotly_chart(figure, key=f"overlay-{measure}", config=charts.CONFIG, alt=told(record))
            files.chart(figure, record.rows(), f"curves-{measure}")
    remarks(entries, learned, weight, step, few=len(record.curves) <= compare_charts.MANY)


def remarks(entries: Sequence[Entry], learned: Sequence[Entry], weight: float, step: int, *, few: bool) -> None:
    if weight:
        faint = "; faint lines are the values themselves" if few else ""
        st.caption(f"Smoothed: exponential moving average, weight {weight:g}{faint}.")
    if step > 1:
        st.caption(f"One of every {step} runs is drawn, as {len(learned)} would hide each other; choose fewer above.")
    still = [str(e.run) for e in entries if e not in learned]
    if still:
        st.caption(
            f"Without epochs of their own, so not drawn: {words.plural(len(still), 'run')} ({', '.join(still)})."
        )


def told(record: Overlay) -> str:
    runs = len({c.run for c in record.curves})
    return (
        f"{record.title} of {words.plural(runs, 'run')}, {' and '.join(dict.fromkeys(c.data for c in record.curves))}."
    )
