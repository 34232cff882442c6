"""Search shares per group of a finished run's network for the best accuracies at every cost."""

import shutil
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from pruning import checkpoint, measure
from pruning.allocate import allocate
from pruning.channels.trace import trace
from pruning.data.dataset import Dataset
from pruning.errors import UserError
from pruning.evaluate import evaluate
from pruning.origin import ancestor, finished
from pruning.plan import Plan
from pruning.planning import scored
from pruning.precision import choose_device
from pruning.report import Report
from pruning.run import Run, read_json, write_json
from pruning.search import Trial, record, recorded, search
from pruning.spec import Cost, PruneSettings, SearchSpec
from pruning.stages import conclude, loaded
from pruning.surgery import prune
from pruning.train import fit


def look(spec: SearchSpec, run: Run, report: Report) -> None:
    parent, settings = finished(spec.parent), spec.search
    dataset = loaded(ancestor(parent).data, report)
    device = choose_device(spec.finetune.device)
    dense = checkpoint.load(parent.model)
    channels = trace(dense, torch.zeros(2, *dataset.input_shape))
    wish = PruneSettings(criterion=settings.criterion, seed=settings.seed)
    scores = scored(dense, channels, wish, data=dataset, device=device, report=report)
    if not scores:
        raise UserError("Nothing in this network can be pruned.", do="Choose another run.")
    trying = Trying(spec, dense, dataset, device, report, run)

    def objective(shares: dict[str, float]) -> tuple[float, float]:
        wanted = {name: share for name, share in shares.items() if share}
        plan = allocate(channels, scores, shares=wanted) if wanted else Plan(channels, {})
        return trying.measured(plan)

    whole = dict(zip(("accuracy", "cost"), trying.measured(Plan(channels, {})), strict=True))

    def keep(trials: list[Trial]) -> None:
        write_json(run.search, record(trials, settings, whole))
        report.progress("search", len(trials), settings.trials)

    done = recorded(read_json(run.search))
    trials = search(list(scores), settings, objective, done=done, keep=keep)
    found = record(trials, settings, whole)
    report.event(f"Tried {len(trials)} settings of shares; {len(found['front'])} of them no other beats.")
    conclude(run, read_json(parent.result)["after"], device)


@dataclass(frozen=True)
class Trying:
    """What a trial needs: the network, images, and where a trial's training may leave its files."""

    spec: SearchSpec
    dense: nn.Module
    dataset: Dataset
    device: torch.device
    report: Report
    run: Run

    def measured(self, plan: Plan) -> tuple[float, float]:
        """(validation accuracy, cost) of what a plan leaves."""
        small, settings = prune(self.dense, plan), self.spec.search
        if settings.epochs:
            small = self.tuned(small)
        x, y = self.dataset.validation_x[: settings.images], self.dataset.validation_y[: settings.images]
        accuracy = evaluate(small, x, y, self.dataset, self.device)["accuracy"]
        return accuracy, self.cost(small, plan)

    def cost(self, small: nn.Module, plan: Plan) -> float:
        if self.spec.search.cost is Cost.LATENCY:
            return float(measure.latency(small, self.dataset.input_shape)["median_ms"])
        counts = plan.counts()
        return float(counts.params if self.spec.search.cost is Cost.PARAMS else counts.macs)

    def tuned(self, small: nn.Module) -> nn.Module:
        """Trained for the trial's epochs; nothing of it stays in the run's curves."""
        folder = Run(self.run.path / "trial")
        shutil.rmtree(folder.path, ignore_errors=True)
        settings = self.spec.finetune.model_copy(update={"epochs": self.spec.search.epochs})
        tuned = fit(small, self.dataset, settings, run=folder, report=Silent(self.report), stage="trial")
        shutil.rmtree(folder.path, ignore_errors=True)
        return tuned


@dataclass(frozen=True)
class Silent:
    """A report that says nothing, and still stops the job when the user wants it to."""

    report: Report

    def progress(self, stage: str, done: float, of: float) -> None:
        self.report.check()

    def metrics(self, **values: Any) -> None:
        self.report.check()

    def event(self, text: str) -> None:
        self.report.check()

    def check(self) -> None:
        self.report.check()
