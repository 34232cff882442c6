"""Prune a finished run's network, and fine-tune what is left."""

from functools import partial

import torch
from torch import nn

from pruning import checkpoint, measure, proof
from pruning.allocate import from_settings
from pruning.channels.trace import trace
from pruning.criteria import score
from pruning.data.dataset import Dataset
from pruning.equivalence import verify
from pruning.evaluate import evaluate
from pruning.explain import scoring_data
from pruning.origin import ancestor, finished
from pruning.plan import Plan
from pruning.precision import choose_device
from pruning.recalibration import calibration_images, recalibrate
from pruning.report import Report
from pruning.run import Run, read_json, write_atomic
from pruning.spec import PruneSettings, PruneSpec
from pruning.stages import finish, keep, loaded, parameters, sizes
from pruning.surgery import prune
from pruning.train import fit


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
