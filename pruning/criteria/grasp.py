"""GraSP: w·Hg of every weight (Wang et al. 2020, arXiv 2002.07376, eq. 8).

Without w the squared norm of the gradient g falls by 2·w·Hg, to first order: weights whose loss costs no gradient flow
go first. The paper removes the highest −w·Hg. Its temperature of the softmax is 1 here.
"""

from collections.abc import Iterable

from torch import Tensor, nn

from pruning.criteria.gradients import added, by_weights, judging, leaves, loss, mean_gradient, on_device, product
from pruning.criteria.units import Batch


def saliency(model: nn.Module, data: Iterable[Batch], seed: int) -> dict[str, Tensor]:
    batches = list(data)  # seen twice: g is that of all examples
    flow, weights, examples = mean_gradient(model, batches), leaves(model), sum(len(y) for _, y in batches)
    total: dict[str, Tensor] = {}
    with judging(model):
        for inputs, targets in on_device(model, batches):
            gradient = by_weights(loss(model, weights, inputs, targets), weights, again=True)
            total = added(total, product(gradient, weights, flow))
    return {name: weights[name].detach() * value / examples for name, value in total.items()}
