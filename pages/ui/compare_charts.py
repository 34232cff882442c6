"""Figures of Compare: curves laid over each other, and the map of kept filters."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from pages.ui.charts import below_toolbar, blank, legend_below, shortened, style
from pages.ui.comparison import Curve, Kept, Overlay

MANY = 12  # curves, from which on they are thin and their raw values left out
ACCURACY = "Cividis"  # readable with any colour vision, dark is low


def overlay(record: Overlay, *, log: bool, faint: bool) -> go.Figure:
    """A colour and a marker for each group of runs; validation solid, training dotted; the raw values faint."""
    figure = blank(record.title, "epoch", record.y_title, height=360)
    groups = list(dict.fromkeys(c.group for c in record.curves))
    both = len({c.data for c in record.curves}) > 1
    many = len(record.curves) > MANY
    seen: set[str] = set()
    for curve in record.curves:
        look = style(curve.group, groups.index(curve.group))
        if faint and not many:
            figure.add_trace(_curve(curve, curve.values, look, opacity=0.25, showlegend=False, mode="lines", hoverinfo="skip", hovertemplate=None))  # fmt: skip
        name = f"{curve.group}, {curve.data}" if both else curve.group
        figure.add_trace(
            _curve(curve, curve.smoothed, look, name=name, legendgroup=name, showlegend=name not in seen, many=many)
        )
        seen.add(name)
    longest = max((len(c.values) for c in record.curves), default=1)
    figure.update_xaxes(**({"dtick": 1} if longest <= 12 else {"tickformat": ",d"}))
    figure.update_yaxes(type="log" if log else "linear")
    return legend_below(figure)


def _curve(
    curve: Curve, values: tuple[float, ...], look: tuple[str, str, str], *, many: bool = False, **more: Any
) -> go.Scatter:
    colour, _, symbol = look
    said = f"{curve.name}<br>{curve.data}, epoch %{{x}}: %{{y:.4g}}<extra></extra>"
    return go.Scatter(
        x=np.arange(1, len(values) + 1),
        y=np.array(values),
        line={"color": colour, "width": 1.2 if many else 2, "dash": "dot" if curve.data == "training" else "solid"},
        marker={
            "symbol": symbol,
            "size": 5 if many else 8,
            "maxdisplayed": 8,
            "color": colour,
        },  # lest they hide the line
        **{"mode": "lines+markers", "hovertemplate": said} | more,
    )


def kept(record: Kept) -> go.Figure:
    """Runs as rows, groups as columns; the share that is left as colour, and as a number where there is room."""
    shares = [[100 * k / n for k, n in zip(row, record.units, strict=True)] for row in record.kept]
    labels = [shortened(f"{run} · {name}", 34) for run, name in zip(record.runs, record.names, strict=True)]
    figure = blank("Filters kept, %", "group", "", height=170 + 24 * len(labels))
    figure.add_trace(
        go.Heatmap(
            z=shares,
            x=list(record.groups),
            y=labels,
            customdata=[[f"{k}/{n}" for k, n in zip(row, record.units, strict=True)] for row in record.kept],
            colorscale=ACCURACY,
            zmin=0,
            zmax=100,
            xgap=1,
            ygap=1,
            colorbar={
                "ticksuffix": " %",
                "thickness": 12,
                "tickvals": [0, 50, 100],
                "lenmode": "pixels",
                "len": 150,
                "y": 1,
                "yanchor": "top",
            },
            hovertemplate="%{y}<br>%{x}: %{customdata} kept, %{z:.1f} %<extra></extra>",
        )
    )
    if len(record.groups) <= 24:
        figure.add_trace(_numbers(record.groups, labels, shares))
    figure.update_yaxes(range=[len(labels) - 0.5, -0.5], type="category", showgrid=False, dtick=1)
    figure.update_xaxes(range=[-0.5, len(record.groups) - 0.5], type="category", showgrid=False)
    return below_toolbar(figure)


def _numbers(groups: Sequence[str], labels: Sequence[str], shares: Sequence[Sequence[float]]) -> go.Scatter:
    """A number in every cell, black on the light end of the colours and white on the dark."""
    cells = [
        (group, label, share)
        for label, row in zip(labels, shares, strict=True)
        for group, share in zip(groups, row, strict=True)
    ]
    return go.Scatter(
        x=[group for group, _, _ in cells],
        y=[label for _, label, _ in cells],
        text=[f"{share:.0f}" for _, _, share in cells],
        textfont={"color": ["#000000" if share > 48 else "#FFFFFF" for _, _, share in cells], "size": 12},
        mode="text",
        hoverinfo="skip",
        showlegend=False,
    )
