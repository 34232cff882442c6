"""Latency in closed form: milliseconds as a sum of products of layer widths, as they are or padded to a multiple; no torch."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from pruning.channels.map import Linear

Width = tuple[Linear, int]  # a dimension's size over groups, rounded up to a multiple: what the kernel computes on
Term = tuple[float, tuple[int, ...]]  # factor (ms in a table's terms) × the product of the widths at these places
Product = tuple[float, Sequence[Width]]  # the same, spelt out
MISSED: Width = ((-1, ((-1, 1),)), 1)  # stands for the share of the weights that does not stay in the cache


@dataclass(frozen=True)
class Table:
    """What `pruning.timetable` measured; a form's groups are places in `groups`, whole at `units`.

    Place `len(widths)` in a term is the share of the weights that does not stay in the cache.
    """

    groups: tuple[str, ...]
    units: tuple[int, ...]
    widths: tuple[Width, ...]
    terms: tuple[Term, ...]
    weights: tuple[Term, ...] = ()  # how many there are, as products of widths too
    cache: float = 0.0  # weights that stay in it


def predict(table: Table, kept: Mapping[str, int]) -> float:
    """Milliseconds of a forward pass when each named group keeps so many units (others stay whole)."""
    sizes = [kept.get(name, units) for name, units in zip(table.groups, table.units, strict=True)]
    widths: list[float] = [width(form, multiple, sizes) for form, multiple in table.widths]
    widths.append(missed(evaluate(table.weights, widths), table.cache))
    return evaluate(table.terms, widths)


def evaluate(terms: Iterable[Term], widths: Sequence[float]) -> float:
    total = 0.0
    for factor, places in terms:
        for place in places:
            factor *= widths[place]
        total += factor
    return total


def width(form: Linear, multiple: int, sizes: Sequence[int]) -> int:
    constant, parts = form
    found = constant + sum(factor * sizes[group] for group, factor in parts)
    return -(-found // multiple) * multiple


def missed(weights: float, cache: float) -> float:
    """The share of the weights that has to come from memory anew in every pass."""
    return max(0.0, 1.0 - cache / max(1.0, weights))


def assembled(groups: Mapping[str, int], terms: Iterable[Product], weights: Iterable[Product], cache: float) -> Table:
    """The table of these sums of products, like ones added up; `groups`: name → units, in the channel map's order."""
    sums, counts = added(terms), added(weights)
    found = dict.fromkeys(one for free in (*sums, *counts) for one in free if one != MISSED)
    places = {one: i for i, one in enumerate((*found, MISSED))}
    made, counted = (
        tuple((factor, tuple(places[one] for one in free)) for free, factor in every.items() if factor)
        for every in (sums, counts)
    )
    return Table(tuple(groups), tuple(groups.values()), tuple(found), made, counted, cache)


def added(terms: Iterable[Product]) -> dict[tuple[Width, ...], float]:
    """The sum of the factors of each product of widths that a cut can change."""
    sums: dict[tuple[Width, ...], float] = {}
    for factor, widths in terms:
        fixed = prod(width(form, multiple, ()) for form, multiple in widths if not form[1])
        free = tuple(sorted(one for one in widths if one[0][1]))
        sums[free] = sums.get(free, 0.0) + factor * fixed
    return sums


def scaled(table: Table, factor: float) -> Table:
    return replace(table, terms=tuple((ms * factor, places) for ms, places in table.terms))


def to_json(table: Table, groups: Sequence[str] | None = None) -> dict[str, Any]:
    """For `latency.json`, and for `predictLatency` in latency.js, whose `kept` is in the order of `groups`."""
    order = list(groups or table.groups)
    place = [order.index(name) for name in table.groups]
    units = dict(zip(table.groups, table.units, strict=True))
    return {
        "groups": order,
        "units": [units.get(name, 0) for name in order],
        "widths": [[c, [[place[g], f] for g, f in parts], multiple] for (c, parts), multiple in table.widths],
        "terms": table.terms,
        "weights": table.weights,
        "cache": table.cache,
    }


def from_json(raw: Mapping[str, Any]) -> Table:
    widths = tuple(((c, tuple((g, f) for g, f in parts)), multiple) for c, parts, multiple in raw["widths"])
    terms, weights = (tuple((float(f), tuple(places)) for f, places in raw[name]) for name in ("terms", "weights"))
    return Table(tuple(raw["groups"]), tuple(raw["units"]), widths, terms, weights, raw["cache"])


def rounded(kept: int, units: int, multiple: int) -> int:
    """The nearest multiple that a group of `units` can keep, of two equally near the larger; all, where none fits."""
    if kept >= units or units < multiple:
        return kept
    return min(units, max(multiple, (kept + multiple // 2) // multiple * multiple))


def curve(table: Table, kept: Mapping[str, int], group: str, units: int) -> list[float]:
    """Milliseconds when `group` alone keeps 1, 2 … `units`."""
    return [predict(table, {**kept, group: n}) for n in range(1, units + 1)]


def gain(table: Table, kept: Mapping[str, int], multiple: int) -> tuple[dict[str, int], float, float]:
    """What is kept when every group is rounded to `multiple`, and the milliseconds before and after."""
    units = dict(zip(table.groups, table.units, strict=True))
    after = {name: rounded(kept.get(name, of), of, multiple) for name, of in units.items()}
    return after, predict(table, kept), predict(table, after)
