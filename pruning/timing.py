"""How long training will take here, from one timed step."""

import time

import torch
from torch import nn

from pruning.evaluate import loss
from pruning.optimize import optimizer
from pruning.spec import TrainSettings

SLOW, LONG = (
    1.0,
    0.125,
)  # seconds: of a first step that is taken for all, of a step that the next larger one is not tried after
SIZES = (2, 8, 32, 128)  # images a step


def seconds_per_image(model: nn.Module, input_shape: tuple[int, ...], classes: int) -> float:
    """Seconds of a training step divided by its images, on the CPU in float32; changes the model's weights."""
    updates = optimizer(model.train(), TrainSettings())
    took = timed(model, updates, SIZES[0], input_shape, classes)  # the first one warms up
    each = [took / SIZES[0]]
    for size in SIZES:
        if took > (SLOW if len(each) == 1 else LONG):
            break
        took = timed(model, updates, size, input_shape, classes)
        each.append(took / size)
    return min(each)  # few images share the cost of a whole step, and other programs only slow one down


def timed(
    model: nn.Module, updates: torch.optim.Optimizer, size: int, input_shape: tuple[int, ...], classes: int
) -> float:
    """Seconds of one training step on random examples."""
    inputs, targets = torch.randn(size, *input_shape), torch.randint(classes, (size,))
    began = time.perf_counter()
    step(model, updates, inputs, targets)
    return time.perf_counter() - began


def step(model: nn.Module, updates: torch.optim.Optimizer, inputs: torch.Tensor, targets: torch.Tensor) -> None:
    total = loss(model(inputs), targets)
    updates.zero_grad()
    total.backward()  # type: ignore[no-untyped-call]
    updates.step()
