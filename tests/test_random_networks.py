"""Random networks of random ops, cut by random plans: none is ever wrong. `drawn(seed)` shows the steps of a case."""

import copy
import functools
import math
from collections.abc import Callable

import pytest
import torch
from random_networks import CLASSES, INPUTS, OPS, SIDE, drawn, network
from torch import nn

from pruning import Plan, prune, trace, verify
from pruning.channels.map import ChannelMap

QUICK, SLOW = range(60), range(60, 240)
SEEDS = [*QUICK, *(pytest.param(seed, marks=pytest.mark.slow) for seed in SLOW)]


@functools.cache
def cuts(seed: int, blocks: str) -> tuple[nn.Module, list[tuple[Plan, nn.Module]]]:
    """The network, and two plans with what they leave: any number of each group's units, and one of each."""
    model = network(seed)
    channels = trace(model, torch.empty(1, INPUTS, SIDE, SIDE), blocks=blocks)
    plans = [planned(channels, seed, least) for least in (False, True)]
    return model, [(plan, prune(model, plan)) for plan in plans]


def planned(channels: ChannelMap, seed: int, least: bool) -> Plan:
    generator = torch.Generator().manual_seed(seed)
    keep = {}
    for group in channels.groups:
        count = 1 if least else int(torch.randint(1, group.units + 1, (), generator=generator))
        keep[group.name] = tuple(torch.randperm(group.units, generator=generator)[:count].sort()[0].tolist())
    return Plan(channels, keep)


def only_exact(plan: Plan) -> Plan:
    """The part of a plan that must not change what the rest computes."""
    exact = {group.name for group in plan.channels.groups if not group.approximate}
    return Plan(plan.channels, {name: kept for name, kept in plan.keep.items() if name in exact})


def every(test: Callable[[int, str], None]) -> Callable[[int, str], None]:
    """The test for every seed, with blocks cut inside and whole."""
    return pytest.mark.parametrize("blocks", ["inside", "whole"])(pytest.mark.parametrize("seed", SEEDS)(test))


@every
def test_pruned_is_the_masked_network(seed: int, blocks: str) -> None:
    model, pruned = cuts(seed, blocks)
    for plan, small in pruned:
        exact = only_exact(plan)
        assert verify(model, small if exact == plan else prune(model, exact), exact) < 1e-9
        assert exact == plan or math.isfinite(verify(model, small, plan))


@every
def test_counts_are_those_of_the_pruned_network(seed: int, blocks: str) -> None:
    for plan, small in cuts(seed, blocks)[1]:
        assert plan.counts().params == sum(p.numel() for p in small.parameters())


@every
def test_it_runs_at_another_batch_size(seed: int, blocks: str) -> None:
    for _, small in cuts(seed, blocks)[1]:
        assert copy.deepcopy(small)(torch.randn(3, INPUTS, SIDE, SIDE)).shape == (3, CLASSES)  # it may be in train mode


@every
def test_the_given_network_is_untouched(seed: int, blocks: str) -> None:
    (model, [(plan, small), _]), fresh = cuts(seed, blocks), network(seed)
    verify(model, small, plan)
    assert {m.training for m in model.modules()} == {drawn(seed).training}
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), fresh.state_dict().values(), strict=True))
    assert str(model) == str(fresh)


def test_every_op_is_among_the_quick_networks() -> None:
    assert {step.op for seed in QUICK for step in drawn(seed).steps} == set(OPS)


def test_most_quick_networks_lose_channels() -> None:
    lose = [seed for seed in QUICK if cuts(seed, "inside")[1][1][0].removed()]
    assert len(lose) >= 0.8 * len(QUICK)
