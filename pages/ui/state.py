"""What pages read: the store's rows and the files of a run folder, each file cached until it changes."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from pruning.channels.map import ChannelMap
from pruning.errors import UserError
from pruning.jobs import supervisor
from pruning.jobs.store import LONG, NETWORK, TREES, Row, State, Store
from pruning.plan import Plan
from pruning.run import Run, home, read_json, read_lines
from pruning.spec import Blocks, DataSettings, ModelSettings, PruneSpec, RecipeSpec, Spec, TrainSpec, parse

RUN_KINDS = (*LONG, *TREES)
ACTIVE = (State.QUEUED, State.RUNNING, State.CANCELLING)


def store() -> Store:
    return Store(home())


def rows(
    kinds: Sequence[str] = RUN_KINDS,
    states: Sequence[State] | None = None,
    *,
    limit: int = 500,
    search: str = "",
    trash: bool = False,
) -> list[Row]:
    """Newest first; without the trash, or the trash alone."""
    found = store().rows(kinds=kinds, states=states, limit=limit, search=search, trash=trash)
    return sorted(found, key=lambda row: -row.id)


def find(number: str | int | None) -> Row | None:
    """The row of a run that a link or a widget names; None when there is none, or it is in the trash."""
    row = anywhere(number)
    return None if row is None or row.trashed else row


def anywhere(number: str | int | None) -> Row | None:
    """The same, in the trash too."""
    try:
        return store().row(int(number)) if number is not None else None
    except (UserError, ValueError):
        return None


def submit(*specs: Spec) -> list[int]:
    """Queue specs; a later one's parent=0 means the one before. Returns the numbers of the runs.

    The same again within two seconds is the same click: Streamlit runs a script anew that was interrupted behind a button.
    """
    said, numbers, then = st.session_state.get("submitted", ((), [], 0.0))
    if said == specs and time.monotonic() - then < 2:
        return list(numbers)
    numbers = store().submit_chain(list(specs))
    st.session_state["submitted"] = (specs, numbers, time.monotonic())
    supervisor.ensure()
    return list(numbers)


def requested(spec: Spec) -> Row | None:
    """The newest small request equal to `spec`, whatever became of it."""
    asked = spec.model_dump(exclude={"title"})
    same = (row for row in rows(kinds=[spec.kind], limit=200) if parse(row.spec).model_dump(exclude={"title"}) == asked)
    return next(same, None)


def request(spec: Spec) -> Row:
    """The newest small request equal to `spec`; made when there is none."""
    return requested(spec) or store().row(submit(spec)[0])


def explorable() -> list[Row]:
    """Runs with channel groups to look at, newest first; one still training counts."""
    return [row for row in rows(kinds=NETWORK) if Run.of(row.id).channels.exists()]


def finished() -> list[Row]:
    """Runs that ended well and left a network."""
    return rows(kinds=NETWORK, states=[State.SUCCEEDED])


def _stamp(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


@st.cache_resource(max_entries=400, show_spinner=False)
def _read(path: str, stamp: int, form: str) -> Any:
    match form:
        case "json":
            return read_json(Path(path))
        case "lines":
            return read_lines(Path(path))
        case "channels":
            return ChannelMap.from_json(Path(path).read_text())
        case "text":
            return Path(path).read_text(errors="replace")
    raise ValueError(form)


def _cached(path: Path, form: str, default: Any = None) -> Any:
    stamp = _stamp(path)
    return _read(str(path), stamp, form) if stamp else default


def result(number: int) -> dict[str, Any] | None:
    found: dict[str, Any] | None = _cached(Run.of(number).result, "json")
    return found


def record(path: Path) -> dict[str, Any] | None:
    """What stands in one of a run's JSON files, such as `Run.of(number).search`; None when there is none."""
    found: dict[str, Any] | None = _cached(path, "json")
    return found


def status(number: int) -> dict[str, Any]:
    found: dict[str, Any] = _cached(Run.of(number).status, "json", {})
    return found


def scores(number: int, blocks: Blocks = Blocks.INSIDE) -> dict[str, Any]:
    found: dict[str, Any] = _cached(Run.of(number).explained(blocks)[1], "json", {})
    return found


def channels(number: int, blocks: Blocks = Blocks.INSIDE) -> ChannelMap | None:
    found: ChannelMap | None = _cached(Run.of(number).explained(blocks)[0], "channels")
    return found


def has_blocks(number: int) -> bool:
    """Whether it makes a difference how a run's network is cut inside its blocks."""
    return bool(Run.of(number).channels_whole.exists())


def plan(number: int) -> Plan | None:
    """What a prune run kept of its parent's network; None also where the parent's groups are not known in these blocks."""
    text, spec = _cached(Run.of(number).plan, "text"), specification(number)
    whole = channels(spec.parent, spec.pruning.blocks) if isinstance(spec, PruneSpec) else None
    try:
        return Plan.from_json(text, whole) if text and whole else None
    except UserError:
        return None


def events(number: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _cached(Run.of(number).events, "lines", [])
    return found


def metrics(number: int) -> list[dict[str, Any]]:
    """One record an epoch in order; of an epoch that was done again after a resume, the last."""
    records = {(r["stage"], r["epoch"]): r for r in _cached(Run.of(number).metrics, "lines", [])}
    return list(records.values())


def text(path: Path, last: int = 200_000) -> str:
    """The end of a text file, at most `last` characters; empty when there is no such file."""
    found: str = _cached(path, "text", "")
    return found[-last:]


def specification(number: int) -> Spec | None:
    raw = _cached(Run.of(number).spec, "text")
    return parse(raw) if raw else None


def first(number: int) -> int | None:
    """The training at the start of a run's line of parents, itself for a training; None when a parent is gone."""
    spec = specification(number)
    if isinstance(spec, RecipeSpec):  # the first of its runs is a training
        number = next((row.id for row in store().children(number)), number)
        spec = specification(number)
    while spec is not None and hasattr(spec, "parent"):
        number, spec = spec.parent, specification(spec.parent)
    return number if isinstance(spec, TrainSpec) else None


def root(number: int) -> tuple[DataSettings, ModelSettings] | None:
    """Data set and model at the start of a run's line of parents; None when a parent is gone."""
    made = first(number)
    spec = specification(made) if made is not None else None
    return (spec.data, spec.model) if isinstance(spec, TrainSpec) else None


def network(number: int) -> str:
    """'scnnb on fashion-mnist-sample'."""
    made = root(number)
    return f"{made[1].name} on {made[0].name}" if made else "unknown network"
