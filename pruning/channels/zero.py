"""Whether a tensor is zero where a unit is masked.

Contractions and sums over channels are exact only where it is: x·w loses nothing when x = 0, but sigmoid(0) = ½.
"""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from pruning.channels.labels import is_free
from pruning.channels.norms import BATCH_NORMS
from pruning.channels.pointwise import tensors
from pruning.channels.tape import Dims, Tape

ZERO_AT_ZERO = """relu relu6 gelu silu hardswish leaky_relu elu mish celu selu tanh tan sin asin atan sinh asinh abs neg sqrt
square sign round floor ceil trunc erf expm1 log1p positive sgn nan_to_num _prelu_kernel clone _to_copy copy detach alias
lift_fresh dropout native_dropout softshrink hardshrink tanhshrink"""
MADE_UP = "_softmax _safe_softmax _log_softmax ones_like full_like empty_like rand_like randn_like fill bernoulli uniform normal exponential"
SINGULAR = ("reciprocal", "rsqrt", "log", "log2", "log10")  # not finite at zero
DIVIDED = "something is divided by it, and it is zero where a channel is masked"
Stays = Callable[[Any], bool]  # whether a value need not be zero at the indices of a masked unit


def alive(tape: Tape, name: str, args: Sequence[Any], dims: Dims, *, pointwise: bool) -> bool:
    """Whether the result need not be zero at the indices of a masked unit; what cannot be said is True."""
    free = [len(dims) - d for d, a in enumerate(dims) if is_free(a)]  # counted from the right
    if not free:
        return False

    def stays(x: Any) -> bool:
        if not isinstance(x, Tensor):
            return bool(x != 0)
        labels = tape.get(x)
        return tape.alive(x) or not all(d <= len(labels) and is_free(labels[-d]) for d in free)

    pin_divisor(tape, name, args, stays)
    if name in ALIVE:
        return ALIVE[name](stays, args)
    if name in WEIGHTS:
        weights = args[WEIGHTS[name]]
        return weights[0] is None or any(tape.alive(t) for t in tensors(weights))
    if name in MATRICES:
        a, b = args[MATRICES[name]]
        rows, columns = is_free(tape.get(a)[-2]), is_free(tape.get(b)[-1])
        return (rows and tape.alive(a)) or (columns and tape.alive(b))
    return pointwise or any(tape.alive(t) for t in tensors(args))


def pin_divisor(tape: Tape, name: str, args: Sequence[Any], stays: Stays) -> None:
    """1 / 0 and log(0) would make the masked network's numbers infinite."""
    divisor = args[1] if name == "div" else args[0]
    if name in SINGULAR or name == "div" or (name == "pow" and not positive(args[1])):
        for a in tape.get(divisor) if not stays(divisor) else ():
            tape.labels.pin(a, DIVIDED)


def positive(power: Any) -> bool:
    return isinstance(power, int | float) and power > 0


def clamped(stays: Stays, args: Sequence[Any]) -> bool:
    x, low, high = (*args, None, None)[:3]
    return stays(x) or bool(low is not None and low > 0) or bool(high is not None and high < 0)


ALIVE: dict[str, Callable[[Stays, Sequence[Any]], bool]] = {
    **dict.fromkeys(ZERO_AT_ZERO.split(), lambda stays, args: stays(args[0])),
    **dict.fromkeys(("add", "sub", "maximum", "minimum", "lerp"), lambda stays, args: stays(args[0]) or stays(args[1])),
    **dict.fromkeys(("clamp", "hardtanh", "clamp_min"), clamped),
    "mul": lambda stays, args: stays(args[0]) and stays(args[1]),
    "div": lambda stays, args: stays(args[0]),
    "pow": lambda stays, args: stays(args[0]) or not positive(args[1]),
    "where": lambda stays, args: stays(args[1]) or stays(args[2]),
    "masked_fill": lambda stays, args: stays(args[0]) or stays(args[2]),
    "addcmul": lambda stays, args: stays(args[0]) or (stays(args[1]) and stays(args[2])),
    "constant_pad_nd": lambda stays, args: stays(args[0]) or (len(args) > 2 and stays(args[2])),
    **dict.fromkeys(MADE_UP.split(), lambda stays, args: True),
    **dict.fromkeys(("zeros_like", "zero"), lambda stays, args: False),
}
WEIGHTS = {  # where a layer's scale and shift are: zero at a masked unit, and with them its output
    "convolution": slice(1, 3),
    "embedding": slice(0, 1),
    "native_layer_norm": slice(2, 4),
    "_fused_rms_norm": slice(2, 3),
    **dict.fromkeys(BATCH_NORMS, slice(1, 3)),
    "native_group_norm": slice(1, 3),
}
MATRICES = {"mm": slice(2), "bmm": slice(2), "addmm": slice(1, 3), "baddbmm": slice(1, 3)}
