"""Following a job from a shell: what it says until it ends, then its answer."""

import shutil
import sys
import time
from itertools import count

from pruning import data, recipes
from pruning.jobs import supervisor
from pruning.jobs.store import TREES, Row, State, Store
from pruning.jobs.words import advised, checked, earlier, inspected, line, prepared, sentence
from pruning.recipes import outcome as outcome_of
from pruning.run import Run, home, read_lines
from pruning.spec import InspectSpec, PrepareSpec, RecipeSpec, parse

QUIET = 10.0  # seconds without a word, after which a full disk may be the reason
NEARLY_FULL = 64 * 2**20  # bytes free


def follow(number: int, *, first: str = "") -> int:
    """Print what the run says until it ends; Ctrl-C ends the following, not the run."""
    try:
        return outcome(last_row(number, first))
    except KeyboardInterrupt:
        print(f"\nRun {number} goes on. Come back with: python -m pruning follow {number}", file=sys.stderr)
        return 130


def last_row(number: int, first: str) -> Row:
    """The row once the run has ended. What it said before somebody came to follow it (no `first`) is one line."""
    store, seen = Store(home()), 0.0 if first else time.time()
    heard, warned = time.monotonic(), False
    before = [item for item in lines_of(store, store.row(number)) if item[0] <= seen]
    if first or before:
        print(first or earlier(before), flush=True)
    for look in count():
        if (row := store.row(number)).state.is_finished:
            break
        if look % 10 == 0:  # one that was killed meanwhile is replaced
            supervisor.ensure()
        latest = tell(store, row, seen)
        heard, seen = time.monotonic() if latest > seen else heard, latest
        warned = warned or (time.monotonic() - heard > QUIET and warn_of_full_disk())
        time.sleep(0.5)
    tell(store, row, seen)
    return row


def tell(store: Store, row: Row, seen: float) -> float:
    """Print the lines newer than `seen`; returns the time of the last one."""
    fresh = [item for item in lines_of(store, row) if item[0] > seen]
    for _, text in fresh:
        print(text, flush=True)
    return fresh[-1][0] if fresh else seen


def lines_of(store: Store, row: Row) -> list[tuple[float, str]]:
    """(time, text) of all that a run has said, in order; of a tree, how its runs ended."""
    if row.kind in TREES:
        return sorted((run.ended, f"{run.title}: {sentence(run)}") for run in store.children(row.id) if run.ended)
    run = Run.of(row.id)
    return sorted((record["time"], line(record)) for record in read_lines(run.events) + read_lines(run.metrics))


def warn_of_full_disk() -> bool:
    """Say so when next to nothing is free where the runs lie; returns whether it was said."""
    free = shutil.disk_usage(home()).free
    if free < NEARLY_FULL:
        what = f"Nothing has come for {QUIET:.0f} s, and the disk of {home()} has only {free / 1e6:.0f} MB left."
        print(advised(what, "Free some space; the run goes on by itself."), file=sys.stderr, flush=True)
    return free < NEARLY_FULL


def outcome(row: Row) -> int:
    succeeded = row.state is State.SUCCEEDED
    for text in answer(row) if succeeded or row.kind == "recipe" else ():
        print(text, flush=True)
    print(sentence(row), file=sys.stdout if succeeded else sys.stderr)
    return 0 if succeeded else 1


def answer(row: Row) -> list[str]:
    """What a small request was asked for; of a recipe, what came out beside what was expected."""
    match parse(row.spec):
        case PrepareSpec(data=settings) if card := data.card(settings):
            return prepared(card)
        case InspectSpec(data=settings):
            card = data.card(settings)
            return inspected(Run.of(row.id), card["train"] if card else None)
        case RecipeSpec() as wish:
            return came_of(row, wish)
    return []


def came_of(row: Row, wish: RecipeSpec) -> list[str]:
    card, runs = recipes.card_of(wish.name), {run.given_title: Run.of(run.id) for run in Store(home()).children(row.id)}
    found = outcome_of.ended(wish, runs)
    return checked(outcome_of.counts(card, found), outcome_of.accuracies(card, found), short=recipes.is_short(wish))
