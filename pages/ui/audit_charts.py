"""An audit's record → its table, its sentence, and its figures: intervals, layers and overlaps."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from pages.ui import words
from pages.ui.charts import blank
from pages.ui.series import ACCENT, CRITERIA, DENSE

Found = Mapping[str, Any]  # audit.json
AGREE, NOTHING, OPPOSED = (
    "#4393C3",
    "#F7F7F7",
    "#D6604D",
)  # told apart by the colour-blind; dark numbers are legible on all
LEGIBLE = 14  # columns of a matrix whose cells still hold their numbers
ORACLE = "Oracle"


def title(name: str) -> str:
    return ORACLE if name == "oracle" else CRITERIA.get(name, name)


def ordered(found: Found) -> list[str]:
    """Criteria that order something, the highest mean first."""
    able = {name: told["mean"]["rho"] for name, told in found["criteria"].items() if told.get("mean")}
    return sorted(able, key=lambda name: -able[name])


def rho(value: float) -> str:
    """-0.123 → '−0.12'; what rounds to nothing has no sign."""
    return f"{round(value, 2) or 0:.2f}".replace("-", words.MINUS)


def interval(told: Mapping[str, float] | None, value: str = "rho") -> str:
    """'0.71 (0.62 to 0.78)'."""
    return f"{rho(told[value])} ({rho(told['low'])} to {rho(told['high'])})" if told else "–"


def tied(found: Found) -> list[str]:
    """Criteria whose paired difference to the best may be nothing."""
    return [name for name in ordered(found) if name in found["behind"] and found["behind"][name]["low"] <= 0]


def sentence(found: Found) -> str:
    """What the audit says, in one or two sentences of markdown."""
    first = found["best"]
    if not first:
        return "No criterion orders the filters of this network at all."
    told = found["criteria"]
    start = f"On this network **{title(first)}** orders filters most like the ablation oracle: ρ = {interval(told[first]['mean'])}"
    others = [f"{title(name)} {interval(told[name]['mean'])}" for name in ("l1", "random") if beside(name, found)]
    start = f"{start}; {'; '.join(others)}." if others else f"{start}."
    near = tied(found)
    if not near:
        return f"{start} Every other criterion is clearly behind it."
    names = listed([f"*{title(name)}*" for name in near])
    return f"{start} No clear winner between it and {names}: their difference may be none."


def beside(name: str, found: Found) -> bool:
    return name != found["best"] and bool(found["criteria"].get(name, {}).get("mean"))


def rows(found: Found) -> list[dict[str, Any]]:
    """One row a criterion, best first, then those that order nothing, with the reason."""
    names = ordered(found)
    return [row(name, found) for name in (*names, *(n for n in found["criteria"] if n not in names))]


def row(name: str, found: Found) -> dict[str, Any]:
    told, groups = found["criteria"][name], [group["name"] for group in found["groups"]]
    mean = told.get("mean") or {}
    judged = sum(bool(told.get("layers", {}).get(group)) for group in groups)
    return {
        "criterion": title(name),
        "ρ": mean.get("rho"),
        "low": mean.get("low"),
        "high": mean.get("high"),
        "behind the best": interval(found["behind"].get(name), "difference"),
        "ρ, all filters": (told.get("pooled") or {}).get("rho"),
        "ρ, raw scores": (told.get("pooled_raw") or {}).get("rho"),
        "groups": f"{judged} of {len(groups)}",
        "note": told.get("error") or noted(told["reasons"]),
    }


def noted(reasons: Mapping[str, str]) -> str:
    """Reasons with the groups that they are about."""
    by_reason: dict[str, list[str]] = {}
    for group, reason in reasons.items():
        by_reason.setdefault(reason, []).append(group)
    return " ".join(f"{listed(groups)}: {reason}" for reason, groups in by_reason.items())


def listed(names: Sequence[str], most: int = 3) -> str:
    more = len(names) - most
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:most])} and {more} more"


def layer_rows(found: Found) -> list[dict[str, Any]]:
    """One row a criterion and group, for CSV."""
    return [
        {"criterion": title(name), "group": group, "filters": len(told["scores"].get(group, ()))}
        | {"ρ": (e or {}).get("rho"), "low": (e or {}).get("low"), "high": (e or {}).get("high")}
        | {"note": told["reasons"].get(group, "")}
        for name, told in found["criteria"].items()
        for group, e in told.get("layers", {}).items()
    ]


def filter_rows(found: Found) -> list[dict[str, Any]]:
    """One row a removed filter: what its removal does to the loss, and every criterion's score."""
    scored = {title(n): told["scores"] for n, told in found["criteria"].items() if "scores" in told}
    return [
        {"group": group["name"], "filter": unit, "change of loss": group["change"][i]}
        | {name: scores[group["name"]][i] if group["name"] in scores else None for name, scores in scored.items()}
        for group in found["groups"]
        for i, unit in enumerate(group["drawn"])
    ]


def intervals(found: Found) -> go.Figure:
    """A dot and a 95 % interval for each criterion, best at the top; hollow: clearly behind the best."""
    names = ordered(found)
    figure = blank("Agreement with the ablation oracle", "Spearman's ρ, mean over groups, with 95 % interval", "",
                   height=150 + 24 * len(names))  # fmt: skip
    near = {found["best"], *tied(found)}
    for text, wanted, marker in (
        ("best, or not clearly behind it", True, {"color": ACCENT, "size": 10}),
        ("clearly behind", False, {"color": DENSE, "size": 10, "symbol": "circle-open", "line": {"width": 2}}),
    ):
        figure.add_trace(_dots(text, [name for name in names if (name in near) is wanted], found, marker))
    figure.add_vline(x=0, line={"width": 1, "color": DENSE})
    figure.update_xaxes(range=reach(found, names), zeroline=False)
    figure.update_yaxes(autorange="reversed", type="category", categoryorder="array",
                        categoryarray=[title(name) for name in names], showgrid=False)  # fmt: skip
    return figure


def reach(found: Found, names: Sequence[str]) -> list[float]:
    """An axis that holds zero, every interval, and no more of −1 … 1 than it needs."""
    told = [found["criteria"][name]["mean"] for name in names]
    low, high = min([0, *(t["low"] for t in told)]), max([0, *(t["high"] for t in told)])
    return [max(-1.02, low - 0.05), min(1.02, high + 0.05)]


def _dots(text: str, names: Sequence[str], found: Found, marker: dict[str, Any]) -> go.Scatter:
    told = [found["criteria"][name]["mean"] for name in names]
    return go.Scatter(
        name=text,
        x=[t["rho"] for t in told],
        y=[title(name) for name in names],
        error_x={
            "array": [t["high"] - t["rho"] for t in told],
            "arrayminus": [t["rho"] - t["low"] for t in told],
            "thickness": 2,
            "width": 5,
            "color": marker["color"],
        },
        customdata=[interval(t) for t in told],
        mode="markers",
        marker=marker,
        cliponaxis=False,
        hovertemplate="%{y}: %{customdata}<extra></extra>",
    )


def layers(found: Found) -> go.Figure:
    """Criterion × group: ρ in blue where the criterion agrees, red where it is opposed, empty where it orders nothing."""
    names, groups = ordered(found), [group["name"] for group in found["groups"]]
    cells = [[(found["criteria"][name]["layers"][group] or {}).get("rho") for group in groups] for name in names]
    figure = blank("Agreement in each group of filters", "", "", height=150 + 24 * len(names))
    figure.add_trace(
        _matrix(cells, groups, [title(name) for name in names], (OPPOSED, NOTHING, AGREE), (-1, 1), "ρ", rho)
    )
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(type="category", showgrid=False, tickvals=groups, ticktext=[short(group) for group in groups],
                        tickangle=slant(groups))  # fmt: skip
    return figure


def overlap(found: Found) -> go.Figure:
    """Every two criteria: what share of their picks is the same."""
    told = found["overlap"]
    at = {name: i for i, name in enumerate(told["names"])}
    names = ["oracle", *ordered(found)]
    cells = [[told["matrix"][at[a]][at[b]] for b in names] for a in names]
    labels = [title(name) for name in names]
    figure = blank(
        f"Same filters among the lowest {words.percent(found['share'], 0)}", "", "", height=210 + 24 * len(names)
    )
    figure.add_trace(_matrix(cells, labels, labels, (NOTHING, AGREE), (0, 1), "in common", lambda v: f"{100 * v:.0f}"))
    figure.update_traces(hovertemplate="%{y} and %{x}: %{z:.0%} in common<extra></extra>")
    figure.update_traces(colorbar={"tickformat": ".0%"})
    figure.update_xaxes(type="category", showgrid=False, tickangle=slant(names))
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure


def overlap_rows(found: Found) -> list[dict[str, Any]]:
    told = found["overlap"]
    names = [title(name) for name in told["names"]]
    return [
        {"criterion": name} | dict(zip(names, cells, strict=True))
        for name, cells in zip(names, told["matrix"], strict=True)
    ]


def slant(names: Sequence[str]) -> int:
    """Degrees by which names under a matrix are turned."""
    return -60 if len(names) > 6 else 0


def short(name: str, most: int = 22) -> str:
    return name if len(name) <= most else f"…{name[1 - most :]}"


def _matrix(
    cells: Sequence[Sequence[float | None]],
    x: Sequence[str],
    y: Sequence[str],
    colours: tuple[str, ...],
    ends: tuple[float, float],
    what: str,
    write: Any,
) -> go.Heatmap:
    told = [["" if v is None else write(v) for v in line] for line in cells]
    return go.Heatmap(
        z=cells,
        x=list(x),
        y=list(y),
        text=told,
        texttemplate="%{text}" if len(x) <= LEGIBLE else None,
        colorscale=list(colours),
        textfont={"color": "#1D2622"},
        zmin=ends[0],
        zmax=ends[1],
        xgap=1,
        ygap=1,
        hoverongaps=False,
        colorbar={"title": {"text": what}, "thickness": 12},
        hovertemplate=f"%{{y}}, %{{x}}: {what} %{{text}}<extra></extra>",
    )
