"""Accuracy against cost over many runs: which points belong to which curve, and the chart with its files."""

import json
from collections.abc import Iterable

import streamlit as st

from pages.ui import cards, charts, files, state, words
from pages.ui.series import CRITERIA, Point, Series, Tradeoff, averaged
from pruning.jobs.store import Row
from pruning.spec import BY_SHARE, FinetuneSpec, MaskSpec, PruneSpec, Settings, Spec

AXES = {
    "params": ("parameters", "Accuracy against parameters"),
    "macs": ("MACs", "Accuracy against MACs"),
    "bytes": ("size, bytes", "Accuracy against size"),
    "latency": ("latency, ms", "Accuracy against latency"),
}


def of(numbers: Iterable[int], axis: str) -> Tradeoff:
    """A curve for every criterion of a sweep, loose points for single runs; the trainings they go back to are the baselines.

    Sweeps that differ in nothing but their seeds are one curve, of means.
    """
    curves: dict[tuple[str, str, int], list[Point]] = {}
    alike: dict[str, int] = {}  # settings but for the seeds -> the first sweep with them
    baselines: dict[int, Point] = {}
    for number in numbers:
        point, row = point_of(number, axis), state.find(number)
        if point is None or row is None:
            continue
        key, first = curve_of(row, alike), state.first(number)
        if key is not None:
            curves.setdefault(key, []).append(point)
        base = point_of(first, axis) if first is not None else None
        if base is not None:
            baselines[base.run] = base
    x_title, title = AXES[axis]
    return Tradeoff(title, x_title, _named(curves), tuple(baselines.values()))


def curve_of(row: Row, alike: dict[str, int]) -> tuple[str, str, int] | None:
    """(name, network, sweep or 0) of the curve that a run belongs to; None for a training, which is a baseline."""
    spec, network = state.specification(row.id), state.network(row.id)
    tree = state.find(row.sweep)
    match spec:
        case PruneSpec() if tree is not None and tree.kind == "sweep":
            return CRITERIA[spec.pruning.criterion], network, alike.setdefault(seedless(spec), tree.id)
        case PruneSpec():
            return CRITERIA[spec.pruning.criterion], network, 0
        case MaskSpec():
            return "Masked, nothing removed", network, 0
        case FinetuneSpec():
            return "Fine-tuned", network, 0
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
        curve = averaged(points) if sweep else tuple(sorted(points, key=lambda p: p.x))
        found.append(Series(name, curve, is_curve=bool(sweep)))
    return tuple(found)


def seedless(spec: Settings) -> str:
    """What a run of a sweep was asked for, and its parents before it, without seeds, titles, criterion and share."""
    own = spec.model_dump(mode="json", exclude={"title": True, "parent": True, "pruning": {"seed", "share", "criterion"},
                                                "finetune": {"seed"}, "training": {"seed"}})  # fmt: skip
    parent = state.specification(spec.parent) if hasattr(spec, "parent") else None
    return json.dumps(own, sort_keys=True) + (seedless(parent) if parent is not None else "")


def point_of(number: int, axis: str) -> Point | None:
    ended, row = state.result(number), state.find(number)
    after = (ended or {}).get("after") or {}
    cost = cards.milliseconds(after) if axis == "latency" else after.get(axis)
    if row is None or "test_accuracy" not in after or cost is None:
        return None
    criterion, share = asked(state.specification(number))
    return Point(number, cost, after["test_accuracy"], cards.title(row), criterion=criterion, share=share)


def asked(spec: Spec | None) -> tuple[str, float | None]:
    """Criterion and share that a run asked for, where it asked for one."""
    match spec:
        case PruneSpec():
            by_share = spec.pruning.spread in BY_SHARE and not spec.pruning.has_budget
            return CRITERIA[spec.pruning.criterion], spec.pruning.share if by_share else None
        case MaskSpec():
            return CRITERIA[spec.masking.criterion], spec.masking.amount
    return "", None


def show(record: Tradeoff, name: str, *, key: str) -> None:
    figure = charts.tradeoff(record)
    st.plotly_chart(figure, key=key, config=charts.CONFIG)
    files.chart(figure, record.rows(), name)


def tabulate(numbers: Iterable[int]) -> list[dict[str, object]]:
    """One row a run with its numbers and signed differences to its parent."""
    found = []
    for number in numbers:
        ended, row = state.result(number), state.find(number)
        if row is None or not ended or not ended.get("after"):
            continue
        found.append(_line(number, cards.title(row), ended.get("before"), ended["after"]))
    return found


def _line(number: int, title: str, before: dict | None, after: dict) -> dict[str, object]:  # type: ignore[type-arg]
    def difference(key: str) -> str:
        return words.change(before[key], after[key]) if before else ""

    old, new = (before or {}).get("test_accuracy"), after.get("test_accuracy")
    return {
        "run": number,
        "title": title,
        "accuracy": None if new is None else 100 * new,
        "Δ accuracy": words.points(old, new) if old is not None and new is not None else "",
        "parameters": after["params"],
        "Δ parameters": difference("params"),
        "MACs": after["macs"],
        "Δ MACs": difference("macs"),
        "latency": cards.milliseconds(after),
        "model": state.network(number),
    }


CSV = {"accuracy": "test accuracy, %", "Δ accuracy": "change of accuracy, pp", "Δ parameters": "change of parameters, %",
       "Δ MACs": "change of MACs, %", "latency": "latency, ms"}  # fmt: skip


def for_csv(table: Iterable[dict[str, object]]) -> list[dict[str, object]]:
    """The table with its units in the names of the columns, and bare numbers under them."""
    return [{CSV.get(name, name): bare(value) for name, value in row.items()} for row in table]


def bare(value: object) -> object:
    """'−1.00 pp' → '-1.00'; other words stay."""
    if isinstance(value, float):
        return round(value, 4)
    text = str(value)
    if not text.endswith((" pp", " %")):
        return value
    number = text.rsplit(" ", 1)[0].replace(words.MINUS, "-").replace("±", "")
    return number if number.lstrip("+-").replace(".", "", 1).isdecimal() else value
