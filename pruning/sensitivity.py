"""Sensitivity: accuracy when each group alone is cut, share by share (Li et al. 2017, section 3.2)."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from pruning.allocate import Scores, allocate
from pruning.channels.map import ChannelMap
from pruning.curves import units_of
from pruning.data.dataset import Dataset, take
from pruning.evaluate import evaluate
from pruning.plan import Plan
from pruning.report import Report
from pruning.run import read_json, write_json
from pruning.spec import ScanSettings
from pruning.surgery import prune

Point = list[float]  # share asked for, units kept, accuracy, loss
Scanned = dict[str, Any]  # scan.json
Measure = Callable[[nn.Module], Mapping[str, float]]  # accuracy and loss


def scan(
    model: nn.Module,
    channels: ChannelMap,
    scores: Scores,
    dataset: Dataset,
    settings: ScanSettings,
    report: Report,
    device: torch.device,
    *,
    path: Path | None = None,
) -> Scanned:
    """Measure every group that has scores, really pruned, on validation images drawn by seed.

    What `path` holds of an earlier attempt on the same network is not measured again; it is written after each group.
    """
    measure = partial(accuracy, dataset=sample(dataset, settings), device=device)
    found = begun(channels, settings, measure(model), len(dataset.validation_y))
    found["groups"] = known(path, found)
    names = [group.name for group in channels.groups if group.name in scores]
    for done, name in enumerate(names):
        report.progress("scan", done, len(names))
        if name not in found["groups"]:
            plans = [allocate(channels, scores, shares={name: share}) for share in settings.shares]
            found["groups"][name] = points(model, name, plans, settings, measure)
            if path:
                write_json(path, found)
    return found


def points(model: nn.Module, name: str, plans: Sequence[Plan], settings: ScanSettings, measure: Measure) -> list[Point]:
    """One point a share; shares that remove as many units are measured once."""
    cuts = {plan.kept()[name]: plan for plan in plans}
    told = {kept: measure(prune(model, plan)) for kept, plan in cuts.items()}
    return [
        [share, kept, told[kept]["accuracy"], told[kept]["loss"]]
        for share, kept in zip(settings.shares, (plan.kept()[name] for plan in plans), strict=True)
    ]


def begun(channels: ChannelMap, settings: ScanSettings, dense: Mapping[str, float], images: int) -> Scanned:
    return {
        "dense": dict(dense),
        "criterion": str(settings.criterion),
        "images": min(settings.images, images),
        "shares": list(settings.shares),
        "seed": settings.seed,
        "blocks": str(settings.blocks),
        "units": units_of(channels),
        "groups": {},
    }


def known(path: Path | None, now: Scanned) -> dict[str, list[Point]]:
    """Groups that an earlier attempt measured: the same settings on a network of the same sizes and loss."""
    before = read_json(path) if path else None
    if before is None or any(before.get(key) != now[key] for key in now.keys() - {"groups", "dense"}):
        return {}
    same = math.isclose(before["dense"]["loss"], now["dense"]["loss"], rel_tol=1e-3)
    return dict(before["groups"]) if same else {}


def sample(dataset: Dataset, settings: ScanSettings) -> Dataset:
    """The data set with only so many of its validation images, drawn by seed."""
    order = np.random.default_rng(settings.seed).permutation(len(dataset.validation_y))
    index = np.sort(order[: settings.images])
    return replace(dataset, validation_x=take(dataset.validation_x, index), validation_y=dataset.validation_y[index])


def accuracy(model: nn.Module, dataset: Dataset, device: torch.device) -> dict[str, float]:
    return evaluate(model, dataset.validation_x, dataset.validation_y, dataset, device)


def in_words(found: Scanned) -> str:
    """Which group costs most and which least at the share in the middle."""
    middle = len(found["shares"]) // 2
    left = {name: points[middle][2] for name, points in found["groups"].items()}
    told = f"Scanned {len(left)} groups on {found['images']:,} validation images"
    if len(left) < 2:
        return f"{told}."
    share, worst, best = found["shares"][middle], min(left, key=left.__getitem__), max(left, key=left.__getitem__)
    if left[worst] == left[best]:
        return f"{told}: without {share:.0%} of any, accuracy is {left[best]:.2%}."
    return (
        f"{told}: without {share:.0%} of {worst} accuracy is {left[worst]:.2%}, "
        f"of {best} {left[best]:.2%}, uncut {found['dense']['accuracy']:.2%}."
    )
