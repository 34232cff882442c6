"""Optimal Brain Damage: ½·hₖₖ·w² of every weight (LeCun et al. 1990), the Hessian's diagonal by Hutchinson's random vectors.

h = mean of v ⊙ Hv over vectors v of ±1. The same vectors for all batches: how data is split does not matter.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from pruning.criteria.gradients import added, by_weights, judging, leaves, loss, on_device, product
from pruning.criteria.units import Batch

PROBES = 8  # random vectors: a Hessian-vector product each


def saliency(model: nn.Module, data: Iterable[Batch], seed: int, probes: int = PROBES) -> dict[str, Tensor]:
    weights = leaves(model)
    return curved(model, data, weights, [signs(weights, seed, number) for number in range(probes)], probes)


def exact(model: nn.Module, data: Iterable[Batch]) -> dict[str, Tensor]:
    """Without chance: a Hessian-vector product for every single weight, so for small networks only."""
    weights = leaves(model)
    return curved(model, data, weights, basis(weights), 1)


def curved(
    model: nn.Module, data: Iterable[Batch], weights: dict[str, Tensor], vectors: list[dict[str, Tensor]], of: int
) -> dict[str, Tensor]:
    """½·w² · (sum of v ⊙ Hv over the vectors, divided by `of`)."""
    total, examples = dict[str, Tensor](), 0
    with judging(model):
        for inputs, targets in on_device(model, data):
            gradient = by_weights(loss(model, weights, inputs, targets), weights, again=True)
            for v in vectors:
                total = added(total, {name: v[name] * hv for name, hv in product(gradient, weights, v).items()})
            examples += len(targets)
    return {name: value / (2 * of * max(examples, 1)) * weights[name].detach() ** 2 for name, value in total.items()}


def basis(weights: dict[str, Tensor]) -> list[dict[str, Tensor]]:
    """A vector for every weight: 1 there, 0 elsewhere."""
    vectors = []
    for name, weight in weights.items():
        for place in range(weight.numel()):
            vector = {other: torch.zeros_like(w) for other, w in weights.items()}
            vector[name].view(-1)[place] = 1
            vectors.append(vector)
    return vectors


def signs(weights: dict[str, Tensor], seed: int, number: int) -> dict[str, Tensor]:
    """±1 for every weight, drawn on the CPU: the same on every device."""
    generator = torch.Generator().manual_seed(seed * 1009 + number)
    drawn = {name: torch.randint(0, 2, w.shape, generator=generator) for name, w in weights.items()}
    return {name: (2 * v - 1).to(weights[name]) for name, v in drawn.items()}
