"""Feature maps of two networks side by side, filter by filter, at their places in the older network; those that went are crossed."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from PIL import Image

from pages.ui import words
from pages.ui.changes_charts import LOSS, NETWORKS, Found
from pages.ui.charts import blank

TILE, GAP, APART, TILES_ACROSS = 48, 2, 8, 18  # as the engine draws feature maps: see pruning/pictures.py


def maps(found: Found, picture: Path, first: int, last: int) -> go.Figure:
    """Feature maps of units `first` to `last`, the networks side by side; a removed unit's place is hollow and crossed."""
    networks, units = found["networks"], found["units"][first:last]
    columns, wide = TILES_ACROSS // len(networks), len(networks) * (TILE + GAP) - GAP + APART
    rows, across = -(-len(units) // columns), columns * wide - APART
    height = rows * STEP + HEAD
    figure = blank(maps_title(found, first, len(units)), "", "", height=round(height * WIDTH / across) + 70)
    for row in range(rows):
        box = (0, (first // columns + row) * (TILE + APART), across, TILE)
        figure.add_layout_image(_strip(picture, box), x=0, y=row * STEP, sizex=across, sizey=TILE)
    places = [(n % columns * wide, n // columns * STEP) for n in range(len(units))]
    _frames(figure, units, places, len(networks))
    figure.add_trace(_hover(units, places, first, wide - APART, networks))
    figure.add_trace(_labels(units, places, first))
    figure.add_trace(_heads(networks, places[:columns]))
    figure.update_xaxes(visible=False, range=[-2, across + 2], constrain="domain", constraintoward="left")
    figure.update_yaxes(visible=False, range=[height - HEAD, -HEAD], scaleanchor="x", constrain="domain", constraintoward="top")  # fmt: skip
    figure.update_layout(showlegend=False, margin={"t": 50})
    return figure


STEP, HEAD = TILE + 22, 20  # rows with the room for their numbers; the room above them
WIDTH = 850  # pixels that a chart usually has


def maps_title(found: Found, first: int, count: int) -> str:
    """'conv1: 16 of 32 filters stay', and which are shown where not all are."""
    of = len(found["units"])
    masked = sum(unit["zero"] for unit in found["units"])
    stays = f"{found['layer']}: {sum(unit['kept'] for unit in found['units'])} of {of} filters stay{f', {masked} masked' if masked else ''}"
    return stays if count == of else f"{stays} · {first} to {first + count - 1}"


def _strip(picture: Path, box: tuple[int, int, int, int]) -> dict[str, Any]:
    """One row of units as an image of the figure; it is drawn as it is."""
    left, top, width, height = box
    buffer = io.BytesIO()
    with Image.open(picture) as whole:
        whole.crop((left, top, left + width, top + height)).save(buffer, "PNG")
    source = f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    return {"source": source, "xref": "x", "yref": "y", "sizing": "stretch", "layer": "below"}


def _frames(figure: go.Figure, units: Sequence[Found], places: Sequence[tuple[int, int]], networks: int) -> None:
    """A hollow, crossed frame where a unit is gone; a cross over one whose weights are all zero."""
    x: list[float | None] = []
    y: list[float | None] = []
    for unit, (left, top) in zip(units, places, strict=True):
        for i in range(1, networks):
            if not unit["kept"] or (unit["zero"] and i == networks - 1):
                start = left + i * (TILE + GAP)
                end, low = start + TILE, top + TILE
                x += [start, end, end, start, start, end, None, start, end, None]
                y += [top, top, low, low, top, low, None, low, top, None]
    line = {"color": LOSS, "width": 1.5}
    figure.add_trace(go.Scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", name="removed"))


def _hover(units: Sequence[Found], places: Sequence[tuple[int, int]], first: int, width: int, networks: Sequence[str]) -> go.Scatter:  # fmt: skip
    return go.Scatter(
        x=[left + width / 2 for left, _ in places],
        y=[top + TILE / 2 for _, top in places],
        mode="markers",
        marker={"size": 36, "opacity": 0},
        text=[said(first + n, unit, networks) for n, unit in enumerate(units)],
        hovertemplate="%{text}<extra></extra>",
        name="",
    )


def _labels(units: Sequence[Found], places: Sequence[tuple[int, int]], first: int) -> go.Scatter:
    return go.Scatter(
        x=[left for left, _ in places],
        y=[top + TILE + 9 for _, top in places],
        mode="text",
        text=[f"{first + n}{mark(unit)}" for n, unit in enumerate(units)],
        textposition="middle right",
        textfont={"size": 11},
        hoverinfo="skip",
        name="",
    )


def mark(unit: Found) -> str:
    return " removed" if not unit["kept"] else " masked" if unit["zero"] else ""


def _heads(networks: Sequence[str], places: Sequence[tuple[int, int]]) -> go.Scatter:
    """Which network is which, above the first row."""
    at = [(left + i * (TILE + GAP) + TILE / 2, NETWORKS[name]) for left, _ in places for i, name in enumerate(networks)]
    return go.Scatter(
        x=[x for x, _ in at],
        y=[-10] * len(at),
        mode="text",
        text=[name for _, name in at],
        textfont={"size": 10},
        hoverinfo="skip",
        name="",
    )


def said(number: int, unit: Found, networks: Sequence[str]) -> str:
    """'filter 12: kept, maps alike by 0.93, mean 0.12 before, 0.10 now'."""
    what = "removed" if not unit["kept"] else "masked: its weights are all zero" if unit["zero"] else "kept"
    alike = "" if unit["alike"] is None else f"<br>maps alike by {unit['alike']:.2f}"
    means = [f"{NETWORKS[name]} {m:.3g}" for name, m in zip(networks, unit["means"], strict=True) if m is not None]
    return f"filter {number}: {what}{alike}<br>mean {', '.join(means)}".replace("-", words.MINUS)


def map_rows(found: Found) -> list[dict[str, Any]]:
    """One row a unit of the layer, for CSV."""
    return [
        {"layer": found["layer"], "filter": number, "kept": unit["kept"], "all zero": unit["zero"]}
        | {"correlation of the maps": unit["alike"]}
        | {f"mean {NETWORKS[name]}": m for name, m in zip(found["networks"], unit["means"], strict=True)}
        for number, unit in enumerate(found["units"])
    ]
