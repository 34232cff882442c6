"""The family of a run: what it starts from and what starts from it, as a tree of links; long families are folded."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import streamlit as st

from pages.ui import cards, overview, state, words
from pruning.jobs.store import Row

SMALL = 14  # runs of a family that is shown whole
MOST = 4  # runs shown of those that start from one, in larger families
INDENT = 22  # pixels

Rows = Mapping[int, Row]


@dataclass(frozen=True)
class Line:
    """One line of the tree: a run, or how many more start from `number`."""

    number: int
    depth: int
    more: int = 0


def above(row: Row, rows: Rows) -> int | None:
    """The run under which a run stands: inside a tree its parent there, else the tree itself; outside, its parent."""
    parent = rows.get(row.parent) if row.parent is not None else None
    if row.sweep in rows and (parent is None or parent.sweep != row.sweep):
        return row.sweep
    return parent.id if parent is not None else None


def path(number: int, rows: Rows) -> list[int]:
    """From the first run of the family to this one."""
    found = [number]
    while (up := above(rows[found[-1]], rows)) is not None and up not in found:
        found.append(up)
    return found[::-1]


def below(rows: Rows) -> dict[int, list[int]]:
    """Run → the runs that stand under it, oldest first."""
    found: dict[int, list[int]] = defaultdict(list)
    for number in sorted(rows):
        if (up := above(rows[number], rows)) is not None:
            found[up].append(number)
    return found


def size(number: int, under: Mapping[int, list[int]]) -> int:
    """Runs from this one down, itself among them."""
    found = [number]
    for each in found:  # grows while it is walked
        found += under.get(each, ())
    return len(found)


def lines(number: int, rows: Rows) -> list[Line]:
    """The family of a run from its first one down, folded where it is long: the way to the run always stays."""
    way, under = path(number, rows), below(rows)
    is_small = size(way[0], under) <= SMALL
    return list(_lines(way[0], 0, set(way), under, SMALL if is_small else MOST, number))


def _lines(
    here: int, depth: int, way: set[int], under: Mapping[int, list[int]], most: int, number: int
) -> Iterator[Line]:
    yield Line(here, depth)
    children = under.get(here, [])
    is_open = most == SMALL or here in way
    first = children[:most] if is_open else []
    shown = [child for child in children if child in first or child in way]
    for child in shown:
        yield from _lines(child, depth + 1, way, under, most, number)
    if rest := len(children) - len(shown):
        yield Line(here, depth + 1, rest)


def show(row: Row) -> None:
    """The family of a run, each run a link; nothing where it is alone."""
    rows = {other.id: other for other in state.rows(limit=-1)}
    found = lines(row.id, rows) if row.id in rows else []
    if len(found) < 2:
        return
    st.subheader(
        "Lineage", anchor=False, help="What this run starts from, and what starts from it. A click opens a run."
    )
    with st.container(gap=None):
        for line in found:
            draw(line, row, rows)


def draw(line: Line, present: Row, rows: Rows) -> None:
    row = rows[line.number]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if line.depth:
            st.space(INDENT * line.depth)
        if line.more:
            cards.link(row, "more", f"… {line.more} more start from run {row.id}")
            return
        if row.id == present.id:
            st.markdown(f"**{words.plain(overview.title(row, rows))}**", width="content")
            st.badge("this run", color="violet")
        else:
            cards.link(row, "lineage", overview.title(row, rows))
        st.caption(words.plain(facts(row)), width="content")


def facts(row: Row) -> str:
    """'Prune · 91.20 % · 41,234 parameters', or how it stands."""
    accuracy, parameters = overview.accuracy(row, {}), overview.measured("params", row, {})
    told = [
        cards.KINDS[row.kind],
        "" if row.summary.get("after") else cards.STATES[row.state][0].lower(),
        words.percent(accuracy / 100) if accuracy is not None else "",
        f"{words.count(parameters)} parameters" if parameters is not None else "",
    ]
    return " · ".join(filter(None, told))
