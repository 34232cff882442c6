"""From specs to queued rows and run folders, all or none; a tree brings its runs along."""

import shutil
import sqlite3
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from pruning.contradictions import refuse_idle
from pruning.errors import UserError
from pruning.jobs.row import NETWORK, SMALL, State
from pruning.jobs.trees import linked, members
from pruning.run import Run, data_home, write_atomic, write_json
from pruning.spec import Spec

SMALL_NUMBERS = 900_000  # above it the small requests are counted, so that a user's first run is run 1


def insert(
    database: sqlite3.Connection, specs: Sequence[Spec], folder: Path, undo: ExitStack, tree: int | None = None
) -> list[int]:
    """Queue specs in order, linked by their parents, each with its own runs where it is a tree; returns their numbers.

    Raises UserError for a parent that cannot give a network, and for a wish that removes nothing.
    """
    numbers: list[int] = []
    for spec in specs:
        refuse_idle(spec)
        ready = linked(spec, numbers)
        _check_parent(database, ready)
        numbers.append(_add(database, ready, folder, undo, tree))
        insert(database, members(ready), folder, undo, numbers[-1])
    return numbers


def name_data_folder(run: Run, tree: int | None) -> None:
    """Write where the data sets lie for whoever submits the run, and the tree that it belongs to."""
    write_json(run.folders, {"data": str(data_home())} | ({} if tree is None else {"tree": tree}))


def _check_parent(database: sqlite3.Connection, spec: Spec) -> None:
    parent = getattr(spec, "parent", None)
    if parent is None:
        return
    found = database.execute("SELECT kind, state, trashed FROM runs WHERE id = ?", (parent,)).fetchone()
    if found is None:
        raise UserError(f"Run {parent} does not exist.", do="Choose one of the runs in the list.")
    if found[0] not in NETWORK:
        raise UserError(f"Run {parent} is of kind {found[0]}: it has no network to start from.", do="Choose another.")
    if found[2] is not None:
        raise UserError(f"Run {parent} is in the trash.", do="Restore it on the Runs page first.")
    if found[1] in (State.FAILED, State.CANCELLED):
        how = "failed" if found[1] == State.FAILED else "was cancelled"
        raise UserError(f"Run {parent} {how}: there is no network to start from.", do=f"Retry run {parent} first.")


def _add(database: sqlite3.Connection, spec: Spec, folder: Path, undo: ExitStack, tree: int | None) -> int:
    number = _reserve(database, folder, undo, spec.kind in SMALL)
    text = spec.model_dump_json()
    run = Run(folder / f"{number:05d}")
    write_atomic(run.spec, text)
    name_data_folder(run, tree)
    database.execute(
        "INSERT INTO runs (id, kind, title, spec, parent, sweep, state, created) VALUES (?, ?, ?, ?, ?, ?, 'queued', ?)",
        (number, spec.kind, spec.title, text, getattr(spec, "parent", None), tree, time.time()),
    )
    return number


def _reserve(database: sqlite3.Connection, folder: Path, undo: ExitStack, is_small: bool) -> int:
    """The next number whose folder is free: after a crash or a lost database, old files are never taken for new ones."""
    start = SMALL_NUMBERS if is_small else 0
    sql = "SELECT coalesce(max(id), :start) + 1 FROM runs WHERE id BETWEEN :start + 1 AND :start + 899999"
    number = database.execute(sql, {"start": start}).fetchone()[0]
    while (path := folder / f"{number:05d}").exists():
        number += 1
    path.mkdir()
    undo.callback(shutil.rmtree, path, ignore_errors=True)
    return int(number)
