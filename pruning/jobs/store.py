"""The queue: one sqlite row a run, short connections, each state move one conditional UPDATE. The run folder stays the truth."""

import json
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pruning.errors import UserError
from pruning.jobs import notes, trash
from pruning.jobs.database import connect, explained
from pruning.jobs.row import LONG, NETWORK, SMALL, TREES, Row, State
from pruning.jobs.submit import insert, name_data_folder
from pruning.run import Run
from pruning.spec import Spec

__all__ = ["LONG", "NETWORK", "SMALL", "TREES", "Row", "State", "Store"]

COLUMNS = ", ".join(Row.__annotations__)


@dataclass(frozen=True)
class Store:
    folder: Path  # home(): made with its database when first used

    def submit(self, spec: Spec, then: Sequence[Spec] = ()) -> int:
        """Queue `spec`, then the specs that start from it (parent=0); returns its number."""
        return self.submit_chain([spec, *then])[0]

    def submit_chain(self, specs: Sequence[Spec]) -> list[int]:
        """Queue all or none, trees with their runs; a later spec's parent=0 means the run before it, −k the k-th of `specs`.

        Raises UserError for a parent that cannot give a network, and for a wish that removes nothing.
        """
        with self._open("BEGIN IMMEDIATE") as database, ExitStack() as undo:
            numbers = insert(database, specs, self.folder, undo)
            database.execute("COMMIT")
            undo.pop_all()
        return numbers

    def row(self, number: int) -> Row:
        with self._open() as database:
            found = database.execute(f"SELECT {COLUMNS} FROM listing WHERE id = ?", (number,)).fetchone()
        if found is None:
            raise UserError(f"Run {number} does not exist.", do="Choose one of the runs in the list.")
        return _row(found)

    def rows(
        self,
        kinds: Sequence[str] | None = None,
        states: Sequence[State] | None = None,
        limit: int = 100,
        search: str = "",
        trash: bool = False,
    ) -> list[Row]:
        """Newest first, without the trash, or the trash alone. Small requests are listed only when `kinds` names them.

        `search` looks into title, settings, tags and note.
        """
        sql = f"""SELECT {COLUMNS} FROM listing
            WHERE (trashed IS NOT NULL) = :trash AND CASE WHEN :kinds IS NULL THEN kind NOT IN (SELECT value FROM json_each(:small))
                ELSE kind IN (SELECT value FROM json_each(:kinds)) END
            AND (:states IS NULL OR state IN (SELECT value FROM json_each(:states)))
            AND (:search = '' OR id = :search OR instr(lower(kind || ' ' || title || ' ' || tags || ' ' || note || CASE WHEN :search GLOB '*[^0-9]*' THEN spec ELSE '' END), lower(:search)))
            ORDER BY id DESC LIMIT :limit"""
        names = {
            "kinds": _json(kinds),
            "small": _json(SMALL),
            "states": _json(states),
            "search": search.strip(),
            "trash": trash,
            "limit": limit,
        }
        with self._open() as database:
            return [_row(found) for found in database.execute(sql, names)]

    def children(self, number: int) -> list[Row]:
        """The runs of a tree, or those that start from run `number`, oldest first; those of another tree stand on its page."""
        sql = f"""SELECT {COLUMNS} FROM listing WHERE trashed IS NULL AND (sweep = :id OR (parent = :id
            AND (sweep IS NULL OR sweep = (SELECT sweep FROM runs WHERE id = :id)))) ORDER BY id"""
        with self._open() as database:
            return [_row(found) for found in database.execute(sql, {"id": number})]

    def cancel(self, number: int) -> None:
        """Stop a run, or all of a tree's; a finished one stays as it is."""
        self.row(number)
        with self._open("BEGIN IMMEDIATE") as database:
            database.execute(
                "UPDATE runs SET state = 'cancelled', ended = ? WHERE state = 'queued' AND kind NOT IN ('sweep', 'recipe') AND ? IN (id, sweep)",
                (time.time(), number),
            )
            database.execute(
                "UPDATE runs SET state = 'cancelling' WHERE state = 'running' AND ? IN (id, sweep)", (number,)
            )
            database.execute("COMMIT")

    def retry(self, number: int) -> None:
        """Queue a failed or cancelled run again (of a tree: those of its runs); it resumes from its checkpoints."""
        row = self.row(number)
        if row.trashed:
            raise UserError(f"Run {number} is in the trash.", do="Restore it on the Runs page first.")
        if row.state not in (State.FAILED, State.CANCELLED):
            raise UserError(f"Run {number} is {row.state}: only failed or cancelled runs can be retried.")
        self._write(
            "UPDATE runs SET state = 'queued', error = NULL, ended = NULL, lost = 0, not_before = 0 "
            "WHERE state IN ('failed', 'cancelled') AND kind NOT IN ('sweep', 'recipe') AND ? IN (id, sweep)",
            (number,),
        )
        if "PRUNING_DATA" in os.environ:  # named anew, perhaps because it was wrong
            for row in (self.row(number), *self.children(number)):
                if row.id == number or row.sweep == number:
                    name_data_folder(Run(self.folder / f"{row.id:05d}"), row.sweep)

    def annotate(self, number: int, **changes: Any) -> None:
        """Say something of a run: title ("": the given one), tags, note, starred. Raises UserError for a text too long."""
        with self._open("BEGIN IMMEDIATE") as database:
            notes.annotate(database, self.folder, number, changes)
            database.execute("COMMIT")

    def discard(self, numbers: Sequence[int]) -> None:
        """Move runs to the trash, all or none; raises UserError for one at work, and for one that others start from."""
        with self._open("BEGIN IMMEDIATE") as database:
            trash.discard(database, self.folder, numbers)
            database.execute("COMMIT")

    def restore(self, number: int) -> list[int]:
        """Take a run out of the trash with its tree and what they start from; returns all numbers."""
        with self._open("BEGIN IMMEDIATE") as database:
            back = trash.restore(database, self.folder, number)
            database.execute("COMMIT")
        return back

    def delete(self, numbers: Sequence[int]) -> None:
        """Delete runs of the trash for good, files and all; raises UserError for others, and where one there starts from it."""
        with self._open("BEGIN IMMEDIATE") as database:
            gone = trash.delete(database, numbers)
            database.execute("COMMIT")
        trash.empty_folders(self.folder, gone)

    def active(self, kinds: Sequence[str]) -> list[Row]:
        """The rows that a worker is at."""
        return self.rows(kinds, (State.RUNNING, State.CANCELLING))

    def claim(self, kinds: Sequence[str]) -> Row | None:
        """Move the oldest run that may start to RUNNING under the next attempt number; None when there is none."""
        sql = """SELECT r.id, r.attempt FROM runs r LEFT JOIN runs p ON p.id = r.parent
            WHERE r.state = 'queued' AND r.not_before <= :now AND r.kind IN (SELECT value FROM json_each(:kinds))
            AND (r.parent IS NULL OR p.state = 'succeeded') ORDER BY r.id LIMIT 1"""
        with self._open() as database:
            found = database.execute(sql, {"now": time.time(), "kinds": _json(kinds)}).fetchone()
        if found is None:
            return None
        number, attempt = found
        won = self.move(
            number,
            State.QUEUED,
            State.RUNNING,
            attempt=attempt,
            changes={"attempt": attempt + 1, "started": time.time()},
        )
        return self.row(number) if won else None

    def move(self, number: int, old: State, new: State, *, attempt: int, changes: dict[str, Any] | None = None) -> bool:
        """One conditional UPDATE on (id, state, attempt); False when another was faster."""
        values = {"state": new, **(changes or {})}
        columns = ", ".join(f"{name} = ?" for name in values)
        sql = f"UPDATE runs SET {columns} WHERE id = ? AND state = ? AND attempt = ?"
        return self._write(sql, (*values.values(), number, old, attempt)) == 1

    def lost(self, number: int) -> int:
        """How many workers of this run went away without a word since it was queued by hand."""
        with self._open() as database:
            return int(database.execute("SELECT lost FROM runs WHERE id = ?", (number,)).fetchone()[0])

    def stranded(self) -> list[tuple[int, int, int, str | None]]:
        """(run, its attempt, parent, parent's state or None) of the queued runs whose parent never gets a network."""
        sql = """SELECT r.id, r.attempt, r.parent, p.state FROM runs r LEFT JOIN runs p ON p.id = r.parent
            WHERE r.state = 'queued' AND r.kind NOT IN ('sweep', 'recipe') AND r.parent IS NOT NULL
            AND (p.id IS NULL OR p.state IN ('failed', 'cancelled'))"""
        with self._open() as database:
            return list(database.execute(sql))

    def add(self, rows: Sequence[dict[str, Any]]) -> int:
        """Insert whole rows whose numbers the database does not know yet; returns how many."""
        sql = """INSERT OR IGNORE INTO runs (id, kind, title, spec, parent, sweep, state, attempt, created, started, ended,
            summary, error, tags, note, starred, trashed) VALUES (:id, :kind, :title, :spec, :parent, :sweep, :state, :attempt,
            :created, :started, :ended, :summary, :error, :tags, :note, :starred, :trashed)"""
        with self._open("BEGIN IMMEDIATE") as database:
            made = sum(database.execute(sql, row).rowcount for row in rows)
            database.execute("COMMIT")
        return made

    def _write(self, sql: str, values: Sequence[Any]) -> int:
        with self._open("BEGIN IMMEDIATE") as database:
            changed = database.execute(sql, values).rowcount
            database.execute("COMMIT")
        return changed

    @contextmanager
    def _open(self, begin: str = "BEGIN") -> Iterator[sqlite3.Connection]:
        try:
            with closing(connect(self.folder)) as database:
                database.execute(begin)
                yield database
        except (sqlite3.Error, OSError) as error:
            raise explained(error, self.folder) from error


def _row(found: tuple[Any, ...]) -> Row:
    values = dict(zip(Row.__annotations__, found, strict=True))
    error = json.loads(values["error"]) if values["error"] else None
    read = {"summary": json.loads(values["summary"]), "error": error, "tags": tuple(json.loads(values["tags"]))}
    return Row(**values | read | {"state": State(values["state"]), "starred": bool(values["starred"])})


def _json(names: Sequence[str] | None) -> str | None:
    return None if names is None else json.dumps(list(names))
