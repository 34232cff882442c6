"""Shapes of the common ops' results, without torch's meta kernels, which are Python and cost 0.2–0.9 ms an op.

A function here gives the outputs, or None where it is not sure: then torch is asked. Only contiguous inputs are sure.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Outputs = Any  # a tensor or a tuple of tensors, as the op returns them


def contiguous(tensors: Sequence[Tensor]) -> bool:
    return all(t.is_contiguous() for t in tensors)


def empty(shape: Sequence[int], like: Tensor) -> Tensor:
    return torch.empty(shape, dtype=like.dtype, device="meta")


def twin(x: Tensor) -> Tensor:
    """empty_like, which is Python on meta."""
    return torch.empty_strided(x.shape, x.stride(), dtype=x.dtype, device="meta")


def same(args: Sequence[Any]) -> Outputs:
    x = args[0]
    return twin(x) if x.is_floating_point() and x.is_contiguous() else None


def inplace(args: Sequence[Any]) -> Outputs:
    """The first operand itself, where it has the wider shape, or the only one."""
    other = args[1] if len(args) > 1 else None
    return args[0] if not isinstance(other, Tensor) or other.shape == args[0].shape else None


def combined(args: Sequence[Any]) -> Outputs:
    """Two operands of one type: the wider one's shape, where it is clear which that is."""
    a, b = args[:2]
    if not isinstance(b, Tensor):
        return same((a,)) if isinstance(b, int | float) else None
    if not isinstance(a, Tensor) or a.dtype != b.dtype or not contiguous((a, b)):
        return None
    if a.shape == b.shape:
        return twin(a)
    wide, narrow = (a, b) if (a.dim(), a.numel()) >= (b.dim(), b.numel()) else (b, a)
    pairs = zip(reversed(wide.shape), reversed(narrow.shape), strict=False)
    return twin(wide) if all(m in (1, n) for n, m in pairs) else None


def convolution(args: Sequence[Any]) -> Outputs:
    x, weight, bias, stride, padding, dilation, transposed, _, groups = args
    space = x.dim() - 2
    fits = x.shape[1] == weight.shape[1] * groups and (bias is None or bias.shape == weight.shape[:1])
    if transposed or space < 1 or not fits or not contiguous((x, weight)):
        return None
    steps = zip(x.shape[2:], weight.shape[2:], *(spread(v, space) for v in (stride, padding, dilation)), strict=True)
    sizes = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in steps]
    return empty((x.shape[0], weight.shape[0], *sizes), x) if min(sizes) > 0 and weight.shape[0] % groups == 0 else None


def spread(value: Sequence[int], n: int) -> Sequence[int]:
    return list(value) * n if len(value) == 1 else value


def norm(args: Sequence[Any]) -> Outputs:
    """Batch norm in eval mode, whose channels fit; the saved statistics are of no use."""
    x, *vectors = args[:5]
    fits = all(v is None or (isinstance(v, Tensor) and v.shape == x.shape[1:2]) for v in vectors)
    return (twin(x), empty((0,), x), empty((0,), x)) if fits and x.is_contiguous() else None


def batch_norm(args: Sequence[Any]) -> Outputs:
    return norm(args) if len(args) > 4 and not isinstance(args[3], bool) else None


def layer_norm(args: Sequence[Any]) -> Outputs:
    x, shape, *vectors = args[:4]
    fits = x.shape[-len(shape) :] == torch.Size(shape) and all(
        v is None or v.shape == torch.Size(shape) for v in vectors
    )
    return (twin(x), empty((0,), x), empty((0,), x)) if fits and x.is_contiguous() else None


def addmm(args: Sequence[Any]) -> Outputs:
    bias = args[0]
    return mm(args[1:3]) if bias.dim() == 1 and bias.shape[0] in (1, args[2].shape[1]) else None


def mm(args: Sequence[Any]) -> Outputs:
    a, b = args[:2]
    return empty((a.shape[0], b.shape[1]), a) if a.shape[1] == b.shape[0] and a.dtype == b.dtype else None


def bmm(args: Sequence[Any]) -> Outputs:
    a, b = args[:2]
    fits = a.shape[0] == b.shape[0] and a.shape[2] == b.shape[1] and a.dtype == b.dtype
    return empty((a.shape[0], a.shape[1], b.shape[2]), a) if fits else None


def cat(args: Sequence[Any]) -> Outputs:
    parts = args[0]
    first, axis = parts[0], (args[1] if len(args) > 1 else 0) % parts[0].dim()
    rest = [(*t.shape[:axis], *t.shape[axis + 1 :]) for t in parts]
    if len(set(rest)) > 1 or len({t.dtype for t in parts}) > 1 or not contiguous(parts):
        return None
    return empty((*first.shape[:axis], sum(t.shape[axis] for t in parts), *first.shape[axis + 1 :]), first)


def mean(args: Sequence[Any]) -> Outputs:
    if len(args) < 2 or not isinstance(args[1], list | tuple) or not args[1] or not args[0].is_contiguous():
        return None
    x, over, keep = (*args, False)[:3]
    over = {d % x.dim() for d in over}
    shape = [1 if d in over else n for d, n in enumerate(x.shape) if keep or d not in over]
    return empty(shape, x) if x.is_floating_point() else None


def max_pool(args: Sequence[Any]) -> Outputs:
    defaults: tuple[Any, ...] = ([], [0], [1], False)
    x, kernel, stride, padding, dilation, ceil = (*args, *defaults[len(args) - 2 :])
    if ceil or not x.is_contiguous():
        return None
    values = (spread(v, 2) for v in (kernel, stride or kernel, padding, dilation))
    sizes = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in zip(x.shape[-2:], *values, strict=True)]
    shape = (*x.shape[:-2], *sizes)
    return (empty(shape, x), torch.empty(shape, dtype=torch.int64, device="meta")) if min(sizes) > 0 else None


UNARY = "relu sigmoid tanh gelu silu hardswish hardsigmoid hardtanh leaky_relu elu neg exp sqrt rsqrt abs clamp"
INPLACE = "relu_ hardswish_ hardtanh_ silu_ leaky_relu_ elu_ clamp_ sigmoid_ add_ sub_ mul_ div_"
SHAPES: dict[str, Callable[[Sequence[Any]], Outputs]] = {
    **dict.fromkeys(UNARY.split(), same),
    **dict.fromkeys(INPLACE.split(), inplace),
    **dict.fromkeys(("add", "sub", "mul", "div"), combined),
    "convolution": convolution,
    "_native_batch_norm_legit_no_training": norm,
    **dict.fromkeys(("native_batch_norm", "_native_batch_norm_legit", "_batch_norm_with_update"), batch_norm),
    "native_layer_norm": layer_norm,
    "addmm": addmm,
    "mm": mm,
    "bmm": bmm,
    "cat": cat,
    "mean": mean,
    "max_pool2d_with_indices": max_pool,
}
