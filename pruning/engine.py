"""What each kind of job does, step by step. A step whose artifact exists is not done again, so that a retry is a resume."""

import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn

from pruning import checkpoint, data, measure, proof, timing
from pruning.allocate import from_settings
from pruning.channels.trace import trace
from pruning.criteria import score
from pruning.data.dataset import Dataset
from pruning.equivalence import verify
from pruning.errors import UserError
from pruning.evaluate import evaluate
from pruning.explain import explain, scoring_data
from pruning.origin import ancestor, build_arguments, finished, start
from pruning.plan import Plan
from pruning.precision import choose_device
from pruning.recalibration import calibration_images, recalibrate
from pruning.report import Report
from pruning.run import Run, read_json, read_lines, write_atomic, write_json
from pruning.spec import (
    Blocks,
    DataSettings,
    FinetuneSpec,
    InspectSpec,
    PrepareSpec,
    PruneSettings,
    PruneSpec,
    Spec,
    TrainSettings,
    TrainSpec,
)
from pruning.surgery import prune
from pruning.train import fit


def execute(spec: Spec, run: Run, report: Report) -> None:
    """Do a job and leave its artifacts in `run`. Raises UserError, VerifyError, and what `report` raises to stop it."""
    if run.result.exists():
        return
    match spec:
        case TrainSpec():
            train(spec, run, report)
        case PruneSpec():
            prune_and_tune(spec, run, report)
        case FinetuneSpec():
            finetune(spec, run, report)
        case InspectSpec():
            inspect(spec, run, report)
        case PrepareSpec():
            data.prepare(spec.data, lambda done, of: report.progress("prepare", done, of))
        case _:
            raise UserError(f"A {spec.kind} is many jobs, not one.", do="Submit the runs it consists of.")


def train(spec: TrainSpec, run: Run, report: Report) -> None:
    dataset = loaded(spec.data, report)
    arguments = build_arguments(dataset.input_shape, len(dataset.classes))
    if not run.model.exists():
        model, recipe = start(spec.model, arguments, spec.training.seed)
        write_atomic(run.summary_before, measure.summary(model, dataset.input_shape))
        explain(model, dataset.input_shape, run, report)
        report.event(f"Built {spec.model.name}: {parameters(model):,} parameters.")
        model = fit(model, dataset, spec.training, run=run, report=report)
        keep(model, run, recipe, dataset)
    finish(run, report, dataset, spec.training, stage="train")


def prune_and_tune(spec: PruneSpec, run: Run, report: Report) -> None:
    parent = finished(spec.parent)
    dataset = loaded(ancestor(parent).data, report)
    dense, device = checkpoint.load(parent.model), choose_device(spec.finetune.device)
    plan = planned(dense, dataset, spec.pruning, run, report, device)
    small = prune(dense, plan)
    difference = verify(dense, small, plan)
    report.event(cut_in_words(plan, dense, small, difference))
    write_atomic(run.summary_before, measure.summary(dense, dataset.input_shape))
    write_atomic(run.summary_after, measure.summary(small, dataset.input_shape))
    checked = recalibrated(small, dataset, spec.pruning, report, device)
    pruned = sizes(small, dataset) | {"validation_accuracy": checked["accuracy"], "validation_loss": checked["loss"]}
    before = read_json(parent.result)["after"] | {"latency": measure.latency(dense.to(device), dataset.input_shape)}
    if not run.model.exists():
        tuned = fit(small.to("cpu"), dataset, spec.finetune, run=run, report=report, stage="finetune")
        recipe = checkpoint.recipe(parent.model)
        keep(tuned, run, recipe, dataset, plan=plan, blocks=spec.pruning.blocks)
    finish(run, report, dataset, spec.finetune, stage="finetune", before=before, pruned=pruned, verified=difference)


def finetune(spec: FinetuneSpec, run: Run, report: Report) -> None:
    parent = finished(spec.parent)
    dataset = loaded(ancestor(parent).data, report)
    before = read_json(parent.result)["after"]
    if not run.model.exists():
        model = checkpoint.load(parent.model)
        write_atomic(run.summary_before, measure.summary(model, dataset.input_shape))
        explain(model, dataset.input_shape, run, report)
        model = fit(model, dataset, spec.training, run=run, report=report, stage="finetune")
        keep(model, run, checkpoint.recipe(parent.model), dataset)
    finish(run, report, dataset, spec.training, stage="finetune", before=before)


def inspect(spec: InspectSpec, run: Run, report: Report) -> None:
    shown = data.card(spec.data) or data.prepare(spec.data, lambda done, of: report.progress("prepare", done, of))
    shape, classes = tuple(shown["input_shape"]), len(shown["classes"])
    model, _ = start(spec.model, build_arguments(shape, classes), 0)
    explain(model, shape, run, report)
    write_atomic(run.summary_before, measure.summary(model, shape))
    seconds = timing.seconds_per_image(model, shape, classes)
    after = {"params": parameters(model), "macs": measure.macs(model, shape), "bytes": measure.stored_bytes(model)}
    nothing = {"before": None, "pruned": None, "verified": None, "epochs": 0, "seconds": 0.0}
    write_json(run.result, nothing | {"after": after, "device": "cpu", "seconds_per_image": seconds})


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


def planned(
    model: nn.Module, dataset: Dataset, settings: PruneSettings, run: Run, report: Report, device: torch.device
) -> Plan:
    """The plan that was made before a restart, or a new one: trace, score, allocate."""
    channels = trace(model, torch.zeros(2, *dataset.input_shape), blocks=settings.blocks)
    if run.plan.exists():
        return Plan.from_json(run.plan.read_text(), channels)
    chosen = scoring_data(dataset, settings.score_images, seed=settings.seed, device=device, report=report)
    scores = score(model.to(device), channels, settings.criterion, data=chosen, seed=settings.seed)
    plan = from_settings(channels, {name: s.numpy() for name, s in scores.items()}, settings)
    model.to("cpu")
    write_atomic(run.plan, plan.to_json())
    return plan


def recalibrated(
    small: nn.Module, dataset: Dataset, settings: PruneSettings, report: Report, device: torch.device
) -> dict[str, float]:
    """Validation loss and accuracy of the pruned network, whose batch norms measure training images anew if asked to."""
    check = partial(evaluate, small, dataset.validation_x, dataset.validation_y, dataset, device)
    found, images = check(), min(settings.recalibrate_images, len(dataset.train_y))
    if not images:
        return found
    norms = recalibrate(small, calibration_images(dataset, images, seed=settings.seed, device=device, report=report))
    if not norms:
        report.event("Nothing was recalibrated: the network has no batch norm with running statistics.")
        return found
    after = check()
    change = f"validation accuracy {found['accuracy']:.2%} → {after['accuracy']:.2%}"
    report.event(f"Recalibrated {norms} batch norm{'s' * (norms > 1)} on {images:,} training images: {change}.")
    return after


def cut_in_words(plan: Plan, dense: nn.Module, small: nn.Module, difference: float) -> str:
    units = sum(group.units for group in plan.channels.groups)
    removed = sum(len(gone) for gone in plan.removed().values())
    sizes = f"{parameters(dense):,} → {parameters(small):,} parameters"
    return f"Pruned {removed:,} of {units:,} filters: {sizes}; {proof.in_words(plan, difference)}."


def keep(
    model: nn.Module,
    run: Run,
    recipe: Mapping[str, Any],
    dataset: Dataset,
    *,
    plan: Plan | None = None,
    blocks: Blocks = Blocks.INSIDE,
) -> None:
    """Save the network with all that is needed to use it: classes, and how to normalise an input."""
    noted = {
        "classes": dataset.classes,
        "mean": dataset.mean,
        "std": dataset.std,
        "input_shape": dataset.input_shape,
        "data": dataset.name,
    }
    made = {"name": recipe["model"], "arguments": recipe["arguments"]}
    checkpoint.save(model, run.model, **made, plan=plan, blocks=blocks, parent=recipe, extra=noted)


def finish(
    run: Run,
    report: Report,
    dataset: Dataset,
    settings: TrainSettings,
    *,
    stage: str,
    before: Mapping[str, Any] | None = None,
    pruned: Mapping[str, Any] | None = None,
    verified: float | None = None,
) -> None:
    """Measure the saved network as whoever loads it will find it; the one place that looks at the test examples."""
    model, device = checkpoint.load(run.model), choose_device(settings.device)
    chosen = partial(scoring_data, dataset, seed=0, device=device, report=report)
    explain(model.to(device), dataset.input_shape, run, report, chosen)
    write_atomic(run.summary_after, measure.summary(model, dataset.input_shape))
    epochs = [record for record in read_lines(run.metrics) if record["stage"] == stage]
    result = {
        "before": before,
        "pruned": pruned,
        "after": sizes(model, dataset) | accuracies(model, dataset, device),
        "verified": verified,
        "epochs": len(epochs),
        "seconds": sum(record["seconds"] for record in epochs),
        "device": device.type,
    }
    report.event(f"Test accuracy {result['after']['test_accuracy']:.2%}.")
    if epochs and result["after"]["validation_accuracy"] < 1.2 / len(dataset.classes):
        report.event("That is no better than guessing: try a smaller learning rate, or more epochs.")
    write_json(run.result, result)
    shutil.rmtree(run.checkpoints, ignore_errors=True)


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
