"""Rules for ops that only move indices about: views, permutations, slices, pads, splits.

Reshapes work by index arithmetic on the labels, so flattening, channel shuffles and option-A pads need no special case.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from pruning.channels.labels import Array, Labels
from pruning.channels.rules import Rule
from pruning.channels.tape import Dims, Tape


def view(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    dims = tape.get(args[0])
    result: list[Array] = []
    for old, new in blocks(tuple(len(a) for a in dims), tuple(out.shape)):
        result += regroup(tape.labels, [dims[d] for d in old], [out.shape[d] for d in new])
    return tuple(result)


def blocks(old: tuple[int, ...], new: tuple[int, ...]) -> Iterator[tuple[list[int], list[int]]]:
    """Smallest runs of old and new dimensions with equal numbers of elements: (2, 3, 4) → (6, 4) gives (0 1 → 0), (2 → 1)."""
    i = j = 0
    while i < len(old) or j < len(new):
        left, right = [i] if i < len(old) else [], [j] if j < len(new) else []
        i, j = i + len(left), j + len(right)
        while (a := math.prod(old[d] for d in left)) != (b := math.prod(new[d] for d in right)):
            if a < b:
                left.append(i)
                i += 1
            else:
                right.append(j)
                j += 1
        yield left, right


def regroup(labels: Labels, old: list[Array], shape: list[int]) -> list[Array]:
    """Labels of the new dimensions of one block."""
    if len(old) == 1 and len([n for n in shape if n > 1]) == 1:
        return [old[0] if n > 1 else labels.fixed(1) for n in shape]
    moving = [d for d, a in enumerate(old) if len(a) > 1 and np.any(a)]
    fixed = [labels.fixed(n) for n in shape]
    if not moving:
        return fixed
    if len(moving) > 1:
        for a in old:
            labels.pin(a, "two channel dimensions are folded into one")
        return fixed
    grid = np.broadcast_to(
        old[moving[0]].reshape([-1 if d == moving[0] else 1 for d in range(len(old))]), [len(a) for a in old]
    ).reshape(shape)
    axis = carrier(grid)
    along = np.moveaxis(grid, axis, -1).reshape(-1, shape[axis])
    for row in along[1:]:
        if not np.array_equal(row, along[0]):
            labels.same(row, along[0])
    fixed[axis] = along[0]
    return fixed


def carrier(grid: Array) -> int:
    """The axis that tells labels apart: the one along which alone they change, else the last that they change along."""
    changing = [d for d in range(grid.ndim) if np.any(np.take(grid, [0], d) != grid)]
    return changing[-1] if changing else int(np.argmax(grid.shape))


def permute(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    dims = tape.get(args[0])
    return tuple(dims[d] for d in args[1])


def transpose(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    dims = list(tape.get(args[0]))
    if dims:
        a, b = (args[1], args[2]) if len(args) > 1 else (0, len(dims) - 1)
        dims[a], dims[b] = dims[b], dims[a]
    return tuple(dims)


def unsqueeze(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    dims = list(tape.get(args[0]))
    dims.insert(args[1] % (len(dims) + 1), tape.labels.fixed(1))
    return tuple(dims)


def squeeze(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    """Dimensions of size 1 fall away; a wider one given by number stays."""
    dims = tape.get(args[0])
    given = args[1] if len(args) > 1 else range(len(dims))
    over = {d % len(dims) for d in ([given] if isinstance(given, int) else given)} if dims else set()
    return tuple(a for d, a in enumerate(dims) if not (d in over and len(a) == 1))


def expand(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    dims = tape.get(args[0])
    lead = out.dim() - len(dims)
    kept = [a if len(a) == n else tape.labels.fixed(n) for a, n in zip(dims, out.shape[lead:], strict=True)]
    return (*(tape.labels.fixed(n) for n in out.shape[:lead]), *kept)


def repeat(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    dims = tape.get(args[0])
    padded = [tape.labels.fixed(1)] * (len(args[1]) - len(dims)) + list(dims)
    return tuple(np.tile(a, n) for a, n in zip(padded, args[1], strict=True))


def slice_(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    """x[start:stop:step] on one dimension. Bounds are numbers in the network's code, so a cut one keeps all its channels."""
    defaults: tuple[Any, ...] = (None, 0, None, None, 1)
    x, axis, start, stop, step = (*args, *defaults[len(args) :])
    dims = list(tape.get(x))
    axis %= len(dims)
    whole = dims[axis]
    dims[axis] = whole[slice(start, stop, step)]
    if len(dims[axis]) != len(whole):
        tape.labels.pin(whole, "it is cut by numbers written in the network's code")
    return tuple(dims)


def select(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    x, axis = args[:2]
    dims = list(tape.get(x))
    tape.labels.pin(dims.pop(axis % x.dim()), "single channels are picked by number")
    return tuple(dims)


def split(tape: Tape, args: Sequence[Any], out: Any) -> list[Dims]:
    """Parts of one dimension; their sizes are numbers in the network's code, so the dimension keeps all its channels."""
    x, axis = args[0], (args[2] if len(args) > 2 else 0) % args[0].dim()
    dims = tape.get(x)
    tape.labels.pin(dims[axis], "it is split by numbers written in the network's code")
    ends = np.cumsum([part.shape[axis] for part in out])
    parts = np.split(dims[axis], ends[:-1])
    return [(*dims[:axis], part, *dims[axis + 1 :]) for part in parts]


def unbind(tape: Tape, args: Sequence[Any], out: Any) -> list[Dims]:
    return [select(tape, (args[0], args[1] if len(args) > 1 else 0), part) for part in out]


def pad(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    """Constant padding; the padded indices are fixed, a negative pad cuts."""
    dims = list(tape.get(args[0]))
    for i, (before, after) in enumerate(zip(args[1][::2], args[1][1::2], strict=True)):
        d = len(dims) - 1 - i
        if before or after:
            dims[d] = _padded(tape.labels, dims[d], before, after)
    return tuple(dims)


def _padded(labels: Labels, a: Array, before: int, after: int) -> Array:
    if min(before, after) < 0:
        labels.pin(a, "it is cut by numbers written in the network's code")
    a = a[max(0, -before) : len(a) - max(0, -after)]
    if not np.any(a):
        return labels.fixed(len(a) + max(0, before) + max(0, after))
    reason = "it is added to zero padding, whose width is written in the network's code"
    return np.concatenate([labels.fixed(max(0, before), reason), a, labels.fixed(max(0, after), reason)])


def flip(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    dims = tape.get(args[0])
    over = {d % len(dims) for d in args[1]}
    return tuple(a[::-1] if d in over else a for d, a in enumerate(dims))


def write(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    """copy_: the source's channels meet the target's."""
    target = tape.get(args[0])
    source = tape.get(args[1]) if isinstance(args[1], Tensor) else ()
    for a, b in zip(target[len(target) - len(source) :], source, strict=True):
        tape.labels.same(a, b)
    return target


RESHAPES: dict[str, Rule | Any] = {
    **dict.fromkeys(("view", "_unsafe_view", "reshape", "_reshape_alias"), view),
    "permute": permute,
    "transpose": transpose,
    "t": transpose,
    "unsqueeze": unsqueeze,
    "squeeze": squeeze,
    "expand": expand,
    "repeat": repeat,
    "slice": slice_,
    "select": select,
    **dict.fromkeys(("split", "split_with_sizes"), split),
    "unbind": unbind,
    "constant_pad_nd": pad,
    "flip": flip,
    "copy_": write,
}
