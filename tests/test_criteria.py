"""Contract of every criterion."""

import pytest
import torch
from tiny import DATA, SINGLES, Tiny, network, scores
from torch import nn
from torch.utils.checkpoint import checkpoint

from pruning import score, trace
from pruning.channels.map import ChannelMap
from pruning.choices import CriterionName
from pruning.criteria import CRITERIA, scores_of
from pruning.criterion_cards import CARDS
from pruning.errors import UserError

DRAWN = ("random", "hessian")  # by seed, unit by unit: a permuted network draws in another order


@pytest.fixture(name="network")
def tiny() -> Tiny:
    return network()


def test_every_criterion_has_a_card_and_is_implemented() -> None:
    assert set(CRITERIA) == set(CARDS) == set(CriterionName)
    assert all(card.title and card.equation and card.definition.endswith(".") for card in CARDS.values())
    assert all(card.link.startswith("https://") and card.paper for card in CARDS.values())


@pytest.mark.parametrize("criterion", CRITERIA)
def test_one_finite_score_per_unit_the_same_every_time(network: Tiny, criterion: str) -> None:
    first, second = scores(network, criterion), scores(network, criterion)
    assert {name: len(s) for name, s in first.items()} == {"conv1": 6, "conv2": 4}
    assert all(s.isfinite().all() and torch.equal(s, second[name]) for name, s in first.items())


@pytest.mark.parametrize("at", ["layer", "norm"])
@pytest.mark.parametrize("criterion", [c for c in CRITERIA if c not in DRAWN])
def test_permuting_channels_permutes_scores(network: Tiny, criterion: str, at: str) -> None:
    before, order = scores(network, criterion, at=at)["conv1"], torch.randperm(6)
    permuted(network, order)
    torch.testing.assert_close(scores(network, criterion, at=at)["conv1"], before[order])


def permuted(network: Tiny, order: torch.Tensor) -> None:
    norm = network.bn
    with torch.no_grad():
        for tensor in (network.conv1.weight, network.conv1.bias, norm.weight, norm.bias, norm.running_mean):
            tensor.copy_(tensor[order].clone())
        network.conv2.weight.copy_(network.conv2.weight[:, order].clone())


@pytest.mark.parametrize("at", ["layer", "norm"])
@pytest.mark.parametrize("criterion", [c for c in CRITERIA if CARDS[c].needs_data])
def test_the_batch_size_does_not_matter(network: Tiny, criterion: str, at: str) -> None:
    torch.testing.assert_close(scores(network, criterion, SINGLES, at=at), scores(network, criterion, at=at))


@pytest.mark.parametrize("criterion", [c for c in CRITERIA if CARDS[c].needs_data])
def test_every_batch_counts_and_one_pass_of_an_iterator_is_enough(network: Tiny, criterion: str) -> None:
    torch.testing.assert_close(scores(network, criterion, iter(DATA)), scores(network, criterion))
    first = scores(network, criterion, DATA[:1])
    assert criterion in ("hrank", "thinet") or not torch.equal(first["conv1"], scores(network, criterion)["conv1"])


@pytest.mark.parametrize("criterion", CRITERIA)
def test_scoring_leaves_network_and_data_as_they_were(network: Tiny, criterion: str) -> None:
    network.train()
    network.bn2.eval()
    network.conv1.weight.requires_grad_(False)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    scores(network, criterion)
    assert [m.training for m in network.modules()] == [True, True, True, True, False, True]
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(p.grad is None and p.requires_grad == (n != "conv1.weight") for n, p in network.named_parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())
    assert not any(x.requires_grad or x.grad is not None for x, _ in DATA)


def test_several_criteria_at_once_score_as_each_alone(network: Tiny) -> None:
    found = scores_of(network, trace(network, torch.empty(1, 2, 8, 8)), list(CRITERIA), data=DATA, at="norm")
    torch.testing.assert_close(found, {c: scores(network, c, at="norm") for c in CRITERIA})


def test_a_frozen_layer_is_judged_like_any_other(network: Tiny) -> None:
    free = {c: scores(network, c) for c in CRITERIA}
    network.requires_grad_(False)
    torch.testing.assert_close({c: scores(network, c) for c in CRITERIA}, free)


def test_what_cannot_be_scored_is_told_in_a_sentence(network: Tiny) -> None:
    plain = nn.Sequential(nn.Conv2d(2, 4, 3), nn.Flatten(), nn.Linear(4 * 36, 3))
    with pytest.raises(UserError, match="bn-scale needs batch norm"):
        scores(plain, "bn-scale")
    with pytest.raises(UserError, match="criterion='l3' is not one of l1, l2"):
        scores(network, "l3")
    with pytest.raises(UserError, match="taylor needs data"):
        score(network, trace(network, torch.empty(1, 2, 8, 8)), "taylor")
    with pytest.raises(UserError, match="hrank looks at feature maps"):
        scores(nn.Sequential(nn.Flatten(), nn.Linear(128, 8), nn.ReLU(), nn.Linear(8, 3)), "hrank")
    with torch.no_grad():
        network.conv1.weight[0] = torch.nan
    with pytest.raises(UserError, match="not finite"):
        scores(network, "l1")


def test_without_second_derivatives_curvature_is_refused() -> None:
    hard = nn.Sequential(nn.Flatten(), nn.Linear(128, 8), nn.Hardsigmoid(), nn.Linear(8, 3))
    with pytest.raises(UserError, match="no second derivatives"):
        scores(hard, "hessian")
    assert scores(hard, "fisher").keys() == {"1"}


class Rerun(Tiny):
    """Computes its activations anew in the backward pass, to save memory."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return checkpoint(super().forward, x, use_reentrant=False)


def test_a_network_that_runs_anew_in_the_backward_pass_is_refused_or_scored_right(network: Tiny) -> None:
    again = Rerun().eval()
    again.load_state_dict(network.state_dict())
    torch.testing.assert_close(scores(again, "snip"), scores(network, "snip"))
    with pytest.raises(UserError, match="SynFlow cannot run this network"):
        scores(again, "synflow")


class OneWay(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        raise RuntimeError("there is no way back")


class Dammed(Tiny):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return OneWay.apply(super().forward(x))


@pytest.mark.parametrize("criterion", ["taylor", "snip"])
def test_what_torch_cannot_do_is_told_in_a_sentence_and_leaves_the_others(criterion: str) -> None:
    names = [CriterionName.L1, CriterionName(criterion)]
    model = Dammed()
    found = scores_of(model, trace(model, torch.empty(1, 2, 8, 8)), names, data=DATA)
    assert str(found[names[1]]) == f"{criterion} cannot be computed on this network: there is no way back"
    assert found[CriterionName.L1]["conv1"].shape == (6,)


def test_no_groups_give_no_scores(network: Tiny) -> None:
    assert score(network, ChannelMap((), (), (), (), (), (2, 8, 8)), "thinet", data=DATA) == {}


def test_bn_scale_leaves_groups_without_batch_norm_alone() -> None:
    mixed = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4 * 36, 8), nn.ReLU(), nn.Linear(8, 3)
    )
    assert scores(mixed, "bn-scale").keys() == {"0"}
    assert scores(mixed, "taylor", at="norm").keys() == {"0", "3"}  # one behind its norm, one at the layer
