"""One training loop for every stage: train, evaluate, and resume exactly where a stopped worker left off."""

import json
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor, nn

from pruning import resume
from pruning.data.batches import batch_count, batches
from pruning.data.dataset import Dataset
from pruning.errors import UserError
from pruning.evaluate import evaluate, logits, loss
from pruning.optimize import learning_rate, optimizer
from pruning.precision import choose_device, lean
from pruning.report import Report
from pruning.run import Run, read_lines, write_atomic
from pruning.spec import TrainSettings

SAVE_EVERY = 60.0  # seconds between two resume points inside an epoch


@dataclass
class Position:
    """How far training is: enough, with model, optimizer and RNG states, to go on as if nothing had happened."""

    epoch: int = 0  # whole epochs done
    batch: int = 0  # batches done of the current one
    seen: int = 0
    seconds: float = 0.0
    best: float = -1.0  # validation accuracy, share in 0..1
    best_epoch: int = 0  # 1-based; 0: none yet


@dataclass
class Session:
    model: nn.Module
    optimizer: torch.optim.Optimizer
    dataset: Dataset
    settings: TrainSettings
    device: torch.device
    lean: bool
    run: Run
    report: Report
    stage: str
    at: Position = field(default_factory=Position)
    sums: Tensor = field(default_factory=lambda: torch.zeros(2, dtype=torch.float64))  # loss, correct
    clock: float = field(default_factory=time.monotonic)
    saved: float = field(default_factory=time.monotonic)


def fit(
    model: nn.Module, dataset: Dataset, settings: TrainSettings, *, run: Run, report: Report, stage: str = "train"
) -> nn.Module:
    """Train `model` in place and return it with the weights that did best on validation, in eval mode on the CPU.

    Goes on from the newest resume point of `stage` in `run.checkpoints`. Raises UserError when the loss is no longer
    finite, when memory runs out, or when the settings cannot work; the last good resume point stays.
    """
    session = start(model, dataset, settings, run, report, stage)
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=True):
            while not finished(session.at, settings):
                epoch(session)
    except RuntimeError as error:
        raise memory_advice(error, settings) or error from error
    return best_network(session)


def start(model: nn.Module, dataset: Dataset, settings: TrainSettings, run: Run, report: Report, stage: str) -> Session:
    refuse_single_images(model, dataset, settings)
    torch.manual_seed(settings.seed)
    device = choose_device(settings.device)
    thrifty = lean(model, settings.precision, device)
    model.to(device)
    arrange(model, torch.channels_last if thrifty else torch.contiguous_format)
    session = Session(model, optimizer(model, settings), dataset, settings, device, thrifty, run, report, stage)
    session.sums = session.sums.to(device)
    restore(session)
    return session


def refuse_single_images(model: nn.Module, dataset: Dataset, settings: TrainSettings) -> None:
    normalises = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in model.modules())
    if normalises and min(settings.batch_size, len(dataset.train_x)) == 1:
        raise UserError(
            "Batch normalisation cannot learn from one image at a time.", do="Choose a batch size of at least 2."
        )


def finished(at: Position, settings: TrainSettings) -> bool:
    stale = at.epoch - at.best_epoch
    return at.epoch >= settings.epochs or 0 < settings.patience <= stale


def epoch(session: Session) -> None:
    """What is left of the current epoch, its validation, and its resume point."""
    at, settings = session.at, session.settings
    count, of = steps(session), settings.epochs * steps(session)
    for group in session.optimizer.param_groups:
        group["lr"] = learning_rate(settings, at.epoch)
    session.model.train()
    for inputs, targets in training_batches(session):
        step(session, inputs, targets)
        session.report.progress(session.stage, at.epoch * count + at.batch, of)
        if time.monotonic() - session.saved > SAVE_EVERY:
            save(session)
    close_epoch(session)


def steps(session: Session) -> int:
    """Batches in an epoch."""
    return batch_count(len(session.dataset.train_y), session.settings.batch_size, shuffle=True)


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
    with torch.autocast(session.device.type, torch.bfloat16, enabled=session.lean):
        outputs = session.model(inputs)
        total = loss(outputs, targets)
    session.optimizer.zero_grad()
    total.backward()  # type: ignore[no-untyped-call]
    session.optimizer.step()
    tally(session, logits(outputs).detach(), total.detach(), targets)


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


def refuse_nonfinite(session: Session, *, weights: bool = False) -> None:
    """Raise UserError when the epoch's loss so far, or a weight, is NaN or infinite."""
    value = session.sums[0].item()
    if math.isfinite(value) and not (weights and has_nonfinite_weight(session.model)):
        return
    rate = session.optimizer.param_groups[0]["lr"]
    kept = resume.best(session.run.checkpoints, session.stage)
    onwards = f" The best weights so far are kept in {kept}." if kept.exists() else ""
    raise UserError(
        f"The loss became {'infinite' if math.isinf(value) else 'NaN'} in epoch {session.at.epoch + 1}.",
        do=f"Train again with a learning rate of {rate / 10:.0e} instead of {rate:.0e}.{onwards}",
    )


def has_nonfinite_weight(model: nn.Module) -> bool:
    return not all(torch.isfinite(p).all() for p in model.parameters())


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
    if checked["accuracy"] > at.best:
        at.best, at.best_epoch = checked["accuracy"], at.epoch + 1
        resume.store_best(session.run.checkpoints, session.stage, session.model.state_dict())
    at.epoch, at.batch, at.seen, at.seconds = at.epoch + 1, 0, 0, 0.0
    session.sums.zero_()
    save(session)


def save(session: Session) -> None:
    """Write a resume point, loadable with weights_only=True; refused once this attempt was given up on."""
    refuse_nonfinite(session, weights=True)
    session.report.check()
    state = {
        "model": session.model.state_dict(),
        "optimizer": session.optimizer.state_dict(),
        "at": asdict(session.at),
        "sums": session.sums,
        "random": torch.get_rng_state(),
        "cuda_random": torch.cuda.get_rng_state_all() if session.device.type == "cuda" else [],
    }
    number = session.at.epoch * steps(session) + session.at.batch
    resume.store(session.run.checkpoints, session.stage, number, state)
    session.saved = time.monotonic()


def restore(session: Session) -> None:
    """Go on from the newest whole resume point of this stage, if there is one."""
    state = resume.newest(session.run.checkpoints, session.stage)
    if state is not None:
        session.model.load_state_dict(state["model"])
        session.optimizer.load_state_dict(state["optimizer"])
        session.at = Position(**state["at"])
        session.sums = state["sums"].to(session.device)
        torch.set_rng_state(state["random"])
        if state["cuda_random"]:
            torch.cuda.set_rng_state_all(state["cuda_random"])
        session.report.event(f"Went on with epoch {session.at.epoch + 1} after {session.at.batch} batches of it.")
    forget_later_epochs(session)


def forget_later_epochs(session: Session) -> None:
    """Drop the records of epochs that run again, and a line torn by a crash: each (stage, epoch) stands there once."""
    records = read_lines(session.run.metrics)
    kept = [r for r in records if r["stage"] != session.stage or r["epoch"] <= session.at.epoch]
    if session.run.metrics.exists():
        write_atomic(session.run.metrics, "".join(json.dumps(r) + "\n" for r in kept))


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
    return UserError(
        f"The memory is too small for {settings.batch_size} images a step.",
        do=f"Retry with a batch size of {max(1, settings.batch_size // 2)}.",
    )
