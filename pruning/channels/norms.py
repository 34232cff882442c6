"""Rules for norms, and for sums and means over some dimensions."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from pruning.channels.labels import Array
from pruning.channels.pointwise import tensors
from pruning.channels.tape import Dims, Rule, Tape

SUMMED = "it is summed up, and its values need not be zero where a channel is masked"


def batch_norm(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    dims = tape.get(args[0])
    for tensor in tensors(args[1:5]):
        tape.labels.same(tape.get(tensor)[0], dims[1])
    return dims


def batch_statistics(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    """A batch norm that is not in eval mode, as standardised weights use it: rows for batch, inputs for space."""
    dims = batch_norm(tape, args, out)
    for a in (dims[0], *dims[2:]):
        tape.labels.approximate(a, "a mean and variance are taken over the kept channels only")
    return dims


def layer_norm(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    x, shape, *affine = args
    dims = tape.get(x)
    for tensor in tensors(affine):
        for a, b in zip(tape.get(tensor), dims[-len(shape) :], strict=True):
            tape.labels.same(a, b)
    for a in dims[-len(shape) :]:
        tape.labels.approximate(a, "layer norm: its statistics are taken over the kept channels only")
    return dims


def group_norm(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    x, weight, bias, *_sizes, groups, _eps = args
    dims = tape.get(x)
    channels = dims[1]
    for tensor in tensors((weight, bias)):
        tape.labels.same(tape.get(tensor)[0], channels)
    if len(channels) % groups == 0 and groups > 1 and (len(channels) == groups or tape.cut_whole(channels)):
        tape.labels.same(channels, np.repeat(channels[:: len(channels) // groups], len(channels) // groups))
        if weight is not None:
            tape.follow(weight, "num_groups", 0, groups)
    else:
        tape.labels.same(channels, np.tile(channels[: len(channels) // groups], groups))
        tape.labels.approximate(channels, "group norm: its statistics are taken over the kept channels only")
    return dims


def weight_norm(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    """w = g v / |v|, the norm over all dimensions but one; what is masked adds nothing to it."""
    direction, scale, axis = (*args, 0)[:3]
    dims = tape.get(direction)
    for a, b in zip(dims, tape.get(scale), strict=True):
        tape.labels.same(a, b)
    tape.labels.pin(dims[axis], "weight norm divides by each filter's norm, which is zero where it is masked")
    tape.produces(dims[axis])
    return dims


def reduction(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    """amax, prod … over some dimensions: a channel dimension that is reduced may not change."""
    return reduced(tape, args, out, lambda a: tape.labels.pin(a, "a maximum or product runs over it"))


def summed(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    """sum, norm: nothing is lost where a masked channel is zero."""
    return reduced(tape, args, out, lambda a: tape.labels.pin(a, SUMMED) if tape.alive(args[0]) else None)


def averaged(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    """mean, var: over the kept channels only, where it normalises them or is a map beside them (the dimension stays)."""
    made = out if isinstance(out, Tensor) else out[0]

    def say(a: Array) -> None:
        if made.dim() == args[0].dim():
            tape.labels.approximate(a, "a mean is taken over the kept channels only")
        else:
            tape.pin_when_read(made, a, "a mean runs over it")

    return reduced(tape, args, out, say)


def reduced(tape: Tape, args: Sequence[Any], out: Any, say: Callable[[Array], object]) -> Dims:
    dims = tape.get(args[0])
    given = args[1] if len(args) > 1 else None
    over = _axes(given, len(dims))
    result = out if isinstance(out, Tensor) else out[0]
    for d in over:
        say(dims[d])
    if result.dim() == len(dims):
        return tuple(tape.labels.fixed(1) if d in over else a for d, a in enumerate(dims))
    return tuple(a for d, a in enumerate(dims) if d not in over)


def vector_norm(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    return summed(tape, (args[0], *args[2:]), out)


def running(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    """cumsum, cumprod along one dimension."""
    dims = tape.get(args[0])
    tape.labels.pin(dims[args[1]], "a running sum goes along it")
    return dims


def _axes(given: Any, n: int) -> set[int]:
    if isinstance(given, list | tuple) and given:
        return {d % n for d in given}
    return {given % n} if isinstance(given, int) and not isinstance(given, bool) else set(range(n))


BATCH_NORMS = (
    "_native_batch_norm_legit_no_training",
    "native_batch_norm",
    "_native_batch_norm_legit",
    "_batch_norm_with_update",
    "cudnn_batch_norm",
)
NORMS: dict[str, Rule] = {
    **dict.fromkeys(BATCH_NORMS, batch_statistics),
    "_native_batch_norm_legit_no_training": batch_norm,
    "native_layer_norm": layer_norm,
    "_fused_rms_norm": layer_norm,
    "native_group_norm": group_norm,
    "_weight_norm_interface": weight_norm,
    **dict.fromkeys(("amax", "amin", "max", "min", "prod", "logsumexp"), reduction),
    **dict.fromkeys(("mean", "var", "std", "var_mean", "std_mean"), averaged),
    "sum": summed,
    "norm": vector_norm,
    "linalg_vector_norm": vector_norm,
    **dict.fromkeys(("cumsum", "cumprod", "logcumsumexp"), running),
}
