"""The running job's whole conversation with the world: how far it is, what it measured, and whether to stop."""

import os
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

import psutil

from pruning.errors import Cancelled, Fenced
from pruning.run import Run, append_line, read_json, write_json


class Report(Protocol):
    def progress(self, stage: str, done: float, of: float) -> None:
        """Say how far `stage` is. Call as often as you like: at most one write a second. Raises Cancelled or Fenced."""

    def metrics(self, **values: Any) -> None:
        """One record for the curves: stage, epoch, train_loss, validation_loss, validation_accuracy, seconds, …"""

    def event(self, text: str) -> None:
        """One line of the timeline, in plain words."""

    def check(self) -> None:
        """Raises Cancelled when the user wants the job to stop, Fenced when this attempt was given up on."""


@dataclass
class FolderReport:
    """Writes into the run folder; `attempt` fences a worker that was given up on."""

    run: Run
    attempt: int = 1
    _next: float = 0.0
    _stage: str = ""
    _since: float = field(default_factory=time.monotonic)
    _first: float = 0.0

    def progress(self, stage: str, done: float, of: float) -> None:
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._since, self._first, self._next = stage, now, done, 0.0
        if now < self._next and done < of:
            return
        self._next = now + 1.0
        self.check()
        made = done - self._first
        eta = (now - self._since) / made * (of - done) if made > 0 else None
        self.status(stage=stage, done=done, of=of, eta_s=eta)

    def metrics(self, **values: Any) -> None:
        self.check()
        append_line(self.run.metrics, {"time": time.time(), "attempt": self.attempt, **values})

    def event(self, text: str) -> None:
        append_line(self.run.events, {"time": time.time(), "attempt": self.attempt, "text": text})

    def check(self) -> None:
        control = read_json(self.run.control, {})
        if control.get("attempt", self.attempt) != self.attempt:
            raise Fenced(f"attempt {self.attempt} of run {self.run.path.name} was given up")
        if control.get("want") == "cancel":
            raise Cancelled

    def status(self, *, state: str = "running", **values: Any) -> None:
        """Write status.json: state is running, succeeded, failed or cancelled; pid and its start time identify the worker."""
        started = psutil.Process().create_time()
        beat = {
            "state": state,
            "attempt": self.attempt,
            "pid": os.getpid(),
            "pid_started": started,
            "time": time.time(),
        }
        write_json(self.run.status, beat | values)
