"""Rules for ops that compute; `norms`, `reshapes` and `indexing` have the others.

A rule is `rule(tape, args, out) -> Dims` of the first output, a list of them for several, or None where it has nothing to
say and everything is pinned. To add one: write the function, say with `tape.labels.same` which labels are one unit, with
`.pin` which may not go and why, with `tape.multiply` what MACs it costs, and add a line to RULES under the op's ATen name.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from pruning.channels.labels import MADE, Array, is_free
from pruning.channels.norms import SUMMED
from pruning.channels.pointwise import pointwise
from pruning.channels.tape import Dims, Rule, Tape


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
NEW = "zeros ones full empty arange rand randn scalar_tensor linspace eye new_zeros new_ones new_full new_empty"

RULES: dict[str, Rule] = {
    "convolution": convolution,
    "addmm": addmm,
    "mm": matmul,
    "bmm": matmul,
    "baddbmm": addmm,
    "mv": matrix_vector,
    "dot": matrix_vector,
    "embedding": embedding,
    "_softmax": softmax,
    "_safe_softmax": softmax,
    "_log_softmax": softmax,
    "glu": glu,
    **dict.fromkeys(("sort", "topk", "cummax", "cummin"), ordered),
    "rot90": turned,
    **dict.fromkeys(POOLS.split(), pool),
    **dict.fromkeys(LIKE.split(), like),
    **dict.fromkeys(POINTWISE.split(), pointwise),
    **dict.fromkeys(NEW.split(), new),
}
