"""Which units each cut of a prune job removes: at once, in steps that are scored anew, or chosen while training."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import nn

from pruning import checkpoint, planning
from pruning.allocate import from_settings
from pruning.channels.map import ChannelMap
from pruning.channels.trace import trace
from pruning.data.dataset import Dataset
from pruning.origin import ancestor, finished
from pruning.plan import Plan
from pruning.precision import choose_device
from pruning.ranking import remark
from pruning.report import Report
from pruning.run import Run, write_atomic
from pruning.schedule import carried, comparable, continuation, is_ranked, remaining, settled, towards
from pruning.session import Shaping
from pruning.shaping import Gradual, Growing
from pruning.spec import Order, PruneSettings, PruneSpec, TrainSettings, When
from pruning.stages import loaded
from pruning.train import fit


@dataclass(frozen=True)
class Job:
    spec: PruneSpec
    run: Run
    report: Report
    parent: Run
    dataset: Dataset
    dense: nn.Module  # the parent's network, which may itself be pruned
    channels: ChannelMap  # of it
    device: torch.device

    @property
    def cuts(self) -> int:
        """While training, steps are updates of masks, and there is one cut at the end."""
        return self.spec.schedule.steps if self.spec.schedule.when is When.CUT else 1

    def plan(self, number: int) -> Path:
        """What is gone of the parent's network after a cut; 0: what one shot would remove."""
        path: Path = self.run.plan if number == self.cuts else self.run.steps / f"{number:02d}.plan.json"
        return path

    def note(self, number: int) -> Path:
        path: Path = self.run.steps / f"{number:02d}.json"
        return path

    def network(self, number: int) -> Path:
        """What comes after a cut and its training: written last, so that a cut that has one is done."""
        path: Path = self.run.steps / f"{number:02d}.safetensors" if number else self.parent.model
        return path

    @property
    def between(self) -> TrainSettings:
        """How the network is trained before the fine-tuning."""
        return self.spec.finetune.model_copy(update={"epochs": self.spec.schedule.epochs, "early_epoch": 0})


def opened(spec: PruneSpec, run: Run, report: Report) -> Job:
    parent = finished(spec.parent)
    dataset = loaded(ancestor(parent).data, report)
    dense, device = checkpoint.load(parent.model), choose_device(spec.finetune.device)
    return Job(spec, run, report, parent, dataset, dense, traced(dense, dataset, spec), device)


def traced(model: nn.Module, dataset: Dataset, spec: PruneSpec) -> ChannelMap:
    return trace(model, torch.zeros(2, *dataset.input_shape), blocks=spec.pruning.blocks)


def chosen(job: Job, number: int) -> tuple[nn.Module, Plan, Plan]:
    """The network to cut, what is gone of the parent's after this cut, and the cut itself."""
    present = checkpoint.load(job.network(number - 1))
    if job.spec.schedule.when is not When.CUT:
        whole = shaped(job, present)
    elif job.cuts == 1:
        whole = kept(job, 1, partial(at_once, job))
    else:
        return stepwise(job, number, present)
    return present, whole, whole


def kept(job: Job, number: int, make: Callable[[], Plan]) -> Plan:
    """The plan that was made before a restart, or a new one."""
    path = job.plan(number)
    if not path.exists():
        write_atomic(path, make().to_json())
    return Plan.from_json(path.read_text(), job.channels)


def at_once(job: Job) -> Plan:
    return planned(job, job.dense, job.channels, job.spec.pruning)


def planned(job: Job, model: nn.Module, channels: ChannelMap, wish: PruneSettings) -> Plan:
    return planning.make(model, channels, wish, data=job.dataset, device=job.device, report=job.report, run=job.run)


def stepwise(job: Job, number: int, present: nn.Module) -> tuple[nn.Module, Plan, Plan]:
    now = traced(present, job.dataset, job.spec)
    done = Plan.from_json(job.plan(number - 1).read_text(), job.channels) if number > 1 else Plan(job.channels, {})
    whole = kept(job, number, lambda: done.then(next_cut(job, number, present, now, done)))
    return present, whole, continuation(done, whole, now)


def next_cut(job: Job, number: int, present: nn.Module, now: ChannelMap, done: Plan) -> Plan:
    """The cut of `present` after which as much is gone of the parent's network as the schedule wants by now."""
    wish = wanted(job, number / job.cuts)
    if wish.order is Order.GREEDY:
        return planned(job, present, now, remaining(wish, done, now))
    if number == 1 and remark(wish):
        job.report.event(remark(wish))
    found = planning.scored(present, now, wish, data=job.dataset, device=job.device, report=job.report)
    comparing, wish = comparable(found, wish)
    scores = carried(done, now, comparing)
    known = wish.model_copy(update={"shares": {name: wish.shares[name] for name in wish.shares if name in scores}})
    return continuation(done, from_settings(job.channels, scores, known), now)


def wanted(job: Job, time: float) -> PruneSettings:
    """What must be gone of the parent's network at a time in 0…1."""
    wish, units = job.spec.pruning, sum(group.units for group in job.channels.groups)
    goal = wish if is_ranked(wish) else settled(wish, kept(job, 0, partial(at_once, job)))
    return towards(goal, job.spec.schedule.curve, time, units)


def shaped(job: Job, model: nn.Module) -> Plan:
    """Train `model` while masks or a penalty grow; what goes of it at the end."""
    schedule = job.spec.schedule
    if schedule.when is When.REGULARISED:
        plan = kept(job, 1, partial(at_once, job))
        train(job, model, job.between, str(schedule.when), Growing(plan, schedule.penalty))
        return plan
    masks = Gradual(job.channels, partial(wanted, job), schedule.steps if schedule.steps > 1 else 0)
    train(job, model, job.between, str(schedule.when), masks)
    return kept(job, 1, lambda: masks.plan or Plan(job.channels, {}))


def train(job: Job, model: nn.Module, settings: TrainSettings, stage: str, shaping: Shaping | None = None) -> nn.Module:
    """Train with the parent's network as the teacher, for those who want one."""
    return fit(
        model,
        job.dataset,
        settings,
        run=job.run,
        report=job.report,
        stage=stage,
        teacher=job.dense,
        shaping=shaping,
    )
