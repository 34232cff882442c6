"""Mask weights of a finished run's network, see what that costs and what removing would save, and fine-tune under the masks."""

from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import nn

from pruning import checkpoint, measure
from pruning.data.dataset import Dataset, take
from pruning.evaluate import evaluate
from pruning.explain import channels_of, scoring_data
from pruning.mask_record import pictures, removal, table, total
from pruning.masks import Held, Masks, Scores, apply, choose, named, own, refuse_emptied, together, worth
from pruning.origin import ancestor, finished
from pruning.precision import choose_device
from pruning.refusals import refuse_masks
from pruning.report import Report
from pruning.run import Run, read_json, write_atomic, write_json
from pruning.spec import MaskSettings, MaskSpec, MaskStructure
from pruning.stages import finish, keep, loaded, sizes
from pruning.surgery import duplicate, prune
from pruning.train import fit

TENTHS = [tenth / 10 for tenth in range(10)]
MOST_MACS = 3 * 10**11  # of a point on the curve
FEWEST = 256  # validation images behind a point
Measured = dict[str, Any]


def mask(spec: MaskSpec, run: Run, report: Report) -> None:
    parent = finished(spec.parent)
    dataset = loaded(ancestor(parent).data, report)
    device = choose_device(spec.finetune.device)
    dense = checkpoint.load(parent.model)
    score = cache(partial(scored, dense, dataset, spec.masking, report, device))  # for the masks and for the curve
    masks = chosen(dense, spec.masking, parent, run, report, score)
    before = {
        key: value for key, value in read_json(parent.result)["after"].items() if key != "latency"
    }  # masks save none
    masked = apply(duplicate(dense, {}), masks)
    if not run.masks.exists():
        write_atomic(run.summary_before, measure.summary(dense, dataset.input_shape))
        write_json(run.masks, told(dense, masked, masks, dataset, spec.masking, report, device, score))
    if not run.model.exists():
        held = Held(masks) if spec.finetune.epochs else None
        tuned = fit(masked.to("cpu"), dataset, spec.finetune, run=run, report=report, stage="finetune",
                    teacher=dense if spec.finetune.distill else None, shaping=held)  # fmt: skip
        keep(tuned, run, checkpoint.recipe(parent.model), dataset)
    found = read_json(run.masks)
    if spec.finetune.epochs:
        write_json(run.masks, found | {"tuned": tuned_record(run, dataset, spec.masking, masks, device)})
    finish(run, report, dataset, spec.finetune, stage="finetune", before=before, pruned=found["masked"])


def chosen(
    model: nn.Module, settings: MaskSettings, parent: Run, run: Run, report: Report, score: Callable[[], Scores]
) -> Masks:
    """The masks that were chosen before a restart, or new ones; what the parent's masks hold stays masked as well."""
    if run.masked.exists():
        return load_file(run.masked)
    if settings.file:
        masks: Masks = own(model, checkpoint.read_tensors(Path(settings.file)))
    else:
        refuse_masks(settings)
        masks = choose(model, settings, score())
    if parent.masked.exists():
        masks = together(load_file(parent.masked), masks)
        report.event(f"What run {parent.number} masked stays masked.")
    refuse_emptied(model, masks)
    write_atomic(run.masked, to_bytes({name: stays.cpu().contiguous() for name, stays in masks.items()}))
    return load_file(run.masked)


def scored(model: nn.Module, dataset: Dataset, settings: MaskSettings, report: Report, device: torch.device) -> Scores:
    data = scoring_data(dataset, settings.images, seed=settings.seed, device=device, report=report)
    found = worth(model.to(device), settings, data, dataset.input_shape)
    model.to("cpu")
    return {name: score.cpu() for name, score in found.items()}


def told(
    dense: nn.Module,
    masked: nn.Module,
    masks: Masks,
    dataset: Dataset,
    settings: MaskSettings,
    report: Report,
    device: torch.device,
    score: Callable[[], Scores],
) -> Measured:
    """All that is known before fine-tuning: zeros, the masked and the removed network, the curve, the pictures."""
    rows = table(masked, masks, settings)
    zeros = total(masked, rows)
    whole, small = judged(dense, dataset, device), judged(masked, dataset, device)
    gone = removed(masked, dataset, device)
    report.event(in_words(zeros, whole, small, gone))
    found = {"table": rows, "total": zeros, "dense": whole, "masked": small, "removed": gone}
    curve = curved(dense.to("cpu"), dataset, settings, report, device, score)
    return found | {"curve": curve, "pictures": pictures(dense, masks)}


def judged(model: nn.Module, dataset: Dataset, device: torch.device) -> Measured:
    """Sizes, and validation loss and accuracy."""
    held = evaluate(model, dataset.validation_x, dataset.validation_y, dataset, device)
    return sizes(model, dataset) | {f"validation_{key}": value for key, value in held.items()}


def removed(masked: nn.Module, dataset: Dataset, device: torch.device) -> Measured:
    """The network without the filters that are all zero; it answers otherwise, as biases and norms of zero filters go too."""
    masked.to("cpu")
    channels = channels_of(masked, dataset.input_shape)
    plan = removal(masked, channels)
    gone = {name: len(units) for name, units in plan.removed().items()}
    reason = "" if channels.groups else channels.protected[0].reason
    units = sum(group.units for group in channels.groups)
    small = judged(prune(masked, plan), dataset, device) if gone else {}
    return {"groups": gone, "filters": sum(gone.values()), "units": units, "reason": reason, **small}


def in_words(zeros: Measured, dense: Measured, masked: Measured, gone: Measured) -> str:
    accuracies = f"validation accuracy {dense['validation_accuracy']:.2%} → {masked['validation_accuracy']:.2%}"
    start = f"{zeros['zeros']:,} weights are zero, {zeros['share_of_params']:.3%} of all parameters: {accuracies}."
    if not gone["filters"]:
        return f"{start} No filter is all zero: nothing would get smaller by removing."
    saved = 1 - gone["params"] / dense["params"], 1 - gone["macs"] / dense["macs"]
    return (
        f"{start} Removing the {gone['filters']:,} filters that are all zero would save {saved[0]:.2%} of the parameters and "
        f"{saved[1]:.1%} of the MACs: validation accuracy {gone['validation_accuracy']:.2%}."
    )


def curved(
    model: nn.Module,
    dataset: Dataset,
    settings: MaskSettings,
    report: Report,
    device: torch.device,
    score: Callable[[], Scores],
) -> Measured:
    """Accuracy without fine-tuning when less and when more is masked by the same settings; no points for own masks."""
    if settings.file:
        return {"images": 0, "of": 0, "points": []}
    most = max(FEWEST, MOST_MACS // max(1, measure.macs(model, dataset.input_shape)))
    images = min(len(dataset.validation_y), most)
    x, y = take(dataset.validation_x, torch.arange(images).numpy()), dataset.validation_y[:images]
    check = partial(evaluate, x=x, y=y, dataset=dataset, device=device)
    scores, points = score(), list(steps(settings))
    found = []
    for done, (amount, wish) in enumerate(points):
        report.progress("mask", done, len(points))
        masks = choose(model, wish, scores)
        twin = apply(duplicate(model, {}), masks)
        found.append([amount, sparsity(twin, masks), check(twin)["accuracy"]])
    return {"images": images, "of": len(dataset.validation_y), "points": found}


def steps(settings: MaskSettings) -> Iterator[tuple[float, MaskSettings]]:
    """(amount, settings) from nothing masked to nearly all."""
    if settings.structure is not MaskStructure.N_OF_M:
        for amount in sorted({*TENTHS, settings.amount}):
            yield amount, settings.model_copy(update={"amount": amount})
        return
    every = -(-settings.m // len(TENTHS))
    for n in sorted({*range(settings.m, 0, -every), settings.n}, reverse=True):
        yield 1 - n / settings.m, settings.model_copy(update={"n": n})


def sparsity(model: nn.Module, masks: Masks) -> float:
    """Share of the masked tensors' weights that is zero."""
    weights = [parameter for name, parameter in named(model) if name in masks]
    return sum(int((w == 0).sum()) for w in weights) / max(1, sum(w.numel() for w in weights))


def tuned_record(run: Run, dataset: Dataset, settings: MaskSettings, masks: Masks, device: torch.device) -> Measured:
    """Validation accuracies after fine-tuning: of the network as it is, and without its filters that are all zero."""
    model = checkpoint.load(run.model)
    rows = table(model, masks, settings)
    whole = judged(model, dataset, device)
    return {"total": total(model, rows), "masked": whole, "removed": removed(model, dataset, device)}
