"""One run of a network on meta tensors."""

import random
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from pruning.channels.certificate import Step
from pruning.channels.meta import Body, cannot_run
from pruning.channels.recorder import Recorder
from pruning.channels.tape import Tape
from pruning.errors import UserError
from pruning.interface import given, output_tensors


def run(
    body: Body, recorder: Recorder, tensors: Mapping[str, Tensor], example_input: Any, *, train: bool
) -> list[Step]:
    """Run on meta tensors of one example, or two to train; writes to the tape; outputs are pinned. The steps it took."""
    tape = recorder.tape
    body.model.train(train)
    random.seed(0)  # layers that are dropped at random are the same ones in every run
    for name, tensor in tensors.items() if recorder.probe is None else ():
        tape.register(name, tensor, trained=name in body.parameters, spatial=name in body.kernels)
    dtype = next((t.dtype for t in tensors.values() if t.is_floating_point()), torch.float32)
    args, named = given(example_input)
    args, named = tree_map(lambda t: as_meta(tape, t, 2 if train else 1, dtype), (args, named))
    try:
        with torch.no_grad(), recorder:
            output = body.model(*args, **named)
    except Exception as error:  # a network's own code may raise anything
        shapes = ", ".join(str(tuple(t.shape)) for t in tree_leaves((args, named)) if isinstance(t, Tensor))
        raise cannot_run(shapes, error) from error
    outputs = list(output_tensors(output))
    if not outputs:
        raise UserError(
            f"the network's output is a {type(output).__name__} that holds no tensor",
            do="Return tensors, a dict or a dataclass.",
        )
    tape.touch(outputs)
    for a in (a for tensor in outputs for a in tape.get(tensor)):
        tape.labels.pin(a, "it makes the network's outputs")
    return tape.forget()


def as_meta(tape: Tape, value: Any, batch: int, dtype: torch.dtype) -> Any:
    """An input of `batch` examples; floats take the network's own type."""
    if not isinstance(value, Tensor):
        return value
    kind = dtype if value.is_floating_point() else value.dtype
    shape = (batch, *value.shape[1:]) if value.dim() else ()
    meta = torch.empty(shape, dtype=kind, device="meta")
    reason = "it reads the network's input"
    dims = [tape.labels.fixed(n, reason) if d == 1 else tape.labels.fixed(n) for d, n in enumerate(shape)]
    tape.put(meta, dims)
    return meta
