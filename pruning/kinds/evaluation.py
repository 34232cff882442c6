"""Cut a finished run's network for real: what is left is counted and proven, and its accuracy measured if asked for."""

import json
import time
from functools import lru_cache
from typing import Any

from torch import nn

from pruning import measure, sensitivity
from pruning.equivalence import verify
from pruning.evaluate import evaluate as measured
from pruning.kinds import warm
from pruning.origin import finished
from pruning.plan import Plan
from pruning.precision import choose_device
from pruning.report import Report
from pruning.run import Run, write_json
from pruning.spec import Device, EvaluateSpec, ScanSettings
from pruning.stages import conclude, parameters
from pruning.surgery import prune


def evaluate(spec: EvaluateSpec, run: Run, report: Report) -> None:
    """Write `evaluated.json`: units kept, size and proof of the network that the plan leaves, and its accuracy untuned."""
    began, parent = time.monotonic(), finished(spec.parent)
    dense, shape = warm.network(parent), warm.input_shape(parent.model)
    plan = Plan.from_json(json.dumps(spec.plan), warm.channels(parent, spec.blocks))
    small = prune(dense, plan)
    sizes = {"params": parameters(small), "macs": measure.macs(small, shape), "bytes": measure.stored_bytes(small)}
    found: dict[str, Any] = {"kept": plan.kept(), **sizes, "verified": verify(dense, small, plan)}
    if spec.images:
        found |= accuracies(small, parent, spec.images, report)
        found["dense_accuracy"] = dense_accuracy(parent, warm.stamp(parent.model), spec.images)
    seconds = time.monotonic() - began
    write_json(run.evaluated, found | {"seconds": seconds})
    conclude(run, sizes, choose_device(Device.AUTO), verified=found["verified"], seconds=seconds)


def accuracies(model: nn.Module, parent: Run, images: int, report: Report) -> dict[str, Any]:
    """Accuracy, loss and the folds' accuracies on the validation images that a scan looks at; moves the model."""
    dataset, device = warm.dataset(parent), choose_device(Device.AUTO)
    some = sensitivity.sample(dataset, ScanSettings(images=images))
    x, y = some.validation_x, some.validation_y
    parts, folds = min(sensitivity.FOLDS, len(y)), []
    for fold in range(parts):
        report.progress("evaluate", fold, parts)
        folds.append(measured(model, x[fold::parts], y[fold::parts], dataset, device))
    counts = [len(y[fold::parts]) for fold in range(parts)]
    mean = {key: sum(n * f[key] for n, f in zip(counts, folds, strict=True)) / len(y) for key in ("accuracy", "loss")}
    return {"images": len(y), **mean, "folds": [fold["accuracy"] for fold in folds]}


@lru_cache(8)
def dense_accuracy(parent: Run, stamp: int, images: int) -> float:
    """Of the network as it is, on the same images; kept, as every request asks for it."""
    dataset = warm.dataset(parent)
    some = sensitivity.sample(dataset, ScanSettings(images=images))
    twin = prune(warm.network(parent), Plan(warm.channels(parent), {}))
    return measured(twin, some.validation_x, some.validation_y, dataset, choose_device(Device.AUTO))["accuracy"]
