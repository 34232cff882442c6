"""The cut, and that the proof would notice a wrong one; what is kept stands in test_kept.py."""

import copy

import pytest
import torch
from torch import nn

import models
from pruning import allocate, prune, score, trace
from pruning.equivalence import VerifyError, verify
from pruning.errors import UserError
from pruning.plan import Plan


def small_network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 36, 4))


def half(network: nn.Module) -> Plan:
    channels = trace(network, torch.empty(1, 1, 8, 8))
    return allocate(channels, score(network, channels, "l1"), share=0.5)


def test_the_given_network_is_untouched_and_nothing_is_shared() -> None:
    network = small_network()
    before = copy.deepcopy(network.state_dict())
    small = prune(network, half(network))
    with torch.no_grad():
        for tensor in (*small.parameters(), *small.buffers()):
            tensor.zero_()
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_a_pruned_network_trains() -> None:
    small = prune(network := small_network(), half(network)).train()
    small(torch.randn(2, 1, 8, 8)).sum().backward()
    assert all(p.grad is not None for p in small.parameters())


def test_pruning_twice_is_exact_too() -> None:
    network = small_network()
    once = prune(network, half(network))
    plan = half(once)
    assert verify(once, prune(once, plan), plan) < 1e-12


@pytest.mark.parametrize("damage", ["weight", "running_mean", "order"])
def test_the_proof_notices_a_wrong_cut(damage: str) -> None:
    network = small_network()
    plan = half(network)
    small = prune(network, plan)
    with torch.no_grad():
        if damage == "order":
            small[0].weight.copy_(small[0].weight.flip(0))
        else:
            getattr(small[1], damage)[0] += 1e-6
    with pytest.raises(VerifyError, match="differs from its masked original"):
        verify(network, small, plan)


def test_zero_outputs_prove_nothing() -> None:
    network = small_network()
    for parameter in network[4].parameters():
        nn.init.zeros_(parameter)
    plan = half(network)
    with pytest.raises(VerifyError, match="all outputs are zero"):
        verify(network, prune(network, plan), plan)


def test_a_plan_for_another_network_changes_nothing() -> None:
    other = nn.Sequential(nn.Conv2d(1, 9, 3), nn.BatchNorm2d(9), nn.ReLU(), nn.Flatten(), nn.Linear(9 * 36, 4))
    with pytest.raises(UserError, match="does not fit this network"):
        prune(other, half(small_network()))


def test_the_public_resnet56_checkpoint_prunes_and_verifies(real_data) -> None:
    from pruning.checkpoint import load_weights

    network = models.build("resnet56-cifar", in_channels=3, num_classes=10, image_size=32)
    load_weights(network, real_data / "weights" / "resnet56-4bfd9763.th")
    channels = trace(network, torch.empty(1, 3, 32, 32))
    plan = allocate(channels, score(network, channels, "l1"), share=0.5)
    assert verify(network, prune(network, plan), plan) < 1e-12
