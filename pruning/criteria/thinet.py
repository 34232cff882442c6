"""ThiNet: the order in which channels go when each next one costs the layers behind least (Luo et al. 2017, arXiv 1707.06342, section 3.2).

What channel c adds to one output of a layer behind, w·x over c's part of the window, is sampled at random positions and
outputs of every example. Removing the channels T changes the outputs by Σ over samples of (Σ over c in T of what c adds)².
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pruning.channels.map import ChannelMap
from pruning.criteria.gradients import judging, on_device
from pruning.criteria.units import Batch, with_starts

SAMPLES = 10  # positions and outputs of every example and layer, as in the paper
Grams = dict[str, Tensor]  # group -> (units, units): Σ over samples of what one channel adds × what the other adds


def judge(model: nn.Module, channels: ChannelMap, data: Iterable[Batch] | None, seed: int) -> dict[str, Tensor]:
    """Place of each unit in the order of removal, from 1/units (goes first) to 1."""
    grams: Grams = {}
    behind = consumers(model, channels)
    handles = [
        layer.register_forward_pre_hook(recorder(labels_of(channels, name), grams, seed + number))
        for number, (name, layer) in enumerate(behind.items())
    ]
    try:
        with judging(model), torch.no_grad():
            for inputs, _ in on_device(model, data or ()):
                model(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return {group: places(order(gram)) for group, gram in grams.items()}


def consumers(model: nn.Module, channels: ChannelMap) -> dict[str, nn.Conv2d | nn.Linear]:
    """Layers whose weights are cut along their inputs."""
    cut = {name: units[1] for name, units in channels.units.items() if len(units) > 1}
    return {
        name: layer
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Conv2d | nn.Linear) and cut.get(f"{name}.weight") is not None
    }


def labels_of(channels: ChannelMap, layer: str) -> dict[str, tuple[int, Tensor]]:
    """Per group its units, and which of them each input of the layer is (`units`: none)."""
    units, found = torch.from_numpy(channels.units[f"{layer}.weight"][1]), {}
    for start, group in with_starts(channels):
        inside = (units >= start) & (units < start + group.units)
        if inside.any():
            found[group.name] = group.units, torch.where(inside, units - start, group.units)
    return found


def recorder(labels: dict[str, tuple[int, Tensor]], grams: Grams, seed: int) -> Callable[[nn.Module, Any], None]:
    generator = torch.Generator().manual_seed(seed)

    def record(layer: nn.Module, inputs: Any) -> None:
        added = (of_conv if isinstance(layer, nn.Conv2d) else of_linear)(layer, inputs[0], generator).double()
        for group, (units, label) in labels.items():
            by_unit = added.new_zeros(len(added), units + 1).index_add_(1, label.to(added.device), added)[:, :units]
            grams[group] = grams.get(group, 0) + by_unit.T @ by_unit

    return record


def of_linear(layer: Any, x: Tensor, generator: torch.Generator) -> Tensor:
    """What every input adds at sampled positions and outputs, (samples, inputs)."""
    rows = x.reshape(len(x), -1, x.shape[-1])  # (N, positions, inputs)
    example, position, output = draw(generator, len(x), rows.shape[1], len(layer.weight), x.device)
    added: Tensor = rows[example, position] * layer.weight[output]
    return added


def of_conv(layer: Any, x: Tensor, generator: torch.Generator) -> Tensor:
    """The same of a convolution, summed over its window; inputs are those of one conv group."""
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    padded = F.pad(x, layer._reversed_padding_repeated_twice, mode=mode)
    height, width = (
        (padded.shape[i + 2] - layer.dilation[i] * (layer.kernel_size[i] - 1) - 1) // layer.stride[i] + 1
        for i in (0, 1)
    )
    example, position, output = draw(generator, len(x), height * width, len(layer.weight), x.device)
    rows, columns = (
        start[:, None] * layer.stride[i] + layer.dilation[i] * torch.arange(layer.kernel_size[i], device=x.device)
        for i, start in enumerate((position // width, position % width))
    )
    inputs = layer.weight.shape[1]
    block = output // (len(layer.weight) // layer.groups)
    channel = block[:, None] * inputs + torch.arange(inputs, device=x.device)
    window = padded[
        example[:, None, None, None], channel[:, :, None, None], rows[:, None, :, None], columns[:, None, None]
    ]
    added: Tensor = (window * layer.weight[output]).sum((2, 3))
    return added


def draw(
    generator: torch.Generator, examples: int, positions: int, outputs: int, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Example, position and output of each sample; one example after the other, so that batches don't matter."""
    drawn = [
        (
            torch.randint(positions, (SAMPLES,), generator=generator),
            torch.randint(outputs, (SAMPLES,), generator=generator),
        )
        for _ in range(examples)
    ]
    position, output = (torch.cat(parts).to(device) for parts in zip(*drawn, strict=True))
    return torch.arange(examples, device=device).repeat_interleave(SAMPLES), position, output


def order(gram: Tensor) -> list[int]:
    """Units in the order of removal: each next one is the least loss together with those that are gone."""
    alone, crossed = gram.diagonal().clone(), torch.zeros_like(gram[0])
    gone: list[int] = []
    for _ in range(len(gram)):
        pick = int((alone + 2 * crossed).argmin())
        gone.append(pick)
        crossed = crossed + gram[pick]
        alone[pick] = torch.inf
    return gone


def places(gone: list[int]) -> Tensor:
    found = torch.empty(len(gone))
    found[gone] = torch.arange(1, len(gone) + 1) / len(gone)
    return found
