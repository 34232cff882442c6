"""Parallel coordinates as a figure: an upright axis a setting or result, a line a run, coloured by its accuracy."""

import textwrap
from typing import Any

import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from pages.ui import words
from pages.ui.charts import below_toolbar, blank, shortened
from pages.ui.comparison import Axis, Parallel
from pages.ui.series import DENSE

SCALE = [[0.0, "#0072B2"], [0.5, DENSE], [1.0, "#E69F00"]]  # seen on light and on dark ground, with any colour vision
CHIP = "rgba(60,66,74,0.85)"  # behind labels, which lines cross; white on it is read on any ground
APART = 0.09  # of an axis, between two of its labels
FEW = 6  # values that all have their label; of more, only the ends


def draw(record: Parallel) -> go.Figure:
    names = [axis.name for axis in record.axes]
    titles = [axis.title if names.count(axis.name) > 1 else axis.name for axis in record.axes]
    figure = blank("Settings and results, one line a run", "", "", height=460)
    places = [_places(axis) for axis in record.axes]
    accuracy = places[-1]
    for i in range(len(record.runs)):
        figure.add_trace(_line(record, i, [axis[i] for axis in places], sample_colorscale(SCALE, [accuracy[i]])[0]))
    for x, (axis, ys) in enumerate(zip(record.axes, places, strict=True)):
        figure.add_vline(x=x, line={"width": 1, "color": DENSE}, layer="below")
        figure.add_annotation(x=x, y=1.02, yref="paper", text="<br>".join(textwrap.wrap(titles[x], 13)), showarrow=False, yanchor="bottom", font={"size": 12})  # fmt: skip
        for y, text in _labels(axis, ys):
            figure.add_annotation(
                x=x,
                y=y,
                text=text,
                showarrow=False,
                xanchor="right",
                xshift=-4,
                font={"size": 11, "color": "#FFFFFF"},
                bgcolor=CHIP,
                borderpad=1,
            )
    figure.add_trace(_scale(record.axes[-1]))
    figure.update_xaxes(visible=False, range=[-0.75, len(record.axes) - 0.8])
    figure.update_yaxes(visible=False, range=[-0.04, 1.04])
    return below_toolbar(figure).update_layout(showlegend=False, margin={"t": 110})


def _line(record: Parallel, i: int, ys: list[float], colour: str) -> go.Scatter:
    said = [f"{axis.name}: {spoken(axis, axis.values[i])}" for axis in record.axes]
    run, name = record.runs[i], record.names[i]
    return go.Scatter(
        x=list(range(len(ys))),
        y=ys,
        mode="lines+markers",
        line={"color": colour, "width": 2},
        marker={"size": 6, "color": colour},
        customdata=[[run, text] for text in said],
        hovertemplate=f"{run} · {name}<br>%{{customdata[1]}}<extra></extra>",
        cliponaxis=False,
    )


def _places(axis: Axis) -> list[float]:
    """Where each run crosses the axis, 0 at its foot and 1 at its head."""
    levels = axis.levels()
    at = [float(v) for v in axis.values] if axis.is_numeric else [float(levels.index(v)) for v in axis.values]
    low, high = min(at), max(at)
    return [(value - low) / (high - low) if high > low else 0.5 for value in at]


def _labels(axis: Axis, ys: list[float]) -> list[tuple[float, str]]:
    """The values that runs have, from both ends inwards, as far as they do not touch."""
    at = dict(zip(axis.values, ys, strict=True))
    ordered = sorted(at.items(), key=lambda pair: -abs(pair[1] - 0.5))
    if axis.is_numeric and len(ordered) > FEW:
        ordered = [(value, y) for value, y in ordered if y in (0.0, 1.0)]
    found: list[tuple[float, str]] = []
    for value, y in ordered:
        if all(abs(y - other) >= APART for other, _ in found):
            found.append((y, shortened(spoken(axis, value), 16)))
    return found


def spoken(axis: Axis, value: Any) -> str:
    """1_950_750 → '1.95 M'."""
    if isinstance(value, str):
        return value
    return f"{words.short(value) if abs(value) >= 1000 else f'{value:.4g}'}"


def _scale(axis: Axis) -> go.Scatter:
    """No point, but the bar that tells the colours."""
    values = [float(v) for v in axis.values]
    bar = {"title": {"text": "accuracy, %", "side": "right"}, "thickness": 12}
    return go.Scatter(x=[None], y=[None], mode="markers", hoverinfo="skip", marker={
        "color": [min(values)], "cmin": min(values), "cmax": max(max(values), min(values) + 0.01), "colorscale": SCALE, "colorbar": bar,
    })  # fmt: skip
