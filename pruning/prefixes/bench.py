"""A network and the images that it and its cuts are measured on."""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pruning.channels.map import ChannelMap
from pruning.data.dataset import Dataset
from pruning.evaluate import evaluation_batches, logits
from pruning.plan import Plan
from pruning.surgery import duplicate, prune

CACHED = 2**18  # numbers of input a batch: its feature maps stay in the processor's cache, which halves the time


@dataclass
class Bench:
    """What is measured: the network in eval mode on its device, in channels_last, and the validation images."""

    network: nn.Module
    data: Dataset
    device: torch.device
    is_lean: bool  # bf16 autocast


def prepare(model: nn.Module, data: Dataset, device: torch.device, *, is_lean: bool = False) -> Bench:
    """Takes a copy of the model, which stays as it was."""
    network = duplicate(model, {}).eval().to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Bench(network, data, device, is_lean)


def dense(bench: Bench) -> Tensor:
    """The uncut network's logits (N, classes), float32, on the CPU."""
    return plain(bench, bench.network)


def measure(bench: Bench, plans: Sequence[Plan]) -> list[Tensor]:
    """Logits (N, classes) of the network after each plan; plans that cut the same groups share most of the work."""
    return [plain(bench, prune(bench.network, plan)) for plan in plans]


def ordered(bench: Bench, channels: ChannelMap, names: Iterable[str]) -> list[str]:
    """Groups in the order in which they are measured fastest."""
    return list(names)


@torch.no_grad()
def plain(bench: Bench, network: nn.Module) -> Tensor:
    """Every image through the whole network."""
    with precision(bench):
        return torch.cat([logits(network(inputs)).float().cpu() for inputs in batches(bench)])


def batches(bench: Bench) -> Iterator[Tensor]:
    """The images in order, in batches of a size that suits the device."""
    data = bench.data
    size = None if bench.device.type == "cuda" else max(8, min(128, CACHED // math.prod(data.input_shape) // 8 * 8))
    for inputs, _ in evaluation_batches(data.validation_x, data.validation_y, data, bench.device, size=size):
        yield inputs.contiguous(memory_format=torch.channels_last) if inputs.dim() == 4 else inputs


def precision(bench: Bench) -> AbstractContextManager[None]:
    return torch.autocast(bench.device.type, torch.bfloat16, enabled=bench.is_lean, cache_enabled=False)
