"""What every kind of job is made of: load the data, keep a network, measure it."""

import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pruning import checkpoint, data, measure
from pruning.data.dataset import Dataset
from pruning.evaluate import evaluate
from pruning.explain import explain, scoring_data
from pruning.plan import Plan
from pruning.precision import choose_device
from pruning.report import Report
from pruning.run import Run, read_lines, write_atomic, write_json
from pruning.spec import Blocks, DataSettings, TrainSettings


def loaded(settings: DataSettings, report: Report) -> Dataset:
    dataset = data.load(settings, lambda done, of: report.progress("load", done, of))
    parts = (dataset.train_y, dataset.validation_y, dataset.test_y)
    counts = [f"{len(y):,} {name}" for y, name in zip(parts, ("training", "validation", "test"), strict=True)]
    scale = f"; normalised by mean {rounded(dataset.mean)}, std {rounded(dataset.std)}" if dataset.mean else ""
    report.event(f"Loaded {dataset.name}: {', '.join(counts)} examples{scale}.")
    for note in dataset.notes:
        report.event(note)
    return dataset


def rounded(values: Sequence[float]) -> str:
    return "/".join(f"{value:.3f}" for value in values)


def keep(
    model: nn.Module,
    run: Run,
    recipe: Mapping[str, Any],
    dataset: Dataset,
    *,
    plan: Plan | None = None,
    blocks: Blocks = Blocks.INSIDE,
    path: Path | None = None,
) -> None:
    """Save the network with all that is needed to use it: classes, and how to normalise an input; as the run's own by default."""
    noted = {
        "classes": dataset.classes,
        "mean": dataset.mean,
        "std": dataset.std,
        "input_shape": dataset.input_shape,
        "data": dataset.name,
    }
    made = {"name": recipe["model"], "arguments": recipe["arguments"]}
    checkpoint.save(model, path or run.model, **made, plan=plan, blocks=blocks, parent=recipe, extra=noted)


def finish(
    run: Run,
    report: Report,
    dataset: Dataset,
    settings: TrainSettings,
    *,
    stage: str = "",
    before: Mapping[str, Any] | None = None,
    pruned: Mapping[str, Any] | None = None,
    verified: float | None = None,
    steps: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Measure the saved network as whoever loads it will find it; the one place that looks at the test examples.

    Epochs and seconds are those of `stage`, or all.
    """
    model, device = checkpoint.load(run.model), choose_device(settings.device)
    chosen = partial(scoring_data, dataset, seed=0, device=device, report=report)
    explain(model.to(device), dataset.input_shape, run, report, chosen)
    write_atomic(run.summary_after, measure.summary(model, dataset.input_shape))
    epochs = [record for record in read_lines(run.metrics) if stage in ("", record["stage"])]
    result = {
        "before": before,
        "pruned": pruned,
        "after": sizes(model, dataset) | accuracies(model, dataset, device),
        "verified": verified,
        "epochs": len(epochs),
        "seconds": sum(record["seconds"] for record in epochs),
        "device": device.type,
        **({"steps": list(steps)} if steps else {}),
    }
    report.event(f"Test accuracy {result['after']['test_accuracy']:.2%}.")
    if epochs and result["after"]["validation_accuracy"] < 1.2 / len(dataset.classes):
        report.event("That is no better than guessing: try a smaller learning rate, or more epochs.")
    write_json(run.result, result)
    for folder in (run.checkpoints, run.steps):
        shutil.rmtree(folder, ignore_errors=True)


def conclude(run: Run, after: Mapping[str, Any], device: torch.device, **more: Any) -> None:
    """The result of a job that makes no network of its own; `after`: the numbers of the one that it looked at."""
    nothing = {"before": None, "pruned": None, "verified": None, "epochs": 0, "seconds": 0.0}
    write_json(run.result, nothing | {"after": after, "device": device.type} | more)


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def sizes(model: nn.Module, dataset: Dataset) -> dict[str, Any]:
    return {
        "params": parameters(model),
        "macs": measure.macs(model, dataset.input_shape),
        "bytes": measure.stored_bytes(model),
    }


def accuracies(model: nn.Module, dataset: Dataset, device: torch.device) -> dict[str, Any]:
    """Loss and accuracy on validation and test, and the latency for one example."""
    held = evaluate(model, dataset.validation_x, dataset.validation_y, dataset, device)
    test = evaluate(model, dataset.test_x, dataset.test_y, dataset, device)
    found = {f"{part}_{what}": value[what] for part, value in (("validation", held), ("test", test)) for what in value}
    return found | {"latency": measure.latency(model, dataset.input_shape)}
