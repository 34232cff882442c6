"""Small requests: what is in a network, what is in a data set, what a criterion says of a network's filters."""

import torch

from pruning import checkpoint, data, measure, timing
from pruning.channels.trace import trace
from pruning.criteria import scores_of
from pruning.explain import explain, in_lists, scoring_data
from pruning.origin import ancestor, build_arguments, finished, start
from pruning.precision import choose_device
from pruning.report import Report
from pruning.run import Run, read_json, write_atomic, write_json
from pruning.spec import Device, InspectSpec, PrepareSpec, ScoreSpec
from pruning.stages import conclude, loaded, parameters


def inspect(spec: InspectSpec, run: Run, report: Report) -> None:
    shown = data.card(spec.data) or data.prepare(spec.data, lambda done, of: report.progress("prepare", done, of))
    shape, classes = tuple(shown["input_shape"]), len(shown["classes"])
    model, _ = start(spec.model, build_arguments(shape, classes), 0)
    explain(model, shape, run, report)
    write_atomic(run.summary_before, measure.summary(model, shape))
    seconds = timing.seconds_per_image(model, shape, classes)
    after = {"params": parameters(model), "macs": measure.macs(model, shape), "bytes": measure.stored_bytes(model)}
    conclude(run, after, torch.device("cpu"), seconds_per_image=seconds)


def prepare(spec: PrepareSpec, run: Run, report: Report) -> None:
    data.prepare(spec.data, lambda done, of: report.progress("prepare", done, of))


def score(spec: ScoreSpec, run: Run, report: Report) -> None:
    """Write one criterion's scores of a finished run's network, or why it has none."""
    parent = finished(spec.parent)
    dataset, device = loaded(ancestor(parent).data, report), choose_device(Device.AUTO)
    model = checkpoint.load(parent.model)
    channels = trace(model, torch.zeros(2, *dataset.input_shape), blocks=spec.blocks)
    images = scoring_data(dataset, spec.images, seed=0, device=device, report=report)
    found = scores_of(model.to(device), channels, [spec.criterion], data=images, at=spec.score_at)
    write_json(run.scores, {str(spec.criterion): in_lists(found[spec.criterion])})
    conclude(run, read_json(parent.result)["after"], device)
