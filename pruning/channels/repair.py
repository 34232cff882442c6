"""Numbers that a network's Python keeps in its modules (`self.head_dim = 64`): which of them follow a cut dimension."""

from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest

from torch import nn

from pruning.channels.certificate import Step
from pruning.channels.labels import Array
from pruning.channels.meta import Body
from pruning.channels.tape import Number

Moves = Callable[[Array], bool]  # whether some of the indices may go
Where = tuple[int, int]  # which tensor of a step, which dimension of it


def candidates(
    body: Body, step: Step, around: Sequence[nn.Module], alike: Sequence[Step], moves: Moves
) -> Iterator[list[Number]]:
    """Guesses, the innermost module's first: a number of a module that runs at a fault is the size of a dimension of what the
    op there reads or makes, or an even part of it; so in the other modules of the class. The certificate judges.
    """
    names = {id(module): name for name, module in body.modules.items()}
    for depth, module in enumerate(around):
        for attribute, values in numbers(module).items():
            twins = [(names.get(id(module), ""), values, step)]
            for other in alike:
                name = other.inside[depth] if depth < len(other.inside) else ""
                twin = body.modules.get(name)
                if type(twin) is type(module) and twin is not module:
                    twins.append((name, numbers(twin).get(attribute, (0,)), other))
            for ways in zip_longest(*(guesses(s, v, moves) for _, v, s in twins)):
                rows = zip(twins, ways, strict=True)
                found = [n for (name, v, s), way in rows for n in name_numbers(name, attribute, v, s, way or ())]
                if found and ways[0]:
                    yield found
        yield own_sizes(names.get(id(module), ""), module, step, moves)


def own_sizes(name: str, module: nn.Module, step: Step, moves: Moves) -> list[Number]:
    """Every number of a module that is the size of a dimension."""
    found = []
    for attribute, values in numbers(module).items():
        where = next((w for w, a in step.dimensions() if moves(a) and (len(a),) == values), None)
        found += name_numbers(name, attribute, values, step, [where]) if where else []
    return found


def numbers(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """All whole numbers above 1, or lists of them, that a module keeps."""
    found = {}
    for key, value in vars(module).items():
        values = tuple(value) if type(value) in (list, tuple) else (value,)
        if values and all(type(v) is int for v in values) and max(values) > 1:
            found[key] = values
    return found


def guesses(step: Step, values: Sequence[int], moves: Moves) -> Iterator[list[Where]]:
    return parts(step, values, moves) if len(values) > 1 else sizes(step, values[0], moves)


def sizes(step: Step, value: int, moves: Moves) -> Iterator[list[Where]]:
    """Dimensions that move and that the number divides; those of its own size first."""
    found: dict[int, tuple[int, Where]] = {}
    for where, a in step.dimensions():
        if moves(a) and value > 1 and len(a) % value == 0:
            found.setdefault(id(a), (len(a) // value, where))
    yield from ([where] for _, where in sorted(found.values()))


def parts(step: Step, values: Sequence[int], moves: Moves) -> Iterator[list[Where]]:
    """The sizes of all that the op makes, along one dimension; or a shape, in which each number is a dimension of its own size."""
    dims = step.outputs[0]
    if len(step.outputs) == len(values) and dims is not None:
        yield from ([(i, d) for i in range(len(values))] for d, a in enumerate(dims) if len(a) == values[0])
    known = [where for where, a in step.dimensions() if moves(a)]
    shape = [next((w for w in known if len(step.labels(w)) == value), (-1, -1)) for value in values]
    if any(where != (-1, -1) for where in shape):
        yield shape


def name_numbers(
    module: str, attribute: str, values: Sequence[int], step: Step, guess: Sequence[Where]
) -> list[Number]:
    """The guess for one module; nothing where the numbers do not divide the dimensions."""
    found = []
    for i, (value, where) in enumerate(zip(values, guess, strict=False)):
        if where == (-1, -1):
            continue
        size = len(step.labels(where))
        if value < 1 or size % value:
            return []
        found.append(Number(module, attribute, i if len(values) > 1 else None, step.labels(where), size // value))
    return found
