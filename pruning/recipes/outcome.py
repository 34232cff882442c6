"""What came of a recipe: each expected count beside the measured ones, each reported accuracy beside those of the seeds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from pruning.plan import indices
from pruning.recipes import Card, What, steps
from pruning.run import Run, read_json
from pruning.spec import RecipeSpec

Found = Mapping[str, Sequence[Run]]  # step → its runs that have ended, one a seed


@dataclass(frozen=True)
class Count:
    """One expected number; `measured` is empty until a run of the step has ended."""

    step: str
    what: What
    expected: int
    measured: tuple[int, ...]

    @property
    def agrees(self) -> bool:
        return bool(self.measured) and set(self.measured) == {self.expected}


@dataclass(frozen=True)
class Accuracy:
    """Shares of the test images: what the source reports, and those of the seeds."""

    step: str
    reported: float | None
    note: str
    measured: tuple[float, ...]

    @property
    def mean(self) -> float | None:
        return mean(self.measured) if self.measured else None

    @property
    def deviation(self) -> float | None:
        """Standard deviation over the seeds; None of a single one."""
        return stdev(self.measured) if len(self.measured) > 1 else None


def ended(wish: RecipeSpec, runs: Mapping[str, Run]) -> dict[str, list[Run]]:
    """The runs of a recipe's tree, by their titles, under their steps; only those with a result."""
    found: dict[str, list[Run]] = {}
    for step in steps(wish):
        run = runs.get(step.spec.title)
        found.setdefault(step.name, []).extend([run] if run and run.result.exists() else [])
    return found


def counts(card: Card, found: Found) -> list[Count]:
    """The numbers that must come out, in the order of the steps, with what was measured."""
    order = list(card.steps)
    return [
        Count(e.step, e.what, e.value, tuple(measured(e.what, run) for run in found.get(e.step, ())))
        for e in sorted(card.expected, key=lambda e: order.index(e.step))
    ]


def measured(what: What, run: Run) -> int:
    after = read_json(run.result)["after"]
    match what:
        case What.PARAMS:
            return int(after["params"])
        case What.MACS:
            return int(after["macs"])
        case What.REMOVED:
            return removed(json.loads(run.plan.read_text()))
    return sum(int(row["zeros"]) for row in read_json(run.masks, {}).get("table", []))


def removed(plan: Mapping[str, Any]) -> int:
    """Units that a saved plan takes away."""
    return sum(plan["units"][name] - len(indices(kept)) for name, kept in plan["keep"].items())


def accuracies(card: Card, found: Found) -> list[Accuracy]:
    """Every step that the source reports or that has ended, in order."""
    told = {r.step: r for r in card.reported}
    lines = []
    for step in dict.fromkeys((*card.steps, *found)):
        report, values = told.get(step), tuple(map(accuracy, found.get(step, ())))
        if report or values:
            lines.append(Accuracy(step, report.accuracy if report else None, report.note if report else "", values))
    return lines


def accuracy(run: Run) -> float:
    return float(read_json(run.result)["after"]["test_accuracy"])
