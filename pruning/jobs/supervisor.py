"""The one process that hands queued runs to workers and moves their states: `python -m pruning.jobs.supervisor`."""

import json
import logging
import signal
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from pruning.errors import UserError
from pruning.jobs.backends import Backend, Warm, chosen, launch
from pruning.jobs.database import DATABASE, connect, explained
from pruning.jobs.repair import repair
from pruning.jobs.store import LONG, SMALL, Row, State, Store
from pruning.jobs.tidy import FLEETING, tidy
from pruning.run import Run, append_line, home, read_json, write_json

POLL = 0.25  # seconds between two looks, at most
TICK = 0.05  # seconds between two glances at whether the queue or a worker's status was written to
GRACE = 10.0  # seconds that a cancelled worker has to stop by itself
ATTEMPTS = 3  # workers that may go away before the run counts as failed
FINAL = {"succeeded": State.SUCCEEDED, "failed": State.FAILED, "cancelled": State.CANCELLED}
log = logging.getLogger(__name__)


@dataclass
class Lane:
    """Runs of some kinds, one at a time on one backend."""

    store: Store
    kinds: tuple[str, ...]
    backend: Backend
    cancelled: dict[int, float] = field(default_factory=dict)  # run → when its worker was asked to stop
    active: list[int] = field(default_factory=list)  # runs that a worker was at when last looked


def ensure() -> None:
    """Start the supervisor process when none holds the lock; returns at once, and raises UserError when it can't be started."""
    home().mkdir(parents=True, exist_ok=True)
    if running():
        return
    with open(home() / "supervisor.log", "ab") as output:
        launch("pruning.jobs.supervisor", output=output)


def running() -> bool:
    try:
        with FileLock(home() / "supervisor.lock", timeout=0):
            return False
    except Timeout:
        return True


def main() -> None:
    """Supervise until a signal comes or the runs folder is gone; a second supervisor ends at once."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    try:
        with FileLock(home() / "supervisor.lock", timeout=2):  # `ensure` elsewhere holds it for a moment
            supervise(Store(home()), stop)
    except Timeout:
        log.info("another supervisor is at work")


def supervise(store: Store, stop: threading.Event) -> None:
    lanes = [Lane(store, LONG, chosen()), Lane(store, SMALL, Warm())]
    repair(store)
    # While one connection stays open, sqlite need not make and remove its side files at every look.
    with closing(connect(store.folder)):
        trouble, seen = "", written(store, lanes)
        while waited(store, lanes, stop, seen) and store.folder.exists():
            seen = written(store, lanes)
            trouble = round_of(store, lanes, trouble)


def waited(store: Store, lanes: list[Lane], stop: threading.Event, seen: list[int]) -> bool:
    """Return when it is time to look again, at once after a write since `seen`; False to end."""
    until = time.monotonic() + POLL
    while not stop.wait(TICK):
        if time.monotonic() >= until or written(store, lanes) != seen:
            return True
    return False


def written(store: Store, lanes: list[Lane]) -> list[int]:
    """When the queue and the statuses of active runs were last written to: a glance costs next to nothing."""
    statuses = [run_of(store, number).status for lane in lanes for number in lane.active]
    return [stamp(path) for path in (store.folder / f"{DATABASE}-wal", *statuses)]


def stamp(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def round_of(store: Store, lanes: list[Lane], trouble: str) -> str:
    """One look; what went wrong with it, logged once while it lasts (`trouble`: of the look before), or ""."""
    try:
        look(store, lanes)
    except (UserError, OSError) as error:  # locked, or the disk is full: the next look may succeed
        told = error if isinstance(error, UserError) else explained(error, store.folder)
        if str(told) != trouble:
            log.warning("%s %s", told, told.do)
        return str(told)
    return ""


def look(store: Store, lanes: list[Lane]) -> None:
    """One round: see what became of the workers, fail what can never start, start what may."""
    for lane in lanes:
        active = store.active(lane.kinds)
        for row in active:
            watch(lane, row)
        if not active and (row_claimed := store.claim(lane.kinds)):
            begin(lane, row_claimed)
        lane.active = [row.id for row in store.active(lane.kinds)]
    for number, attempt, parent, state in store.stranded():
        strand(store, number, attempt, parent, state)


def begin(lane: Lane, row: Row) -> None:
    log.info("run %d: attempt %d", row.id, row.attempt)
    lane.backend.start(run_of(lane.store, row.id), row.attempt)


def watch(lane: Lane, row: Row) -> None:
    """Move a run whose worker has ended, and pass on a wish to stop."""
    run = run_of(lane.store, row.id)
    alive = lane.backend.alive(run, row.attempt)  # asked first: a worker that ends now has written its status
    status = read_json(run.status, {})
    if status.get("attempt") == row.attempt and status.get("state") in FINAL:
        finish(lane, row, FINAL[status["state"]], status.get("error"))
    elif not alive:
        lose(lane, row, status.get("stage", "start"))
    elif row.state is State.CANCELLING:
        stop_worker(lane, row)


def finish(lane: Lane, row: Row, state: State, error: dict[str, Any] | None = None) -> None:
    """The last move of a run; its result goes into the row, so that lists need one SELECT."""
    log.info("run %d: %s", row.id, state)
    lane.cancelled.pop(row.id, None)
    summary = read_json(run_of(lane.store, row.id).result, {})
    changes = {"ended": time.time(), "summary": json.dumps(summary), "error": json.dumps(error) if error else None}
    lane.store.move(row.id, row.state, state, attempt=row.attempt, changes=changes)
    if row.kind in FLEETING:
        tidy(lane.store)


def stop_worker(lane: Lane, row: Row) -> None:
    run = run_of(lane.store, row.id)
    if row.id not in lane.cancelled:
        lane.cancelled[row.id] = time.monotonic()
        write_json(run.control, read_json(run.control, {}) | {"want": "cancel"})
    elif time.monotonic() - lane.cancelled[row.id] > GRACE:
        lane.backend.kill(run, row.attempt)


def lose(lane: Lane, row: Row, stage: str) -> None:
    """A worker went away without a word: cancelled if that was wanted, else again, at most ATTEMPTS times."""
    if row.state is State.CANCELLING:
        finish(lane, row, State.CANCELLED)
        return
    run, lost = run_of(lane.store, row.id), lane.store.lost(row.id) + 1
    cause = lane.backend.cause(run)
    what = f"The worker stopped during {stage}" + (f" ({cause})" if cause else "")
    if lost >= ATTEMPTS:
        do = "Often the memory was not enough: take a smaller batch or fewer images. Retry resumes from the last checkpoint."
        finish(lane, row, State.FAILED, {"what": f"{what}, {lost} times in a row.", "do": do, "traceback": ""})
        return
    changes = {"lost": lost, "not_before": time.time() + 2 ** (lost - 1)}
    if lane.store.move(row.id, State.RUNNING, State.QUEUED, attempt=row.attempt, changes=changes):
        text = f"{what}. Resumed from the last checkpoint, attempt {row.attempt + 1}."
        append_line(run.events, {"time": time.time(), "attempt": row.attempt + 1, "text": text})


def strand(store: Store, number: int, attempt: int, parent: int, state: str | None) -> None:
    why = {"failed": "failed", "cancelled": "was cancelled"}.get(state or "", "does not exist any more")
    error = {
        "what": f"Run {parent}, from which this one starts, {why}.",
        "do": f"Retry run {parent}, then this one." if state else "Start again from another run.",
        "traceback": "",
    }
    changes = {"ended": time.time(), "error": json.dumps(error)}
    store.move(number, State.QUEUED, State.FAILED, attempt=attempt, changes=changes)


def run_of(store: Store, number: int) -> Run:
    return Run(store.folder / f"{number:05d}")


if __name__ == "__main__":
    main()
