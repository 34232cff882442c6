"""Rules for ops that pick, cut, join or reorder indices: slices, splits, concatenations, pads, look-ups."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from pruning.channels.labels import Array, Labels, is_any, is_free
from pruning.channels.tape import Dims, Rule, Tape

PICKED = "single channels are picked by number"
JOINED = "it is joined to a tensor whose size is written in the network's code"


def slice_(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    """x[start:stop:step] on one dimension. A half or a third ties the same positions of all parts, a step its neighbours.

    Whether the network's code takes its bounds from the tensor or writes them down is the certificate's to find out.
    """
    defaults: tuple[Any, ...] = (None, 0, None, None, 1)
    x, axis, start, stop, step = (*args, *defaults[len(args) :])
    dims = list(tape.get(x))
    axis %= len(dims)
    whole = dims[axis]
    first, last, _ = slice(start, stop, step).indices(len(whole))
    dims[axis] = whole[first:last:step]
    size = (last - first) if step == 1 else step
    if step > 1 or (0 < size < len(whole) and len(whole) % size == 0 and first % size == 0):
        tie_parts(tape.labels, whole, size, neighbours=step > 1)
    return tuple(dims)


def tie_parts(labels: Labels, whole: Array, size: int, *, neighbours: bool) -> None:
    """Parts of one size stay of one size: the same position goes in each; or each run of `size` neighbours is one unit."""
    if not is_free(whole):
        return
    if neighbours:
        labels.same(whole, np.repeat(whole[::size], size)[: len(whole)])
    else:
        labels.same(whole, np.tile(whole[:size], len(whole) // size))


def split(tape: Tape, args: Sequence[Any], out: Any) -> list[Dims]:
    """Parts of one dimension. A number of parts makes equal ones, which stay equal; a list may follow any cut, until shown otherwise."""
    x, axis = args[0], (args[2] if len(args) > 2 else 0) % args[0].dim()
    dims = tape.get(x)
    sizes = [part.shape[axis] for part in out]
    if len(set(sizes)) == 1 and (isinstance(args[1], int) or tape.cut_whole(dims[axis])):
        tie_parts(tape.labels, dims[axis], sizes[0], neighbours=False)
    parts = np.split(dims[axis], np.cumsum(sizes)[:-1])
    return [(*dims[:axis], part, *dims[axis + 1 :]) for part in parts]


def select(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    x, axis = args[:2]
    dims = list(tape.get(x))
    tape.labels.pin(dims.pop(axis % x.dim()), PICKED)
    return tuple(dims)


def unbind(tape: Tape, args: Sequence[Any], out: Any) -> list[Dims]:
    return [select(tape, (args[0], args[1] if len(args) > 1 else 0), part) for part in out]


def index(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    """x[:, i, j, :]: the dimensions that are looked up give way to those of the numbers, in their place."""
    x, numbers = args[:2]
    dims = tape.get(x)
    over = [d for d, i in enumerate(numbers) if i is not None]
    for d in over:
        tape.labels.pin(dims[d], PICKED)
    rest = [a for d, a in enumerate(dims) if d not in over]
    at = over[0] if over == list(range(over[0], over[-1] + 1)) else 0
    made = [tape.labels.fixed(n) for n in out.shape[at : at + out.dim() - len(rest)]]
    return (*rest[:at], *made, *rest[at:])


def along(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    """index_select, gather … by numbers along one dimension."""
    x, axis = args[:2]
    dims = list(tape.get(x))
    if dims:
        tape.labels.pin(dims[axis], PICKED)
        dims[axis] = tape.labels.fixed(out.shape[axis])
    return tuple(a if len(a) == n else tape.labels.fixed(n) for a, n in zip(dims, out.shape, strict=True))


def cat(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    parts = [t for t in args[0] if t.dim() == out.dim()]
    axis = (args[1] if len(args) > 1 else 0) % out.dim()
    return joined(tape, [tape.get(t) for t in parts], axis)


def joined(tape: Tape, labels: Sequence[Dims], axis: int) -> Dims:
    dims = list(labels[0])
    for other in labels[1:]:
        for d, a in enumerate(other):
            if d != axis:
                dims[d] = tape.labels.meet(dims[d], a)
    parts = (part[axis] for part in labels)
    dims[axis] = np.concatenate([tape.labels.fixed(len(a), JOINED) if is_any(a) else a for a in parts])
    return tuple(dims)


def stack(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    axis = (args[1] if len(args) > 1 else 0) % out.dim()
    new = (tape.labels.fixed(1),)
    return joined(tape, [(*(a := tape.get(t))[:axis], *new, *a[axis:]) for t in args[0]], axis)


def pad(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    """Constant padding; the padded indices are fixed, a negative pad cuts."""
    dims = list(tape.get(args[0]))
    for i, (before, after) in enumerate(zip(args[1][::2], args[1][1::2], strict=True)):
        d = len(dims) - 1 - i
        if before or after:
            dims[d] = padded(tape.labels, dims[d], before, after)
    return tuple(dims)


def padded(labels: Labels, a: Array, before: int, after: int) -> Array:
    if min(before, after) < 0:
        labels.pin(a, "it is cut by numbers written in the network's code")
    a = a[max(0, -before) : len(a) - max(0, -after)]
    if not is_free(a):
        return labels.fixed(len(a) + max(0, before) + max(0, after))
    reason = "it is added to zero padding, whose width is written in the network's code"
    return np.concatenate([labels.fixed(max(0, before), reason), a, labels.fixed(max(0, after), reason)])


def flip(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    dims = tape.get(args[0])
    over = {d % len(dims) for d in args[1]}
    return tuple(a[::-1] if d in over else a for d, a in enumerate(dims))


def roll(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    dims = tape.get(args[0])
    for d in args[2] if len(args) > 2 else range(len(dims)):
        tape.labels.pin(dims[d], "it is rolled by a number written in the network's code")
    return dims


def write(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    """copy_: the source's channels meet the target's."""
    target = tape.get(args[0])
    source = tape.get(args[1]) if isinstance(args[1], Tensor) else ()
    for a, b in zip(target[len(target) - len(source) :], source, strict=True):
        tape.labels.same(a, b)
    return target


INDEXING: dict[str, Rule] = {
    "slice": slice_,
    "split": split,
    "split_with_sizes": split,
    "select": select,
    "unbind": unbind,
    "index": index,
    **dict.fromkeys(("index_select", "gather", "take_along_dim"), along),
    "cat": cat,
    "stack": stack,
    "constant_pad_nd": pad,
    "flip": flip,
    "roll": roll,
    "copy_": write,
}
