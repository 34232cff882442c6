"""A network on the meta device for a while, whole or cut: nothing is copied, and afterwards everything is as before."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from operator import is_
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from pruning.channels.map import size
from pruning.errors import UserError
from pruning.plan import Plan
from pruning.surgery import set_numbers

UNTRACEABLE = (  # part of torch's message, what it means, what to do
    (
        "cannot be called on meta tensors",
        "what it does depends on the values of its data",
        "Train and compare it as it is; only networks whose steps do not depend on values can be pruned.",
    ),
)


class Body:
    """Where a network keeps its tensors, and under which names; looked up once."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.modules = dict(model.named_modules())
        self.parameters = dict(model.named_parameters())
        self.tensors = self.parameters | dict(model.named_buffers())
        self.kernels = {  # weights of convolutions, also as parametrizations keep them
            f"{name}.{place}"
            for name, module in self.modules.items()
            if isinstance(module, _ConvNd)
            for place in ("weight", "parametrizations.weight.original", "parametrizations.weight.original1")
        }
        self.before = [(module, type(module), dict(vars(module))) for module in self.modules.values()]
        self.places = [
            (store, key, tensor)
            for module in self.modules.values()
            for store in (module._parameters, module._buffers)
            for key, tensor in store.items()
            if tensor is not None
        ]


@contextmanager
def on_meta(body: Body, plan: Plan | None = None) -> Iterator[dict[str, Tensor]]:
    """Put meta tensors in the place of all parameters and buffers; yields them by their first name.

    `plan`: cut ones, and the modules' own numbers changed to go with them.
    """
    kept = list(plan.kept().values()) if plan else []
    cut = {n: [size(form, kept) for form in dims] for n, dims in plan.channels.sizes.items()} if plan else {}
    twins = {
        name: torch.empty(cut.get(name, t.shape), dtype=t.dtype, device="meta") for name, t in body.tensors.items()
    }
    by_id = {id(t): twins[name] for name, t in body.tensors.items()}
    try:
        for store, key, tensor in body.places:
            store[key] = by_id[id(tensor)]
        if plan:
            set_numbers(body.modules, plan)
        yield twins
    finally:
        for store, key, tensor in body.places:
            store[key] = tensor
        for module, kind, attributes in body.before:
            restore(module, attributes)
            module.__class__ = kind


def restore(module: nn.Module, attributes: Mapping[str, Any]) -> None:
    now = vars(module)
    if len(now) != len(attributes) or not all(map(is_, now.values(), attributes.values())):
        now.clear()
        now.update(attributes)


def cannot_run(shapes: str, error: Exception) -> UserError:
    """Why a run failed, as far as the error tells: the network's own ways, or the input's shape."""
    told = str(error).splitlines()[0] if str(error) else type(error).__name__
    for sign, what, do in UNTRACEABLE:
        if sign in told:
            return UserError(f"the network cannot be traced: {what} ({told})", do=do)
    return UserError(
        f"the network cannot run on an input of shape {shapes}: {told}",
        do="Give an example input of the shape the network was built for.",
    )
