"""A construct of the zoo: a small network, and the outcome that pruning it must have."""

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Units = Mapping[str, int | None]  # group → its units; None: any number


def images(batch: int) -> tuple[Tensor, ...]:
    return (torch.randn(batch, 3, 8, 8),)


def rows(batch: int) -> tuple[Tensor, ...]:
    return (torch.randn(batch, 5, 6),)


@dataclass(frozen=True)
class Case:
    """What must come of a network; whatever is not named may be anything that is proven."""

    network: nn.Module
    exact: Units = field(default_factory=dict)  # groups that go exactly
    approximate: Units = field(default_factory=dict)  # groups that go and say that the function changes
    alone: Mapping[str, str] = field(default_factory=dict)  # layers left alone → regular expression of the reason
    doubtful: tuple[str, ...] = ()  # layers of which either is right but exactness
    whole: Units | None = None  # groups where entire blocks go
    inputs: Callable[[int], tuple[Any, ...]] = images

    def fresh(self) -> nn.Module:
        """A copy with random values wherever new layers have ones and zeros, which hide mistakes."""
        torch.manual_seed(0)
        network = copy.deepcopy(self.network)
        with torch.no_grad():
            for parameter in network.parameters():
                scale = 1 / math.sqrt(parameter[0].numel()) if parameter.dim() > 1 else 0.7
                nn.init.normal_(parameter, 0.1, scale)
            for name, buffer in network.named_buffers():
                if name.endswith("running_var"):
                    nn.init.uniform_(buffer, 0.5, 2)
                elif name.endswith("running_mean"):
                    nn.init.normal_(buffer)
        return network


class Net(nn.Module):
    """conv(3→8), BN, ReLU, then `function`, then global pool and a classifier; x is (N, 8, 8, 8)."""

    def __init__(self, function: Callable[..., Tensor], width: int, /, **parts: Any) -> None:
        super().__init__()
        self.conv, self.bn = conv(3, 8), nn.BatchNorm2d(8)
        self.function = function
        set_parts(self, parts)
        self.fc = nn.Linear(width, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.function(self, F.relu(self.bn(self.conv(x))))
        return self.fc(x.flatten(2).mean(2) if x.dim() > 2 else x)


class Tokens(nn.Module):
    """linear(6→12), then `function`, then the mean over five tokens and a classifier; x is (N, 5, 12)."""

    def __init__(self, function: Callable[..., Tensor], width: int, /, **parts: Any) -> None:
        super().__init__()
        self.embed = nn.Linear(6, 12)
        self.function = function
        set_parts(self, parts)
        self.fc = nn.Linear(width, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.function(self, self.embed(x))
        return self.fc(x.mean(1) if x.dim() > 2 else x)


class Whole(nn.Module):
    """A function of a module with parts as a network."""

    def __init__(self, function: Callable[..., Any], /, **parts: Any) -> None:
        super().__init__()
        self.function = function
        set_parts(self, parts)

    def forward(self, *inputs: Any) -> Any:
        return self.function(self, *inputs)


def set_parts(module: nn.Module, parts: Mapping[str, Any]) -> None:
    """Layers, parameters and plain attributes as they are; a tensor is a buffer."""
    for name, part in parts.items():
        if isinstance(part, Tensor) and not isinstance(part, nn.Parameter):
            module.register_buffer(name, part)
        else:
            setattr(module, name, part)


def conv(i: int, o: int, size: int = 3, **more: Any) -> nn.Conv2d:
    return nn.Conv2d(i, o, size, padding=size // 2, **more)


def parameter(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.ones(shape))


OUTCOMES = ("exact", "approximate", "alone", "doubtful", "whole", "inputs")


def net(function: Callable[..., Tensor], width: int, /, **more: Any) -> Case:
    """A case around `Net`: outcomes by their names, all else are the network's parts."""
    return case(Net, function, width, **more)


def tokens(function: Callable[..., Tensor], width: int = 12, /, **more: Any) -> Case:
    return case(Tokens, function, width, **({"inputs": rows} | more))


def whole(function: Callable[..., Any], /, **more: Any) -> Case:
    return case(Whole, function, **more)


def case(kind: Callable[..., nn.Module], /, *arguments: Any, **more: Any) -> Case:
    outcomes = {name: more.pop(name) for name in OUTCOMES if name in more}
    return Case(kind(*arguments, **more), **outcomes)
