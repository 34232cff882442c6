"""A network on the meta device for a while, whole or cut: nothing is copied, and afterwards everything is as before."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from pruning.channels.map import Follow
from pruning.errors import UserError
from pruning.surgery import Positions, set_numbers

Cut = Mapping[str, tuple[Positions | None, ...]]
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


@contextmanager
def on_meta(model: nn.Module, cut: Cut | None = None, follows: tuple[Follow, ...] = ()) -> Iterator[dict[str, Tensor]]:
    """Put meta tensors in the place of all parameters and buffers; yields them by their first name.

    `cut`: smaller ones, and the layers' own numbers changed to go with them.
    """
    places = [
        (store, key, tensor)
        for module in model.modules()
        for store in (module._parameters, module._buffers)
        for key, tensor in store.items()
        if tensor is not None
    ]
    named = dict((*model.named_parameters(), *model.named_buffers()))
    twins = {
        id(t): torch.empty(smaller(t, (cut or {}).get(name)), dtype=t.dtype, device="meta") for name, t in named.items()
    }
    before = [(module, dict(vars(module))) for module in model.modules()]
    kinds = [(module, type(module)) for module in model.modules()] if cut else []
    try:
        for store, key, tensor in places:
            store[key] = twins[id(tensor)]  # type: ignore[assignment]
        if cut:
            set_numbers(model, follows)
        yield {name: twins[id(t)] for name, t in named.items()}
    finally:
        for store, key, tensor in places:
            store[key] = tensor  # type: ignore[assignment]
        for module, attributes in before:
            restore(module, attributes)
        for module, kind in kinds:
            module.__class__ = kind


def restore(module: nn.Module, attributes: Mapping[str, Any]) -> None:
    now = vars(module)
    if len(now) != len(attributes) or any(now.get(key) is not value for key, value in attributes.items()):
        now.clear()
        now.update(attributes)


def smaller(tensor: Tensor, cut: tuple[Positions | None, ...] | None) -> list[int]:
    return [
        n if kept is None else len(kept) for n, kept in zip(tensor.shape, cut or (None,) * tensor.dim(), strict=True)
    ]


def kernel_names(model: nn.Module) -> set[str]:
    """Weights of convolutions, also as parametrizations keep them."""
    places = ("weight", "parametrizations.weight.original", "parametrizations.weight.original1")
    return {f"{name}.{p}" for name, module in model.named_modules() if isinstance(module, _ConvNd) for p in places}


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
