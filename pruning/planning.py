"""From a network and a wish to a plan: score, then spread the sparsity."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pruning.allocate import from_settings
from pruning.channels.map import ChannelMap
from pruning.criteria import score
from pruning.data.dataset import Dataset
from pruning.explain import scoring_data
from pruning.plan import Plan
from pruning.ranking import remark
from pruning.report import Report
from pruning.run import Run
from pruning.spec import PruneSettings


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
    """The plan that the settings ask for; `channels` is the model's map. The model ends on the CPU, as it was."""
    if warning := remark(settings):
        report.event(warning)
    return from_settings(channels, scored(model, channels, settings, data=data, device=device, report=report), settings)


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
