"""The optimizer, its learning rate over time, and the penalty that network slimming adds to its gradients."""

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from pruning.freezing import is_trained
from pruning.spec import Optimizer, Schedule, TrainSettings


def optimizer(model: nn.Module, settings: TrainSettings) -> torch.optim.Optimizer:
    """SGD with Nesterov momentum, Adam (Kingma 2015) or RMSprop over the parameters that are not frozen."""
    weights = [p for p in model.parameters() if p.requires_grad]
    rate, decay, momentum = settings.learning_rate, settings.weight_decay, settings.momentum
    match settings.optimizer:
        case Optimizer.SGD:
            return torch.optim.SGD(
                weights, rate, momentum=momentum, weight_decay=decay, nesterov=momentum > 0, fused=True
            )
        case Optimizer.ADAM:
            return torch.optim.Adam(weights, rate, weight_decay=decay, fused=True)
        case Optimizer.RMSPROP:
            return torch.optim.RMSprop(weights, rate, momentum=momentum, weight_decay=decay)


def learning_rate(settings: TrainSettings, epoch: int) -> float:
    """The rate of the 0-based `epoch`: constant, half a cosine down to 0 (Loshchilov 2017), or steps."""
    match settings.schedule:
        case Schedule.COSINE:
            return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * epoch / settings.epochs))
        case Schedule.STEP:
            return float(settings.learning_rate * settings.step_factor ** (epoch // settings.step_epochs))
        case Schedule.CONSTANT:
            return settings.learning_rate


def scales(model: nn.Module, trained: Sequence[str] = ()) -> list[nn.Parameter]:
    """γ of every batch norm that learns; of those in `trained` only, if it names any."""
    norms = [(name, m.weight) for name, m in model.named_modules() if isinstance(m, _BatchNorm) and m.affine]
    return [gamma for name, gamma in norms if gamma.requires_grad and is_trained(f"{name}.weight", trained)]


@torch.no_grad()
def slim(model: nn.Module, penalty: float) -> None:
    """Add λ·sign(γ), a subgradient of λ Σ|γ|, to the gradients of batch norm's scales (Liu 2017, arXiv 1708.06519, eq. 1)."""
    for gamma in scales(model) if penalty else ():
        if gamma.grad is not None:
            gamma.grad.add_(gamma.sign(), alpha=penalty)
