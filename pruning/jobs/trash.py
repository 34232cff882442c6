"""The trash: runs that no list shows, until they are restored or deleted for good; what others start from stays."""

import shutil
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pruning.errors import UserError
from pruning.jobs import notes
from pruning.jobs.row import SMALL
from pruning.run import Run

# A tree goes with its runs: `asked` names runs and trees, `gone` all that goes with them.
GONE = """WITH asked AS (SELECT value AS id FROM json_each(:numbers)),
    gone AS (SELECT id FROM runs WHERE id IN (SELECT id FROM asked) OR sweep IN (SELECT id FROM asked))"""
IS_SMALL = f"kind IN ({', '.join(map(repr, SMALL))})"
ALONE = "kind NOT IN ('sweep', 'recipe')"


def discard(database: sqlite3.Connection, folder: Path, numbers: Sequence[int]) -> None:
    """Move runs to the trash, trees with their runs; those that wait are cancelled first.

    Raises UserError for a run that is at work, and for one that others start from.
    """
    asked = {"numbers": str(list(numbers)), "now": time.time()}
    _refuse_working(database, asked)
    _refuse_parents(database, asked)
    database.execute(
        f"{GONE} UPDATE runs SET state = 'cancelled', ended = :now "
        f"WHERE id IN (SELECT id FROM gone) AND state = 'queued' AND {ALONE}",
        asked,
    )
    database.execute(
        f"{GONE} UPDATE runs SET trashed = :now WHERE id IN (SELECT id FROM gone) AND trashed IS NULL", asked
    )
    _write(database, folder, _all(database, f"{GONE} SELECT id FROM gone", asked))


def restore(database: sqlite3.Connection, folder: Path, number: int) -> list[int]:
    """Take a run out of the trash, its tree with it, and what they start from; returns all numbers."""
    sql = """WITH RECURSIVE back(id) AS (
        SELECT :number
        UNION SELECT r.parent FROM runs r JOIN back ON r.id = back.id WHERE r.parent IS NOT NULL
        UNION SELECT r.sweep FROM runs r JOIN back ON r.id = back.id JOIN runs t ON t.id = r.sweep WHERE t.trashed IS NOT NULL)
        SELECT r.id FROM runs r WHERE r.trashed IS NOT NULL AND (r.id IN back OR r.sweep IN back AND
            r.trashed = (SELECT t.trashed FROM runs t WHERE t.id = r.sweep))"""
    back = _all(database, sql, {"number": number})
    database.execute("UPDATE runs SET trashed = NULL WHERE id IN (SELECT value FROM json_each(?))", (str(back),))
    _write(database, folder, back)
    return back


def delete(database: sqlite3.Connection, numbers: Sequence[int]) -> list[int]:
    """Take runs of the trash off the list for good, with the small requests about them; returns all numbers.

    Raises UserError when a run is not in the trash, or another there starts from it.
    """
    asked = {"numbers": str(list(numbers))}
    gone = _all(database, f"{GONE} SELECT id FROM gone", asked)
    kept = _all(database, f"{GONE} SELECT id FROM runs WHERE id IN (SELECT id FROM gone) AND trashed IS NULL", asked)
    if kept:
        raise UserError(f"{_runs(kept).capitalize()} not in the trash.", do="Only what is in the trash can be deleted.")
    _refuse_parents(database, asked, what="deleted")
    small = f"{GONE} SELECT id FROM runs WHERE parent IN (SELECT id FROM gone) AND {IS_SMALL}"
    gone += _all(database, small, asked)
    database.execute("DELETE FROM runs WHERE id IN (SELECT value FROM json_each(?))", (str(gone),))
    return gone


def empty_folders(folder: Path, numbers: Iterable[int]) -> None:
    """Remove all files of deleted runs; their empty folders stay, so that no number is ever given twice."""
    for number in numbers:
        place = Run(folder / f"{number:05d}")
        place.spec.unlink(missing_ok=True)  # first: a folder without it is no run
        shutil.rmtree(place.path, ignore_errors=True)
        place.path.mkdir(exist_ok=True)


def _refuse_working(database: sqlite3.Connection, asked: Mapping[str, object]) -> None:
    sql = f"{GONE} SELECT id FROM runs WHERE id IN (SELECT id FROM gone) AND state IN ('running', 'cancelling') AND {ALONE}"
    if working := _all(database, sql, asked):
        raise UserError(f"{_runs(working).capitalize()} still running.", do="Cancel first, or wait for the end.")


def _refuse_parents(database: sqlite3.Connection, asked: Mapping[str, object], *, what: str = "trashed") -> None:
    """A run stays as long as others, of which the user did not speak, start from it."""
    outside = "" if what == "deleted" else "AND c.trashed IS NULL"
    sql = f"""{GONE} SELECT c.parent, c.id FROM runs c WHERE c.parent IN (SELECT id FROM gone) AND c.id NOT IN (SELECT id FROM gone)
        AND NOT c.{IS_SMALL} {outside} ORDER BY c.parent, c.id"""
    found = list(database.execute(sql, asked))
    if found:
        parent, others = found[0][0], [child for number, child in found if number == found[0][0]]
        first = "Delete" if what == "deleted" else "Move"
        rest = "too" if what == "deleted" else "to the trash too"
        raise UserError(
            f"Run {parent} stays: {_runs(others, 'starts', 'start')} from it.",
            do=f"{first} {'it' if len(others) == 1 else 'them'} {rest}, at once or first.",
        )


def _runs(numbers: Sequence[int], one: str = "is", many: str = "are", most: int = 4) -> str:
    """'Run 3 is', 'runs 3, 4 and 5 are', 'runs 3, 4, 5, 6 and 8 more are'."""
    if len(numbers) == 1:
        return f"run {numbers[0]} {one}"
    head, rest = numbers[:most], len(numbers) - most
    last = f"{rest} more" if rest > 0 else str(head[-1])
    return f"runs {', '.join(map(str, head if rest > 0 else head[:-1]))} and {last} {many}"


def _write(database: sqlite3.Connection, folder: Path, numbers: Iterable[int]) -> None:
    for number in numbers:
        found = notes.of(database, number)
        if found is not None:
            notes.write(Run(folder / f"{number:05d}"), found)


def _all(database: sqlite3.Connection, sql: str, names: Mapping[str, object]) -> list[int]:
    return [row[0] for row in database.execute(sql, names)]
