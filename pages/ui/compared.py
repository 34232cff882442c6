"""What the pages that compare runs know of each: its settings, its numbers, where it comes from; read once for all charts."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from pages.ui import cards, state
from pages.ui.series import CRITERIA
from pruning.jobs.store import Row
from pruning.run import home
from pruning.spec import BY_SHARE, FinetuneSpec, MaskSpec, PruneSpec, Settings, Spec, TrainSpec

Measured = dict[str, Any]
Key = str  # changes when an entry would


@dataclass(frozen=True)
class Entry:
    """One run with a network."""

    run: int
    kind: str
    title: str
    spec: Spec
    network: str  # 'scnnb on mnist'
    first: int | None  # the training at the start of its line
    sweep: int | None  # only a sweep: its runs belong on curves
    tree: str  # number and title of its sweep or recipe; "" for a single run
    before: Measured | None
    after: Measured
    alike: str  # the same for runs that differ in nothing but their seeds
    family: str  # the same for runs of one curve, which differ also in criterion and share

    @property
    def images(self) -> str:
        return self.network.partition(" on ")[2]

    @property
    def label(self) -> str:
        return f"{self.run} · {self.title}"


def key_of(rows: Iterable[Row]) -> Key:
    told = (str(home()), *((row.id, row.title, row.ended) for row in rows))
    return hashlib.sha256(repr(told).encode()).hexdigest()


def gather(rows: Sequence[Row]) -> tuple[Entry, ...]:
    """The runs that have settings to read, in the order given."""
    return _gathered(key_of(rows), rows)


@st.cache_resource(max_entries=40, show_spinner=False)
def _gathered(key: Key, _rows: Sequence[Row]) -> tuple[Entry, ...]:
    return tuple(found for row in _rows if (found := entry(row)) is not None)


def entry(row: Row) -> Entry | None:
    spec, ended, tree = state.specification(row.id), state.result(row.id) or {}, state.find(row.sweep)
    if spec is None:
        return None
    return Entry(
        run=row.id,
        kind=row.kind,
        title=cards.title(row),
        spec=spec,
        network=state.network(row.id),
        first=state.first(row.id),
        sweep=tree.id if tree is not None and tree.kind == "sweep" else None,
        tree=f"{tree.id} · {cards.title(tree)}" if tree is not None else "",
        before=ended.get("before"),
        after=ended.get("after") or {},
        alike=seedless(spec, {"seed"}),
        family=seedless(spec, {"seed", "share", "criterion"}),
    )


def seedless(spec: Settings, pruning: set[str]) -> str:
    """What a run and its parents were asked for, without seeds and titles, and without these settings of its own pruning."""
    seed = {"seed"}
    own = spec.model_dump(mode="json", exclude={"title": True, "parent": True, "pruning": pruning, "masking": seed,
                                                "finetune": seed, "training": seed})  # fmt: skip
    parent = state.specification(spec.parent) if hasattr(spec, "parent") else None
    return json.dumps(own, sort_keys=True) + (seedless(parent, seed) if parent is not None else "")


def criterion(spec: Spec) -> str:
    """By its title; "" for a run that asked for none."""
    match spec:
        case PruneSpec():
            return CRITERIA[spec.pruning.criterion]
        case MaskSpec():
            return CRITERIA[spec.masking.criterion]
    return ""


def share(spec: Spec) -> float | None:
    """Removed, as asked for; None where it was asked for otherwise."""
    match spec:
        case PruneSpec() if spec.pruning.spread in BY_SHARE and not spec.pruning.has_budget:
            return spec.pruning.share
        case MaskSpec():
            return spec.masking.amount
    return None


def seed(spec: Spec) -> int | None:
    """Of the training that the run ends with."""
    match spec:
        case PruneSpec() | MaskSpec():
            return spec.finetune.seed
        case TrainSpec() | FinetuneSpec():
            return spec.training.seed
    return None
