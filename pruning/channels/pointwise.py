"""The rule of pointwise ops: index i meets index i."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from pruning.channels.tape import Dims, Tape


def tensors(args: Sequence[Any]) -> list[Tensor]:
    """All tensors among the arguments, one list level deep."""
    found = []
    for a in args:
        if isinstance(a, Tensor):
            found.append(a)
        elif isinstance(a, list | tuple):
            found += [x for x in a if isinstance(x, Tensor)]
    return found


def pointwise(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    """Broadcast: dimensions are aligned at the right; where both are wider than 1, index i meets index i."""
    shape = (out if isinstance(out, Tensor) else out[0]).shape
    dims = [tape.labels.fixed(n) for n in shape]
    written = [False] * len(dims)
    for tensor in tensors(args):
        labels = tape.get(tensor)
        for d, a in enumerate(labels, len(dims) - len(labels)):
            if len(a) == len(dims[d]) and len(a) > 1:
                dims[d] = tape.labels.meet(dims[d], a) if written[d] else a
                written[d] = True
    return tuple(dims)
