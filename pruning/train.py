"""One training loop for every stage: train, evaluate, and resume exactly where a stopped worker left off."""

import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from pruning import distillation, resume
from pruning.data.batches import batches
from pruning.data.dataset import Dataset
from pruning.errors import UserError
from pruning.evaluate import evaluate, logits, loss
from pruning.freezing import only, refuse_unknown, training_mode
from pruning.optimize import learning_rate, optimizer, scales, slim
from pruning.precision import choose_device, lean
from pruning.report import Report
from pruning.run import Run
from pruning.session import Position, Session, Shaping, refuse_nonfinite, restore, save, steps
from pruning.spec import TrainSettings

SAVE_EVERY = 60.0  # seconds between two resume points inside an epoch


def fit(
    model: nn.Module,
    dataset: Dataset,
    settings: TrainSettings,
    *,
    run: Run,
    report: Report,
    stage: str = "train",
    teacher: nn.Module | None = None,
    shaping: Shaping | None = None,
) -> nn.Module:
    """Train `model` in place and return it with the weights that did best on validation, in eval mode on the CPU.

    Goes on from the newest resume point of `stage` in `run.checkpoints`. `teacher`: the network to distil from, which is
    left as it is. `shaping` changes the network on the way; only epochs after its end can be the best. Raises UserError when
    the loss is no longer finite, when memory runs out, or when the settings cannot work; the last good resume point stays.
    """
    refuse(model, dataset, settings, teacher, shaping)
    with only(model, settings.trained):
        session = start(model, dataset, settings, run, report, stage, teacher, shaping)
        try:
            with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
                while not finished(session.at, settings):
                    epoch(session)
        except RuntimeError as error:
            raise memory_advice(error, settings) or error from error
        report.event(in_words(session.at, settings))
        return best_network(session)


def in_words(at: Position, settings: TrainSettings) -> str:
    if not at.epoch:
        return "No epochs were asked for: the network stays as it is."
    early = "" if at.epoch >= settings.epochs else f", no better for {settings.patience}"
    return f"Best validation accuracy {at.best:.2%} in epoch {at.best_epoch} of {at.epoch}{early}."


def start(
    model: nn.Module,
    dataset: Dataset,
    settings: TrainSettings,
    run: Run,
    report: Report,
    stage: str,
    teacher: nn.Module | None,
    shaping: Shaping | None,
) -> Session:
    torch.manual_seed(settings.seed)
    device = choose_device(settings.device)
    thrifty = lean(model, settings.precision, device)
    model.to(device)
    arrange(model, torch.channels_last if thrifty else torch.contiguous_format)
    session = Session(model, optimizer(model, settings), dataset, settings, device, thrifty, run, report, stage)
    session.sums = session.sums.to(device)
    session.shaping = shaping or session.shaping
    if teacher is not None and settings.distill:
        session.teacher = distillation.twin(
            teacher, device, torch.channels_last if thrifty else torch.contiguous_format
        )
    restore(session)
    return session


def refuse(
    model: nn.Module, dataset: Dataset, settings: TrainSettings, teacher: nn.Module | None, shaping: Shaping | None
) -> None:
    """Raise UserError for settings that cannot work with this network and data set."""
    refuse_single_images(model, dataset, settings)
    refuse_unknown(model, settings.trained)
    if settings.slimming and not scales(model, settings.trained):
        raise UserError(
            f"slimming={settings.slimming:g} needs batch norms that are trained, and this network has none.",
            do="Set it to 0, or choose a network with batch norm.",
        )
    if settings.distill and teacher is None:
        raise UserError(
            f"distill={settings.distill:g} needs a trained network to learn from, and this training has none.",
            do="Set it to 0, or prune or fine-tune a finished run.",
        )
    if settings.early_epoch > settings.epochs:
        raise UserError(
            f"early_epoch={settings.early_epoch} comes after the last of {settings.epochs} epochs.",
            do=f"Choose at most {settings.epochs}, or 0 to keep none.",
        )
    if shaping is not None and not settings.epochs:
        raise UserError("Pruning while training needs epochs to train.", do="Choose at least 1 epoch.")


def refuse_single_images(model: nn.Module, dataset: Dataset, settings: TrainSettings) -> None:
    normalises = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in model.modules())
    if normalises and min(settings.batch_size, len(dataset.train_x)) == 1:
        raise UserError(
            "Batch normalisation cannot learn from one image at a time.", do="Choose a batch size of at least 2."
        )


def finished(at: Position, settings: TrainSettings) -> bool:
    stale = at.epoch - at.best_epoch if at.best_epoch else 0  # nothing is the best before shaping ends
    return at.epoch >= settings.epochs or 0 < settings.patience <= stale


def epoch(session: Session) -> None:
    """What is left of the current epoch, its validation, and its resume point."""
    at, settings = session.at, session.settings
    count, of = steps(session), settings.epochs * steps(session)
    for group in session.optimizer.param_groups:
        group["lr"] = learning_rate(settings, at.epoch)
    training_mode(session.model, settings.trained)
    for inputs, targets in training_batches(session):
        step(session, inputs, targets)
        session.report.progress(session.stage, at.epoch * count + at.batch, of)
        if time.monotonic() - session.saved > SAVE_EVERY:
            save(session)
    close_epoch(session)


def training_batches(session: Session) -> Iterator[tuple[Tensor, Tensor]]:
    data, settings = session.dataset, session.settings
    return batches(
        data.train_x,
        data.train_y,
        size=settings.batch_size,
        seed=settings.seed,
        epoch=session.at.epoch,
        mean=data.mean,
        std=data.std,
        augment=settings.augment,
        device=session.device,
        shuffle=True,
        start=session.at.batch,
        channels_last=session.lean,
        image_size=data.image_size,
    )


def step(session: Session, inputs: Tensor, targets: Tensor) -> None:
    session.shaping.before_step(session)
    with torch.autocast(session.device.type, torch.bfloat16, enabled=session.lean):
        outputs, total = objective(session, inputs, targets)
    session.optimizer.zero_grad()
    total.backward()  # type: ignore[no-untyped-call]
    slim(session.model, session.settings.slimming)
    session.shaping.after_backward(session)
    session.optimizer.step()
    session.shaping.after_step(session)
    tally(session, outputs.detach(), total.detach(), targets)


def objective(session: Session, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Class scores (N, classes) and the loss: cross-entropy, mixed with the distance to the teacher's answers if there is one."""
    soft = distillation.answers(session.teacher, inputs) if session.teacher else None
    outputs = session.model(inputs)
    hard, settings = loss(outputs, targets), session.settings
    if soft is None:
        return logits(outputs), hard
    apart = distillation.distance(logits(outputs), soft, settings.temperature)
    return logits(outputs), (1 - settings.distill) * hard + settings.distill * apart


def tally(session: Session, outputs: Tensor, total: Tensor, targets: Tensor) -> None:
    """Add one batch to the epoch's sums; on the CPU a loss that is not finite ends the run at once."""
    correct = (outputs.argmax(1) == targets).sum()
    session.sums += torch.stack([total.double() * len(targets), correct.double()])
    session.at.batch += 1
    session.at.seen += len(targets)
    now = time.monotonic()
    session.at.seconds += now - session.clock
    session.clock = now
    if session.device.type == "cpu":  # on CUDA every look would wait for the device: `save` and `close_epoch` look
        refuse_nonfinite(session)


def close_epoch(session: Session) -> None:
    """Validate, report the epoch's record, keep the weights if they are the best, and write the resume point."""
    refuse_nonfinite(session, weights=True)
    at, data = session.at, session.dataset
    checked = evaluate(session.model, data.validation_x, data.validation_y, data, session.device)
    total, correct = (session.sums / at.seen).tolist()
    session.report.metrics(
        stage=session.stage,
        epoch=at.epoch + 1,
        train_loss=total,
        train_accuracy=correct,
        validation_loss=checked["loss"],
        validation_accuracy=checked["accuracy"],
        learning_rate=session.optimizer.param_groups[0]["lr"],
        seconds=at.seconds + time.monotonic() - session.clock,
    )
    if checked["accuracy"] > at.best and session.shaping.is_complete(session):
        at.best, at.best_epoch = checked["accuracy"], at.epoch + 1
        resume.store_best(session.run.checkpoints, session.stage, session.model.state_dict())
    if at.epoch + 1 == session.settings.early_epoch:
        resume.store_early(session.run.checkpoints, session.model.state_dict(), session.run.early)
    at.epoch, at.batch, at.seen, at.seconds = at.epoch + 1, 0, 0, 0.0
    session.sums.zero_()
    save(session)


def best_network(session: Session) -> nn.Module:
    """The network with its best weights, as the others expect it: on the CPU, contiguous, in eval mode."""
    if session.at.best_epoch:
        session.model.load_state_dict(resume.read(resume.best(session.run.checkpoints, session.stage)))
    session.model.zero_grad()
    session.model.to("cpu")
    arrange(session.model, torch.contiguous_format)
    return session.model.eval()


def arrange(model: nn.Module, layout: torch.memory_format) -> None:
    model.to(memory_format=layout)


def memory_advice(error: RuntimeError, settings: TrainSettings) -> UserError | None:
    """What to do about a full memory; None when the error is another one."""
    if not isinstance(error, torch.OutOfMemoryError) and "can't allocate memory" not in str(error):
        return None
    half = max(1, settings.batch_size // 2)
    return UserError(
        f"The memory is too small for {settings.batch_size} images a step.",
        do=f"Retry with a batch size of {half}.",
        change={"batch_size": half},
    )
