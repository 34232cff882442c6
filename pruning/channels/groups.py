"""From labels to a ChannelMap: connected labels with the same footprint are one group."""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from torch import nn
from torch.nn.modules.conv import _ConvNd

from pruning.channels.labels import Array, Solution
from pruning.channels.map import ChannelMap, Follow, Group, Linear, Protected, Term
from pruning.channels.meta import Body
from pruning.channels.tape import SINGLE, Number, Tape

Place = tuple[str, int]  # (parameter or buffer, dimension)
UNUSED = "the forward pass never uses it"
COMPUTED = "its weight is computed from other parameters"


def gather(
    body: Body, tape: Tape, input_shape: tuple[int, ...], numbers: Iterable[Number] = ()
) -> tuple[ChannelMap, Array]:
    """The map, and the unit of every label (-1: fixed)."""
    for name in tape.parameters.keys() - tape.used:
        tape.pin_parameter(name, UNUSED)
    solution = tape.labels.solve()
    prunable = members(tape, solution)
    sizes = [len(found) for found in prunable]
    unit = np.full(len(solution.component), -1, np.int64)  # component -> unit, numbered through all groups
    unit[joined(prunable)] = np.arange(sum(sizes))
    group = np.append(np.repeat(np.arange(len(sizes)), sizes), -1)  # unit -> group
    label_units = unit[solution.component]
    forms: dict[int, Linear] = {}

    def form(a: Array) -> Linear:
        if id(a) not in forms:  # the tape holds the array, so that its id is its own
            forms[id(a)] = linear(group[label_units[a]], sizes)
        return forms[id(a)]

    def term(factor: int, dims: Iterable[Array]) -> Term:
        return simplify(factor, [form(a) for a in dims])

    moving = {n: [form(a) for a in dims] for n, dims in tape.parameters.items() if any(form(a)[1] for a in dims)}
    channels = ChannelMap(
        groups=name_groups(tape, moving, prunable, solution),
        protected=(*protect(tape, label_units, solution), *silent(body, tape)),
        params=fold(term(1, tape.parameters[n]) for n in body.parameters),
        macs=fold(term(f, dims) for f, dims in tape.macs),
        bytes=fold(term(t.element_size(), tape.parameters[n]) for n, t in body.tensors.items()),
        input_shape=input_shape,
        units={n: tuple(label_units[a] if form(a)[1] else None for a in tape.parameters[n]) for n in moving},
        sizes={n: tuple(dims) for n, dims in moving.items()},
        makers=makers(tape, moving, body),
        follows=tuple(follow(n, form(n.labels)) for n in (*tape.numbers.values(), *numbers) if form(n.labels)[1]),
    )
    return channels, label_units


def follow(number: Number, form: Linear) -> Follow:
    constant, parts = form
    size = (constant // number.divisor, tuple((g, factor // number.divisor) for g, factor in parts))
    return Follow(number.module, number.attribute, number.place, size)


def members(tape: Tape, solution: Solution) -> list[Array]:
    """Components of each prunable group, in the order in which the network produces them.

    A component's footprint, how often each place holds it, is a sum of random 64-bit numbers, one for each place.
    """
    places = [a for dims in tape.parameters.values() for a in dims]
    marks = np.random.default_rng(0).integers(0, 2**63, len(places), dtype=np.uint64)
    footprint = np.zeros(len(solution.component), np.uint64)
    np.add.at(footprint, solution.component[joined(places)], np.repeat(marks, [len(a) for a in places]))
    made = solution.component[joined([tape.parameters[name][d] for name, d in tape.producers])]
    made = made[np.sort(np.unique(made, return_index=True)[1])]
    made = made[solution.why[made] < 0]
    _, first, alike = np.unique(footprint[made], return_index=True, return_inverse=True)
    order = np.argsort(first[alike], kind="stable")
    found = np.split(made[order], np.flatnonzero(np.diff(first[alike][order])) + 1)
    return [group for group in found if len(group) > 1]


def joined(arrays: list[Array]) -> Array:
    return np.concatenate([np.empty(0, np.int64), *arrays])


def name_groups(
    tape: Tape, moving: dict[str, list[Linear]], prunable: list[Array], solution: Solution
) -> tuple[Group, ...]:
    order = {place: i for i, place in enumerate(tape.producers)}
    places: dict[int, list[Place]] = defaultdict(list)
    for name, dims in moving.items():
        for d, (_, parts) in enumerate(dims):
            for g, _ in parts:
                places[g].append((name, d))
    taken: dict[str, int] = defaultdict(int)
    groups = []
    for g, found in enumerate(prunable):
        made = sorted((p for p in places[g] if p in order), key=order.__getitem__)
        layers = tuple(dict.fromkeys(layer(n) for n, _ in made))
        taken[layers[0]] += 1
        name = layers[0] if taken[layers[0]] == 1 else f"{layers[0]}:{taken[layers[0]]}"
        others = [p for p in places[g] if p not in order and layer(p[0]) not in layers]
        approximate = next((solution.approximate[c] for c in found.tolist() if c in solution.approximate), "")
        groups.append(Group(name, len(found), layers, wording(others, tape), approximate))
    return tuple(groups)


def wording(places: list[Place], tape: Tape) -> tuple[str, ...]:
    """ "bn1", "fc1 inputs": a vector is called by its layer, a weight's second dimension is its inputs."""
    return tuple(
        dict.fromkeys(layer(name) if len(tape.parameters[name]) == 1 else f"{layer(name)} inputs" for name, _ in places)
    )


def layer(parameter: str) -> str:
    """The layer a parameter belongs to; a bare parameter of the network stands for itself."""
    owner, parametrized, _ = parameter.partition(".parametrizations.")
    return owner if parametrized else parameter.rpartition(".")[0] or parameter


def makers(tape: Tape, moving: dict[str, list[Linear]], body: Body) -> dict[str, tuple[Place, ...]]:
    """The parameter dimensions that make each layer's channels; instead of a mask in a buffer, the parameter it masks."""
    found: dict[str, tuple[Place, ...]] = {}
    for name, d in tape.producers:
        if name in moving and moving[name][d][1]:
            alike = (n for n in body.parameters if layer(n) == layer(name) and moving.get(n) == moving[name])
            of = name if name in body.parameters else next(alike, name)
            found[layer(name)] = (*found.get(layer(name), ()), (of, d))
    return found


def protect(tape: Tape, label_units: Array, solution: Solution) -> tuple[Protected, ...]:
    """Producing layers, or parts of them, that belong to no group, and why."""
    found: dict[tuple[str, str], int] = {}
    for name, d in tape.producers:
        a = tape.parameters[name][d]
        why = solution.why[solution.component[a[label_units[a] < 0]]]
        for reason, times in zip(*np.unique(why, return_counts=True), strict=True):
            key = (layer(name), solution.reasons[reason] if reason >= 0 else SINGLE)
            found[key] = found.get(key, 0) + int(times)
    return tuple(Protected(name, units, reason) for (name, reason), units in found.items())


def silent(body: Body, tape: Tape) -> list[Protected]:
    """Layers none of whose parameters were seen to make channels: unused ones, and weights computed from something else."""
    seen = {layer(name) for name, _ in tape.producers}
    found = []
    for name, module in body.modules.items():
        if isinstance(module, _ConvNd | nn.Linear) and name not in seen:
            own = [n for n in tape.parameters if n.startswith(f"{name}.")]
            units = module.out_channels if isinstance(module, _ConvNd) else module.out_features
            reason = (SINGLE if units == 1 else COMPUTED) if tape.used & set(own) else UNUSED
            found.append(Protected(name, units, reason))
    return found


def linear(group_of: Array, sizes: list[int]) -> Linear:
    """A dimension's size as constant + Σ factor · kept units of a group."""
    if group_of[0] == group_of[-1] and (group_of == group_of[0]).all():
        whole = int(group_of[0])
        return (len(group_of), ()) if whole < 0 else (0, ((whole, len(group_of) // sizes[whole]),))
    groups, times = np.unique(group_of, return_counts=True)
    counted = dict(zip(groups.tolist(), times.tolist(), strict=True))
    constant = counted.pop(-1, 0)
    return constant, tuple((g, n // sizes[g]) for g, n in counted.items())


def simplify(factor: int, dims: list[Linear]) -> Term:
    """Multiply constant dimensions into the factor."""
    for constant, parts in dims:
        factor *= 1 if parts else constant
    return factor, tuple(form for form in dims if form[1])


def fold(terms: Iterable[Term]) -> tuple[Term, ...]:
    """Add up terms with the same dimensions."""
    total: dict[tuple[Linear, ...], int] = defaultdict(int)
    for factor, dims in terms:
        total[dims] += factor
    return tuple((factor, dims) for dims, factor in total.items())
