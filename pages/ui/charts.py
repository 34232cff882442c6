"""Records → Plotly figures: titles, units, the same colour for the same thing, dash or marker as second cue."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from pages.ui.series import ACCENT, CRITERIA, DENSE, STYLES, Bars, Learning, Norms

CONFIG = {
    "displaylogo": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
}


def legend_below(figure: go.Figure) -> go.Figure:
    """The legend under the axis, in as many lines as it needs; the plot keeps its height."""
    names = [shortened(trace.name) for trace in figure.data if trace.showlegend is not False]
    figure.for_each_trace(lambda trace: trace.update(name=shortened(trace.name)))
    across = max(1, NARROW // (45 + 7 * max(map(len, names), default=1)))
    lines = -(-len(names) // across)
    taller = 20 * max(0, min(lines, LINES) - 1)
    figure.update_layout(
        legend={
            "yref": "container",
            "y": 0,
            "yanchor": "bottom",
            "x": 0,
            "xanchor": "left",
            "maxheight": 20 * LINES + 10,
        },
        height=figure.layout.height + taller,
        margin={"b": 85 + taller},
    )
    return below_toolbar(figure)


def below_toolbar(figure: go.Figure) -> go.Figure:
    """The title a line lower, where the toolbar of a narrow chart does not cover it."""
    return figure.update_layout(title={"y": 1, "yref": "container", "yanchor": "top", "pad": {"t": 28}})


NARROW, LINES = 400, 8  # pixels that a chart has across, and lines of a legend before it scrolls


def shortened(name: str | None, most: int = 38) -> str:
    name = name or ""
    return name if len(name) <= most else f"{name[: most - 1]}…"


OTHERS = ("Fine-tuned", "Masked, nothing removed")  # beside criteria, with a look of their own
KNOWN = (*CRITERIA.values(), *OTHERS)


def style(name: str, position: int) -> tuple[str, str, str]:
    """Colour, dash and marker. A criterion has the same look on every page; other series take the next free one."""
    if name.startswith("unpruned"):
        return DENSE, "solid", "diamond-open"
    known = max((title for title in KNOWN if name.startswith(title)), key=len, default="")
    i = KNOWN.index(known) if known else position
    lap = i // len(STYLES)  # past the last colour they come again, each with another dash and marker
    return (STYLES[i % len(STYLES)][0], *STYLES[(i + lap) % len(STYLES)][1:])


def learning(record: Learning) -> go.Figure:
    figure = blank(record.title, "epoch", record.y_title, height=280)
    mode = "lines+markers" if len(record.epochs) < 30 else "lines"
    for name, values, colour, dash in (
        ("training", record.training, DENSE, "dot"),
        ("validation", record.validation, ACCENT, "solid"),
    ):
        figure.add_trace(
            go.Scatter(
                name=name, x=record.epochs, y=values, mode=mode, line={"color": colour, "dash": dash, "width": 2}
            )
        )
    figure.update_xaxes(**_whole_ticks(len(record.epochs)))
    if record.stages:
        _stages(figure, record.stages)
    return figure


STAGES = {"train": "training", "training": "masks grow", "regularised": "penalty grows", "finetune": "fine-tuning"}


def _stages(figure: go.Figure, stages: Sequence[tuple[int, str]]) -> None:
    """A thin line before each stage's first epoch, its name above; the legend makes room."""
    short = len(stages) > 4
    for epoch, name in stages:
        text = STAGES.get(name, name.replace("step", "" if short else "step "))
        if epoch > 1:
            figure.add_vline(x=epoch - 0.5, line={"dash": "dot", "width": 1, "color": DENSE})
        figure.add_annotation(x=epoch - 0.5 if epoch > 1 else epoch, y=1, yref="paper", yanchor="bottom", xanchor="left", text=text,
                              showarrow=False, font={"size": 11, "color": DENSE})  # fmt: skip
    figure.update_layout(legend_y=1.1, height=300, margin_t=80)  # the legend stays below the toolbar


def _whole_ticks(epochs: int) -> dict[str, Any]:
    return {"dtick": 1} if epochs <= 12 else {"tickformat": ",d"}


def bars(record: Bars, *, selected: str = "") -> go.Figure:
    """One bar a group, all of one length: kept filled, removed hollow; 'kept/all' at its end."""
    figure = blank("Filters kept per group", "filters kept, %", "", height=110 + 24 * len(record.names))
    units = [k + r for k, r in zip(record.kept, record.removed, strict=True)]
    kept = [100 * k / n for k, n in zip(record.kept, units, strict=True)]
    texts = [f"{k}/{n}" for k, n in zip(record.kept, units, strict=True)]
    filled = {"color": ACCENT, "line": {"color": ACCENT, "width": 1}}
    hollow = {"color": "rgba(0,0,0,0)", "line": {"color": DENSE, "width": 1}}
    figure.add_trace(_bar("kept", record, kept, filled, record.kept, None))
    figure.add_trace(_bar("removed", record, [100 - k for k in kept], hollow, record.removed, texts))
    figure.update_layout(barmode="stack", bargap=0.35, legend_traceorder="normal")
    figure.update_xaxes(range=[0, 118], tickvals=[0, 25, 50, 75, 100], showgrid=False)
    figure.update_yaxes(autorange="reversed", type="category", showgrid=False, tickmode="array",
                        tickvals=record.names, ticktext=_names(record, selected))  # fmt: skip
    return figure


def _names(record: Bars, selected: str) -> list[str]:
    marks = record.marks or ("",) * len(record.names)
    marked = [f"{name} ≈" if mark else name for name, mark in zip(record.names, marks, strict=True)]
    marked = [text if len(text) <= 26 else f"…{text[-25:]}" for text in marked]
    return [f"<b>{text}</b>" if name == selected else text for name, text in zip(record.names, marked, strict=True)]


def _bar(
    name: str, record: Bars, x: list[float], marker: dict[str, Any], units: tuple[int, ...], texts: list[str] | None
) -> go.Bar:
    return go.Bar(
        name=name,
        y=record.names,
        x=x,
        customdata=units,
        orientation="h",
        marker=marker,
        text=texts,
        textposition="outside" if texts else "none",
        cliponaxis=False,
        hovertemplate=f"%{{y}}: %{{customdata}} {name}<extra></extra>",
    )


def norms(record: Norms) -> go.Figure:
    """Scores, highest first: kept filled, removed hollow, the cut as a dashed line when it is one."""
    figure = blank(f"{record.group}: scores of its filters", "rank, highest score first",
                     f"{CRITERIA.get(record.criterion, record.criterion)} score", height=300)  # fmt: skip
    ranks = range(1, len(record.scores) + 1)
    for name, wanted, marker in (
        ("kept", True, {"color": ACCENT, "size": 7}),
        ("removed", False, {"color": DENSE, "size": 7, "symbol": "circle-open"}),
    ):
        picked = [
            (r, s, u) for r, s, u, k in zip(ranks, record.scores, record.units, record.kept, strict=True) if k is wanted
        ]
        figure.add_trace(_dots(name, picked, marker))
    cut = sum(record.kept)
    if 0 < cut < len(record.kept) and all(record.kept[:cut]):
        figure.add_vline(x=cut + 0.5, line={"dash": "dash", "width": 1, "color": DENSE})
    figure.update_yaxes(rangemode="tozero", exponentformat="power")
    return figure


def _dots(name: str, picked: list[tuple[int, float, int]], marker: dict[str, Any]) -> go.Scatter:
    return go.Scatter(
        name=name,
        x=[p[0] for p in picked],
        y=[p[1] for p in picked],
        customdata=[p[2] for p in picked],
        mode="markers",
        marker=marker,
        hovertemplate=f"filter %{{customdata}}: %{{y:.4g}}, {name}<extra></extra>",
    )


def blank(title: str, x_title: str, y_title: str, *, height: int) -> go.Figure:
    """A figure with nothing in it yet but title and axis titles, in the look of all charts."""
    figure = go.Figure()
    figure.update_layout(
        title={"text": title, "font": {"size": 15}, "x": 0, "xanchor": "left"},
        xaxis_title=x_title,
        yaxis_title=y_title,
        height=height,
        template="plotly_white",
        margin={"l": 10, "r": 30, "t": 60, "b": 10},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "xanchor": "right", "x": 1.0},
        hoverlabel={"align": "left"},
    )
    figure.update_xaxes(automargin=True, title_standoff=8)
    figure.update_yaxes(automargin=True, title_standoff=16)
    return figure
