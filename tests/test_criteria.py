"""Contract of every criterion, and each against a slow literal reference on a tiny network."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pruning import score, trace
from pruning.criteria import CRITERIA
from pruning.errors import UserError


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2, 6, 3)
        self.bn = nn.BatchNorm2d(6)
        self.conv2 = nn.Conv2d(6, 4, 3)
        self.bn2 = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn(self.conv1(x)))
        return self.fc(F.relu(self.bn2(self.conv2(x)), inplace=True).mean((2, 3)))


@pytest.fixture
def network() -> Tiny:
    torch.manual_seed(3)
    network = Tiny()
    nn.init.uniform_(network.bn.weight, 0.5, 1.5)
    return network.eval()


DATA = [(torch.randn(8, 2, 8, 8, generator=torch.Generator().manual_seed(s)), torch.arange(8) % 3) for s in (1, 2)]


def scores(network: nn.Module, criterion: str, data: list[tuple[Tensor, Tensor]] = DATA) -> dict[str, Tensor]:
    return score(network, trace(network, torch.empty(1, 2, 8, 8)), criterion, data=data)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_one_finite_score_per_unit_the_same_every_time(network: Tiny, criterion: str) -> None:
    first, second = scores(network, criterion), scores(network, criterion)
    assert {name: len(s) for name, s in first.items()} == {"conv1": 6, "conv2": 4}
    assert all(s.isfinite().all() and torch.equal(s, second[name]) for name, s in first.items())


@pytest.mark.parametrize("criterion", [c for c in CRITERIA if c not in ("random", "hessian")])
def test_permuting_channels_permutes_scores(network: Tiny, criterion: str) -> None:
    before, order = scores(network, criterion)["conv1"], torch.randperm(6)
    with torch.no_grad():
        for tensor in (network.conv1.weight, network.conv1.bias, network.bn.weight, network.bn.bias):
            tensor.copy_(tensor[order].clone())
        network.conv2.weight.copy_(network.conv2.weight[:, order].clone())
    torch.testing.assert_close(scores(network, criterion)["conv1"], before[order])


def test_taylor_does_not_depend_on_the_batch_size(network: Tiny) -> None:
    single = [(x[i : i + 1], y[i : i + 1]) for x, y in DATA for i in range(8)]
    torch.testing.assert_close(scores(network, "taylor", single), scores(network, "taylor"))


def test_norms_are_the_sums_they_claim(network: Tiny) -> None:
    filters = network.conv1.weight.detach().flatten(1)
    torch.testing.assert_close(scores(network, "l1")["conv1"], filters.abs().sum(1))
    torch.testing.assert_close(scores(network, "l2")["conv1"], filters.norm(dim=1))
    torch.testing.assert_close(scores(network, "bn-scale")["conv1"], network.bn.weight.detach().abs())


def test_taylor_is_the_papers_formula(network: Tiny) -> None:
    """Molchanov 2017, eq. 8, one example at a time with an explicit activation."""
    total = torch.zeros(6)
    for x, y in DATA:
        for i in range(len(y)):
            a = network.conv1(x[i : i + 1]).detach().requires_grad_()
            rest = F.relu(network.bn2(network.conv2(F.relu(network.bn(a))))).mean((2, 3))
            (g,) = torch.autograd.grad(F.cross_entropy(network.fc(rest), y[i : i + 1]), a)
            total += (a * g).mean((0, 2, 3)).abs().detach()
    torch.testing.assert_close(scores(network, "taylor")["conv1"], total / 16)


def test_scoring_leaves_the_network_as_it_was(network: Tiny) -> None:
    network.train()
    scores(network, "taylor")
    assert network.training
    assert all(p.grad is None for p in network.parameters())


def test_what_cannot_be_scored_is_told_in_a_sentence(network: Tiny) -> None:
    plain = nn.Sequential(nn.Conv2d(2, 4, 3), nn.Flatten(), nn.Linear(4 * 36, 3))
    with pytest.raises(UserError, match="bn-scale needs batch norm"):
        scores(plain, "bn-scale")
    with pytest.raises(UserError, match="criterion='l3' is not one of l1, l2"):
        scores(network, "l3")
    with pytest.raises(UserError, match="taylor needs data"):
        score(network, trace(network, torch.empty(1, 2, 8, 8)), "taylor")


def test_bn_scale_leaves_groups_without_batch_norm_alone() -> None:
    mixed = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4 * 36, 8), nn.ReLU(), nn.Linear(8, 3)
    )
    assert scores(mixed, "bn-scale").keys() == {"0"}
