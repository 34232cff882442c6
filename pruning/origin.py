"""What a job starts from: a fresh network, somebody's weights, a saved network, or the run before it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

import models
from pruning import checkpoint, resume
from pruning.channels.trace import trace
from pruning.data.dataset import Dataset
from pruning.errors import UserError
from pruning.plan import Plan
from pruning.refusals import no_early_weights
from pruning.run import Run
from pruning.spec import FinetuneSpec, MaskSpec, ModelSettings, PruneSpec, Rewind, TrainSpec, parse
from pruning.surgery import prune


def build_arguments(input_shape: tuple[int, ...], classes: int) -> dict[str, int]:
    """What `models.build` is told: images of (C, H, W), or rows of (F,) features, whose image size is 0."""
    return {
        "in_channels": input_shape[0],
        "num_classes": classes,
        "image_size": input_shape[1] if len(input_shape) == 3 else 0,
    }


def start(settings: ModelSettings, arguments: Mapping[str, Any], seed: int) -> tuple[nn.Module, dict[str, Any]]:
    """The network to begin with, and its recipe: fresh, with somebody's weights, or as Espalier saved it, pruned or not."""
    torch.manual_seed(seed)
    recipe = checkpoint.own_recipe(settings.weights) if settings.weights else None
    if recipe is not None:
        same_network(recipe, settings, arguments)
        return checkpoint.load(settings.weights), recipe
    model = models.build(settings.name, **arguments, pretrained=settings.pretrained)
    if settings.weights:
        checkpoint.load_weights(model, settings.weights)
    return model, {"model": settings.name, "arguments": dict(arguments)}


def same_network(recipe: Mapping[str, Any], settings: ModelSettings, arguments: Mapping[str, Any]) -> None:
    """Raise UserError unless the saved network is the one asked for, made for data of this kind."""
    for what, saved, wanted in (
        ("model", recipe["model"], settings.name),
        *((name, recipe["arguments"].get(name), value) for name, value in arguments.items()),
    ):
        if saved != wanted:
            raise UserError(
                f"{Path(settings.weights).name} was saved with {what} {saved}, not {wanted}.",
                do=f"Choose {recipe['model']} and data like {recipe['extra'].get('data', 'that it was trained on')}.",
            )


def finished(number: int) -> Run:
    """The run to start from; raises UserError when it has no saved network."""
    run = Run.of(number)
    if not run.model.exists() or not run.result.exists():
        raise UserError(f"Run {number} has no finished network.", do="Choose a run that has ended well.")
    return run


def ancestor(run: Run) -> TrainSpec:
    """The spec of the training that `run` goes back to: it names the data set."""
    spec = parse(root_run(run).spec.read_text())
    assert isinstance(spec, TrainSpec)
    return spec


def reborn(run: Run, rewind: Rewind, dataset: Dataset, *, seed: int) -> nn.Module:
    """A network like the finished run's, with the weights that its training began with, or kept early, or fresh ones by `seed`.

    Kept entries are those of the training's own network, at the places that every cut since then left. Raises UserError
    when no early weights were kept.
    """
    line = lineage(run)
    model = born(line[0], rewind, dataset, seed)
    for later in line[1:]:
        spec = parse(later.spec.read_text())
        if isinstance(spec, PruneSpec):
            channels = trace(model, torch.zeros(2, *dataset.input_shape), blocks=spec.pruning.blocks)
            model = prune(model, Plan.from_json(later.plan.read_text(), channels))
    return model


def born(root: Run, rewind: Rewind, dataset: Dataset, seed: int) -> nn.Module:
    """The network of a training before, early in, or regardless of that training."""
    spec = ancestor(root)
    arguments = build_arguments(dataset.input_shape, len(dataset.classes))
    if rewind is Rewind.SCRATCH:
        fresh, _ = start(spec.model.model_copy(update={"weights": "", "pretrained": False}), arguments, seed)
        recipe = checkpoint.own_recipe(spec.model.weights) if spec.model.weights else None
        return repeated(fresh, recipe, dataset.input_shape) if recipe else fresh
    model, _ = start(spec.model, arguments, spec.training.seed)
    if rewind is Rewind.EARLY:
        if not root.early.exists():
            raise no_early_weights(root.number)
        model.load_state_dict(resume.read(root.early))
    return model


def repeated(model: nn.Module, recipe: Mapping[str, Any], input_shape: tuple[int, ...]) -> nn.Module:
    """What a recipe's cuts leave of a dense network with other weights."""
    for cut in ({"blocks": recipe["blocks"], "keep": recipe["keep"]}, *recipe["then"]):
        channels = trace(model, torch.zeros(2, *input_shape), blocks=cut["blocks"])
        model = prune(model, Plan(channels, {name: tuple(kept) for name, kept in checkpoint.spelt(cut).items()}))
    return model


def lineage(run: Run) -> list[Run]:
    """The training that `run` goes back to, and all runs from there to it; raises UserError when it trained no network."""
    spec = parse(run.spec.read_text())
    if isinstance(spec, TrainSpec):
        return [run]
    if not isinstance(spec, PruneSpec | FinetuneSpec | MaskSpec):
        raise UserError(f"Run {run.number} trained no network.", do="Choose a train, prune or fine-tune run.")
    return [*lineage(Run.of(spec.parent)), run]


def root_run(run: Run) -> Run:
    """The training that `run` goes back to, itself if it is one; its network is the dense one."""
    return lineage(run)[0]
