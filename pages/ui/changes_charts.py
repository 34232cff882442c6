"""What pruning changed, as figures and tables: accuracy by class, confusion, both answers to one image."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from pages.ui import words
from pages.ui.charts import blank
from pages.ui.series import ACCENT, DENSE

Found = Mapping[str, Any]  # changes.json
FEWER, NONE, MORE = "#D6604D", "#F7F7F7", "#4393C3"  # told apart by the colour-blind; dark numbers are legible on all
LOSS = "#D55E00"
CLASSES, LEGIBLE = 30, 14  # bars in a chart; classes of a matrix whose cells hold their numbers
KINDS = {"lost": "Right → wrong", "other": "Wrong → another wrong", "gained": "Wrong → right"}
NETWORKS = {
    "dense": "before",
    "cut": "cut",
    "pruned": "now",
}  # cut: as before, with the filters removed, no training since


def class_rows(found: Found) -> list[dict[str, Any]]:
    """One row a class that has images, the largest loss of accuracy first."""
    rows = [
        {"class": name, "images": of, "right before": before, "right now": after}
        | {"before, %": round(100 * before / of, 2), "now, %": round(100 * after / of, 2)}
        | {"change, pp": round(100 * (after - before) / of, 2)}
        for name, (of, before, after) in zip(found["classes"], found["by_class"], strict=True)
        if of
    ]
    return sorted(rows, key=lambda row: row["change, pp"])


def most_changed(rows: Sequence[dict[str, Any]], most: int = CLASSES) -> list[dict[str, Any]]:
    """The rows that changed most, in the order given."""
    chosen = {row["class"] for row in sorted(rows, key=lambda row: -abs(row["change, pp"]))[:most]}
    return [row for row in rows if row["class"] in chosen]


def by_class(found: Found) -> go.Figure:
    """A signed bar a class, the largest loss at the top; losses are hatched."""
    rows = most_changed(class_rows(found))
    some = "" if len(rows) == sum(of > 0 for of, *_ in found["by_class"]) else f", the {len(rows)} that changed most"
    figure = blank(f"Change of accuracy by class{some}", "percentage points", "", height=130 + 24 * len(rows))
    for name, part, look in (
        ("loses", [r for r in rows if r["change, pp"] < 0], {"color": LOSS, "pattern": {"shape": "/", "size": 5}}),
        ("gains or stays", [r for r in rows if r["change, pp"] >= 0], {"color": ACCENT}),
    ):
        figure.add_trace(_bars(name, part, look))
    figure.update_yaxes(autorange="reversed", type="category", showgrid=False, categoryorder="array",
                        categoryarray=[short(r["class"]) for r in rows])  # fmt: skip
    ends = [r["change, pp"] for r in rows] or [0]
    room = 0.18 * max(max(ends) - min(0, *ends), 1)
    figure.update_xaxes(range=[min(0, *ends) - room, max(0, *ends) + room], zeroline=True, zerolinecolor=DENSE)
    return figure


def _bars(name: str, rows: Sequence[dict[str, Any]], look: dict[str, Any]) -> go.Bar:
    return go.Bar(
        name=name,
        orientation="h",
        x=[r["change, pp"] for r in rows],
        y=[short(r["class"]) for r in rows],
        text=[words.signed(r["change, pp"], 1, "") for r in rows],
        textposition="outside",
        cliponaxis=False,
        marker=look,
        customdata=[[r["images"], r["right before"], r["right now"], r["class"]] for r in rows],
        hovertemplate="%{customdata[3]}: %{customdata[1]} → %{customdata[2]} right of %{customdata[0]}<extra></extra>",
    )


def confusion(found: Found) -> go.Figure:
    """True class × answer: how many images more or fewer the network answers so now."""
    names = shown(found)
    label = [short(found["classes"][c]) for c in names]
    change = {(truth, given): after - before for truth, given, before, after in found["confusion"]}
    cells = [[change.get((truth, given)) for given in names] for truth in names]
    most = max((abs(v) for line in cells for v in line if v), default=1)
    some = "" if len(names) == len(found["classes"]) else f", the {len(names)} classes that changed most"
    figure = blank(f"Change of confusion{some}, images", "answer", "true class", height=190 + 26 * len(names))
    figure.add_trace(
        go.Heatmap(
            z=cells,
            x=label,
            y=label,
            text=[[words.signed(v, 0, "").strip() if v else "" for v in line] for line in cells],
            texttemplate="%{text}" if len(names) <= LEGIBLE else None,
            textfont={"color": "#1D2622"},
            colorscale=[FEWER, NONE, MORE],
            hoverongaps=False,
            zmin=-most,
            zmax=most,
            xgap=1,
            ygap=1,
            colorbar={"title": {"text": "more<br>often"}, "thickness": 12},
            hovertemplate="true %{y}, answered %{x}: %{z:+d} images<extra></extra>",
        )
    )
    figure.update_xaxes(type="category", showgrid=False, tickangle=-60 if len(names) > 6 else 0)
    figure.update_yaxes(type="category", showgrid=False, autorange="reversed")
    return figure


def shown(found: Found) -> list[int]:
    """All classes, or as many as stay readable: those with the largest changes, in their own order."""
    touched = dict.fromkeys(range(len(found["classes"])), 0)
    for truth, given, before, after in found["confusion"]:
        touched[truth] += abs(after - before)
        touched[given] += abs(after - before)
    return sorted(sorted(touched, key=lambda c: -touched[c])[:LEGIBLE])


def confusion_rows(found: Found) -> list[dict[str, Any]]:
    """One row a cell that differs, for CSV."""
    names = found["classes"]
    return [
        {"true class": names[truth], "answer": names[given], "before": before, "now": after, "change": after - before}
        for truth, given, before, after in found["confusion"]
    ]


def flip_rows(found: Found) -> list[dict[str, Any]]:
    """One row a listed flip, for CSV and for data without pictures."""
    names = found["classes"]
    return [
        {"test example": flip["image"], "kind": KINDS[flip["kind"]], "true class": names[flip["class"]]}
        | {"before": names[flip["dense"][0]], "confidence before, %": round(100 * flip["dense"][1], 2)}
        | {"now": names[flip["pruned"][0]], "confidence now, %": round(100 * flip["pruned"][1], 2)}
        | {"lost in the true class, pp": round(100 * flip["lost"], 2)}
        | {f"feature {i}": value for i, value in enumerate(flip.get("features", ()), 1)}
        for flip in found["flips"]
    ]


def answers(found: Found, title: str = "Both answers") -> go.Figure:
    """The confidence of both networks in the likeliest classes, in percent; the older network's bars are hatched."""
    rows = found["top"]
    figure = blank(title, "confidence, %", "", height=140 + 34 * len(rows))
    for key, colour, shape in (("dense", DENSE, "/"), ("pruned", ACCENT, "")):
        values = [100 * row[key] for row in rows]
        figure.add_trace(
            go.Bar(
                name=f"{NETWORKS[key]}: run {found['runs'][key == 'pruned']}",
                orientation="h",
                x=values,
                y=[short(row["class"]) for row in rows],
                text=[words.percent(value / 100, 1) for value in values],
                textposition="outside",
                cliponaxis=False,
                marker={"color": colour, "pattern": {"shape": shape, "size": 5}},
                hovertemplate="%{y}: %{x:.2f} %<extra></extra>",
            )
        )
    figure.update_layout(bargap=0.25, legend={"traceorder": "normal"})
    figure.update_yaxes(autorange="reversed", type="category", showgrid=False)
    figure.update_xaxes(range=[0, 112], tickvals=[0, 25, 50, 75, 100])
    return figure


def answer_rows(found: Found) -> list[dict[str, Any]]:
    before, now = (f"{NETWORKS[key]}, %" for key in ("dense", "pruned"))
    return [
        {"class": row["class"], before: round(100 * row["dense"], 3), now: round(100 * row["pruned"], 3)}
        for row in found["top"]
    ]


def short(name: str, most: int = 22) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
