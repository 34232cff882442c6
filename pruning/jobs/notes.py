"""What the user says of a run: its title, tags, a note, a star, the trash; kept in the run's folder, copied into its row."""

import json
import sqlite3
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from pruning.errors import UserError
from pruning.run import Run, read_json, write_json

LONGEST = {"title": 200, "tag": 40, "note": 20_000}  # characters


@dataclass(frozen=True)
class Notes:
    """`notes.json`; an empty title is the one that the run was given when it was queued."""

    title: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    starred: bool = False
    trashed: float | None = None  # seconds since the epoch when it went to the trash


def read(run: Run) -> Notes:
    """What the folder tells; nothing where the file is missing or damaged."""
    try:
        told = read_json(run.notes, {})
        return Notes(
            title=str(told.get("title", "")),
            tags=tidy(told.get("tags", ())),
            note=str(told.get("note", "")),
            starred=bool(told.get("starred", False)),
            trashed=float(told["trashed"]) if told.get("trashed") else None,
        )
    except (ValueError, TypeError, AttributeError):
        return Notes()


def tidy(tags: Any) -> tuple[str, ...]:
    """Tags without spaces around them, each once whatever its case, in alphabetical order."""
    found = {" ".join(str(tag).split()).casefold(): " ".join(str(tag).split()) for tag in tags}
    return tuple(found[name] for name in sorted(found) if name)


def check(notes: Notes) -> None:
    """Raise UserError for a text that is too long to be shown."""
    told = {"title": notes.title, "note": notes.note, "tag": max(notes.tags, key=len, default="")}
    for name, text in told.items():
        if len(text) > LONGEST[name]:
            raise UserError(f"A {name} has at most {LONGEST[name]:,} characters; this one has {len(text):,}.")


def annotate(database: sqlite3.Connection, folder: Path, number: int, changes: dict[str, Any]) -> None:
    """Change some of a run's notes in its row and its folder, inside an open transaction: the last one wins."""
    found = of(database, number)
    if found is None:
        raise UserError(f"Run {number} does not exist.", do="Choose one of the runs in the list.")
    notes = replace(found, **changes | {"tags": tidy(changes.get("tags", found.tags))})
    check(notes)
    write(Run(folder / f"{number:05d}"), notes)
    columns = "title = coalesce(nullif(?, ''), json_extract(spec, '$.title')), tags = ?, note = ?, starred = ?"
    values = (notes.title, json.dumps(notes.tags), notes.note, notes.starred, number)
    database.execute(f"UPDATE runs SET {columns} WHERE id = ?", values)


def of(database: sqlite3.Connection, number: int) -> Notes | None:
    """What a run's row knows."""
    sql = """SELECT CASE WHEN title = json_extract(spec, '$.title') THEN '' ELSE title END, tags, note, starred, trashed
        FROM runs WHERE id = ?"""
    found = database.execute(sql, (number,)).fetchone()
    if found is None:
        return None
    title, tags, note, starred, trashed = found
    return Notes(title, tuple(json.loads(tags)), note, bool(starred), trashed)


def write(run: Run, notes: Notes) -> None:
    """Only what differs from a run of which nothing was said; no file where nothing is."""
    bare = asdict(Notes())
    told = {field.name: value for field in fields(Notes) if (value := getattr(notes, field.name)) != bare[field.name]}
    if told:
        write_json(run.notes, told)
    else:
        run.notes.unlink(missing_ok=True)
