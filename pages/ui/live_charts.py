"""Curves of a run that works, by Vega: Streamlit gives it new epochs in place, where a Plotly chart would be built anew."""

from typing import Any

import altair as alt
import pandas as pd

from pages.ui.series import ACCENT, DENSE, Learning

ZOOM = "zoom"  # told to Streamlit as a selection, or it forgets the zoom whenever new numbers come
LOOKS = {"training": (DENSE, [2, 3]), "validation": (ACCENT, [1, 0])}  # colour, and dashes as second cue


def curve(record: Learning) -> alt.Chart:
    """Training dotted, validation solid; Control and wheel zooms, dragging moves, a double click shows all."""
    drawn: alt.Chart = (
        alt.Chart(pd.DataFrame(points(record), columns=["epoch", "value", "curve", "stage"]))
        .mark_line(clip=True, point=alt.OverlayMarkDef(size=30))
        .encode(
            x=alt.X("epoch:Q", title="epoch", axis=alt.Axis(format="d", tickMinStep=1, grid=False)),
            y=alt.Y("value:Q", title=record.y_title, scale=alt.Scale(zero=False)),
            color=alt.Color("curve:N", scale=scale(0), legend=alt.Legend(title=None, orient="top")),
            strokeDash=alt.StrokeDash("curve:N", scale=scale(1), legend=None),
            tooltip=["curve:N", "stage:N", "epoch:Q", alt.Tooltip("value:Q", title=record.y_title, format=".4~g")],
        )
        .add_params(alt.selection_interval(name=ZOOM, bind="scales", zoom="wheel![event.ctrlKey]"))
        .properties(title=alt.TitleParams(record.title, anchor="start"), height=280, usermeta=SVG)
    )
    return drawn


SVG: dict[str, Any] = {"embedOptions": {"renderer": "svg"}}  # text that can be read, also by a screen reader


def scale(of: int) -> alt.Scale:
    return alt.Scale(domain=list(LOOKS), range=[look[of] for look in LOOKS.values()])


def points(record: Learning) -> list[tuple[int, float, str, str]]:
    """(epoch, value, 'training' or 'validation', name of the stage)."""
    both = zip(record.epochs, record.training, record.validation, strict=True)
    return [(e, v, name, stage(record, e)) for e, *values in both for name, v in zip(LOOKS, values, strict=True)]


def stage(record: Learning, epoch: int) -> str:
    return next((name for first, name in reversed(record.stages) if first <= epoch), "")


def words(record: Learning) -> str:
    """What the chart shows, for who cannot see it."""
    return f"{record.title}, {record.y_title}, over {len(record.epochs)} epochs; validation ends at {record.validation[-1]:.4g}"
