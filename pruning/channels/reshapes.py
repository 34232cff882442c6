"""Rules for ops that keep every element and give it other indices: views, permutations, expansions.

They work by index arithmetic on the labels, so that flattening, channel shuffles and attention heads need no special case.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pruning.channels.labels import MADE, Array, is_free
from pruning.channels.tape import Dims, Rule, Tape


def view(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    dims = tape.get(args[0])
    result: list[Array] = []
    for old, new in blocks(tuple(len(a) for a in dims), tuple(out.shape)):
        result += regroup(tape, [dims[d] for d in old], [out.shape[d] for d in new])
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


def regroup(tape: Tape, old: list[Array], shape: list[int]) -> list[Array]:
    """Labels of the new dimensions of one block."""
    labels = tape.labels
    if len(old) == 1 and len([n for n in shape if n > 1]) == 1:
        return [old[0] if n > 1 else labels.fixed(1) for n in shape]
    moving = [d for d, a in enumerate(old) if len(a) > 1 and is_free(a)]
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
    axis = carrier(tape, grid)
    along = np.moveaxis(grid, axis, -1).reshape(-1, shape[axis])
    if not (along[1:] == along[0]).all():
        labels.same(along[1:].reshape(-1), np.tile(along[0], len(along) - 1))
    fixed[axis] = along[0]
    return fixed


def carrier(tape: Tape, grid: Array) -> int:
    """The axis that tells labels apart: the one along which alone they change.

    Labels that change along several are blocks (heads × places in a head): the last axis takes the same places of every
    block, the one before it whole blocks.
    """
    changing = [d for d in range(grid.ndim) if (np.take(grid, [0], d) != grid).any()]
    if len(changing) > 1:
        return changing[-2] if tape.cut_whole(grid) else changing[-1]
    return changing[0] if changing else int(np.argmax(grid.shape))


def pixel_shuffle(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    """(…, C r², H, W) → (…, C, H r, W r): r² neighbours become one channel."""
    *batch, channels, _, _ = tape.get(args[0])
    square = args[1] ** 2
    first = channels[::square]
    tape.labels.same(channels, np.repeat(first, square))
    return (*batch, first, *(tape.labels.fixed(n) for n in out.shape[-2:]))


def pixel_unshuffle(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    *batch, channels, _, _ = tape.get(args[0])
    return (*batch, np.repeat(channels, args[1] ** 2), *(tape.labels.fixed(n) for n in out.shape[-2:]))


def channel_shuffle(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    """(groups, C / groups) transposed: the same place in each group stays together."""
    batch, channels, *space = tape.get(args[0])
    grid = channels.reshape(args[1], -1)
    tape.labels.same(channels, np.tile(grid[0], args[1]))
    return (batch, grid.T.reshape(-1), *space)


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
    kept = [a if len(a) == n else tape.labels.fixed(n, MADE) for a, n in zip(dims, out.shape[lead:], strict=True)]
    return (*(tape.labels.fixed(n) for n in out.shape[:lead]), *kept)


def repeat(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    dims = tape.get(args[0])
    padded = [tape.labels.fixed(1)] * (len(args[1]) - len(dims)) + list(dims)
    rows = zip(padded, args[1], strict=True)
    return tuple(tape.labels.fixed(n, MADE) if len(a) == 1 and n > 1 else np.tile(a, n) for a, n in rows)


def as_strided(tape: Tape, args: Sequence[Any], out: Any) -> Dims | None:
    """Another memory format; whatever else it is used for has no rule."""
    x = args[0]
    alike = all(n == 1 or s == t for n, s, t in zip(x.shape, x.stride(), out.stride(), strict=False))
    return tape.get(x) if out.shape == x.shape and alike else None


RESHAPES: dict[str, Rule] = {
    "as_strided": as_strided,
    "view": view,
    "pixel_shuffle": pixel_shuffle,
    "pixel_unshuffle": pixel_unshuffle,
    **dict.fromkeys(("channel_shuffle", "native_channel_shuffle"), channel_shuffle),
    "permute": permute,
    "transpose": transpose,
    "t": transpose,
    "unsqueeze": unsqueeze,
    "squeeze": squeeze,
    "expand": expand,
    "repeat": repeat,
}
