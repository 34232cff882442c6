"""Prune a finished run's network, at once or in steps, and fine-tune what is left."""

from pruning import checkpoint, measure
from pruning.kinds.cuts import Job, opened, train
from pruning.kinds.steps import step
from pruning.report import Report
from pruning.run import Run, read_json, write_atomic
from pruning.spec import PruneSpec
from pruning.stages import finish, keep


def prune_and_tune(spec: PruneSpec, run: Run, report: Report) -> None:
    job = opened(spec, run, report)
    write_atomic(run.summary_before, measure.summary(job.dense, job.dataset.input_shape))
    for number in range(1, job.cuts + 1):
        if not job.network(number).exists():
            step(job, number)
    if not run.model.exists():
        tune(job)
    told = [read_json(job.note(number)) for number in range(1, job.cuts + 1)]
    before = measure.latency(job.dense.to(job.device), job.dataset.input_shape)
    finish(
        run,
        report,
        job.dataset,
        spec.finetune,
        before=read_json(job.parent.result)["after"] | {"latency": before},
        pruned=told[-1]["pruned"],
        verified=max(note["verified"] for note in told),
        steps=[note["step"] for note in told],
    )


def tune(job: Job) -> None:
    small, recipe = checkpoint.load(job.network(job.cuts)), checkpoint.recipe(job.network(job.cuts))
    write_atomic(job.run.summary_after, measure.summary(small, job.dataset.input_shape))
    keep(train(job, small, job.spec.finetune, "finetune"), job.run, recipe, job.dataset)
