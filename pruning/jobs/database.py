"""The sqlite file behind the store: its tables, how it is opened, and its errors in words."""

import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path

from pruning.errors import UserError

DATABASE = "jobs.db"
VERSION = 3  # 1: only sweeps were trees; 2: nothing was said of runs
WAIT = 10.0  # seconds for another writer to finish
TABLES = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, title TEXT NOT NULL, spec TEXT NOT NULL,
    parent INTEGER, sweep INTEGER, state TEXT NOT NULL, attempt INTEGER NOT NULL DEFAULT 0,
    created REAL NOT NULL, started REAL, ended REAL, summary TEXT NOT NULL DEFAULT '{}', error TEXT,
    lost INTEGER NOT NULL DEFAULT 0, not_before REAL NOT NULL DEFAULT 0,
    tags TEXT NOT NULL DEFAULT '[]', note TEXT NOT NULL DEFAULT '', starred INTEGER NOT NULL DEFAULT 0, trashed REAL);
CREATE INDEX unfinished ON runs (state) WHERE state IN ('queued', 'running', 'cancelling');
CREATE INDEX of_sweep ON runs (sweep) WHERE sweep IS NOT NULL;
"""
SINCE_2 = """
ALTER TABLE runs ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';
ALTER TABLE runs ADD COLUMN note TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN starred INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN trashed REAL;
"""
# A tree's own state (`sweep` names the tree of a run) is never written: the view derives it from its runs.
VIEW = """
DROP VIEW IF EXISTS listing;
CREATE VIEW listing AS
WITH trees AS (
    SELECT sweep AS id, count(*) AS n, sum(state = 'queued') AS queued, sum(state = 'cancelling') AS cancelling,
        sum(state = 'failed') AS failed, sum(state = 'cancelled') AS cancelled,
        sum(state IN ('succeeded', 'failed', 'cancelled')) AS finished, min(started) AS started, max(ended) AS ended
    FROM runs WHERE sweep IS NOT NULL GROUP BY sweep)
SELECT r.id, r.kind, r.title, r.spec, r.parent, r.sweep,
    CASE WHEN n IS NULL THEN r.state WHEN queued = n THEN 'queued' WHEN cancelling THEN 'cancelling'
        WHEN finished < n THEN 'running' WHEN failed THEN 'failed' WHEN cancelled THEN 'cancelled'
        ELSE 'succeeded' END AS state,
    r.attempt, r.created, coalesce(r.started, t.started) AS started,
    CASE WHEN n IS NULL THEN r.ended WHEN finished = n THEN t.ended END AS ended,
    CASE WHEN n IS NULL THEN r.summary
        ELSE json_object('runs', n, 'finished', finished, 'failed', failed, 'cancelled', cancelled) END AS summary,
    CASE WHEN n IS NULL THEN r.error WHEN finished = n AND failed
        THEN json_object('what', failed || ' of ' || n || ' runs failed.', 'do', 'Open them to see why, or retry.')
        END AS error,
    r.tags, r.note, r.starred, r.trashed
FROM runs r LEFT JOIN trees t ON t.id = r.id
"""


def connect(folder: Path) -> sqlite3.Connection:
    """A connection to the folder's database; both are made when they are not there. Nothing is committed by itself."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        database = stack.enter_context(closing(sqlite3.connect(folder / DATABASE, timeout=WAIT, isolation_level=None)))
        if _version(database) < VERSION:
            _upgrade(database)
        stack.pop_all()
    return database


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _upgrade(database: sqlite3.Connection) -> None:
    """Make the tables where there are none, add the columns that older ones lack, and make the view anew."""
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("BEGIN IMMEDIATE")
    found = _version(database)  # another process may have been faster
    statements = (TABLES if found == 0 else SINCE_2 if found < 3 else "") + (VIEW if found < VERSION else "")
    for statement in filter(None, map(str.strip, statements.split(";\n"))):
        database.execute(statement)
    if statements:
        database.execute(f"PRAGMA user_version = {VERSION}")
    database.execute("COMMIT")


def explained(error: Exception, folder: Path) -> UserError:
    """A storage error in words."""
    text = str(error).lower()
    if "locked" in text or "busy" in text:
        return UserError("The list of jobs is locked by another program.", do="Try again in a moment.")
    if "full" in text or "no space" in text:
        return UserError(f"The disk of {folder} is full.", do="Free some space, then try again.")
    if "malformed" in text or "not a database" in text:
        return UserError("The list of jobs is damaged.", do="Rebuild it: python -m pruning repair")
    return UserError(f"The runs folder {folder} cannot be used: {error}.", do="Check it, or set PRUNING_HOME.")
