"""Settings and results of several runs as parallel coordinates: one line a run, one axis a setting or a result."""

from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from pages.ui import asked, cards, charts, files, parallel_chart, words
from pages.ui.compared import Entry, Key
from pages.ui.comparison import NONE, Axis, Parallel, Value
from pruning.spec import Settings

MOST = 5  # axes of settings
WORDS = 12  # on one axis


def values(part: Settings, before: str = "") -> dict[str, Value]:
    """Settings by part and title: numbers as they are, all else in words."""
    found: dict[str, Value] = {}
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if isinstance(value, Settings):
            found |= values(value, f"{asked.PARTS.get(name, name)} · ")
        elif name not in ("kind", "title", "parent"):
            number = isinstance(value, int | float) and not isinstance(value, bool)
            found[before + (field.title or name)] = value if number else asked.setting(value)
    return found


def settings(entries: Sequence[Entry]) -> list[Axis]:
    """What differs between the runs that have it; of settings that always change together, the first."""
    runs: list[dict[str, Value]] = [{"Network": e.network, **values(e.spec)} for e in entries]
    found: dict[tuple[int, ...], Axis] = {}
    for name in dict.fromkeys(name for run in runs for name in run):
        axis = Axis(name, tuple(run.get(name, NONE) for run in runs))
        first = list(dict.fromkeys(axis.values))
        if len({*first} - {NONE}) > 1 and (axis.is_numeric or len(first) <= WORDS):
            found.setdefault(tuple(map(first.index, axis.values)), axis)
    return list(found.values())[:MOST]


def results(entries: Sequence[Entry]) -> list[Axis]:
    """Parameters, MACs, latency where all have one, accuracy in percent."""
    after = [e.after for e in entries]
    times = [cards.milliseconds(a) for a in after]
    found = [Axis("Parameters", tuple(a["params"] for a in after)), Axis("MACs", tuple(a["macs"] for a in after))]
    if all(t is not None for t in times):
        found.append(Axis("Latency", tuple(t for t in times if t is not None), "ms"))
    return [*found, Axis("Accuracy", tuple(100 * a["test_accuracy"] for a in after), "%")]


def gather(entries: Sequence[Entry]) -> Parallel:
    mine = [e for e in entries if "test_accuracy" in e.after]
    return Parallel(tuple(e.run for e in mine), tuple(e.title for e in mine), (*settings(mine), *results(mine)))


@st.cache_resource(max_entries=20, show_spinner=False)
def drawn(key: Key, _entries: Sequence[Entry]) -> tuple[Parallel, go.Figure]:
    record = gather(_entries)
    return record, parallel_chart.draw(record)


def show(key: Key, entries: Sequence[Entry], _by: str) -> None:
    st.caption("Which settings lead where: one line a run, coloured by its accuracy; a click on a line opens the run.")
    record, figure = drawn(key, entries)
    names = ", ".join(axis.name for axis in record.axes)
    told = f"Parallel coordinates of {words.plural(len(record.runs), 'run')} over {names}."
    chosen = st.plotly_chart(
        figure, key="parallel", config=charts.CONFIG, on_select="rerun", selection_mode="points", alt=told
    )
    files.chart(figure, record.rows(), "parallel")
    for dot in chosen["selection"]["points"][:1]:
        cards.open_run(int(dot["customdata"][0]))


def has_any(entries: Sequence[Entry]) -> bool:
    return sum("test_accuracy" in e.after for e in entries) > 1
