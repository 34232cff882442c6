"""Rules for ops that compute: what each says about its channels. Shape-only ops are in `reshapes`.

A rule is `rule(tape, args, out) -> Dims of the first output`. To add one: write the function, say with `tape.labels.same`
which labels are one unit, with `.pin` which may not go and why, with `tape.multiply` what MACs it costs, and add a line
to RULES under the op's ATen name.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from pruning.channels.labels import Array
from pruning.channels.tape import Dims, Tape

Rule = Callable[[Tape, Sequence[Any], Any], Dims]


def tensors(args: Sequence[Any]) -> list[Tensor]:
    """All tensors among the arguments, one list level deep."""
    flat = [x for a in args for x in (a if isinstance(a, list | tuple) else [a])]
    return [x for x in flat if isinstance(x, Tensor)]


def pointwise(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    """Broadcast: dimensions are aligned at the right; where both are wider than 1, index i meets index i."""
    shape = out.shape if isinstance(out, Tensor) else out[0].shape
    dims = [tape.labels.fixed(n) for n in shape]
    written = [False] * len(dims)
    for tensor in tensors(args):
        labels = tape.get(tensor)
        for d, a in zip(range(len(dims) - len(labels), len(dims)), labels, strict=True):
            if len(a) != len(dims[d]) or len(a) == 1:
                continue
            if written[d]:
                tape.labels.same(dims[d], a)
            dims[d] = dims[d] if written[d] and np.any(dims[d]) else a
            written[d] = True
    return tuple(dims)


def like(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    """Same channels as the first argument."""
    return tape.get(args[0])


def convolution(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    x, weight, bias, *_, transposed, _output_padding, groups = args
    batch, channels, *space = tape.get(x)
    rows, columns, *kernel = tape.get(weight)
    for a in (*space, *kernel):
        tape.labels.pin(a, "it is a spatial dimension")
    made = columns if transposed else rows
    tape.produces(made)
    taken = rows if transposed else columns
    outputs = made
    if groups == 1:
        tape.labels.same(channels, taken)
    elif transposed:
        tape.labels.pin(np.concatenate([channels, rows, columns]), "grouped transposed convolutions are left alone")
        outputs = np.tile(columns, groups)
    elif len(columns) == 1:
        depthwise(tape, channels, rows, columns)
    else:
        grouped(tape, channels, rows, columns, groups)
    if bias is not None:
        tape.labels.same(tape.get(bias)[0], outputs)
    positions = x.shape[2:] if transposed else out.shape[2:]
    tape.multiply(int(np.prod(positions)) * x.shape[0], rows, columns, *kernel)
    return (batch, outputs, *(tape.labels.fixed(n) for n in out.shape[2:]))


def depthwise(tape: Tape, channels: Array, rows: Array, columns: Array) -> None:
    """Each input channel has its own filters: it goes with all of them, and with its place in `groups`."""
    tape.labels.pin(columns, "a depthwise filter has one input")
    tape.labels.same(np.repeat(channels, len(rows) // len(channels)), rows)


def grouped(tape: Tape, channels: Array, rows: Array, columns: Array, groups: int) -> None:
    """The number of groups stays; the same position goes in each of them."""
    tape.labels.same(channels, np.tile(columns, groups))
    first = rows.reshape(groups, -1)[0]
    tape.labels.same(rows, np.tile(first, groups))


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
    for left, right in zip(a[:-2], b[:-2], strict=True):
        tape.labels.same(left, right)
    tape.produces(b[-1])
    tape.produces(a[-2])
    tape.multiply(1, *a, b[-1])
    return (*a[:-1], b[-1])


def batch_norm(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    dims = tape.get(args[0])
    for tensor in args[1:5]:
        if isinstance(tensor, Tensor):
            tape.labels.same(tape.get(tensor)[0], dims[1])
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
    for tensor in tensors((weight, bias)):
        tape.labels.same(tape.get(tensor)[0], dims[1])
    tape.labels.same(dims[1], np.tile(dims[1].reshape(groups, -1)[0], groups))
    tape.labels.approximate(dims[1], "group norm: its statistics are taken over the kept channels only")
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
    """mean, sum, amax … over some dimensions: a channel dimension that is summed up may not change."""
    dims = tape.get(args[0])
    given = args[1] if len(args) > 1 else None
    over = _axes(given, len(dims))
    result = out if isinstance(out, Tensor) else out[0]
    for d in over:
        tape.labels.pin(dims[d], "a mean or sum runs over it")
    if result.dim() == len(dims):
        return tuple(tape.labels.fixed(1) if d in over else a for d, a in enumerate(dims))
    return tuple(a for d, a in enumerate(dims) if d not in over)


def _axes(given: Any, n: int) -> set[int]:
    if isinstance(given, list | tuple) and given:
        return {d % n for d in given}
    return {given % n} if isinstance(given, int) and not isinstance(given, bool) else set(range(n))


def embedding(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    rows, columns = tape.get(args[0])
    tape.labels.pin(rows, "its rows are looked up by number")
    tape.produces(columns)
    return (*tape.get(args[1]), columns)


def cat(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    parts = [t for t in args[0] if t.dim() == out.dim()]
    axis = (args[1] if len(args) > 1 else 0) % out.dim()
    labels = [tape.get(t) for t in parts]
    dims = list(labels[0])
    for other in labels[1:]:
        for d in range(out.dim()):
            if d != axis:
                tape.labels.same(dims[d], other[d])
                dims[d] = dims[d] if np.any(dims[d]) else other[d]
    dims[axis] = np.concatenate([dims_[axis] for dims_ in labels])
    return tuple(dims)


def new(tape: Tape, args: Sequence[Any], out: Any) -> Dims:
    """A tensor made from nothing: its sizes are written in the network's code."""
    return tuple(
        tape.labels.fixed(n, "it meets a tensor whose size is written in the network's code") for n in out.shape
    )


POOLS = """max_pool2d_with_indices max_pool3d_with_indices avg_pool1d avg_pool2d avg_pool3d _adaptive_avg_pool2d
_adaptive_avg_pool3d adaptive_max_pool2d adaptive_max_pool3d upsample_nearest1d upsample_nearest2d upsample_bilinear2d
upsample_bicubic2d reflection_pad2d replication_pad2d"""
LIKE = """clone _to_copy detach alias lift_fresh native_dropout dropout copy zeros_like ones_like empty_like full_like
rand_like randn_like bernoulli fill zero uniform normal"""
POINTWISE = "hardswish hardsigmoid hardtanh relu6 elu leaky_relu mish threshold _prelu_kernel softplus"  # not tagged so
NEW = "zeros ones full empty arange rand randn scalar_tensor linspace eye new_zeros new_ones new_full new_empty"

RULES: dict[str, Rule] = {
    "convolution": convolution,
    "addmm": addmm,
    "mm": matmul,
    "bmm": matmul,
    "native_batch_norm": batch_norm,
    "_native_batch_norm_legit": batch_norm,
    "_native_batch_norm_legit_no_training": batch_norm,
    "_batch_norm_with_update": batch_norm,
    "cudnn_batch_norm": batch_norm,
    "native_layer_norm": layer_norm,
    "native_group_norm": group_norm,
    "embedding": embedding,
    "cat": cat,
    "_softmax": softmax,
    "_log_softmax": softmax,
    **dict.fromkeys(["mean", "sum", "amax", "amin", "max", "min", "var", "std", "prod", "norm"], reduction),
    **dict.fromkeys(POOLS.split(), pool),
    **dict.fromkeys(LIKE.split(), like),
    **dict.fromkeys(POINTWISE.split(), pointwise),
    **dict.fromkeys(NEW.split(), new),
}
