"""One cut of a prune job: the smaller network and its proof, the weights that it goes on with, and its training."""

import shutil
from functools import partial

from torch import nn

from pruning import checkpoint, proof
from pruning.equivalence import verify
from pruning.evaluate import evaluate
from pruning.kinds.cuts import Job, chosen, train
from pruning.origin import reborn, root_run
from pruning.plan import Plan
from pruning.recalibration import calibration_images, recalibrate
from pruning.run import write_json
from pruning.spec import Rewind
from pruning.stages import keep, parameters, sizes
from pruning.surgery import prune


def step(job: Job, number: int) -> None:
    """Cut once, train what is left, and leave plan, note and network."""
    present, whole, later = chosen(job, number)
    small = prune(present, later)
    difference = verify(present, small, later)
    job.report.event(step_in_words(job, number) + cut_in_words(later, present, small, difference))
    checked = recalibrated(small, job)
    pruned = sizes(small, job.dataset) | {f"validation_{what}": checked[what] for what in ("accuracy", "loss")}
    tuned = trained(rewound(small, whole, job), number, job)
    told = {"removed": sum(map(len, whole.removed().values())), "cut_accuracy": checked["accuracy"]}
    told |= {key: pruned[key] for key in ("params", "macs")} | {"validation_accuracy": accuracy(tuned, job)}
    write_json(job.note(number), {"step": told, "pruned": pruned, "verified": difference})
    recipe = checkpoint.recipe(job.parent.model)
    keep(tuned, job.run, recipe, job.dataset, plan=whole, blocks=job.spec.pruning.blocks, path=job.network(number))
    shutil.rmtree(job.run.checkpoints, ignore_errors=True)


def accuracy(model: nn.Module, job: Job) -> float:
    data = job.dataset
    return evaluate(model.to(job.device), data.validation_x, data.validation_y, data, job.device)["accuracy"]


def rewound(small: nn.Module, whole: Plan, job: Job) -> nn.Module:
    """The same network with the weights that the schedule goes back to, batch norm's statistics among them."""
    rewind = job.spec.schedule.rewind
    if rewind is not Rewind.NONE:
        before = reborn(job.parent, rewind, job.dataset, seed=job.spec.finetune.seed + 1)
        small.load_state_dict(prune(before, whole).state_dict())
        job.report.event(REWOUND[rewind].format(root=root_run(job.parent).number, seed=job.spec.finetune.seed + 1))
    return small


REWOUND = {
    Rewind.INITIAL: "Went back to the weights that run {root} began with.",
    Rewind.EARLY: "Went back to the early weights of run {root}.",
    Rewind.SCRATCH: "Took fresh weights by seed {seed}: the control.",
}


def trained(small: nn.Module, number: int, job: Job) -> nn.Module:
    """After each of several cuts; a single one is followed by the fine-tuning alone."""
    small.to("cpu")
    if job.cuts == 1 or not job.between.epochs:
        return small
    return train(job, small, job.between, f"step{number}")


def recalibrated(small: nn.Module, job: Job) -> dict[str, float]:
    """Validation loss and accuracy of the pruned network, whose batch norms measure training images anew if asked to."""
    dataset, settings, device, report = job.dataset, job.spec.pruning, job.device, job.report
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


def step_in_words(job: Job, number: int) -> str:
    return f"Step {number} of {job.cuts}: " if job.cuts > 1 else ""


def cut_in_words(plan: Plan, dense: nn.Module, small: nn.Module, difference: float) -> str:
    units = sum(group.units for group in plan.channels.groups)
    removed = sum(len(gone) for gone in plan.removed().values())
    sizes = f"{parameters(dense):,} → {parameters(small):,} parameters"
    return f"Pruned {removed:,} of {units:,} filters: {sizes}; {proof.in_words(plan, difference)}."
