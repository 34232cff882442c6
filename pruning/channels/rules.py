"""Rules for ops that compute: what each says about its channels. Shape-only ops are in `reshapes` and `indexing`.

A rule is `rule(tape, args, out) -> Dims of the first output`, a list of them for several, or None where it has nothing to
say and everything is pinned. To add one: write the
function, say with `tape.labels.same` which labels are one unit, with `.pin` which may not go and why, with
`tape.multiply` what MACs it costs, and add a line to RULES under the op's ATen name.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from pruning.channels.labels import MADE, Array, is_free
from pruning.channels.pointwise import pointwise, tensors
from pruning.channels.tape import Dims, Tape

Rule = Callable[[Tape, Sequence[Any], Any], Dims | list[Dims] | None]


def like(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    """Same channels as the first argument."""
    return tape.get(args[0])


def convolution(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    x, weight, bias, *_, transposed, _output_padding, groups = args
    batch, channels, *space = tape.get(x)
    rows, columns, *kernel = tape.get(weight)
    for a in (*space, *kernel):
        if is_free(a):
            tape.labels.pin(a, "it is a spatial dimension")
    taken, made = (rows, columns) if transposed else (columns, rows)
    if groups == 1:
        tape.labels.same(channels, taken)
    else:
        made = grouped(tape, weight, channels, made, transposed, groups)
    tape.produces(made)
    if bias is not None:
        tape.labels.same(tape.get(bias)[0], made)
    positions = x.shape[2:] if transposed else out.shape[2:]
    tape.multiply(math.prod(positions) * x.shape[0], rows, columns, *kernel)
    return (batch, made, *(tape.labels.fixed(n) for n in out.shape[2:]))


def grouped(tape: Tape, weight: Tensor, channels: Array, made: Array, transposed: bool, groups: int) -> Array:
    """Labels of the output channels, (O,): the same position goes in every group, or whole groups go."""
    rows, columns = tape.get(weight)[:2]
    inside = len(columns) > 1 and len(rows) > groups
    if inside and not tape.cut_whole(rows):
        tape.labels.same(rows, np.tile(rows[: len(rows) // groups], groups))
        tape.labels.same(channels, rows if transposed else np.tile(columns, groups))
        tape.produces(made)
        return np.tile(made, groups) if transposed else made
    tape.labels.pin(
        columns, "whole groups go, and with them their inputs" if inside else "a depthwise filter has one input"
    )
    tape.follow(weight, "groups", 0, groups)
    tape.produces(rows)
    first = rows[:: len(rows) // groups]
    tape.labels.same(rows, np.repeat(first, len(rows) // groups))
    tape.labels.same(channels, np.repeat(first, len(channels) // groups))
    return np.repeat(first, len(columns)) if transposed else made


def addmm(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    dims = matmul(tape, args[1:3], out)
    bias = tape.get(args[0])
    for a, b in zip(bias, dims[len(dims) - len(bias) :], strict=True):
        tape.labels.same(a, b)
    return dims


def matmul(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    """(…, n, k) @ (…, k, m): k meets k, leading dimensions meet each other."""
    a, b = tape.get(args[0]), tape.get(args[1])
    tape.labels.same(a[-1], b[-2])
    if tape.alive(args[0]) and tape.alive(args[1]):
        tape.labels.pin(a[-1], SUMMED)
    for left, right in zip(a[:-2], b[:-2], strict=True):
        tape.labels.same(left, right)
    tape.produces(b[-1])
    tape.produces(a[-2])
    tape.multiply(1, *a, b[-1])
    return (*a[:-1], b[-1])


def matrix_vector(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    """(n, k) @ (k,) or (k,) · (k,)."""
    a, b = tape.get(args[0]), tape.get(args[1])
    tape.labels.same(a[-1], b[-1])
    if tape.alive(args[0]) and tape.alive(args[1]):
        tape.labels.pin(b[-1], SUMMED)
    return a[:-1]


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


def pool(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    """(N, C, …) → (N, C, …): every channel for itself."""
    dims = tape.get(args[0])
    result = out if isinstance(out, Tensor) else out[0]
    for a in dims[2:]:
        tape.labels.pin(a, "it is a spatial dimension")
    return (*dims[:2], *(tape.labels.fixed(n) for n in result.shape[2:]))


def softmax(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    dims = tape.get(args[0])
    tape.labels.pin(dims[args[1]], "a softmax runs over it")
    return dims


def reduction(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    """amax, prod … over some dimensions: a channel dimension that is reduced may not change."""
    return reduced(tape, args, out, lambda a: tape.labels.pin(a, "a maximum or product runs over it"))


def summed(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    """sum, norm: nothing is lost where a masked channel is zero."""
    return reduced(tape, args, out, lambda a: tape.labels.pin(a, SUMMED) if tape.alive(args[0]) else None)


def averaged(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    """mean, var: over the kept channels only, where it normalises them or is a map beside them (the dimension stays)."""
    if (out if isinstance(out, Tensor) else out[0]).dim() == args[0].dim():
        return reduced(
            tape, args, out, lambda a: tape.labels.approximate(a, "a mean is taken over the kept channels only")
        )
    made = out if isinstance(out, Tensor) else out[0]
    return reduced(tape, args, out, lambda a: tape.pin_when_read(made, a, "a mean runs over it"))


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


def embedding(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    rows, columns = tape.get(args[0])
    tape.labels.pin(rows, "its rows are looked up by number")
    tape.produces(columns)
    return (*tape.get(args[1]), columns)


def new(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    """A tensor made from nothing: its sizes are written in the network's code, or taken from another tensor."""
    return tuple(tape.labels.fixed(n, MADE) for n in out.shape)


def glu(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    """One half times the sigmoid of the other, along one dimension."""
    x, axis = (*args, -1)[:2]
    dims = list(tape.get(x))
    first, second = np.split(dims[axis], 2)
    dims[axis] = tape.labels.meet(first, second)
    return tuple(dims)


def ordered(tape: Tape, args: Sequence[Any], out: Any) -> list[Dims]:
    """sort, topk, cummax …: values along one dimension, whose indices lose their names, and the numbers they had."""
    numbers = [a for a in args[1:] if type(a) is int]
    axis = (numbers[1] if len(numbers) > 1 else numbers[0]) if numbers else -1
    dims = list(tape.get(args[0]))
    tape.labels.pin(dims[axis], "its values are put in order")
    dims[axis] = tape.labels.fixed(out[0].shape[axis])
    return [tuple(dims)] * len(out)


def turned(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    dims = list(tape.get(args[0]))
    for d in args[2] if len(args) > 2 else (0, 1):
        tape.labels.pin(dims[d], "it is turned in space")
        dims[d] = tape.labels.fixed(out.shape[d])
    return tuple(dims)


POOLS = """max_unpool2d max_unpool3d max_pool2d_with_indices max_pool3d_with_indices avg_pool1d avg_pool2d avg_pool3d _adaptive_avg_pool2d
_adaptive_avg_pool3d adaptive_max_pool2d adaptive_max_pool3d upsample_nearest1d upsample_nearest2d upsample_nearest3d
_upsample_nearest_exact1d _upsample_nearest_exact2d upsample_linear1d upsample_bilinear2d upsample_trilinear3d
upsample_bicubic2d _upsample_bilinear2d_aa reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d
replication_pad2d replication_pad3d grid_sampler_2d"""
LIKE = """clone _to_copy detach alias lift_fresh native_dropout dropout copy zeros_like ones_like empty_like full_like
rand_like randn_like bernoulli fill zero uniform normal"""
POINTWISE = "hardswish hardsigmoid hardtanh relu6 elu leaky_relu mish threshold _prelu_kernel softplus masked_fill"  # not tagged so
SUMMED = "it is summed up, and its values need not be zero where a channel is masked"
NEW = "zeros ones full empty arange rand randn scalar_tensor linspace eye new_zeros new_ones new_full new_empty"

BATCH_NORMS = (
    "_native_batch_norm_legit_no_training",
    "native_batch_norm",
    "_native_batch_norm_legit",
    "_batch_norm_with_update",
    "cudnn_batch_norm",
)

RULES: dict[str, Rule] = {
    "convolution": convolution,
    "addmm": addmm,
    "mm": matmul,
    "bmm": matmul,
    "baddbmm": addmm,
    "mv": matrix_vector,
    "dot": matrix_vector,
    **dict.fromkeys(BATCH_NORMS, batch_statistics),
    "_native_batch_norm_legit_no_training": batch_norm,
    "native_layer_norm": layer_norm,
    "_fused_rms_norm": layer_norm,
    "native_group_norm": group_norm,
    "_weight_norm_interface": weight_norm,
    "embedding": embedding,
    "_softmax": softmax,
    "_safe_softmax": softmax,
    "_log_softmax": softmax,
    **dict.fromkeys(("amax", "amin", "max", "min", "prod"), reduction),
    **dict.fromkeys(("mean", "var", "std", "var_mean", "std_mean"), averaged),
    "sum": summed,
    "norm": vector_norm,
    "linalg_vector_norm": vector_norm,
    "logsumexp": reduction,
    **dict.fromkeys(("cumsum", "cumprod", "logcumsumexp"), running),
    "glu": glu,
    **dict.fromkeys(("sort", "topk", "cummax", "cummin"), ordered),
    "rot90": turned,
    **dict.fromkeys(POOLS.split(), pool),
    **dict.fromkeys(LIKE.split(), like),
    **dict.fromkeys(POINTWISE.split(), pointwise),
    **dict.fromkeys(NEW.split(), new),
}
