"""One training under way: its state, written as resume points and read back, so that it goes on as if nothing had happened."""

import json
import math
import time
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from pruning import resume
from pruning.data.batches import batch_count
from pruning.data.dataset import Dataset
from pruning.errors import UserError
from pruning.report import Report
from pruning.run import Run, read_lines, write_atomic
from pruning.spec import TrainSettings


@dataclass
class Position:
    """How far training is: enough, with model, optimizer and RNG states, to go on as if nothing had happened."""

    epoch: int = 0  # whole epochs done
    batch: int = 0  # batches done of the current one
    seen: int = 0
    seconds: float = 0.0
    best: float = -1.0  # validation accuracy, share in 0..1
    best_epoch: int = 0  # 1-based; 0: none yet


class Shaping(Protocol):
    """What changes a network bit by bit while it trains; its state is a part of every resume point."""

    def before_step(self, session: "Session") -> None: ...

    def after_backward(self, session: "Session") -> None:
        """Add to the gradients."""

    def after_step(self, session: "Session") -> None:
        """Change the weights."""

    def is_complete(self, session: "Session") -> bool:
        """Whether the weights at the end of this epoch are of the network that is wanted, and may be kept as the best."""

    def state(self) -> dict[str, Any]:
        """What `restore` needs, loadable with weights_only=True."""

    def restore(self, session: "Session", state: dict[str, Any]) -> None: ...


class Unshaped:
    """Plain training."""

    def before_step(self, session: "Session") -> None: ...

    def after_backward(self, session: "Session") -> None: ...

    def after_step(self, session: "Session") -> None: ...

    def is_complete(self, session: "Session") -> bool:
        return True

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, session: "Session", state: dict[str, Any]) -> None: ...


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
    teacher: nn.Module | None = None
    shaping: Shaping = field(default_factory=Unshaped)
    at: Position = field(default_factory=Position)
    sums: Tensor = field(default_factory=lambda: torch.zeros(2, dtype=torch.float64))  # loss, correct
    clock: float = field(default_factory=time.monotonic)
    saved: float = field(default_factory=time.monotonic)


def steps(session: Session) -> int:
    """Batches in an epoch."""
    return batch_count(len(session.dataset.train_y), session.settings.batch_size, shuffle=True)


def steps_done(session: Session) -> int:
    return session.at.epoch * steps(session) + session.at.batch


def save(session: Session) -> None:
    """Write a resume point, loadable with weights_only=True; refused once this attempt was given up on."""
    refuse_nonfinite(session, weights=True)
    session.report.check()
    state = {
        "model": session.model.state_dict(),
        "optimizer": session.optimizer.state_dict(),
        "at": asdict(session.at),
        "sums": session.sums,
        "shaping": session.shaping.state(),
        "random": torch.get_rng_state(),
        "cuda_random": torch.cuda.get_rng_state_all() if session.device.type == "cuda" else [],
    }
    resume.store(session.run.checkpoints, session.stage, steps_done(session), state)
    session.saved = time.monotonic()


def restore(session: Session) -> None:
    """Go on from the newest whole resume point of this stage, if there is one."""
    state = resume.newest(session.run.checkpoints, session.stage)
    if state is not None:
        session.model.load_state_dict(state["model"])
        session.optimizer.load_state_dict(state["optimizer"])
        session.at = Position(**state["at"])
        session.sums = state["sums"].to(session.device)
        session.shaping.restore(session, state.get("shaping", {}))
        torch.set_rng_state(state["random"])
        if state["cuda_random"]:
            torch.cuda.set_rng_state_all(state["cuda_random"])
        within = f", after {session.at.batch} of its batches" if session.at.batch else ""
        session.report.event(f"Went on with epoch {session.at.epoch + 1}{within}.")
    forget_later_epochs(session)


def forget_later_epochs(session: Session) -> None:
    """Drop the records of epochs that run again, and a line torn by a crash: each (stage, epoch) stands there once."""
    records = read_lines(session.run.metrics)
    kept = [r for r in records if r["stage"] != session.stage or r["epoch"] <= session.at.epoch]
    if session.run.metrics.exists():
        write_atomic(session.run.metrics, "".join(json.dumps(r) + "\n" for r in kept))


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
        change={"learning_rate": rate / 10},
    )


def has_nonfinite_weight(model: nn.Module) -> bool:
    return not all(torch.isfinite(p).all() for p in model.parameters())
