"""What a sensitivity scan found: accuracy when each group alone is cut, as curves, a map and a table."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from pages.ui import alt, charts, files, names, state, words
from pages.ui.series import ACCENT, CRITERIA, DENSE, STYLES
from pruning.jobs.store import Row
from pruning.run import Run
from pruning.spec import Spread

MANY = 40  # groups; the map of more has thinner rows without numbers in them
NAMED = 5  # curves with a colour of their own: the most sensitive groups


@dataclass(frozen=True)
class Curve:
    """One group: (share removed, accuracy when it alone is cut so), ascending; accuracies in percent."""

    name: str
    units: int
    points: tuple[tuple[float, float], ...]

    @property
    def mean(self) -> float:
        return sum(accuracy for _, accuracy in self.points) / max(1, len(self.points))


@dataclass(frozen=True)
class Sensitivity:
    curves: tuple[Curve, ...]  # in the network's order
    dense: float  # accuracy uncut, percent
    shares: tuple[float, ...]  # asked for
    cells: tuple[tuple[float, ...], ...]  # accuracy by group and share, percent
    alike: tuple[
        tuple[float, float], ...
    ] = ()  # (share that all groups lose together, accuracy in percent), from uncut on

    def rows(self) -> list[dict[str, Any]]:
        """One row a group, for the table and for CSV."""
        titles = [f"{100 * share:g} % cut" for share in self.shares]
        return [
            {"group": curve.name, "filters": curve.units} | dict(zip(titles, cells, strict=True))
            for curve, cells in zip(self.curves, self.cells, strict=True)
        ]

    def sensitive(self) -> list[Curve]:
        """The groups that cost most, by the mean over the shares."""
        return sorted(self.curves, key=lambda curve: curve.mean)


def read(raw: Mapping[str, Any]) -> Sensitivity:
    """`scan.json` → record."""
    dense, units = 100 * raw["dense"]["accuracy"], raw["units"]
    curves = tuple(
        Curve(
            name,
            units[name],
            tuple(
                sorted({(1 - kept / units[name], 100 * accuracy) for _, kept, accuracy, *_ in points} | {(0.0, dense)})
            ),
        )
        for name, points in raw["groups"].items()
    )
    cells = tuple(tuple(round(100 * point[2], 4) for point in points) for points in raw["groups"].values())
    alike = tuple((point["share"], 100 * point["accuracy"]) for point in raw.get("joint", ()) if point.get("share"))
    return Sensitivity(curves, dense, tuple(raw["shares"]), cells, ((0.0, dense), *alike) if alike else ())


def watch(row: Row) -> None:
    """What a scan has found so far; looks again every two seconds."""
    st.fragment(run_every=2)(_watch)(row.id)


def _watch(number: int) -> None:
    raw = state.record(Run.of(number).scan)
    if raw and raw["groups"]:
        st.markdown(f"**{counted(raw)}** measured so far; the charts grow with each.")
        plots(read(raw), number)
    else:
        st.caption("The first curve comes after the first group.")


def counted(raw: Mapping[str, Any]) -> str:
    """'12 of 37 groups', or all that an older file has."""
    done = len(raw["groups"])
    return f"{done} of {words.plural(raw.get('of', done), 'group')}"


def show(row: Row) -> None:
    raw = state.record(Run.of(row.id).scan)
    if not raw or not raw["groups"]:
        return
    found = read(raw)
    st.subheader("What each group alone costs", anchor=False)
    if len(raw["groups"]) < raw.get("of", 0):
        st.warning(f"Only **{counted(raw)}** were measured before it stopped.")
    st.markdown(sentence(found))
    st.caption(
        f"Accuracy on {words.plural(raw['images'], 'validation image')}{', in bf16' * (raw.get('precision') == 'bf16')}, "
        f"uncut {words.percent(found.dense / 100)}; the filters that {CRITERIA.get(raw['criterion'], raw['criterion'])} "
        "scores lowest go, and nothing is trained after."
    )
    plots(found, row.id)
    with st.expander("Table"):
        cells = st.column_config.NumberColumn(format="%.2f")
        st.dataframe(
            found.rows(), hide_index=True, column_config={name: cells for name in found.rows()[0] if "cut" in name}
        )
    st.page_link(
        "pages/explore.py",
        label="Spread sparsity by it",
        query_params={"run": str(row.parent), "spread": names.of(Spread.SENSITIVITY)},
    )


def plots(found: Sensitivity, number: int) -> None:
    """Curves, and the map over layers."""
    figure, over_layers = lines(found), heat(found)
    st.plotly_chart(figure, key="scan-curves", config=charts.CONFIG, alt=alt.of(figure))
    files.chart(figure, found.rows(), f"run-{number}-scan")
    st.plotly_chart(over_layers, key="scan-map", config=charts.CONFIG, alt=alt.of(over_layers))
    files.chart(over_layers, found.rows(), f"run-{number}-scan-map")


def sentence(found: Sensitivity) -> str:
    """The groups that cost most and least."""
    ordered = found.sensitive()
    if len(ordered) < 2:
        return f"**{words.plain(ordered[0].name)}** is the only group."
    told = [
        f"**{words.plain(curve.name)}** costs {what}: accuracy is {words.percent(accuracy / 100)} without {words.percent(share, 0)} of it."
        for what, curve in (("most", ordered[0]), ("least", ordered[-1]))
        for share, accuracy in curve.points[-1:]
    ]
    return " ".join(told)


def lines(found: Sensitivity) -> go.Figure:
    """Accuracy against the share removed; the most sensitive groups in colour, the others grey."""
    figure = charts.blank(
        "Accuracy when one group alone is cut", "filters of the group removed, %", "validation accuracy, %", height=400
    )
    ordered = found.sensitive()
    for curve in ordered[NAMED:]:
        figure.add_trace(line(curve, (DENSE, "solid", "circle"), width=1, legend="other groups"))
    for curve, style in zip(ordered[:NAMED], STYLES, strict=False):
        figure.add_trace(line(curve, style, width=2, legend=curve.name))
    if found.alike:
        together = Curve("all groups alike", 0, found.alike)
        figure.add_trace(line(together, (ACCENT, "solid", "star"), width=3, legend=together.name))
    shown = {trace.name: trace for trace in figure.data}
    figure.for_each_trace(lambda trace: trace.update(showlegend=trace is shown[trace.name]))
    figure.add_hline(y=found.dense, line={"dash": "dash", "width": 1, "color": DENSE})
    figure.update_layout(legend={"y": -0.25, "yanchor": "top", "x": 0, "xanchor": "left"}, margin={"t": 40})
    figure.update_xaxes(range=[-2, 102])
    return figure


def line(curve: Curve, style: tuple[str, str, str], *, width: int, legend: str) -> go.Scatter:
    colour, dash, symbol = style
    return go.Scatter(
        name=legend,
        legendgroup=legend,
        x=[100 * share for share, _ in curve.points],
        y=[accuracy for _, accuracy in curve.points],
        mode="lines+markers",
        line={"color": colour, "dash": dash, "width": width},
        marker={"symbol": symbol, "size": 7 if width > 1 else 4, "color": colour},
        hovertemplate=f"{curve.name}: %{{x:.0f}} % removed, %{{y:.2f}} %<extra></extra>",
    )


def height(groups: int) -> int:
    """Pixels a row of the map: never taller than a screen and a half."""
    return 24 if groups <= MANY else max(5, min(14, 1400 // groups))


def heat(found: Sensitivity) -> go.Figure:
    """Groups in the network's order against shares: percentage points lost, darker is more."""
    figure = charts.blank(
        "Accuracy lost, percentage points",
        "share removed of the group alone",
        "",
        height=130 + height(len(found.curves)) * len(found.curves),
    )
    lost = [[found.dense - accuracy for accuracy in cells] for cells in found.cells]
    figure.add_trace(
        go.Heatmap(
            z=lost,
            x=[f"{100 * share:g} %" for share in found.shares],
            y=[curve.name for curve in found.curves],
            text=[[f"{round(value, 1) or 0:.1f}".replace("-", words.MINUS) for value in cells] for cells in lost],
            texttemplate="%{text}" if len(found.curves) <= MANY else "",
            colorscale=[[0, "#F7F7F7"], [1, "#D55E00"]],
            zmin=0,
            zmax=max(1.0, *map(max, lost)),
            xgap=1,
            ygap=1,
            showscale=len(found.curves) > MANY,
            hovertemplate="%{y}, %{x} removed: %{text} points lost<extra></extra>",
        )
    )
    if len(found.curves) > MANY:
        every = math.ceil(11 / height(len(found.curves)))  # names are 11 pixels high
        figure.update_yaxes(tickmode="linear", tick0=0, dtick=every, tickfont={"size": 9})
    figure.update_yaxes(autorange="reversed", type="category", showgrid=False)
    figure.update_xaxes(type="category", showgrid=False)
    return figure
