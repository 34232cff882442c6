"""Audit a finished run's network: what each removed filter really costs, and which criterion foretells it best."""

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from pruning import checkpoint
from pruning.ablation import ALONE, Batches, Drawn, Removal, draw, removals
from pruning.audit import Effect, Oracle, Scores, compared
from pruning.channels.map import ChannelMap
from pruning.channels.trace import trace
from pruning.criteria import scores_of
from pruning.criterion_cards import CARDS
from pruning.data.dataset import Dataset, take
from pruning.errors import UserError
from pruning.evaluate import evaluation_batches
from pruning.explain import Images, scoring_data
from pruning.origin import ancestor, finished
from pruning.precision import choose_device
from pruning.report import Report
from pruning.run import Run, append_line, read_json, read_lines, write_json
from pruning.spec import AuditSettings, AuditSpec, CriterionName, Device
from pruning.stages import conclude, loaded

RESIDENT = 2**30  # bytes of inputs that stay in memory; more are prepared anew for every removal
FIRST = 3  # removals that are timed before the rest is foretold


def audit(spec: AuditSpec, run: Run, report: Report) -> None:
    started, parent = time.monotonic(), finished(spec.parent)
    dataset, device = loaded(ancestor(parent).data, report), choose_device(Device.AUTO)
    model, settings = checkpoint.load(parent.model), spec.audit
    channels = trace(model, torch.zeros(2, *dataset.input_shape), blocks=settings.blocks)
    chosen = draw(channels, settings.units, settings.seed)
    if not chosen:
        raise UserError("This network has no filters to choose from.", do="Explore says what is left alone, and why.")
    batches, images = held(dataset, settings, device)
    found = ablated(model.to(device), channels, chosen, batches, run, report)
    scores = scored(model, channels, dataset, settings, device, report)
    oracle, loss = effects(found, chosen, images)
    told = compared(oracle, scores, share=settings.share, resamples=settings.resamples, seed=settings.seed)
    write_json(run.audit, described(channels, oracle, loss, images, settings) | told)
    finish(spec, run, report, told, time.monotonic() - started, device)


def held(dataset: Dataset, settings: AuditSettings, device: torch.device) -> tuple[Batches, int]:
    """Validation images drawn by seed, in batches, and how many; kept in memory unless they are very many."""
    order = np.random.default_rng(settings.seed).permutation(len(dataset.validation_y))[: settings.images]
    index = np.sort(order)
    x, y = take(dataset.validation_x, index), dataset.validation_y[index]
    anew = partial(evaluation_batches, x, y, dataset, device)
    if 4 * len(index) * int(np.prod(dataset.input_shape)) > RESIDENT:
        return anew, len(index)
    kept = list(anew())
    return lambda: kept, len(index)


def ablated(
    model: nn.Module, channels: ChannelMap, chosen: Drawn, batches: Batches, run: Run, report: Report
) -> list[Removal]:
    """Every removal, those of an interrupted attempt read from its file."""
    found = [Removal(**line) for line in read_lines(run.ablation)]
    wanted, known = 1 + sum(map(len, chosen.values())), {(removal.group, removal.unit) for removal in found}
    begun, began = time.monotonic(), len(found)
    report.progress("ablate", began, wanted)
    for removal in removals(model, channels, chosen, batches, known=known):
        append_line(run.ablation, removal._asdict())
        found.append(removal)
        report.progress("ablate", len(found), wanted)
        if len(found) - began == FIRST:
            each = (time.monotonic() - begun) / FIRST
            report.event(f"Removing {wanted - 1:,} filters one at a time takes about {each * wanted:.0f} s.")
    return found


def scored(
    model: nn.Module,
    channels: ChannelMap,
    dataset: Dataset,
    settings: AuditSettings,
    device: torch.device,
    report: Report,
) -> dict[str, Scores | str]:
    """Every criterion's scores, or the sentence why it has none; those of activations share one pass over the images."""
    again = partial(scoring_data, dataset, seed=settings.seed, device=device, report=report)
    images, names = Images(again, settings.score_images), list(dict.fromkeys(settings.criteria))
    found = scores_of(model, channels, names, data=images, seed=settings.seed, at=settings.score_at)
    return {
        str(name): str(scores) if isinstance(scores, UserError) else {g: v.tolist() for g, v in scores.items()}
        for name, scores in found.items()
    }


def effects(found: list[Removal], chosen: Drawn, images: int) -> tuple[Oracle, float]:
    """The change of the mean loss by group, and the loss of the whole network."""
    sums = {(removal.group, removal.unit): np.array([removal.even, removal.odd]) for removal in found}
    base = sums["", -1]
    changes = {name: np.stack([sums[name, unit] - base for unit in units], 1) for name, units in chosen.items()}
    oracle = {name: Effect(chosen[name], both.sum(0) / images, both) for name, both in changes.items()}
    return oracle, float(base.sum() / images)


def described(
    channels: ChannelMap, oracle: Oracle, loss: float, images: int, settings: AuditSettings
) -> dict[str, Any]:
    """What was measured, and on what."""
    approximate = {group.name: group.approximate for group in channels.groups}
    units = {group.name: group.units for group in channels.groups}
    groups = [
        {
            "name": name,
            "units": units[name],
            "drawn": list(effect.units),
            "change": effect.change.tolist(),
            "approximate": approximate[name],
        }
        for name, effect in oracle.items()
    ]
    left_out = {group.name: ALONE for group in channels.groups if group.name not in oracle}
    measured = {"images": images, "loss": loss, "groups": groups, "left_out": left_out}
    chosen = settings.model_dump(mode="json", exclude={"criteria", "images"})
    return measured | chosen


def finish(
    spec: AuditSpec, run: Run, report: Report, told: Mapping[str, Any], seconds: float, device: torch.device
) -> None:
    """The result of an audit: its parent's numbers, and each criterion's mean correlation."""
    means = {name: (found.get("mean") or {}).get("rho") for name, found in told["criteria"].items()}
    first = told["best"]
    if first:
        report.event(
            f"{CARDS[CriterionName(first)].title} orders filters most like the ablation oracle: ρ = {means[first]:.2f}."
        )
    after = read_json(finished(spec.parent).result)["after"]
    conclude(run, after, device, audit=means, seconds=seconds)
