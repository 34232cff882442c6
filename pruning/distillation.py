"""Learning from a trained network's soft answers (Hinton et al. 2015, arXiv 1503.02531)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pruning.evaluate import logits
from pruning.surgery import duplicate


def twin(teacher: nn.Module, device: torch.device, layout: torch.memory_format) -> nn.Module:
    """A copy to ask, in eval mode; the given network is left as it is."""
    copy = duplicate(teacher, {}).to(device).eval()
    copy.to(memory_format=layout)
    return copy


@torch.no_grad()
def answers(teacher: nn.Module, inputs: Tensor) -> Tensor:
    """Class scores (N, classes); the inputs are the student's too, so that an operation in place must not reach them."""
    return logits(teacher(inputs.clone()))


def distance(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """T²·KL(softmax(teacher / T) ‖ softmax(student / T)) of scores (N, classes), mean over examples.

    T² keeps the gradients as large as those of the labels, whatever the temperature (section 2).
    """
    soft, hard = (F.log_softmax(scores.float() / temperature, 1) for scores in (teacher, student))
    return temperature**2 * F.kl_div(hard, soft, reduction="batchmean", log_target=True)
