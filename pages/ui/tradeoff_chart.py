"""Accuracy against cost as a figure: curves and loose points, unpruned networks, the Pareto front."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from pages.ui import words
from pages.ui.charts import blank, legend_below, style
from pages.ui.series import ACCENT, DENSE, Point, Series, Tradeoff


def draw(record: Tradeoff, *, log: bool = False) -> go.Figure:
    """Accuracy in percent against parameters, MACs …; baselines are hollow grey diamonds, points on the front have rings."""
    figure = blank(record.title, record.x_title, "test accuracy, %", height=420)
    if record.front:
        figure.add_trace(_front(record))
    for i, series in enumerate(record.series):
        figure.add_trace(_line(series, style(series.name, i), record.x_title))
    if record.baselines:
        figure.add_trace(_baselines(record))
    figure.update_xaxes(**_amounts(record.x_title, log=log))
    return legend_below(figure)


def _amounts(x_title: str, *, log: bool) -> dict[str, Any]:
    """200k, 4M, 16MB on the axis; milliseconds as they are."""
    suffix = "B" if x_title.endswith("bytes") else ""
    short = {"tickformat": "~g" if x_title.endswith("ms") else "~s", "ticksuffix": suffix, "tickangle": 0}
    return short | ({"type": "log", "dtick": "D2"} if log else {"rangemode": "tozero", "nticks": 7})


def _front(record: Tradeoff) -> go.Scatter:
    """Steps under which every other point lies, and a ring around each point on it."""
    return go.Scatter(
        name="Pareto front",
        x=[p.x for p in record.front],
        y=[100 * p.y for p in record.front],
        mode="lines+markers",
        line={"color": ACCENT, "width": 1.5, "shape": "hv"},
        marker={"symbol": "circle-open", "size": 17, "color": ACCENT, "line": {"width": 1.5}},
        cliponaxis=False,
        hoverinfo="skip",
    )


def _line(series: Series, style: tuple[str, str, str], x_title: str) -> go.Scatter:
    colour, dash, symbol = style
    return go.Scatter(
        name=series.name,
        error_y={"array": [100 * p.spread for p in series.points], "visible": any(p.spread for p in series.points),
                 "thickness": 1.5, "width": 4},
        mode="lines+markers" if series.is_curve else "markers",
        line={"color": colour, "dash": dash, "width": 2},
        marker={"symbol": symbol, "size": 8 if series.is_curve else 11, "color": colour},
        **_points(series.points, x_title),
    )  # fmt: skip


def _points(points: Sequence[Point], x_title: str) -> dict[str, Any]:
    """Places of points, and what is said when the pointer is on one; its run comes first, for a click."""
    return {
        "x": [p.x for p in points],
        "y": [100 * p.y for p in points],
        "customdata": [[p.run, p.note, _cost(p.x, x_title), _spread(p), _whose(p)] for p in points],
        "cliponaxis": False,
        "hovertemplate": "%{customdata[1]}<br>%{customdata[2]} · %{y:.2f} %%{customdata[3]}<br>%{customdata[4]}<extra></extra>",
    }


def _cost(cost: float, x_title: str) -> str:
    if x_title.endswith("ms"):
        return f"{cost:.3g} ms"
    return words.size(cost) if x_title.endswith("bytes") else f"{words.count(cost)} {x_title}"


def _spread(point: Point) -> str:
    return f" ± {100 * point.spread:.2f}" if point.spread else ""


def _whose(point: Point) -> str:
    many = len(point.numbers) > 1
    return f"runs {', '.join(map(str, point.numbers))}, click to choose" if many else f"run {point.run}, click to open"


def _baselines(record: Tradeoff) -> go.Scatter:
    return go.Scatter(
        name="unpruned" if len(record.baselines) > 1 else f"unpruned: {record.baselines[0].note}",
        mode="markers",
        marker={"symbol": "diamond-open", "size": 12, "color": DENSE, "line": {"width": 2}},
        **_points(record.baselines, record.x_title),
    )
