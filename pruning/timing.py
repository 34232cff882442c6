"""How long training will take here, from one timed step."""

import time

import torch
from torch import nn

from pruning.evaluate import loss
from pruning.optimize import optimizer
from pruning.spec import TrainSettings

LONG = 0.3  # seconds: a step that takes longer is representative, and a bigger one would keep the reader waiting
SIZES = (2, 16, 128)  # images a step


def seconds_per_image(model: nn.Module, input_shape: tuple[int, ...], classes: int) -> float:
    """Seconds of a training step divided by its images, on the CPU in float32; changes the model's weights."""
    updates = optimizer(model.train(), TrainSettings())
    for size in (SIZES[0], *SIZES):  # the first one warms up
        began = time.perf_counter()
        step(model, updates, torch.randn(size, *input_shape), torch.randint(classes, (size,)))
        took = time.perf_counter() - began
        if took > LONG:
            break
    return took / size


def step(model: nn.Module, updates: torch.optim.Optimizer, inputs: torch.Tensor, targets: torch.Tensor) -> None:
    total = loss(model(inputs), targets)
    updates.zero_grad()
    total.backward()  # type: ignore[no-untyped-call]
    updates.step()
