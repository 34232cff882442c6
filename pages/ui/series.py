"""Plain records behind every chart: run files → numbers, with no drawing in them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import mean, stdev
from typing import Any

from pruning.criterion_cards import CARDS
from pruning.plan import Plan

DENSE = "#8A8F98"  # the unpruned network, and what training sees, on every page
ACCENT = "#12876A"  # the pruned network, and what is kept
# Okabe–Ito without its green, which is too near the accent; dash and marker are the second cue.
STYLES = (
    ("#0072B2", "solid", "circle"),
    ("#E69F00", "dash", "square"),
    ("#D55E00", "dot", "diamond"),
    ("#CC79A7", "dashdot", "triangle-up"),
    ("#56B4E9", "longdash", "x"),
)
COMMON = ("l1", "l2", "taylor", "bn-scale", "random")  # most often compared: they look least alike in charts
CRITERIA: dict[str, str] = {str(n): CARDS[n].title for n in sorted(CARDS, key=lambda name: (*COMMON, name).index(name))}


SEEDED = r", seed \d+$"  # how the title of a run in a sweep ends


@dataclass(frozen=True)
class Point:
    run: int
    x: float
    y: float
    note: str = ""
    spread: float = 0.0  # standard deviation over `count` runs that differ in nothing but their seeds
    count: int = 1
    criterion: str = ""
    share: float | None = None  # removed, as asked for
    alike: str = ""  # the same for runs that differ in nothing but their seeds; "": told by x
    runs: tuple[int, ...] = ()  # behind a mean

    @property
    def numbers(self) -> tuple[int, ...]:
        return self.runs or (self.run,)


@dataclass(frozen=True)
class Series:
    name: str
    points: tuple[Point, ...]
    is_curve: bool = True  # False: loose points that no line should join


@dataclass(frozen=True)
class Tradeoff:
    """Accuracy against what the network costs."""

    title: str
    x_title: str
    series: tuple[Series, ...]
    baselines: tuple[Point, ...] = ()
    front: tuple[Point, ...] = ()  # those that no other point beats, cheapest first

    @property
    def points(self) -> tuple[Point, ...]:
        return (*(p for s in self.series for p in s.points), *self.baselines)

    def rows(self) -> list[dict[str, Any]]:
        """One row a point, for CSV."""
        named = [(s.name, p) for s in self.series for p in s.points] + [("baseline", p) for p in self.baselines]
        return [
            {
                "series": name,
                "run": p.run,
                "what": p.note,
                "criterion": p.criterion,
                "share removed, %": None if p.share is None else round(100 * p.share, 2),
                self.x_title: p.x,
                "test accuracy, %": round(100 * p.y, 4),
                "standard deviation, pp": round(100 * p.spread, 4),
                "runs": p.count,
                "on the Pareto front": p in self.front,
            }
            for name, p in named
        ]


def averaged(points: Iterable[Point]) -> tuple[Point, ...]:
    """Runs that differ in nothing but their seeds become one point: their mean, with the spread of y; ascending."""
    found: dict[float | str, list[Point]] = {}
    for point in points:
        found.setdefault(point.alike or point.x, []).append(point)
    return tuple(sorted((_mean(alike) for alike in found.values()), key=lambda p: p.x))


def _mean(points: list[Point]) -> Point:
    first, values = points[0], [p.y for p in points]
    if len(points) == 1:
        return first
    runs = tuple(p.run for p in points)
    note = f"{re.sub(SEEDED, '', first.note)}, mean of {len(points)} runs"
    return replace(first, x=mean(p.x for p in points), y=mean(values), note=note, spread=stdev(values), count=len(points), runs=runs)  # fmt: skip


def front(points: Iterable[Point]) -> tuple[Point, ...]:
    """The points that no other beats in both, cheapest first: each is more accurate than all that cost less."""
    found: list[Point] = []
    for point in sorted(points, key=lambda p: (p.x, -p.y)):
        if not found or point.y > found[-1].y:
            found.append(point)
    return tuple(found)


@dataclass(frozen=True)
class Learning:
    """Loss or accuracy over the epochs of one stage after the other."""

    title: str
    y_title: str
    epochs: tuple[int, ...]
    training: tuple[float, ...]
    validation: tuple[float, ...]
    stages: tuple[tuple[int, str], ...] = ()  # first epoch and name of each stage, where there are several

    def rows(self) -> list[dict[str, Any]]:
        return [
            {"epoch": e, f"training {self.y_title}": round(t, 5), f"validation {self.y_title}": round(v, 5)}
            for e, t, v in zip(self.epochs, self.training, self.validation, strict=True)
        ]


@dataclass(frozen=True)
class Bars:
    """Kept and removed units a group."""

    names: tuple[str, ...]
    kept: tuple[int, ...]
    removed: tuple[int, ...]
    marks: tuple[str, ...] = field(default=())  # "approximate" or ""

    def rows(self) -> list[dict[str, Any]]:
        return [
            {"group": n, "kept": k, "removed": r} for n, k, r in zip(self.names, self.kept, self.removed, strict=True)
        ]


@dataclass(frozen=True)
class Norms:
    """Scores of one group's units, highest first; the last `len(removed)` fall below the cut, most often."""

    group: str
    criterion: str
    scores: tuple[float, ...]
    units: tuple[int, ...]
    kept: tuple[bool, ...]

    def rows(self) -> list[dict[str, Any]]:
        return [
            {"rank": i + 1, "unit": u, "score": s, "kept": k}
            for i, (u, s, k) in enumerate(zip(self.units, self.scores, self.kept, strict=True))
        ]


def learning(records: Sequence[Mapping[str, Any]]) -> tuple[Learning, Learning]:
    """Epoch records → (loss, accuracy in percent)."""
    epochs = tuple(range(1, len(records) + 1))
    columns = {
        key: tuple(float(r[key]) for r in records)
        for key in ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy")
    }
    return (
        Learning("Loss", "cross-entropy", epochs, columns["train_loss"], columns["validation_loss"], stages(records)),
        Learning(
            "Accuracy", "accuracy, %", epochs,
            tuple(100 * v for v in columns["train_accuracy"]),
            tuple(100 * v for v in columns["validation_accuracy"]),
            stages(records),
        ),
    )  # fmt: skip


def stages(records: Sequence[Mapping[str, Any]]) -> tuple[tuple[int, str], ...]:
    """(1, 'step1'), (3, 'step2'), (5, 'finetune'): where each stage begins; nothing for a single one."""
    names = [record.get("stage", "") for record in records]
    found = [(i + 1, name) for i, name in enumerate(names) if i == 0 or names[i - 1] != name]
    return tuple(found) if len(found) > 1 else ()


def thinned(record: Learning, most: int = 500) -> Learning:
    """At most `most` epochs, for a chart that is drawn every second."""
    step = max(1, -(-len(record.epochs) // most))
    parts = {name: getattr(record, name)[::step] for name in ("epochs", "training", "validation")}
    return replace(record, **parts)


def bars(plan: Plan) -> Bars:
    kept = plan.kept()
    groups = plan.channels.groups
    return Bars(
        names=tuple(g.name for g in groups),
        kept=tuple(kept[g.name] for g in groups),
        removed=tuple(g.units - kept[g.name] for g in groups),
        marks=tuple("approximate" if g.approximate else "" for g in groups),
    )


def norms(group: str, criterion: str, scores: Sequence[float], keep: Iterable[int]) -> Norms:
    kept = set(keep)
    order = sorted(range(len(scores)), key=lambda unit: (-scores[unit], unit not in kept))
    return Norms(group, criterion, tuple(scores[u] for u in order), tuple(order), tuple(u in kept for u in order))
