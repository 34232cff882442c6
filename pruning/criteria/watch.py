"""One pass over data that records, per layer, a statistic of its outputs and their gradients."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from pruning.channels.map import ChannelMap
from pruning.criteria.units import Batch

Watch = Callable[[Tensor, Tensor], Tensor]  # activation (N, C, …), its gradient -> per example and channel (N, C)


def watched(model: nn.Module, channels: ChannelMap, watch: Watch, data: Iterable[Batch]) -> dict[str, Tensor]:
    """Mean over all examples of `watch` at every producing layer, {layer: (C,)}.

    The loss is summed over the batch, so that its size does not matter; eval mode, so that examples don't mix.
    """
    layers = {name for group in channels.groups for name in group.layers}
    total: dict[str, Tensor] = {}
    examples = 0
    with listening(model, layers, watch, total), torch.enable_grad():
        for inputs, targets in data:
            output = model(inputs.requires_grad_())
            torch.autograd.backward(cross_entropy(output, targets, reduction="sum"), inputs=[inputs])
            examples += len(targets)
    return {name: value / max(examples, 1) for name, value in total.items()}


@contextmanager
def listening(model: nn.Module, layers: set[str], watch: Watch, total: dict[str, Tensor]) -> Iterator[None]:
    def hook(name: str, a: Any) -> None:
        if not isinstance(a, Tensor):  # attention returns its weights as well; it is not judged
            return

        def on_gradient(g: Tensor) -> None:
            channel_last = not isinstance(modules[name], nn.modules.conv._ConvNd)
            x, y = (t.detach().movedim(-1, 1) if channel_last else t.detach() for t in (value, g))
            total[name] = total.get(name, 0) + watch(x, y).sum(0)

        value = a.detach().clone()  # an activation in place would overwrite it
        a.register_hook(on_gradient)  # type: ignore[no-untyped-call]

    modules = dict(model.named_modules())
    handles = [
        modules[name].register_forward_hook(lambda _m, _i, out, name=name: hook(name, out))
        for name in layers
        if name in modules
    ]
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
        for handle in handles:
            handle.remove()
