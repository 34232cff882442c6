"""Measures: torchinfo's golden totals, MACs and bytes as the channel map counts them, latency."""

import pytest
import torch
import toy

import models
from pruning import allocate, measure, prune, score, timing, trace

NETWORKS = [("fashion-cnn", (1, 28, 28)), ("scnnb", (1, 28, 28)), ("resnet20-cifar", (3, 32, 32)), ("iris-mlp", (4,))]


def mult_adds(table):
    """Sum of the last column of torchinfo's table."""
    cells = [line.split()[-1].replace(",", "") for line in table.splitlines() if "─" in line]
    return sum(int(cell) for cell in cells if cell.isdigit())


def test_the_summary_has_document_001s_golden_totals():
    dense = models.build("fashion-cnn")
    channels = trace(dense, torch.zeros(2, 1, 28, 28))
    plan = allocate(channels, score(dense, channels, "l1"), shares={"conv1": 1 / 8, "conv2": 6 / 16})
    before, after = (measure.summary(network, (1, 28, 28)) for network in (dense, prune(dense, plan)))
    assert ("Total params: 126,698" in before, mult_adds(before)) == (True, 1_103_882)
    assert ("Total params: 79,120" in after, mult_adds(after)) == (True, 635_050)


@pytest.mark.parametrize(("name", "shape"), NETWORKS)
def test_macs_and_bytes_are_what_the_channel_map_counts(name, shape):
    network = models.build(name)
    counts = trace(network, torch.zeros(2, *shape)).counts()
    assert measure.macs(network, shape) == counts.macs
    assert measure.stored_bytes(network) == counts.bytes


def test_latency_is_ordered_and_says_where_it_was_measured():
    found = measure.latency(toy.network().train(), (1, 8, 8), batch=2)
    assert 0 < found["p10_ms"] <= found["median_ms"] <= found["p90_ms"]
    assert (found["batch"], found["threads"], found["device"]) == (2, torch.get_num_threads(), "cpu")


def test_passes_that_other_programs_interrupt_are_repeated():
    calm, busy = [1.0] * measure.ROUNDS, [1.0, 9.0] * (measure.ROUNDS // 2)
    assert measure.is_enough(calm)
    assert not measure.is_enough(calm[1:])
    assert not measure.is_enough(busy)


def test_measuring_leaves_mode_and_weights_alone():
    network = toy.network().train()
    before = toy.digest(network)
    measure.summary(network, (1, 8, 8)), measure.macs(network, (1, 8, 8)), measure.latency(network, (1, 8, 8))
    assert network.training
    assert toy.digest(network) == before


def test_a_larger_network_takes_longer_an_image():
    small, large = (timing.seconds_per_image(models.build(n), (1, 28, 28), 10) for n in ("mnist-cnn-small", "scnnb"))
    assert 0 < small < large
