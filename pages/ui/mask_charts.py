"""A mask run's record → its table, its curve of accuracy against sparsity, and its pictures of masked weights."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from pages.ui import words
from pages.ui.charts import blank
from pages.ui.series import ACCENT, DENSE

Found = Mapping[str, Any]  # masks.json
TUNED = "#D55E00"
WIDE, GAP = 2.4, 1  # width of the grid of pictures over its height, and cells between two pictures
SCALE = [[0, "#B35806"], [0.5, "#F7F7F7"], [1, "#2166AC"]]  # orange to blue: told apart with every colour vision


@dataclass(frozen=True)
class Sparsity:
    """Validation accuracy, %, against the zeros of the masked layers, %: without fine-tuning, and this run's own points."""

    zeros: tuple[float, ...]
    accuracies: tuple[float, ...]
    dense: float
    own: tuple[float, float]
    tuned: tuple[float, float] | None

    def rows(self) -> list[dict[str, Any]]:
        points = [("without fine-tuning", *pair) for pair in zip(self.zeros, self.accuracies, strict=True)]
        points += [("this run, masked", *self.own)]
        points += [("this run, fine-tuned", *self.tuned)] if self.tuned else []
        return [{"series": s, "zero weights, %": round(x, 4), "validation accuracy, %": round(y, 4)} for s, x, y in points]  # fmt: skip


def sparsity(found: Found) -> Sparsity:
    points, tuned = found["curve"]["points"], found.get("tuned")
    zeros = {True: found["total"], False: (tuned or {}).get("total")}
    share = {when: masked_share(found, total) for when, total in zeros.items() if total}
    return Sparsity(
        tuple(100 * p[1] for p in points),
        tuple(100 * p[2] for p in points),
        100 * found["dense"]["validation_accuracy"],
        (share[True], 100 * found["masked"]["validation_accuracy"]),
        (share[False], 100 * tuned["masked"]["validation_accuracy"]) if tuned else None,
    )


def masked_share(found: Found, total: Mapping[str, Any]) -> float:
    """Zeros in percent of the weights of the masked tensors; those of others are not in the curve either."""
    rows = [row for row in found["table"] if row["note"] != "not masked"]
    spare = found["total"]["zeros"] - sum(row["zeros"] for row in rows)
    return float(100 * (total["zeros"] - spare) / max(1, sum(row["weights"] for row in rows)))


def curve(record: Sparsity) -> go.Figure:
    figure = blank("Accuracy against sparsity", "weights of the masked layers that are zero, %", "validation accuracy, %", height=340)  # fmt: skip
    figure.add_hline(y=record.dense, line={"dash": "dot", "color": DENSE, "width": 2})
    if record.zeros:
        line = {"color": ACCENT, "width": 2}
        figure.add_trace(
            go.Scatter(
                name="without fine-tuning",
                x=record.zeros,
                y=record.accuracies,
                mode="lines+markers",
                line=line,
                hovertemplate=HOVER,
            )
        )
    figure.add_trace(dot("this run, masked", record.own, {"symbol": "circle-open", "color": ACCENT, "size": 14, "line": {"width": 3}}))  # fmt: skip
    if record.tuned:
        figure.add_trace(dot("this run, fine-tuned", record.tuned, {"symbol": "star", "color": TUNED, "size": 13}))
    figure.add_annotation(x=1, xref="paper", xanchor="right", y=record.dense, yanchor="bottom", showarrow=False,
                          text="before masking", font={"color": DENSE})  # fmt: skip
    figure.update_xaxes(range=[-2, 102])
    figure.update_layout(legend={"y": -0.28, "yanchor": "top", "x": 0, "xanchor": "left"}, margin={"t": 40})
    return figure


HOVER = "%{x:.1f} % zero: %{y:.2f} %<extra></extra>"


def dot(name: str, place: tuple[float, float], marker: dict[str, Any]) -> go.Scatter:
    x, y = place
    return go.Scatter(name=name, x=[x], y=[y], mode="markers", marker=marker, cliponaxis=False, hovertemplate=HOVER)


def pictures(shown: Found) -> go.Figure:
    """Each filter as a small picture, by weight; masked weights bear a small cross, masked filters a large one."""
    tiles = [np.array(tile["weight"], float) for tile in shown["tiles"]]
    height, width = tiles[0].shape
    columns = across(len(tiles), height, width)
    places = [(i // columns * (height + GAP), i % columns * (width + GAP)) for i in range(len(tiles))]
    rows, wide = max(top for top, _ in places) + height, max(left for _, left in places) + width
    figure = blank(
        f"{pictures_title(shown)}, masked ones crossed",
        "",
        "",
        height=min(560, max(180, round(860 * rows / wide) + 90)),
    )
    figure.add_trace(heat(shown, tiles, places, (rows, wide)))
    for trace in crosses(shown, places, (height, width), side(rows, wide)):
        figure.add_trace(trace)
    figure.update_xaxes(visible=False, range=[-0.5, wide - 0.5], constrain="domain")
    figure.update_yaxes(visible=False, range=[rows - 0.5, -0.5], scaleanchor="x", constrain="domain")
    return figure


def side(rows: int, wide: int) -> float:
    """Pixels of a small cross: less than half a cell of a chart of usual width."""
    return float(np.clip(0.4 * min(860 / wide, 470 / rows), 4, 14))


def across(count: int, height: int, width: int) -> int:
    """Pictures in a row, so that all together are about `WIDE` times as wide as they are high."""
    fitting = WIDE * count * (height + GAP) / (width + GAP)
    return min(count, max(1, round(math.sqrt(fitting))))


def pictures_title(shown: Found) -> str:
    name, count = shown["name"].removesuffix(".weight"), len(shown["tiles"])
    if shown["kind"] == "matrix":
        rows, columns = np.shape(shown["tiles"][0]["weight"])
        return f"{name}: {rows} × {columns} of {shown['of'][0]} × {shown['of'][1]} weights"
    return f"{name}: {count} of {shown['of']} filters" if count < shown["of"] else f"{name}: all {count} filters"


def heat(shown: Found, tiles: list[NDArray[Any]], places: list[tuple[int, int]], size: tuple[int, int]) -> go.Heatmap:
    values, texts = np.full(size, np.nan), np.full(size, "", object)
    for number, (tile, weights, (top, left)) in enumerate(zip(shown["tiles"], tiles, places, strict=True)):
        where = np.s_[top : top + weights.shape[0], left : left + weights.shape[1]]
        values[where], texts[where] = weights, hover(number, shown, weights, np.array(tile["mask"]))
    most = float(np.nanmax(np.abs(values))) or 1.0
    return go.Heatmap(z=values, text=texts, zmin=-most, zmax=most, colorscale=SCALE, hoverongaps=False, name="",
                      hovertemplate="%{text}<extra></extra>", colorbar={"title": "weight", "thickness": 12, "len": 0.9})  # fmt: skip


def hover(number: int, shown: Found, weights: NDArray[Any], mask: NDArray[Any]) -> NDArray[Any]:
    start = f"filter {number}: " if shown["kind"] == "filters" else ""
    said = [f"{start}{w:.4g}{'' if stays else ', masked'}" for w, stays in zip(weights.flat, mask.flat, strict=True)]
    return np.array([text.replace("-", words.MINUS) for text in said], object).reshape(weights.shape)


def crosses(shown: Found, places: list[tuple[int, int]], size: tuple[int, int], pixels: float) -> Iterator[go.Scatter]:
    """One trace of small crosses, one of large ones; each only where there are some."""
    small: list[tuple[int, int]] = []
    large: list[tuple[float | None, float | None]] = []
    for tile, (top, left) in zip(shown["tiles"], places, strict=True):
        if tile["masked"]:
            large += diagonals(top, left, *size)
        else:
            small += [(left + int(x), top + int(y)) for y, x in np.argwhere(np.array(tile["mask"]) == 0)]
    look: dict[str, Any] = {"hoverinfo": "skip", "showlegend": False}
    if small:
        marker = {"symbol": "x", "size": pixels, "color": "#1D2622", "line": {"color": "white", "width": 0.5}}
        yield go.Scatter(name="masked weight", x=[x for x, _ in small], y=[y for _, y in small], mode="markers", marker=marker, **look)  # fmt: skip
    if large:
        line = {"color": "#1D2622", "width": 2}
        yield go.Scatter(name="masked filter", x=[x for x, _ in large], y=[y for _, y in large], mode="lines", line=line, **look)  # fmt: skip


def diagonals(top: int, left: int, height: int, width: int) -> list[tuple[float | None, float | None]]:
    """Both diagonals of a picture as points of one line, with breaks."""
    low, high, start, end = top - 0.5, top + height - 0.5, left - 0.5, left + width - 0.5
    return [(start, low), (end, high), (None, None), (start, high), (end, low), (None, None)]


def weight_rows(shown: Found) -> list[dict[str, Any]]:
    """One line a weight of the pictures, for CSV."""
    return [
        {"picture": number, "row": y, "column": x, "weight": tile["weight"][y][x], "kept": bool(stays)}
        for number, tile in enumerate(shown["tiles"])
        for y, line in enumerate(tile["mask"])
        for x, stays in enumerate(line)
    ]


def table(found: Found) -> list[dict[str, Any]]:
    """One row a tensor, then their sum."""
    rows = [
        {
            "tensor": row["name"],
            "shape": " × ".join(map(str, row["shape"])),
            "weights": row["weights"],
            "zero": row["zeros"],
            "zero, %": round(100 * row["share"], 3),
            "note": row["note"],
        }
        for row in found["table"]
    ]
    total = found["total"]
    last = {"tensor": "All of these", "shape": "", "weights": total["weights"], "zero": total["zeros"]}
    note = f"{100 * total['share_of_params']:.3f} % of all {total['params']:,} parameters"
    return [*rows, last | {"zero, %": round(100 * total["share"], 3), "note": note}]
