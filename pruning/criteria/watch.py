"""One pass over data that records, per layer, statistics of its outputs and their gradients, for all criteria at once."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from pruning.criteria.gradients import on_device
from pruning.criteria.units import Batch

Watch = Callable[
    [Tensor, Tensor], Tensor
]  # activation (N, C, positions), its gradient -> per example and channel (N, C)
Look = Callable[[Tensor], Tensor | None]  # activation (N, C, …) -> (N, C); None: nothing to see there


@dataclass(frozen=True)
class Watcher:
    """What one criterion records, and at which modules."""

    name: str
    modules: frozenset[str]
    watch: Watch | None = None
    look: Look | None = None


@dataclass
class Record:
    totals: dict[tuple[str, str], Tensor] = field(default_factory=dict)  # (watcher, module) -> (C,)

    def add(self, watcher: str, module: str, values: Tensor | None) -> None:
        if values is not None:
            self.totals[watcher, module] = self.totals.get((watcher, module), 0) + values.sum(0)


def watched(model: nn.Module, watchers: Iterable[Watcher], data: Iterable[Batch]) -> dict[str, dict[str, Tensor]]:
    """Mean over all examples of what each watcher records, {watcher: {module: (C,)}}.

    The loss is summed over the batch, so that its size does not matter; eval mode, so that examples don't mix.
    """
    record, examples, watchers = Record(), 0, list(watchers)
    slopes = any(w.watch for w in watchers)
    with listening(model, watchers, record), torch.set_grad_enabled(slopes):
        for inputs, targets in on_device(model, data):
            output = model(inputs.requires_grad_(slopes))
            if slopes:
                torch.autograd.grad(cross_entropy(output, targets, reduction="sum"), inputs, allow_unused=True)
            examples += len(targets)
    found: dict[str, dict[str, Tensor]] = {w.name: {} for w in watchers}
    for (name, module), total in record.totals.items():
        found[name][module] = total / max(examples, 1)
    return found


@contextmanager
def listening(model: nn.Module, watchers: list[Watcher], record: Record) -> Iterator[None]:
    modules, modes = dict(model.named_modules()), {module: module.training for module in model.modules()}
    names = {name for watcher in watchers for name in watcher.modules if name in modules}
    handles = [modules[name].register_forward_hook(hook(name, watchers, record)) for name in names]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        for handle in handles:
            handle.remove()


def hook(name: str, watchers: list[Watcher], record: Record) -> Callable[..., None]:
    here = [watcher for watcher in watchers if name in watcher.modules]
    watching = [(w.name, w.watch) for w in here if w.watch]
    looking = [(w.name, w.look) for w in here if w.look]

    def on_output(module: nn.Module, _inputs: Any, a: Any) -> None:
        if not isinstance(a, Tensor):  # attention returns its weights as well; it is not judged
            return
        value = channels_first(module, a.detach())
        for watcher, look in looking:
            record.add(watcher, name, look(value))
        if not watching or not a.requires_grad:
            return
        value = value.clone()  # an activation in place would overwrite it

        def on_gradient(g: Tensor) -> None:
            x, y = in_positions(value), in_positions(channels_first(module, g.detach()))
            for watcher, watch in watching:
                record.add(watcher, name, watch(x, y))

        a.register_hook(on_gradient)  # type: ignore[no-untyped-call]

    return on_output


def channels_first(module: nn.Module, a: Tensor) -> Tensor:
    return a if isinstance(module, _ConvNd | _NormBase) else a.movedim(-1, 1)


def in_positions(a: Tensor) -> Tensor:
    """(N, C, …) → (N, C, positions)."""
    return a.flatten(2) if a.dim() > 2 else a[:, :, None]
