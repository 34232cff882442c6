"""Small requests that nobody will look at again: confirmations and looks pile up with every move of a slider."""

import shutil
import sqlite3
from contextlib import closing

from pruning.jobs.database import connect, explained
from pruning.jobs.store import Store

KEPT = 300  # of each kind
FLEETING = ("evaluate", "look")
# What measured an accuracy stays: predictions learn from it.
OLD = """DELETE FROM runs WHERE id IN (SELECT id FROM runs WHERE kind = ? AND state IN ('succeeded', 'failed', 'cancelled')
    AND coalesce(json_extract(spec, '$.images'), 0) = 0 ORDER BY id DESC LIMIT -1 OFFSET ?) RETURNING id"""


def tidy(store: Store, kept: int = KEPT) -> int:
    """Remove rows and folders of all but the newest `kept` of each kind; returns how many went."""
    try:
        with closing(connect(store.folder)) as database:
            gone = [number for kind in FLEETING for (number,) in database.execute(OLD, (kind, kept)).fetchall()]
    except sqlite3.Error as error:
        raise explained(error, store.folder) from error
    for number in gone:
        shutil.rmtree(store.folder / f"{number:05d}", ignore_errors=True)
    return len(gone)
