"""Every construct of the zoo ends exact, approximate or left alone with the reason; none wrong, none crashing."""

import copy
import functools
import math
import re

import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map
from zoo import ZOO

from pruning import allocate, prune, score, trace
from pruning.channels.map import ChannelMap
from pruning.equivalence import verify
from pruning.plan import Plan

PLANS = (1, 2, "least")
WHOLE = [name for name, case in ZOO.items() if case.whole]


@functools.cache
def traced(name: str, blocks: str = "inside") -> tuple[nn.Module, ChannelMap]:
    network = ZOO[name].fresh()
    return network, trace(network, ZOO[name].inputs(2), blocks=blocks)


def planned(network: nn.Module, channels: ChannelMap, kind: int | str) -> Plan:
    """A different random share of every group, or one or two units of each: equal shares hide mistakes."""
    generator = torch.Generator().manual_seed(kind if isinstance(kind, int) else 0)
    if kind == "least":
        keep = {}
        for i, group in enumerate(channels.groups):
            order = torch.randperm(group.units, generator=generator)[: 1 + i % 2]
            keep[group.name] = tuple(order.sort()[0].tolist())
        return Plan(channels, keep)
    shares = {g.name: 0.9 * float(torch.rand((), generator=generator)) for g in channels.groups}
    return allocate(channels, score(network, channels, "l2"), shares=shares)


def only_exact(plan: Plan) -> Plan:
    """The part of a plan that does not change what the rest computes."""
    approximate = {g.name for g in plan.channels.groups if g.approximate}
    return Plan(plan.channels, {name: kept for name, kept in plan.keep.items() if name not in approximate})


def given(name: str, batch: int) -> tuple[object, ...]:
    torch.manual_seed(batch)
    return ZOO[name].inputs(batch)


def shapes(network: nn.Module, name: str, batch: int) -> list[tuple[int, ...]]:
    with torch.no_grad():
        return [tuple(t.shape) for t in floats(network.eval()(*given(name, batch)))]


def floats(output: object) -> list[Tensor]:
    """All floating tensors of an output; a plain object's attributes count as well."""
    leaves = tree_leaves(tree_map(lambda leaf: vars(leaf) if hasattr(leaf, "__dataclass_fields__") else leaf, output))
    return [leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf.is_floating_point()]


def trained(network: nn.Module, name: str) -> set[str]:
    """The parameters that have a gradient after one step in train mode."""
    torch.manual_seed(0)
    loss = sum(t.square().sum() for t in floats(network.train()(*given(name, 3))))
    loss.backward()
    assert math.isfinite(loss.item())
    return {key for key, parameter in network.named_parameters() if parameter.grad is not None}


def misses(channels: ChannelMap, name: str, blocks: str) -> list[str]:
    """What of a construct's outcome did not come true, in words."""
    case = ZOO[name]
    groups = {g.name: g for g in channels.groups}
    reasons: dict[str, list[str]] = {}
    for p in channels.protected:
        reasons.setdefault(p.name, []).append(p.reason)
    exact = case.whole if blocks == "whole" and case.whole else case.exact
    wanted = [(n, u, False) for n, u in exact.items()]
    wanted += [(n, u, True) for n, u in case.approximate.items() if n not in exact]
    found = []
    for group, units, approximate in wanted:
        if group not in groups:
            found.append(f"{group} is left alone: {reasons.get(group)}")
        elif units not in (None, groups[group].units):
            found.append(f"{group} has {groups[group].units} units, not {units}")
        elif blocks == "inside" and bool(groups[group].approximate) != approximate:
            found.append(f"{group} approximate={groups[group].approximate!r}")
    for layer, pattern in case.alone.items() if blocks == "inside" else ():
        if not any(re.search(pattern, reason) for reason in reasons.get(layer, [])):
            found.append(f"{layer} should be left alone as {pattern!r}: {reasons.get(layer, 'it is prunable')}")
    careless = [g for g in case.doubtful if g in groups and not groups[g].approximate] if blocks == "inside" else []
    return found + [f"{group} says that it is exact" for group in careless]


CASES = [*((name, "inside") for name in ZOO), *((name, "whole") for name in WHOLE)]
every = pytest.mark.parametrize(("name", "blocks"), CASES, ids=[f"{n}-{b}" if b == "whole" else n for n, b in CASES])


@every
def test_the_outcome_is_the_one_it_must_be(name: str, blocks: str) -> None:
    _, channels = traced(name, blocks)
    assert misses(channels, name, blocks) == []
    assert all(p.reason for p in channels.protected)


@every
@pytest.mark.parametrize("kind", PLANS)
def test_pruning_is_the_function_it_should_be(name: str, blocks: str, kind: int | str) -> None:
    network, channels = traced(name, blocks)
    plan = planned(network, channels, kind)
    exact = only_exact(plan)
    assert verify(network, prune(network, exact), exact, given(name, 2)) < 1e-12
    if exact != plan:
        assert math.isfinite(verify(network, prune(network, plan), plan, given(name, 2)))


@every
@pytest.mark.parametrize("kind", PLANS)
def test_counts_are_those_of_the_pruned_network(name: str, blocks: str, kind: int | str) -> None:
    network, channels = traced(name, blocks)
    plan = planned(network, channels, kind)
    small = prune(network, plan)
    told, found = plan.counts(), trace(small, ZOO[name].inputs(2), blocks=blocks).counts()
    assert told.params == found.params == sum(p.numel() for p in small.parameters())
    assert told.bytes == found.bytes
    if "einsum" not in name or min(plan.kept().values()) > 1:  # einsum leaves out a matmul over one channel
        assert told.macs == found.macs


@every
def test_it_runs_and_trains_as_before(name: str, blocks: str) -> None:
    network, channels = traced(name, blocks)
    small, dense = prune(network, planned(network, channels, 1)), copy.deepcopy(network)
    assert shapes(small, name, 3) == shapes(dense, name, 3)
    assert trained(dense, name) == trained(small, name)


@every
def test_the_given_network_is_untouched(name: str, blocks: str) -> None:
    network, channels = traced(name, blocks)
    plan = planned(network, channels, 1)
    verify(network, prune(network, only_exact(plan)), only_exact(plan), given(name, 2))
    assert network.training
    before = ZOO[name].fresh().state_dict()
    assert all(torch.equal(before[key], tensor) for key, tensor in network.state_dict().items())


def test_the_zoo_is_large() -> None:
    assert len(ZOO) >= 70
