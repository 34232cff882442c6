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
    weights, total, examples = leaves(model), dict[str, Tensor](), 0
    vectors = [signs(weights, seed, number) for number in range(probes)]
    with judging(model):
        for inputs, targets in on_device(model, data):
            gradient = by_weights(loss(model, weights, inputs, targets), weights, again=True)
            for v in vectors:
                curved = product(gradient, weights, v)
                total = added(total, {name: v[name] * value for name, value in curved.items()})
            examples += len(targets)
    return {
        name: value / (2 * probes * max(examples, 1)) * weights[name].detach() ** 2 for name, value in total.items()
    }


def signs(weights: dict[str, Tensor], seed: int, number: int) -> dict[str, Tensor]:
    """±1 for every weight, drawn on the CPU: the same on every device."""
    generator = torch.Generator().manual_seed(seed * 1009 + number)
    drawn = {name: torch.randint(0, 2, w.shape, generator=generator) for name, w in weights.items()}
    return {name: (2 * v - 1).to(weights[name]) for name, v in drawn.items()}
