"""Scan a finished run's network: how much accuracy each group alone costs, share by share."""

import time

import torch

from pruning import checkpoint, sensitivity
from pruning.channels.trace import trace
from pruning.origin import ancestor, finished
from pruning.planning import scored
from pruning.precision import choose_device
from pruning.report import Report
from pruning.run import Run, read_json
from pruning.spec import Device, PruneSettings, ScanSettings, ScanSpec
from pruning.stages import conclude, loaded


def scan(spec: ScanSpec, run: Run, report: Report) -> None:
    started, parent = time.monotonic(), finished(spec.parent)
    dataset, device = loaded(ancestor(parent).data, report), choose_device(Device.AUTO)
    model = checkpoint.load(parent.model)
    channels = trace(model, torch.zeros(2, *dataset.input_shape), blocks=spec.scan.blocks)
    scores = scored(model, channels, scoring(spec.scan), data=dataset, device=device, report=report)
    found = sensitivity.scan(model, channels, scores, dataset, spec.scan, report, device, path=run.scan)
    report.event(sensitivity.in_words(found))
    conclude(run, read_json(parent.result)["after"], device, seconds=time.monotonic() - started)


def scoring(settings: ScanSettings) -> PruneSettings:
    """How the filters of a group are ranked."""
    return PruneSettings(criterion=settings.criterion, blocks=settings.blocks, seed=settings.seed)
