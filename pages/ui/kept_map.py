"""How much of every group each of several runs kept, against the first network of their line."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from pages.ui import charts, compare_charts, files, state, words
from pages.ui.compared import Entry, Key
from pages.ui.comparison import Kept
from pruning.run import Run
from pruning.spec import FinetuneSpec, MaskSpec, PruneSpec, TrainSpec

Units = dict[str, int]  # group → units


def cut(number: int) -> tuple[Units, Units] | None:
    """(units of the first network, units kept of it); None where a plan is missing or its groups have other names."""
    match spec := state.specification(number):
        case TrainSpec():
            channels = state.channels(number)
            whole = {g.name: g.units for g in channels.groups} if channels else None
            return (whole, whole) if whole else None
        case FinetuneSpec() | MaskSpec():
            return cut(spec.parent)
        case PruneSpec():
            return _cut_on(cut(spec.parent), state.record(Run.of(number).plan))
    return None


def _cut_on(before: tuple[Units, Units] | None, plan: Mapping[str, Any] | None) -> tuple[Units, Units] | None:
    """What a plan leaves of a network that may have been cut before."""
    if before is None or plan is None:
        return None
    whole, _ = before
    kept = {name: sum(end - start for start, end in plan["keep"][name]) if name in plan["keep"] else units
            for name, units in plan["units"].items()}  # fmt: skip
    return (whole, kept) if kept.keys() == whole.keys() else None


def has_any(entries: Sequence[Entry]) -> bool:
    """Whether any of these runs removed filters, itself or before it."""
    return any(Run.of(e.run).plan.exists() or (isinstance(e.spec, FinetuneSpec) and _pruned(e.run)) for e in entries)


def _pruned(number: int) -> bool:
    found = cut(number)
    return found is not None and found[0] != found[1]


def gather(entries: Sequence[Entry]) -> tuple[Kept | None, list[Entry], list[Entry]]:
    """(what the runs of the most common network kept, runs of other networks, runs whose groups cannot be told)."""
    found = [(entry, cut(entry.run)) for entry in entries]
    unknown = [entry for entry, units in found if units is None]
    known = [(entry, *units) for entry, units in found if units is not None]
    if not known:
        return None, [], unknown
    common = Counter(tuple(whole.items()) for _, whole, _ in known).most_common(1)[0][0]
    mine = [(entry, kept) for entry, whole, kept in known if tuple(whole.items()) == common]
    others = [entry for entry, whole, _ in known if tuple(whole.items()) != common]
    groups, units = zip(*common, strict=True)
    rows = tuple(tuple(kept[group] for group in groups) for _, kept in mine)
    return Kept(tuple(e.run for e, _ in mine), tuple(e.title for e, _ in mine), groups, units, rows), others, unknown


@st.cache_resource(max_entries=20, show_spinner=False)
def drawn(key: Key, _entries: Sequence[Entry]) -> tuple[Kept | None, list[Entry], list[Entry], go.Figure | None]:
    record, others, unknown = gather(_entries)
    return record, others, unknown, compare_charts.kept(record) if record else None


def show(key: Key, entries: Sequence[Entry], _by: str) -> None:
    st.caption("Where the filters went: the share of each group that is left, against the unpruned network.")
    record, others, unknown, figure = drawn(key, entries)
    if record is not None and figure is not None:
        st.plotly_chart(figure, key="kept-map", config=charts.CONFIG, alt=said(record))
        files.chart(figure, record.rows(), "kept")
    left_out(others, "have groups of another network, so they stand in no row")
    left_out(unknown, "have groups that cannot be matched with the unpruned network's")


def left_out(entries: Sequence[Entry], why: str) -> None:
    if entries:
        runs = ", ".join(f"{e.run} ({e.network})" for e in entries[:8]) + (" …" if len(entries) > 8 else "")
        st.caption(words.plain(f"Left out: runs {runs} {why}."))


def said(record: Kept) -> str:
    shares = [sum(row) / sum(record.units) for row in record.kept]
    return (f"Heat map of the filters kept, {words.plural(len(record.runs), 'run')} by {words.plural(len(record.groups), 'group')}: "
            f"between {words.percent(min(shares), 0)} and {words.percent(max(shares), 0)} of all filters are left.")  # fmt: skip
