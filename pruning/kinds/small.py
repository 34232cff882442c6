"""Small requests: what is in a network, what is in a data set."""

from pruning import data, measure, timing
from pruning.explain import explain
from pruning.origin import build_arguments, start
from pruning.report import Report
from pruning.run import Run, write_atomic, write_json
from pruning.spec import InspectSpec, PrepareSpec
from pruning.stages import parameters


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


def prepare(spec: PrepareSpec, run: Run, report: Report) -> None:
    data.prepare(spec.data, lambda done, of: report.progress("prepare", done, of))
