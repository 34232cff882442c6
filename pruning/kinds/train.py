"""Train a network, or train a finished one on."""

from pruning import checkpoint, measure
from pruning.explain import explain
from pruning.origin import ancestor, build_arguments, finished, root_run, start
from pruning.report import Report
from pruning.run import Run, read_json, write_atomic
from pruning.spec import FinetuneSpec, TrainSpec
from pruning.stages import finish, keep, loaded, parameters
from pruning.train import fit


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


def finetune(spec: FinetuneSpec, run: Run, report: Report) -> None:
    parent = finished(spec.parent)
    dataset = loaded(ancestor(parent).data, report)
    before = read_json(parent.result)["after"]
    if not run.model.exists():
        model = checkpoint.load(parent.model)
        write_atomic(run.summary_before, measure.summary(model, dataset.input_shape))
        explain(model, dataset.input_shape, run, report)
        teacher = checkpoint.load(finished(root_run(parent).number).model) if spec.training.distill else None
        model = fit(model, dataset, spec.training, run=run, report=report, stage="finetune", teacher=teacher)
        keep(model, run, checkpoint.recipe(parent.model), dataset)
    finish(run, report, dataset, spec.training, stage="finetune", before=before)
