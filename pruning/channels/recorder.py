"""The dispatch mode: sees every ATen op of a run on meta tensors, and has its rule say what it means for the channels."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from pruning.channels import zero
from pruning.channels.certificate import Names, Probe, Step
from pruning.channels.indexing import INDEXING
from pruning.channels.norms import NORMS
from pruning.channels.pointwise import pointwise, tensors
from pruning.channels.reshapes import RESHAPES
from pruning.channels.rules import RULES
from pruning.channels.shapes import SHAPES
from pruning.channels.source import modules_around, outward, place
from pruning.channels.tape import Rule, Tape

ALL_RULES: dict[str, Rule] = RULES | NORMS | RESHAPES | INDEXING
VALUES = ("number", "float", "Tensor", "Scalar")  # types in a schema; a tensor may be given as a number
VIEWS = dict.fromkeys(("_unsafe_view", "_reshape_alias", "reshape"), "view")  # which one depends on strides
LAYOUT = ("clone", "contiguous", "_to_copy", "detach", "alias", "as_strided")


@dataclass(frozen=True)
class Op:
    """What is known of an ATen overload."""

    name: str  # without aten:: and the underscore of in-place variants
    rule: Rule | None
    shape: Callable[[Sequence[Any]], Any] | None
    arguments: tuple[str, ...]
    values: tuple[int, ...]  # where among them numbers may stand that are no sizes
    layout: bool  # torch may leave it out


@cache
def known(func: Any) -> Op:
    full = func._schema.name.removeprefix("aten::")
    name = VIEWS.get(full, full if full == "copy_" else full.removesuffix("_"))
    shape = None if "out" in func._overloadname else SHAPES.get(full)
    arguments = func._schema.arguments
    values = (i for i, a in enumerate(arguments) if any(kind in str(a.type) for kind in VALUES))
    return Op(name, find_rule(func, name), shape, tuple(a.name for a in arguments), tuple(values), name in LAYOUT)


def constants(op: Op, args: Sequence[Any]) -> tuple[Any, ...]:
    """The numbers that an op computes with."""
    return tuple(args[i] for i in op.values if i < len(args) and isinstance(args[i], int | float))


def find_rule(func: Any, name: str) -> Rule | None:
    if name in ALL_RULES:
        return ALL_RULES[name]
    if torch.Tag.pointwise in func.tags:
        return pointwise
    packet = getattr(torch.ops.aten, name, None)  # in-place variants lack the tag
    overloads = [getattr(packet, o) for o in packet.overloads()] if packet else []
    return pointwise if any(torch.Tag.pointwise in o.tags for o in overloads) else None


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Writes a run to the tape, or holds it against the dense one's steps.

    `names`: names of modules by id, to note where in the source each op is; empty: that is not asked for.
    """

    def __init__(self, tape: Tape, probe: Probe | Names | None = None, names: Mapping[int, str] | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.tape = tape
        self.probe = probe
        self.names = names

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        op = known(func)
        arguments: Sequence[Any] = args
        if kwargs or not any(isinstance(a, Tensor | list | tuple) for a in args):
            kwargs, arguments = on_device(op, args, kwargs or {})
        out = op.shape(args) if op.shape and not kwargs else None
        if out is None:
            out = func(*beside_meta(args), **(kwargs or {}))
        outs = [out] if isinstance(out, Tensor) else [t for t in flat(out) if isinstance(t, Tensor)]
        if outs and self.probe:
            self.probe.see(op.name, op.layout, constants(op, arguments), outs)
        elif outs:
            self.record(op, arguments, out, outs)
        return out

    def record(self, op: Op, args: Sequence[Any], out: Any, outs: list[Tensor]) -> None:
        tape, given = self.tape, tensors(args)
        inputs = tuple(tape.get(t) for t in given)  # before the op's labels are written: it may be in place
        tape.touch(given)
        if self.names:
            frame = sys._getframe(1)
            tape.place = place(frame, self.names)
            tape.inside = tuple(self.names.get(id(m), "") for m in modules_around(outward(frame)))
        describe(tape, op, args, out, outs)
        if not op.layout:
            outputs = tuple(tape.get(t) if tape.knows(t) else None for t in outs)
            tape.steps.append(Step(op.name, constants(op, args), inputs, outputs, tape.place, tape.inside))


def on_device(op: Op, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """Keyword arguments, with tensors that are made from nothing sent to meta; and all arguments in order."""
    made = "device" in op.arguments and ("device" in kwargs or not tensors((*args, *kwargs.values())))
    given = kwargs | {"device": "meta"} if made else kwargs
    return given, [*args, *(given[name] for name in op.arguments[len(args) :] if name in given)]


def beside_meta(args: Sequence[Any]) -> Sequence[Any]:
    """A tensor that is neither parameter nor buffer is on meta as well where it meets one that is."""
    given = tensors(args)
    if all(t.is_meta or not t.dim() for t in given) or not any(t.is_meta for t in given):
        return args
    moved: Sequence[Any] = tree_map(lambda a: a.to("meta") if isinstance(a, Tensor) else a, args)
    return moved


def flat(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return [x for part in value for x in flat(part)]
    return [value]


def describe(tape: Tape, op: Op, args: Sequence[Any], out: Any, outs: list[Tensor]) -> None:
    """Give every output its labels; whatever a rule cannot describe is pinned."""
    result = op.rule(tape, args, out) if op.rule else None
    dims = result if isinstance(result, list) else [result] * len(outs)
    alive = None
    for tensor, labels in zip(outs, dims, strict=True):
        if labels is not None and [len(a) for a in labels] == list(tensor.shape):
            if alive is None:
                alive = zero.alive(tape, op.name, args, labels, pointwise=op.rule is pointwise)
            tape.put(tensor, labels, alive=alive)
        elif labels is None or tensor is outs[0]:
            pin_all(tape, op, args, tensor)
        # else: a side output (saved statistics, indices) of another shape, which stays fixed


def pin_all(tape: Tape, op: Op, args: Sequence[Any], out: Tensor) -> None:
    reason = f"the operation aten::{op.name} has no rule yet"
    for tensor in tensors(args):
        for a in tape.get(tensor):
            tape.labels.pin(a, reason)
    tape.put(out, [tape.labels.fixed(n, reason) for n in out.shape])
