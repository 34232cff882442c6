"""A search's record → its trials, and the figure of accuracy against cost with the Pareto front."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from pages.ui import words
from pages.ui.charts import blank
from pages.ui.series import ACCENT, DENSE, STYLES

TITLES = {"params": "parameters", "macs": "MACs (weights, one image)", "latency": "latency, ms"}
UNIFORM, _, _ = STYLES[1]


@dataclass(frozen=True)
class Found:
    cost: str
    accuracies: tuple[float, ...]  # shares in 0..1
    costs: tuple[float, ...]
    uniform: tuple[int, ...]  # trials that remove the same share of every group
    front: tuple[int, ...]
    dense: tuple[float, float]  # accuracy, cost
    tuned: bool

    def rows(self) -> list[dict[str, Any]]:
        """One row a trial, for CSV."""
        return [
            {
                "trial": n,
                "validation accuracy, %": round(100 * accuracy, 4),
                TITLES[self.cost]: cost,
                "on the front": n in self.front,
                "uniform": n in self.uniform,
            }
            for n, (accuracy, cost) in enumerate(zip(self.accuracies, self.costs, strict=True))
        ]

    def label(self, number: int) -> str:
        """'Trial 12: 88.10 % at 1.2 M MACs (−42.0 %)'."""
        change = words.change(self.dense[1], self.costs[number])
        return (
            f"Trial {number}: {words.percent(self.accuracies[number])} at {self.spoken(self.costs[number])} ({change})"
        )

    def spoken(self, cost: float) -> str:
        if self.cost == "latency":
            return f"{cost:.3g} ms"
        return f"{words.short(cost)} {'parameters' if self.cost == 'params' else 'MACs'}"


def found(raw: Mapping[str, Any]) -> Found:
    trials = raw["trials"]
    return Found(
        cost=raw["cost"],
        accuracies=tuple(t["accuracy"] for t in trials),
        costs=tuple(t["cost"] for t in trials),
        uniform=tuple(raw["uniform"]),
        front=tuple(raw["front"]),
        dense=(raw["dense"]["accuracy"], raw["dense"]["cost"]),
        tuned=bool(raw["epochs"]),
    )


def sentence(record: Found) -> str:
    """How the best settings compare with removing the same share everywhere."""
    when = "after fine-tuning" if record.tuned else "before fine-tuning"
    start = (
        f"{len(record.front)} of {len(record.costs)} settings are beaten by no other ({when}, on validation images)."
    )
    half = next((n for n in record.uniform if 0 < record.costs[n] < record.dense[1]), None)
    better = [n for n in record.front if half is not None and record.costs[n] <= record.costs[half]]
    if half is None or not better:
        return start
    best = max(better, key=lambda n: record.accuracies[n])
    gain = words.points(record.accuracies[half], record.accuracies[best])
    return (
        f"{start} At {record.spoken(record.costs[half])} or less, the best is {gain} against the same share everywhere."
    )


def draw(record: Found) -> go.Figure:
    figure = blank(
        "Accuracy against cost, every setting tried", TITLES[record.cost], "validation accuracy, %", height=420
    )
    others = [n for n in range(len(record.costs)) if n not in (*record.front, *record.uniform)]
    figure.add_trace(dots(record, others, "tried", {"color": DENSE, "size": 6, "symbol": "circle-open"}))
    figure.add_trace(
        dots(record, record.uniform, "same share everywhere", {"color": UNIFORM, "size": 9, "symbol": "square"})
    )
    line = {"mode": "lines+markers", "line": {"color": ACCENT, "width": 2, "shape": "hv"}}
    figure.add_trace(dots(record, record.front, "beaten by none", {"color": ACCENT, "size": 8}, **line))
    figure.update_xaxes(rangemode="tozero", tickformat="~s" if record.cost != "latency" else None)
    figure.update_layout(legend={"y": -0.2, "yanchor": "top", "x": 0, "xanchor": "left"}, margin={"t": 40})
    return figure


def dots(record: Found, numbers: Any, name: str, marker: dict[str, Any], **more: Any) -> go.Scatter:
    return go.Scatter(
        name=name,
        x=[record.costs[n] for n in numbers],
        y=[100 * record.accuracies[n] for n in numbers],
        customdata=list(numbers),
        marker=marker,
        cliponaxis=False,
        hovertemplate="trial %{customdata}<br>%{x:,.4~s} · %{y:.2f} %<extra></extra>",
        **{"mode": "markers"} | more,
    )
