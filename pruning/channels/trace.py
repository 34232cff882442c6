"""One run of the network on the meta device under a dispatch mode, carrying labels through every ATen op."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from pruning.channels.certificate import LAYOUT, Probe, Step, constants, cut, probe_plans
from pruning.channels.groups import gather
from pruning.channels.labels import Array
from pruning.channels.map import ChannelMap
from pruning.channels.reshapes import RESHAPES
from pruning.channels.rules import RULES, pointwise, tensors
from pruning.channels.tape import Tape
from pruning.errors import UserError

ALL_RULES = RULES | RESHAPES
ROUNDS = 30  # a network with more hard-coded numbers than this is left alone
HARD_CODED = "its size is written in the network's code"
UNTRACEABLE = (  # part of torch's message, what it means, what to do
    (
        "cannot be called on meta tensors",
        "what it does depends on the values of its data",
        "Train and compare it as it is; only networks whose steps do not depend on values can be pruned.",
    ),
    (
        "not on the expected device meta",
        "it holds a tensor that is neither a parameter nor a buffer",
        "Register it with register_buffer.",
    ),
)


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
            fault = first_fault(model, channels, label_units, steps, example_input)
            if fault is None:
                return channels
            for a in itertools.chain(*fault.inputs, *filter(None, fault.outputs)):
                tape.labels.pin(a, HARD_CODED)
        for name in tape.parameters:
            tape.pin_parameter(name, HARD_CODED)
        return gather(model, tape, shape)[0]


def first_fault(
    model: nn.Module, channels: ChannelMap, label_units: Array, steps: list[Step], example_input: Any
) -> Step | None:
    """The first step at which a cut network does not do what the dense one's labels foretell, or None."""
    for plan in probe_plans(channels):
        small, stays = cut(model, plan, label_units)
        probe = Probe(steps, stays)
        try:
            run(small, Recorder(Tape(), probe), example_input, training=False, batch=1)
        except UserError:
            probe.broke()
        if probe.fault is not None:
            return probe.fault
    return None


def run(model: nn.Module, recorder: "Recorder", example_input: Any, *, training: bool, batch: int) -> list[Step]:
    """Run on meta tensors of `batch` examples, writing to the tape; outputs are pinned. The steps it took."""
    tape = recorder.tape
    model.train(training)
    with on_meta(model) as tensors_by_name:
        for name, tensor in tensors_by_name.items():
            tape.register(name, tensor)
        kinds = (t.dtype for t in tensors_by_name.values() if t.is_floating_point())
        dtype = next(kinds, torch.float32)
        inputs = tree_map(lambda t: as_meta(tape, t, batch, dtype), _tuple(example_input))
        try:
            with torch.no_grad(), recorder:
                output = model(*inputs)
        except (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError, AssertionError) as error:
            raise cannot_run(inputs, error) from error
    for leaf in tree_leaves(output):
        if isinstance(leaf, Tensor):
            for a in tape.get(leaf):
                tape.labels.pin(a, "it makes the network's outputs")
    return tape.forget()


@contextmanager
def on_meta(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Put meta tensors in the place of all parameters and buffers for a while; yields them by their first name."""
    places = [
        (store, key, tensor)
        for module in model.modules()
        for store in (module._parameters, module._buffers)
        for key, tensor in store.items()
        if tensor is not None
    ]
    twins = {id(t): torch.empty_like(t.detach(), device="meta") for _, _, t in places}
    names = {name: twins[id(t)] for name, t in (*model.named_parameters(), *model.named_buffers())}
    try:
        for store, key, tensor in places:
            store[key] = twins[id(tensor)]  # type: ignore[assignment]
        yield names
    finally:
        for store, key, tensor in places:
            store[key] = tensor  # type: ignore[assignment]


def cannot_run(inputs: Any, error: Exception) -> UserError:
    """Why a run failed, as far as the error tells: the network's own ways, or the input's shape."""
    told = str(error).splitlines()[0] if str(error) else type(error).__name__
    for sign, what, do in UNTRACEABLE:
        if sign in told:
            return UserError(f"the network cannot be traced: {what} ({told})", do=do)
    given = ", ".join(str(tuple(t.shape)) for t in tree_leaves(inputs) if isinstance(t, Tensor))
    return UserError(
        f"the network cannot run on an input of shape {given}: {told}",
        do="Give an example input of the shape the network was built for.",
    )


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
