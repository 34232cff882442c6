"""Optimal Brain Damage with the empirical Fisher information: ½·meanₙ(gₙ²)·w² of every weight (Theis et al. 2018, arXiv 1801.05787)."""

from collections.abc import Iterable

from torch import Tensor, nn

from pruning.criteria.gradients import added, by_weights, judging, leaves, loss, on_device
from pruning.criteria.units import Batch


def saliency(model: nn.Module, data: Iterable[Batch], seed: int) -> dict[str, Tensor]:
    weights, total, examples = leaves(model), dict[str, Tensor](), 0
    with judging(model):
        for inputs, targets in on_device(model, data):
            for i in range(len(targets)):  # squares of single examples' gradients
                x, y = inputs[i : i + 1], targets[i : i + 1]
                total = added(total, {n: g**2 for n, g in by_weights(loss(model, weights, x, y), weights).items()})
            examples += len(targets)
    return {name: value / (2 * max(examples, 1)) * weights[name].detach() ** 2 for name, value in total.items()}
