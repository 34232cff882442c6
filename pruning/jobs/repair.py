"""The queue made again from the run folders, which are the truth."""

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from pruning.errors import UserError
from pruning.jobs import notes
from pruning.jobs.database import DATABASE, connect, explained
from pruning.jobs.row import LONG, SMALL, TREES
from pruning.jobs.store import State, Store
from pruning.run import Run, read_json
from pruning.spec import Spec, SweepSpec, parse

INTERRUPTED = {"what": "The list of jobs was lost before this run had started.", "do": "Retry it.", "traceback": ""}


def repair(store: Store) -> int:
    """Add a row for every run folder without one; a damaged database is set aside first. Returns how many were added."""
    store.folder.mkdir(parents=True, exist_ok=True)
    set_aside_if_damaged(store.folder)
    known = {row.id for trash in (False, True) for row in store.rows((*LONG, *TREES, *SMALL), limit=-1, trash=trash)}
    specs = {number: spec for number, spec in specifications(store.folder) if number not in known}
    runs = {number: Run(store.folder / f"{number:05d}") for number in specs}
    trees = dict(memberships(specs)) | dict(noted(runs))
    return store.add([record(runs[number], spec, trees.get(number)) for number, spec in specs.items()])


def set_aside_if_damaged(folder: Path) -> None:
    try:
        with closing(connect(folder)) as database:
            if database.execute("PRAGMA quick_check").fetchone()[0] == "ok":
                return
    except sqlite3.OperationalError as error:  # locked or unreadable, which says nothing about its content
        raise explained(error, folder) from error
    except sqlite3.DatabaseError:
        pass
    for path in folder.glob(f"{DATABASE}*"):
        path.rename(folder / f"damaged-{int(time.time())}-{path.name}")


def specifications(folder: Path) -> Iterator[tuple[int, Spec]]:
    """(number, spec) of every run folder whose spec can be read, in order."""
    for path in sorted(folder.glob("[0-9]" * 5 + "*/spec.json")):
        try:
            yield int(path.parent.name), parse(path.read_bytes())
        except (UserError, ValueError):
            continue


def noted(runs: dict[int, Run]) -> Iterator[tuple[int, int]]:
    """(run, tree), as the run's own folder tells it."""
    for number, run in runs.items():
        if tree := read_json(run.folders, {}).get("tree"):
            yield number, int(tree)


def memberships(specs: dict[int, Spec]) -> Iterator[tuple[int, int]]:
    """(run, sweep) of runs made before folders told it: right after the sweep, with the specs that it names, in order."""
    for sweep, spec in specs.items():
        wanted = spec.children() if isinstance(spec, SweepSpec) else []
        for number in sorted(n for n in specs if n > sweep):
            if not wanted or specs[number] != wanted[0]:
                break
            wanted.pop(0)
            yield number, sweep


def record(run: Run, spec: Spec, tree: int | None) -> dict[str, Any]:
    """The row of a run as its folder tells it; one that looks as if it ran counts as running: the supervisor will see."""
    status, control = read_json(run.status, {}), read_json(run.control, {})
    attempt = max(status.get("attempt", 0), control.get("attempt", 0))
    ended = status.get("attempt") == attempt and status.get("state") in ("succeeded", "failed", "cancelled")
    state = State(status["state"]) if ended else State.RUNNING if attempt else State.CANCELLED
    error = status.get("error") if attempt else INTERRUPTED
    said = notes.read(run)
    return {
        "id": run.number,
        "kind": spec.kind,
        "title": said.title or spec.title,
        "spec": spec.model_dump_json(),
        "parent": getattr(spec, "parent", None),
        "sweep": tree,
        "state": state,
        "attempt": attempt,
        "created": run.spec.stat().st_mtime,
        "started": run.control.stat().st_mtime if control else None,
        "ended": status["time"] if ended else None,
        "summary": json.dumps(read_json(run.result, {})),
        "error": json.dumps(error) if error else None,
        "tags": json.dumps(said.tags),
        "note": said.note,
        "starred": said.starred,
        "trashed": said.trashed,
    }
