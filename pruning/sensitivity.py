"""Sensitivity: accuracy when each group alone is cut, share by share (Li et al. 2017, section 3.2), and several together."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from pruning import prefixes
from pruning.allocate import Scores, allocate
from pruning.channels.map import ChannelMap
from pruning.curves import units_of
from pruning.data.dataset import Dataset, take
from pruning.plan import Plan
from pruning.precision import lean
from pruning.report import Report
from pruning.run import read_json, write_json
from pruning.spec import ScanSettings

Point = list[Any]  # share asked for, units kept, accuracy, loss, accuracy of each fold
Scanned = dict[str, Any]  # scan.json
Measured = dict[str, Any]  # accuracy, loss, folds

FOLDS = 8  # image i is in fold i % 8
UNIFORM = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9)  # shares that all groups lose together
MIXED = (
    0.1,
    0.2,
    0.4,
    0.6,
    0.9,
)  # further points: each group loses its own share, at most so much; deep networks bear little


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
    """Measure every group that has scores, really pruned, on validation images drawn by seed; then all of them together.

    What `path` holds of an earlier attempt on the same network is not measured again; it is written after each group.
    """
    data = sample(dataset, settings)
    bench = prefixes.prepare(model, data, device, is_lean=lean(model, settings.precision, device))
    names = [group.name for group in channels.groups if group.name in scores]
    found = begun(channels, settings, told(prefixes.dense(bench), data.validation_y), data, bench.is_lean)
    found |= {"of": len(names)} | known(path, found)
    for name in prefixes.ordered(bench, channels, [name for name in names if name not in found["groups"]]):
        report.progress("scan", len(found["groups"]), len(names) + 1)
        plans = [allocate(channels, scores, shares={name: share}) for share in settings.shares]
        found["groups"][name] = points(bench, name, plans, settings, data)
        noted(path, found)
    report.progress("scan", len(names), len(names) + 1)
    found["joint"] = found["joint"] or joint(bench, channels, scores, names, settings.seed, data)
    noted(path, found)
    return found


def noted(path: Path | None, found: Scanned) -> None:
    """Write what is measured so far, groups in the network's order."""
    found["groups"] = {name: found["groups"][name] for name in found["units"] if name in found["groups"]}
    found["done"] = len(found["groups"])
    if path:
        write_json(path, found)


def points(
    bench: prefixes.Bench, name: str, plans: Sequence[Plan], settings: ScanSettings, data: Dataset
) -> list[Point]:
    """One point a share; shares that remove as many units are measured once."""
    cuts = {plan.kept()[name]: plan for plan in plans}
    outputs = prefixes.measure(bench, list(cuts.values()))
    by_kept = {kept: told(logits, data.validation_y) for kept, logits in zip(cuts, outputs, strict=True)}
    kept = [plan.kept()[name] for plan in plans]
    return [[share, k, *by_kept[k].values()] for share, k in zip(settings.shares, kept, strict=True)]


def joint(
    bench: prefixes.Bench, channels: ChannelMap, scores: Scores, names: Sequence[str], seed: int, data: Dataset
) -> list[dict[str, Any]]:
    """Several groups cut at once: all by the same share, and each by its own, drawn by seed."""
    random = np.random.default_rng((seed, len(names)))
    mixed = [dict(zip(names, (most * random.random(len(names))).tolist(), strict=True)) for most in MIXED]
    wishes = [dict.fromkeys(names, share) for share in UNIFORM] + mixed
    plans = [allocate(channels, scores, shares=shares) for shares in wishes]
    outputs = [prefixes.measure(bench, [plan])[0] for plan in plans]
    return [
        {"kept": plan.kept(), **told(logits, data.validation_y), "share": share}
        for plan, logits, share in zip(plans, outputs, [*UNIFORM, *[None] * len(MIXED)], strict=True)
    ]


def told(logits: Tensor, targets: NDArray[np.int64]) -> Measured:
    """Logits (N, classes) → accuracy and mean loss, and the accuracy of each fold: a spread over images."""
    labels = torch.from_numpy(targets)
    right = (logits.argmax(1) == labels).double().numpy()
    loss = F.cross_entropy(logits.float(), labels, reduction="none").double().mean().item()
    folds = [right[fold::FOLDS] for fold in range(FOLDS)]
    whole = float(right.mean())
    return {"accuracy": whole, "loss": loss, "folds": [float(part.mean()) if len(part) else whole for part in folds]}


def begun(channels: ChannelMap, settings: ScanSettings, dense: Measured, data: Dataset, is_lean: bool) -> Scanned:
    return {
        "dense": dense,
        "criterion": str(settings.criterion),
        "images": len(data.validation_y),
        "folds": FOLDS,
        "precision": "bf16" if is_lean else "fp32",
        "shares": list(settings.shares),
        "seed": settings.seed,
        "blocks": str(settings.blocks),
        "units": units_of(channels),
        "groups": {},
        "joint": [],
    }


def known(path: Path | None, now: Scanned) -> dict[str, Any]:
    """Groups, and what was cut together, of an earlier attempt: the same settings on a network of the same sizes and loss."""
    before = read_json(path) if path else None
    settings = now.keys() - {"groups", "joint", "dense"}
    if before is None or any(before.get(key) != now[key] for key in settings):
        return {}
    same = math.isclose(before["dense"]["loss"], now["dense"]["loss"], rel_tol=1e-3)
    return {"groups": dict(before["groups"]), "joint": before["joint"]} if same else {}


def sample(dataset: Dataset, settings: ScanSettings) -> Dataset:
    """The data set with only so many of its validation images, drawn by seed."""
    order = np.random.default_rng(settings.seed).permutation(len(dataset.validation_y))
    index = np.sort(order[: settings.images])
    return replace(dataset, validation_x=take(dataset.validation_x, index), validation_y=dataset.validation_y[index])


def in_words(found: Mapping[str, Any]) -> str:
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
