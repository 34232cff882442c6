"""One run as the list of jobs tells it: its kind, its state, how it ended."""

import json
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Any

NETWORK = ("train", "prune", "finetune", "mask")  # kinds that end with a network, so that others can start from them
LONG = (*NETWORK, "scan", "search", "audit")
TREES = ("sweep", "recipe")  # many runs under one number: their state is that of their runs
SMALL = (
    "inspect",
    "prepare",
    "score",
    "evaluate",
    "latency",
    "changes",
    "look",
)  # small requests: left out of lists unless asked for


class State(StrEnum):
    QUEUED = auto()
    RUNNING = auto()
    CANCELLING = auto()
    SUCCEEDED = auto()
    FAILED = auto()
    CANCELLED = auto()

    @property
    def is_finished(self) -> bool:
        return self in (State.SUCCEEDED, State.FAILED, State.CANCELLED)


@dataclass(frozen=True)
class Row:
    id: int
    kind: str
    title: str
    spec: str  # JSON, for pruning.spec.parse
    parent: int | None
    sweep: int | None  # the tree that it belongs to: a sweep or a recipe
    state: State
    attempt: int  # 0: never started
    created: float  # seconds since the epoch, like started and ended
    started: float | None
    ended: float | None
    summary: dict[str, Any]  # result.json; of a tree: how many runs are finished, failed, cancelled
    error: dict[str, Any] | None  # {"what", "do", "traceback"}
    tags: tuple[str, ...] = ()
    note: str = ""
    starred: bool = False
    trashed: float | None = None  # seconds since the epoch when it went to the trash

    @property
    def given_title(self) -> str:
        """The title that it was queued with: by it a tree knows its runs, whatever they are called since."""
        return str(json.loads(self.spec).get("title", ""))
