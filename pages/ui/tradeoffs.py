"""Accuracy against cost over many runs: which points belong together, the front, and the charts with their files."""

from collections.abc import Iterable, Sequence

import plotly.graph_objects as go
import streamlit as st

from pages.ui import cards, charts, compared, files, state, tradeoff_chart, words
from pages.ui.compared import Entry, Key
from pages.ui.series import CRITERIA, Point, Series, Tradeoff, averaged, front
from pruning.spec import FinetuneSpec, MaskSpec, PruneSpec

AXES = {
    "params": ("parameters", "Accuracy against parameters"),
    "macs": ("MACs", "Accuracy against MACs"),
    "bytes": ("size, bytes", "Accuracy against size"),
    "latency": ("latency, ms", "Accuracy against latency"),
}
COLOURS = {
    "criterion": "Criterion",
    "seed": "Seed",
    "run": "Run",
    "sweep": "Sweep or recipe",
}
Drawn = tuple[Tradeoff, go.Figure]


def of(numbers: Iterable[int], axis: str) -> Tradeoff:
    """The record of runs by their numbers: a curve for every criterion, the trainings they go back to as baselines."""
    rows = [row for number in numbers if (row := state.find(number)) is not None]
    return record(compared.gather(rows), axis)


def record(entries: Sequence[Entry], axis: str, by: str = "criterion", *, with_front: bool = False) -> Tradeoff:
    """Means over the runs that differ in nothing but their seeds; by run and by seed, every run on its own.

    Sweeps that differ in nothing but their seeds are one curve. There is no front over accuracies on several data sets.
    """
    x_title, title = AXES[axis]
    named = criteria(entries, axis) if by == "criterion" else grouped(entries, axis, by)
    starts = [row for n in dict.fromkeys(e.first for e in entries) if (row := state.find(n)) is not None]
    baselines = tuple(p for e in compared.gather(starts) if (p := point(e, axis)) is not None)
    found = Tradeoff(title, x_title, named, baselines)
    beaten_by_none = front(found.points) if with_front and len({e.images for e in entries}) == 1 else ()
    return Tradeoff(title, x_title, named, baselines, beaten_by_none)


def criteria(entries: Iterable[Entry], axis: str) -> tuple[Series, ...]:
    curves: dict[tuple[str, str, int], list[Point]] = {}
    alike: dict[str, int] = {}  # family -> the first sweep of it
    for one in entries:
        key, found = curve_of(one, alike), point(one, axis)
        if key is not None and found is not None:
            curves.setdefault(key, []).append(found)
    return _named(curves)


def curve_of(entry: Entry, alike: dict[str, int]) -> tuple[str, str, int] | None:
    """(name, network, sweep or 0) of the curve that a run belongs to; None for a training, which is a baseline."""
    match entry.spec:
        case PruneSpec():
            sweep = alike.setdefault(entry.family, entry.sweep) if entry.sweep is not None else 0
            return compared.criterion(entry.spec), entry.network, sweep
        case MaskSpec():
            return "Masked, nothing removed", entry.network, 0
        case FinetuneSpec():
            return "Fine-tuned", entry.network, 0
    return None


def _named(curves: dict[tuple[str, str, int], list[Point]]) -> tuple[Series, ...]:
    """Names as short as they can be while no two curves share one."""
    networks, sweeps = ({key[i] for key in curves if key[2]} for i in (1, 2))
    found = []
    for (criterion, network, sweep), points in sorted(curves.items()):
        parts = [criterion, network if len(networks) > 1 else "", f"sweep {sweep}" if len(sweeps) > 1 and sweep else ""]
        name = " · ".join(
            part for part in [*parts, "single run" if criterion in CRITERIA.values() and not sweep else ""] if part
        )
        found.append(Series(name, averaged(points), is_curve=bool(sweep)))
    return tuple(found)


def grouped(entries: Iterable[Entry], axis: str, by: str) -> tuple[Series, ...]:
    """Loose points by seed, run or tree; those of a tree are means over seeds."""
    found: dict[str, list[Point]] = {}
    for one in entries:
        dot = point(one, axis)
        if dot is not None and one.kind != "train":
            found.setdefault(group(one, by), []).append(dot)
    mean = averaged if by == "sweep" else lambda points: tuple(sorted(points, key=lambda p: p.x))
    return tuple(Series(name, mean(points), is_curve=False) for name, points in found.items())


def group(entry: Entry, by: str) -> str:
    """What a run is called in a legend, for each way to colour."""
    match by:
        case "seed":
            return f"seed {compared.seed(entry.spec)}"
        case "sweep":
            return entry.tree or "single runs"
        case "run":
            return entry.label
    criterion = compared.criterion(entry.spec)
    return criterion or {"train": "unpruned", "finetune": "Fine-tuned"}.get(entry.kind, entry.kind)


def point(entry: Entry, axis: str) -> Point | None:
    """None for a run without a test accuracy, or without this cost."""
    after = entry.after
    cost = cards.milliseconds(after) if axis == "latency" else after.get(axis)
    if "test_accuracy" not in after or cost is None:
        return None
    spec = entry.spec
    return Point(entry.run, cost, after["test_accuracy"], entry.title, criterion=compared.criterion(spec), share=compared.share(spec), alike=entry.alike)  # fmt: skip


@st.cache_resource(max_entries=60, show_spinner=False)
def drawn(key: Key, axis: str, by: str, with_front: bool, log: bool, _entries: Sequence[Entry]) -> Drawn:
    made = record(_entries, axis, by, with_front=with_front)
    return made, tradeoff_chart.draw(made, log=log)


def show(record: Tradeoff, name: str, *, key: str) -> None:
    """A chart on a page that has one; a click on a point opens the run."""
    place((record, tradeoff_chart.draw(record)), name, key=key)


def place(chart: Drawn, name: str, *, key: str) -> None:
    record, figure = chart
    chosen = st.plotly_chart(
        figure, key=key, config=charts.CONFIG, on_select="rerun", selection_mode="points", alt=told(record)
    )
    files.chart(figure, record.rows(), name)
    clicked(chosen["selection"]["points"], record, key)


def clicked(points: Sequence[dict[str, object]], record: Tradeoff, key: str) -> None:
    """Open the run of the point, or name the runs behind a mean."""
    numbers = {point.run: point.numbers for point in record.points}
    for dot in points:
        data = dot.get("customdata")
        behind = numbers.get(int(data[0]), ()) if isinstance(data, (list, tuple)) and data else ()
        if len(behind) == 1:
            cards.open_run(behind[0])
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"The mean of {words.plural(len(behind), 'run')}:", width="content")
            for row in filter(None, map(state.find, behind)):
                cards.link(row, key)


def told(record: Tradeoff) -> str:
    """The chart in one sentence, for those who cannot see it."""
    names = ", ".join(s.name for s in record.series) or "the unpruned networks"
    best = max(record.points, key=lambda p: p.y, default=None)
    most = f"; most accurate: {best.note}, {words.percent(best.y)}" if best else ""
    return f"{record.title} of {words.plural(len(record.points), 'point')} ({names}){most}."


def beaten_by_none(record: Tradeoff) -> str:
    """The front in words."""
    names = [f"{p.note} ({', '.join(map(str, p.numbers))})" for p in record.front]
    return f"Beaten by no other in accuracy and {record.x_title.partition(',')[0]}: {'; '.join(names)}."
