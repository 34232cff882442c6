"""One run of the network on the meta device under a dispatch mode, carrying labels through every ATen op."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from pruning.channels.certificate import LAYOUT, Probe, Step, constants, cut
from pruning.channels.groups import gather
from pruning.channels.map import ChannelMap
from pruning.channels.reshapes import RESHAPES
from pruning.channels.rules import RULES, pointwise, tensors
from pruning.channels.tape import Tape
from pruning.errors import UserError

ALL_RULES = RULES | RESHAPES
ROUNDS = 30  # a network with more hard-coded numbers than this is left alone
HARD_CODED = "its size is written in the network's code"


def trace(model: nn.Module, example_input: Any) -> ChannelMap:
    """Groups of coupled channels, protected layers with reasons, exact count formulas. The network is not changed.

    `example_input`: a tensor (N, …) or a tuple of them; only shapes and types matter. Raises UserError when the network
    cannot run on it.
    """
    tape = Tape()
    with quiet(model):
        steps = run(model, Recorder(tape), example_input, training=False, batch=1)
        tape.counting = False
        run(model, Recorder(tape), example_input, training=True, batch=2)  # shows auxiliary heads
        shape = tuple(example_input.shape[1:]) if isinstance(example_input, Tensor) else ()
        for _ in range(ROUNDS):
            channels, label_units = gather(model, tape, shape)
            small, stays = cut(model, channels, label_units)
            fault = follow(small, Probe(steps, stays), example_input)
            if fault is None:
                return channels
            for a in itertools.chain(*fault.inputs, *filter(None, fault.outputs)):
                tape.labels.pin(a, HARD_CODED)
        for name in tape.parameters:
            tape.pin_parameter(name, HARD_CODED)
        return gather(model, tape, shape)[0]


def follow(small: nn.Module, probe: Probe, example_input: Any) -> Step | None:
    """Run the cut network beside the dense one's steps; the first step that differs, or None."""
    tape = Tape()
    try:
        run(small, Recorder(tape, probe), example_input, training=False, batch=1)
    except UserError:
        probe.broke()
    return probe.fault


def run(model: nn.Module, recorder: "Recorder", example_input: Any, *, training: bool, batch: int) -> list[Step]:
    """Run on meta tensors of `batch` examples, writing to the tape; outputs are pinned. The steps it took."""
    tape = recorder.tape
    state = {
        name: torch.empty_like(t, device="meta") for name, t in (*model.named_parameters(), *model.named_buffers())
    }
    for name, tensor in state.items():
        tape.register(name, tensor)
    dtype = next((t.dtype for t in state.values() if t.is_floating_point()), torch.float32)
    inputs = tree_map(lambda t: as_meta(tape, t, batch, dtype), _tuple(example_input))
    model.train(training)
    try:
        with torch.no_grad(), recorder:
            output = functional_call(model, state, inputs)
    except (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError, AssertionError) as error:
        given = ", ".join(str(tuple(t.shape)) for t in tree_leaves(inputs) if isinstance(t, Tensor))
        raise UserError(
            f"the network cannot run on an input of shape {given}: {str(error).splitlines()[0]}",
            do="Give an example input of the shape the network was built for.",
        ) from error
    for leaf in tree_leaves(output):
        if isinstance(leaf, Tensor):
            for a in tape.get(leaf):
                tape.labels.pin(a, "it makes the network's outputs")
    return tape.forget()


def as_meta(tape: Tape, value: Any, batch: int, dtype: torch.dtype) -> Any:
    """An input of `batch` examples; floats take the network's own type."""
    if not isinstance(value, Tensor):
        return value
    kind = dtype if value.is_floating_point() else value.dtype
    meta = torch.empty((batch, *value.shape[1:]), dtype=kind, device="meta")
    tape.put(
        meta, [tape.labels.fixed(n, "it reads the network's input" if d == 1 else "") for d, n in enumerate(meta.shape)]
    )
    return meta


def _tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)


@contextmanager
def quiet(model: nn.Module) -> Iterator[None]:
    """Keep every module's train/eval mode, and the fused attention path off, for the time of a trace."""
    modes = [(m, m.training) for m in model.modules()]
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for module, training in modes:
            module.training = training


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Applies an op's rule after it ran on meta; an op without a rule pins what it touches, and says its name."""

    def __init__(self, tape: Tape, probe: Probe | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.tape = tape
        self.probe = probe

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if "device" in kwargs or not tensors((*args, *kwargs.values())):
            kwargs = kwargs | {"device": "meta"} if takes_device(func) else kwargs
        out = func(*args, **kwargs)
        if tree_leaves(out) and all(isinstance(t, Tensor) for t in tree_leaves(out)):
            arguments = ordered(func, args, kwargs)
            if self.probe:
                self.probe.see(func, arguments, out)
            else:
                self.record(func, arguments, out)
        return out

    def record(self, func: Any, args: list[Any], out: Any) -> None:
        inputs = tuple(
            self.tape.get(t) for t in tensors(args)
        )  # before the op's labels are written: it may be in place
        self.tape.touch(inputs)
        describe(self.tape, func, args, out)
        if func._schema.name not in LAYOUT:
            outputs = tuple(self.tape.get(t) if self.tape.knows(t) else None for t in tree_leaves(out))
            self.tape.steps.append(Step(func._schema.name, constants(args), inputs, outputs))


def takes_device(func: Any) -> bool:
    return any(a.name == "device" for a in func._schema.arguments)


def ordered(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """Positional arguments, tensors given by keyword included (aten::where, out-variants …)."""
    names = [a.name for a in func._schema.arguments]
    return [*args, *(kwargs[name] for name in names[len(args) :] if name in kwargs and name != "device")]


def find_rule(func: Any) -> Callable[..., Any] | None:
    name = func._schema.name.removeprefix("aten::")
    plain = name.removesuffix("_")
    rule = ALL_RULES.get(name) or ALL_RULES.get(plain)
    if rule or torch.Tag.pointwise in func.tags:
        return rule or pointwise
    packet = getattr(torch.ops.aten, plain, None)  # in-place variants lack the tag
    overloads = [getattr(packet, o) for o in packet.overloads()] if packet else []
    return pointwise if any(torch.Tag.pointwise in o.tags for o in overloads) else None


def describe(tape: Tape, func: Any, args: list[Any], out: Any) -> None:
    """Give every output its labels; whatever a rule cannot describe is pinned."""
    rule = find_rule(func)
    outs = [t for t in tree_leaves(out) if isinstance(t, Tensor)]
    result = rule(tape, args, out) if rule else None
    dims = result if isinstance(result, list) else [result] * len(outs)
    for tensor, labels in zip(outs, dims, strict=True):
        if labels is not None and tuple(len(a) for a in labels) == tuple(tensor.shape):
            tape.put(tensor, labels)
        elif labels is None or tensor is outs[0]:
            pin_all(tape, func, args, tensor)
        # else: a side output (saved statistics, indices) of another shape, which stays fixed


def pin_all(tape: Tape, func: Any, args: list[Any], out: Tensor) -> None:
    reason = f"the operation {func._schema.name} has no rule yet"
    for tensor in tensors(args):
        for a in tape.get(tensor):
            tape.labels.pin(a, reason)
    tape.put(out, [tape.labels.fixed(n, reason) for n in out.shape])
