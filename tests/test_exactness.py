"""Parameters and MACs in closed form are those of the really pruned network, to the unit, for any plan."""

import functools

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

import models
from pruning import Plan, prune, trace
from pruning.channels.map import ChannelMap
from pruning.measure import macs, stored_bytes

NETWORKS = {  # name → side of the image
    "mnist-cnn": 28, "fashion-cnn": 28, "scnnb": 28, "vgg16-cifar": 32, "resnet20-cifar": 32, "resnet56-cifar": 32,
    "alexnet": 64, "vgg11_bn": 32, "squeezenet1_1": 64, "resnet18": 32, "resnet50": 32, "resnext50_32x4d": 32,
    "densenet121": 32, "googlenet": 64, "mobilenet_v2": 32, "mobilenet_v3_small": 32, "efficientnet_b0": 32,
    "shufflenet_v2_x1_0": 32, "regnet_y_400mf": 32, "convnext_tiny": 32,
}  # fmt: skip


@functools.cache
def traced(name: str) -> tuple[nn.Module, ChannelMap, tuple[int, ...]]:
    """The network without its weights: counts need none."""
    size = NETWORKS[name]
    network = models.build(name, num_classes=10, image_size=size)
    shape = (models.MODELS[name].in_channels, size, size)
    channels = trace(network, torch.empty(1, *shape))
    return network.to("meta").eval(), channels, shape


def plans(channels: ChannelMap) -> st.SearchStrategy[Plan]:
    """Any number of every group's units, from one to all, and any of them."""
    kept = st.tuples(*(st.integers(1, group.units) for group in channels.groups))
    return st.builds(functools.partial(drawn, channels), kept, st.integers(0, 2**31))


def drawn(channels: ChannelMap, kept: tuple[int, ...], seed: int) -> Plan:
    generator = torch.Generator().manual_seed(seed)
    orders = (torch.randperm(group.units, generator=generator) for group in channels.groups)
    chosen = (order[:n].sort()[0].tolist() for order, n in zip(orders, kept, strict=True))
    return Plan(channels, {g.name: tuple(units) for g, units in zip(channels.groups, chosen, strict=True)})


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
@settings(max_examples=10, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_counts_in_closed_form_are_exact(name: str, data: st.DataObject) -> None:
    network, channels, shape = traced(name)
    plan = data.draw(plans(channels))
    small, told = prune(network, plan), plan.counts()
    assert told.params == sum(p.numel() for p in small.parameters())
    assert told.bytes == stored_bytes(small)
    assert told.macs == macs(small, shape)
