"""A network of two convolutions with batch norm, and its data: small enough for literal references by loops."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pruning import score, trace


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2, 6, 3)
        self.bn = nn.BatchNorm2d(6)
        self.conv2 = nn.Conv2d(6, 4, 3)
        self.bn2 = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.behind(self.bn(self.conv1(x)))

    def behind(self, x: Tensor) -> Tensor:
        """From the first batch norm's output on."""
        return self.fc(F.relu(self.bn2(self.conv2(F.relu(x))), inplace=True).mean((2, 3)))


def network() -> Tiny:
    torch.manual_seed(3)
    network = Tiny()
    for norm in (network.bn, network.bn2):
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, std=0.2)
        norm.running_mean.normal_(std=0.2)
    return network.eval()


DATA = [(torch.randn(8, 2, 8, 8, generator=torch.Generator().manual_seed(s)), torch.arange(8) % 3) for s in (1, 2)]
SINGLES = [(x[i : i + 1], y[i : i + 1]) for x, y in DATA for i in range(8)]


def scores(network: nn.Module, criterion: str, data=DATA, **wishes) -> dict[str, Tensor]:
    return score(network, trace(network, torch.empty(1, 2, 8, 8)), criterion, data=data, **wishes)


def watched(network: Tiny, at: str = "layer") -> Iterator[tuple[Tensor, Tensor]]:
    """Activation and gradient (channels, height, width) of conv1, or behind its norm, one example at a time."""
    for x, y in SINGLES:
        a = network.conv1(x) if at == "layer" else network.bn(network.conv1(x))
        a = a.detach().requires_grad_()
        output = network.behind(network.bn(a) if at == "layer" else a)
        (g,) = torch.autograd.grad(F.cross_entropy(output, y), a)
        yield a.detach()[0], g[0]


def mean_loss(network: nn.Module) -> Tensor:
    """Over all examples, in the network's own precision."""
    dtype = next(network.parameters()).dtype
    x, y = (torch.cat(parts) for parts in zip(*DATA, strict=True))
    return F.cross_entropy(network(x.to(dtype)), y)
