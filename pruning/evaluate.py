"""How well a network does: its loss in training, its loss and accuracy on held-out examples."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from pruning.data.batches import batches
from pruning.data.dataset import Dataset, Pixels
from pruning.spec import Augment


@torch.no_grad()
def evaluate(
    model: nn.Module, x: Pixels, y: NDArray[np.int64], dataset: Dataset, device: torch.device | str = "cpu"
) -> dict[str, float]:
    """Mean loss and accuracy (share in 0..1) in eval mode; moves the model to `device`.

    Always in float32: a number that is reported must be what whoever loads the network finds.
    """
    training = model.training
    model.to(device).eval()
    sums = torch.zeros(2, dtype=torch.float64, device=device)
    for inputs, targets in evaluation_batches(x, y, dataset, device):
        outputs = logits(model(inputs))
        correct = (outputs.argmax(1) == targets).sum()
        sums += torch.stack([F.cross_entropy(outputs, targets, reduction="sum").double(), correct.double()])
    model.train(training)
    total, right = (sums / len(y)).tolist()
    return {"loss": total, "accuracy": right}


def evaluation_batches(
    x: Pixels, y: NDArray[np.int64], dataset: Dataset, device: torch.device | str, *, size: int | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Every example once, in order and unchanged; by default as many a batch as make about 4 million numbers."""
    fitting = min(1024, max(16, 2**22 // math.prod(dataset.input_shape)))
    return batches(
        x,
        y,
        size=size or fitting,
        seed=0,
        epoch=0,
        mean=dataset.mean,
        std=dataset.std,
        augment=Augment.NONE,
        device=device,
        shuffle=False,
        image_size=dataset.image_size,
    )


def loss(outputs: Tensor | Sequence[Tensor | None], targets: Tensor) -> Tensor:
    """Cross-entropy; auxiliary heads count 0.3 each (GoogLeNet has two) or 0.4 (Inception-v3 has one)."""
    auxiliary = [] if isinstance(outputs, Tensor) else [head for head in outputs[1:] if head is not None]
    share = 0.3 if len(auxiliary) > 1 else 0.4
    total = F.cross_entropy(logits(outputs).float(), targets)
    for head in auxiliary:
        total = total + share * F.cross_entropy(head.float(), targets)
    return total


def logits(outputs: Tensor | Sequence[Tensor | None]) -> Tensor:
    """The class scores (N, classes) of a network that may return auxiliary heads after them."""
    head = outputs if isinstance(outputs, Tensor) else outputs[0]
    assert head is not None
    return head
