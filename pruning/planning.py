"""From a network and a wish to a plan: score, scan where asked for, and spread the sparsity."""

from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pruning import sensitivity
from pruning.allocate import Scores, best, from_settings
from pruning.channels.map import ChannelMap
from pruning.contradictions import refuse_contradictions
from pruning.criteria import CRITERIA, score
from pruning.criteria.units import units_of
from pruning.curves import Curves, curves, of_run
from pruning.data.dataset import Dataset
from pruning.explain import scoring_data
from pruning.plan import Plan
from pruning.ranking import remark
from pruning.report import Report
from pruning.run import Run
from pruning.spec import Order, PruneSettings, ScanSettings, Spread
from pruning.speed import timed, within
from pruning.surgery import masked


def make(
    model: nn.Module,
    channels: ChannelMap,
    settings: PruneSettings,
    *,
    data: Dataset,
    device: torch.device,
    report: Report,
    run: Run,
) -> Plan:
    """The plan that the settings ask for; `channels` is the model's map. The model ends on the CPU, as it was.

    Raises UserError for budgets that cannot be met, and settings that contradict each other.
    """
    refuse_contradictions(settings)
    if warning := remark(settings):
        report.event(warning)
    scores = scored(model, channels, settings, data=data, device=device, report=report)
    curves = None
    if settings.spread is Spread.SENSITIVITY:
        curves = curves_of(model, channels, scores, settings, data, device, report, run)
    if settings.max_latency:
        plan = within(partial(timed, model.to(device)), channels, scores, settings, curves, report)
    else:
        plan = from_settings(channels, scores, settings, curves)
    model.to("cpu")
    return greedy(model, plan, settings) if settings.order is Order.GREEDY else plan


def scored(
    model: nn.Module,
    channels: ChannelMap,
    settings: PruneSettings,
    *,
    data: Dataset,
    device: torch.device,
    report: Report,
) -> dict[str, NDArray[np.floating[Any]]]:
    """Group name → scores (units,) by the criterion asked for. The model ends on the CPU, as it was."""
    chosen = scoring_data(data, settings.score_images, seed=settings.seed, device=device, report=report)
    found = score(model.to(device), channels, settings.criterion, data=chosen, seed=settings.seed, at=settings.score_at)
    model.to("cpu")
    return {name: values.numpy() for name, values in found.items()}


def curves_of(
    model: nn.Module,
    channels: ChannelMap,
    scores: Scores,
    settings: PruneSettings,
    data: Dataset,
    device: torch.device,
    report: Report,
    run: Run,
) -> Curves:
    """Sensitivity curves of the scan asked for, or of a new one that the run keeps."""
    if settings.scan:
        return of_run(settings.scan, channels)
    wish = ScanSettings(criterion=settings.criterion, blocks=settings.blocks, seed=settings.seed)
    found = sensitivity.scan(model, channels, scores, data, wish, report, device, path=run.scan)
    report.event(sensitivity.in_words(found))
    return curves(found)


def greedy(model: nn.Module, plan: Plan, settings: PruneSettings) -> Plan:
    """As many units of each group as `plan` keeps, chosen in the network's order: a filter's score leaves out the kernels of
    feature maps that are gone already (Li et al. 2017, section 3.2)."""
    judge = CRITERIA[settings.criterion].score
    assert judge is not None
    chosen: dict[str, tuple[int, ...]] = {}
    for name, n in plan.kept().items():
        if name in plan.keep:
            left = masked(model, Plan(plan.channels, chosen))
            units = next(u for u in units_of(left, plan.channels, {}, settings.seed) if u.name == name)
            chosen[name] = best(judge(units).double().numpy(), n)
    return Plan(plan.channels, chosen)
