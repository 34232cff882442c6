"""Predicted beside measured accuracy: plain records, and the chart that is drawn of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from pages.ui import charts
from pages.ui.series import ACCENT, DENSE, STYLES
from pruning.jobs.submit import SMALL_NUMBERS
from pruning.prediction import Measured, Prediction, Predictor

SCAN, NOW, RUNS = "measured by the scan", "Evaluate now", "prune runs"
LOOKS = {SCAN: (DENSE, "circle-open"), NOW: (STYLES[1][0], "square"), RUNS: (ACCENT, "circle")}


@dataclass(frozen=True)
class Dot:
    """A measured plan beside its prediction, accuracies in percent."""

    kind: str  # SCAN, NOW or RUNS
    run: int
    predicted: float
    low: float
    high: float
    measured: float


def dots(predictor: Predictor) -> list[Dot]:
    return [dot(point, told) for point, told in predictor.held_out]


def dot(point: Measured, told: Prediction) -> Dot:
    kind = SCAN if not point.run else NOW if point.run > SMALL_NUMBERS else RUNS
    return Dot(
        kind, point.run, *(round(100 * value, 4) for value in (told.accuracy, told.low, told.high, point.accuracy))
    )


def chart(shown: Sequence[Dot]) -> go.Figure:
    """Measured against predicted accuracy with the intervals; on the dashed line both agree."""
    figure = charts.blank("Predicted and measured", "predicted accuracy, %", "measured accuracy, %", height=440)
    ends = [value for one in shown for value in (one.low, one.high, one.measured)]
    span = [min(ends) - 1, max(ends) + 1]
    line = {"color": DENSE, "dash": "dash", "width": 1}
    figure.add_trace(go.Scatter(x=span, y=span, mode="lines", line=line, name="both agree", hoverinfo="skip"))
    for kind, (colour, symbol) in LOOKS.items():
        if own := [one for one in shown if one.kind == kind]:
            figure.add_trace(scattered(kind, own, colour, symbol))
    figure.update_xaxes(range=span)
    figure.update_yaxes(range=span)
    return figure


def scattered(kind: str, shown: Sequence[Dot], colour: str, symbol: str) -> go.Scatter:
    return go.Scatter(
        name=kind,
        x=[one.predicted for one in shown],
        y=[one.measured for one in shown],
        customdata=[[one.run, said(one)] for one in shown],
        error_x={
            "array": [one.high - one.predicted for one in shown],
            "arrayminus": [one.predicted - one.low for one in shown],
            "symmetric": False,
            "thickness": 1,
            "width": 0,
            "color": colour,
        },
        mode="markers",
        marker={"symbol": symbol, "size": 9, "color": colour},
        hovertemplate="predicted %{x:.1f} %, measured %{y:.1f} %<br>%{customdata[1]}<extra></extra>",
    )


def said(one: Dot) -> str:
    return f"run {one.run}, click to open" if one.kind == RUNS else one.kind
