"""Plain records behind the charts of Compare's sections: curves, kept filters, parallel coordinates."""

from dataclasses import dataclass
from typing import Any

NONE = "–"  # where a run has no such setting
Value = float | str


@dataclass(frozen=True)
class Curve:
    run: int
    name: str
    group: str  # what gives it its colour
    data: str  # training, validation
    values: tuple[float, ...]  # by epoch, from 1
    smoothed: tuple[float, ...]


@dataclass(frozen=True)
class Overlay:
    title: str
    y_title: str
    curves: tuple[Curve, ...]

    def rows(self) -> list[dict[str, Any]]:
        """One row a run and epoch, for CSV."""
        return [
            {"run": c.run, "what": c.name, "data": c.data, "epoch": i + 1, self.y_title: round(v, 5), "smoothed": round(s, 5)}
            for c in self.curves
            for i, (v, s) in enumerate(zip(c.values, c.smoothed, strict=True))
        ]  # fmt: skip


@dataclass(frozen=True)
class Kept:
    """One row a run; shares in 0..1."""

    runs: tuple[int, ...]
    names: tuple[str, ...]
    groups: tuple[str, ...]
    units: tuple[int, ...]
    kept: tuple[tuple[int, ...], ...]

    def rows(self) -> list[dict[str, Any]]:
        """One row a run and group, for CSV."""
        return [
            {"run": run, "what": name, "group": group, "kept": kept, "of": units, "kept, %": round(100 * kept / units, 2)}
            for run, name, row in zip(self.runs, self.names, self.kept, strict=True)
            for group, units, kept in zip(self.groups, self.units, row, strict=True)
        ]  # fmt: skip


@dataclass(frozen=True)
class Axis:
    """Numbers, or words; NONE where a run has no such setting."""

    title: str
    values: tuple[Value, ...]
    unit: str = ""

    @property
    def name(self) -> str:
        return self.title.rpartition(" · ")[2] + (f", {self.unit}" if self.unit else "")

    @property
    def is_numeric(self) -> bool:
        return all(not isinstance(v, str) for v in self.values)

    def levels(self) -> list[Value]:
        """Each value once: NONE, numbers ascending, words in the order of their first run."""
        first = {value: i for i, value in enumerate(dict.fromkeys(self.values))}
        return sorted(first, key=lambda v: (v != NONE, isinstance(v, str), first[v] if isinstance(v, str) else v))


@dataclass(frozen=True)
class Parallel:
    runs: tuple[int, ...]
    names: tuple[str, ...]
    axes: tuple[Axis, ...]  # the last is the accuracy, in percent

    def rows(self) -> list[dict[str, Any]]:
        """One row a run, for CSV."""
        titles = [f"{a.title}, {a.unit}" if a.unit else a.title for a in self.axes]
        return [{"run": run, "what": name} | {t: a.values[i] for t, a in zip(titles, self.axes, strict=True)}
                for i, (run, name) in enumerate(zip(self.runs, self.names, strict=True))]  # fmt: skip
