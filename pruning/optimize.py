"""The optimizer and its learning rate over time."""

import math

import torch
from torch import nn

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
