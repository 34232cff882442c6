"""From labels to a ChannelMap: connected labels with the same footprint are one group."""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from torch import nn
from torch.nn.modules.conv import _ConvNd

from pruning.channels.labels import Array, Solution
from pruning.channels.map import ChannelMap, Group, Linear, Protected, Term
from pruning.channels.tape import Dims, Tape

Place = tuple[str, int]  # (parameter or buffer, dimension)
UNUSED = "the forward pass never uses it"
SINGLE = "it has a single channel"
COMPUTED = "its weight is computed from other parameters"


def gather(model: nn.Module, tape: Tape, input_shape: tuple[int, ...]) -> tuple[ChannelMap, Array]:
    """The map, and the unit of every label (-1: fixed)."""
    pin_unused(tape)
    solution = tape.labels.solve()
    components = {n: tuple(solution.component[a] for a in dims) for n, dims in tape.parameters.items()}
    prunable = members(components, tape, solution)
    unit = np.full(tape.labels.count, -1, np.int64)  # component -> unit, numbered through all groups
    group_of = np.full(tape.labels.count, -1, np.int64)
    unit[np.concatenate([np.empty(0, np.int64), *prunable])] = np.arange(sum(map(len, prunable)))
    for g, found in enumerate(prunable):
        group_of[found] = g
    groups = name_groups(tape, components, prunable, group_of, solution)
    cut = {n: tuple(unit[c] if np.any(unit[c] >= 0) else None for c in dims) for n, dims in components.items()}
    sizes = [g.units for g in groups]
    stored = {**dict(model.named_parameters()), **dict(model.named_buffers())}

    def term(factor: int, dims: Iterable[Array]) -> Term:
        return simplify(factor, [linear(group_of[c], sizes) for c in dims])

    channels = ChannelMap(
        groups=groups,
        protected=(*protect(tape, components, group_of, solution), *silent(model, tape)),
        params=fold(term(1, components[n]) for n, _ in model.named_parameters()),
        macs=fold(term(f, [solution.component[a] for a in dims]) for f, dims in tape.macs),
        bytes=fold(term(stored[n].element_size(), components[n]) for n in stored),
        input_shape=input_shape,
        units={n: dims for n, dims in cut.items() if any(d is not None for d in dims)},
    )
    return channels, unit[solution.component]


def pin_unused(tape: Tape) -> None:
    for name in tape.parameters.keys() - tape.used:
        tape.pin_parameter(name, UNUSED)


def members(components: dict[str, Dims], tape: Tape, solution: Solution) -> list[Array]:
    """Components of each prunable group, in the order in which the network produces them."""
    footprint: dict[int, list[tuple[str, int, int]]] = defaultdict(list)
    for name, dims in components.items():
        for d, c in enumerate(dims):
            found, times = np.unique(c, return_counts=True)
            for component, n in zip(found.tolist(), times.tolist(), strict=True):
                if component not in solution.pinned:
                    footprint[component].append((name, d, n))
    alike: dict[tuple[tuple[str, int, int], ...], list[int]] = {}
    for name, d in tape.producers:
        for component in dict.fromkeys(components[name][d].tolist()):
            if component in footprint:
                alike.setdefault(tuple(footprint.pop(component)), []).append(component)
    return [np.array(found, np.int64) for found in alike.values() if len(found) > 1]


def name_groups(
    tape: Tape, components: dict[str, Dims], prunable: list[Array], group_of: Array, solution: Solution
) -> tuple[Group, ...]:
    places: dict[int, list[Place]] = defaultdict(list)
    for name, dims in components.items():
        for d, c in enumerate(dims):
            for g in np.unique(group_of[c]).tolist():
                places[g].append((name, d))
    taken: dict[str, int] = defaultdict(int)
    groups = []
    for g, found in enumerate(prunable):
        makers = [p for p in tape.producers if p in places[g]]
        layers = tuple(dict.fromkeys(layer(n) for n, _ in makers))
        taken[layers[0]] += 1
        name = layers[0] if taken[layers[0]] == 1 else f"{layers[0]}:{taken[layers[0]]}"
        others = [p for p in places[g] if p not in makers and layer(p[0]) not in layers]
        approximate = next((solution.approximate[c] for c in found.tolist() if c in solution.approximate), "")
        groups.append(Group(name, len(found), layers, wording(others, components), approximate))
    return tuple(groups)


def wording(places: list[Place], components: dict[str, Dims]) -> tuple[str, ...]:
    """ "bn1", "fc1 inputs": a vector is called by its layer, a weight's second dimension is its inputs."""
    return tuple(
        dict.fromkeys(layer(name) if len(components[name]) == 1 else f"{layer(name)} inputs" for name, _ in places)
    )


def layer(parameter: str) -> str:
    """The layer a parameter belongs to; a bare parameter of the network stands for itself."""
    return parameter.rpartition(".")[0] or parameter


def protect(tape: Tape, components: dict[str, Dims], group_of: Array, solution: Solution) -> tuple[Protected, ...]:
    """Producing layers, or parts of them, that belong to no group, and why."""
    found: dict[tuple[str, str], int] = {}
    for name, d in tape.producers:
        for component in components[name][d][group_of[components[name][d]] < 0].tolist():
            key = (layer(name), solution.pinned.get(component, SINGLE))
            found[key] = found.get(key, 0) + 1
    return tuple(Protected(name, units, reason) for (name, reason), units in found.items())


def silent(model: nn.Module, tape: Tape) -> list[Protected]:
    """Layers none of whose parameters were seen to make channels: unused ones, and weights computed from something else."""
    seen = {layer(name) for name, _ in tape.producers}
    found = []
    for name, module in model.named_modules():
        if isinstance(module, _ConvNd | nn.Linear) and name not in seen:
            own = [n for n in tape.parameters if n.startswith(f"{name}.")]
            reason = COMPUTED if tape.used & set(own) else UNUSED
            found.append(Protected(name, len(module.weight), reason))
    return found


def linear(group_of: Array, sizes: list[int]) -> Linear:
    """A dimension's size as constant + Σ factor · kept units of a group."""
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
