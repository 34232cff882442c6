"""One forward pass as a list of ATen ops, written down while it runs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten

from pruning.evaluate import logits
from pruning.surgery import stored

REFUSED = (torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape, torch.Tag.nondeterministic_seeded)
HARMLESS = "_scaled_dot_product"  # random only with dropout, which evaluation has not
aten = torch.ops.aten
INPUT = 0  # the number of the images


class Misfit(Exception):
    """This forward pass cannot be played again in parts: it must be run as a whole."""


@dataclass(frozen=True)
class Slot:
    """A tensor that an op made."""

    number: int


@dataclass(frozen=True)
class Named:
    """A parameter or buffer."""

    name: str


@dataclass(frozen=True, eq=False)
class Fixed:
    """A tensor that the network's code keeps."""

    tensor: Tensor


@dataclass(frozen=True)
class Step:
    """One op: its arguments, tensors by reference, and the numbers of the tensors that it makes."""

    op: Any
    flat: tuple[Any, ...]
    form: TreeSpec
    made: TreeSpec
    outs: tuple[int | None, ...]  # None: no tensor
    touches: frozenset[int] = frozenset()  # storages that it reads or makes
    writes: frozenset[int] = frozenset()  # storages that it changes

    def arguments(self, filled: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        args, kwargs = tree_unflatten(list(filled), self.form)
        return args, kwargs

    def reads(self) -> Iterator[int]:
        return (x.number for x in self.flat if isinstance(x, Slot))


@dataclass
class Program:
    """A network's forward pass for batches of one size."""

    steps: list[Step] = field(default_factory=list)
    likes: dict[int, Tensor] = field(default_factory=dict)  # number → its shape and strides, on meta
    constants: dict[int, Tensor] = field(default_factory=dict)  # what no image has a part in
    tensors: dict[str, Tensor] = field(default_factory=dict)  # parameters and buffers
    out: int = INPUT

    @cached_property
    def fixed(self) -> frozenset[int]:
        """Ops that make constants only."""
        return frozenset(k for k, step in enumerate(self.steps) if set(step.outs) <= self.constants.keys())

    def live(self, place: int) -> frozenset[int]:
        """Numbers of values that exist before this op, constants apart, and that it or a later one reads."""
        made = {INPUT, *(n for step in self.steps[:place] for n in step.outs if n is not None)} - self.constants.keys()
        return frozenset(made & {self.out, *(n for step in self.steps[place:] for n in step.reads())})


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Writes down every op that runs below it, and answers it by `answer`."""

    def __init__(self, network: nn.Module, inputs: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.program = Program(tensors=stored(network))
        self.names = {id(tensor): name for name, tensor in self.program.tensors.items()}
        self.numbers = {id(inputs): INPUT}
        self.alive: list[Any] = [inputs]  # while an object lives, no other has its id
        self.made = 1
        self.result: Tensor | None = None
        self.written: frozenset[int] = frozenset()  # storages that some op changed

    def __torch_dispatch__(self, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given, form = tree_flatten((args, kwargs or {}))
        if not is_steady(op, given):
            raise Misfit(f"{op} depends on what the images show, on chance or on how memory is laid out")
        flat = tuple(self.reference(x) if isinstance(x, Tensor) else x for x in given)
        found = self.answer(op, given, flat, form)
        outs, made = tree_flatten(found)
        step = Step(op, flat, form, made, tuple(self.number(x) for x in outs), *touched(op, given, form, outs))
        self.alive.extend(given)
        self.program.steps.append(step)
        self.written |= step.writes
        if not step.touches & self.written and all(
            x.number in self.program.constants for x in flat if isinstance(x, Slot)
        ):
            self.program.constants |= {n: x for n, x in zip(step.outs, outs, strict=True) if n is not None}
        return found

    def answer(self, op: Any, given: Sequence[Any], flat: Sequence[Any], form: TreeSpec) -> Any:
        args, kwargs = tree_unflatten(list(given), form)
        return op(*args, **kwargs)

    def reference(self, tensor: Tensor) -> Slot | Named | Fixed:
        if id(tensor) in self.numbers:
            return Slot(self.numbers[id(tensor)])
        return Named(self.names[id(tensor)]) if id(tensor) in self.names else Fixed(tensor)

    def number(self, made: Any) -> int | None:
        """A new number for an op's output; a tensor that was changed in place has a new one from here on."""
        if not isinstance(made, Tensor):
            return None
        number, self.made = self.made, self.made + 1
        self.numbers[id(made)] = number
        self.alive.append(made)
        self.program.likes[number] = torch.empty_strided(made.size(), made.stride(), dtype=made.dtype, device="meta")
        return number


def is_steady(op: Any, given: Sequence[Any]) -> bool:
    """Whether an op does the same for all images, wherever its inputs lie in memory."""
    if op is aten.index.Tensor:
        return all(x.dtype not in (torch.bool, torch.uint8) for x in given[1:] if isinstance(x, Tensor))
    return HARMLESS in str(op) or not (op is aten.as_strided.default or any(tag in op.tags for tag in REFUSED))


def touched(
    op: Any, given: Sequence[Any], form: TreeSpec, outs: Sequence[Any]
) -> tuple[frozenset[int], frozenset[int]]:
    """Storages that an op reads or makes, and those that it changes."""
    touches = frozenset(storage(x) for x in (*given, *outs) if isinstance(x, Tensor))
    if not op._schema.is_mutable:
        return touches, frozenset()
    args, kwargs = tree_unflatten(list(given), form)
    named = kwargs | dict(zip((a.name for a in op._schema.arguments), args, strict=False))
    changed = [named.get(a.name) for a in op._schema.arguments if a.is_write]
    return touches, frozenset(storage(x) for x in tree_flatten(changed)[0] if isinstance(x, Tensor))


def storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def recorded(network: nn.Module, inputs: Tensor) -> Program:
    """The program of a network for batches of this shape; raises Misfit."""
    recorder = Recorder(network, inputs)
    program = finished(recorder, network, inputs)
    outside = {storage(x) for x in (inputs, *program.tensors.values())}
    outside |= {storage(x.tensor) for step in program.steps for x in step.flat if isinstance(x, Fixed)}
    if recorder.written & outside:
        raise Misfit("the network changes its input or its own tensors")
    program.constants = {n: x for n, x in program.constants.items() if storage(x) not in recorder.written}
    return program


def finished(recorder: Recorder, network: nn.Module, inputs: Tensor) -> Program:
    """Run the network below the recorder to its class scores."""
    with recorder:
        recorder.result = logits(network(inputs))
    recorder.program.out = recorder.numbers.get(id(recorder.result), INPUT)
    if recorder.program.out == INPUT:
        raise Misfit("the class scores are no tensor that an op made")
    return recorder.program


Values = dict[int, Tensor]  # by number


def play(steps: Sequence[Step], program: Program, values: Values, keep: frozenset[int]) -> Values:
    """Run these ops on what is in `values`, which is added to; what is neither read later nor in `keep` is let go."""
    last = {n: place for place, step in enumerate(steps) for n in (*step.reads(), *filter(None, step.outs))}
    for place, step in enumerate(steps):
        args, kwargs = step.arguments([filled(x, program, values) for x in step.flat])
        made, _ = tree_flatten(step.op(*args, **kwargs))
        values |= {n: x for n, x in zip(step.outs, made, strict=True) if n is not None}
        for n in {*step.reads(), *filter(None, step.outs)}:
            if last[n] == place and n not in keep:
                values.pop(n, None)
    return values


def filled(x: Any, program: Program, values: Mapping[int, Tensor]) -> Any:
    """The tensor that a reference stands for."""
    if isinstance(x, Slot):
        return values[x.number] if x.number in values else program.constants[x.number]
    if isinstance(x, Named):
        return program.tensors[x.name]
    return x.tensor if isinstance(x, Fixed) else x
