"""One network held against every claim: trace, cut in half, prove, count again, run at another batch size, train a step."""

import resource
import time
from collections import Counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from benchmarks.networks import PROVEN_AT, build, randomise
from pruning import Plan, allocate, prune, score, trace, verify
from pruning.channels.map import ChannelMap
from pruning.equivalence import exact

PROOF_SIZES = (
    64,
    128,
)  # images to prove on, where a network takes them: a large one's float64 pass takes minutes at 224
LARGE = 100e6  # parameters; larger networks are proven once
CANNOT = (RuntimeError, AssertionError, ValueError, IndexError)  # what networks raise at a size they are not made for
Row = dict[str, Any]


def examine(name: str) -> Row:
    """What was measured; raises whatever a claim that does not hold raises."""
    network, size = build(name)
    randomise(network)
    network.eval()
    example = torch.empty(1, 3, size, size)
    started = time.perf_counter()
    channels = trace(network, example)
    seconds = time.perf_counter() - started
    side = PROVEN_AT.get(name) or proof_side(network, size)
    half = allocate(channels, score(network, channels, "l1"), share=0.5)
    row = described(channels, half) | {"name": name, "size": size, "proof_size": side, "seconds": seconds}
    row["difference"] = proven(network, half, side, example)
    if channels.counts().params < LARGE and channels.groups:
        row["random"] = proven(network, random_plan(network, channels), side, example)
    exactly = without_approximate(half)
    if row["approximate"] and exactly.keep:
        row["exact_part"] = proven(network, exactly, side, example)
    return row | {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}


def described(channels: ChannelMap, plan: Plan) -> Row:
    before, after = channels.counts(), plan.counts()
    layers, units = Counter[str](), Counter[str]()
    for left in channels.protected:
        layers[left.reason] += 1
        units[left.reason] += left.units
    return {
        "groups": len(channels.groups),
        "params": (before.params, after.params),
        "macs": (before.macs, after.macs),
        "approximate": not exact(plan),
        "left": [(layers[reason], units[reason], reason) for reason, _ in layers.most_common()],
    }


def without_approximate(plan: Plan) -> Plan:
    """The part of a plan that must be exact, in a network of which not everything is."""
    exactly = {g.name for g in plan.channels.groups if not g.approximate}
    return Plan(plan.channels, {name: kept for name, kept in plan.keep.items() if name in exactly})


def random_plan(network: nn.Module, channels: ChannelMap, seed: int = 1) -> Plan:
    """A different share of every group: equal ones hide mistakes."""
    generator = torch.Generator().manual_seed(seed)
    shares = {group.name: 0.9 * float(torch.rand((), generator=generator)) for group in channels.groups}
    return allocate(channels, score(network, channels, "l2"), shares=shares)


def proof_side(network: nn.Module, size: int) -> int:
    """The smallest image that the network takes, of those worth trying."""
    for side in PROOF_SIZES:
        try:
            with torch.no_grad():
                network(torch.zeros(2, 3, side, side))
        except CANNOT:
            continue
        return side
    return size


def proven(network: nn.Module, plan: Plan, side: int, example: Tensor) -> float:
    """The largest relative difference from the masked network, once every other claim holds."""
    small = prune(network, plan)
    images = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    difference = verify(network, small, plan, images)
    assert difference == difference, "the outputs are not finite, so nothing is proven"
    assert sum(p.numel() for p in small.parameters()) == plan.counts().params, "the parameters are not as foretold"
    assert trace(small, example).counts() == plan.counts(), "a second trace counts differently"
    runs(small, side)
    learns(small, side)
    return difference


def runs(small: nn.Module, side: int) -> None:
    with torch.no_grad():
        outs = tensors(small.eval()(torch.randn(3, 3, side, side)))
    assert all(len(out) == 3 and out.isfinite().all() for out in outs), "three images do not give three finite outputs"


def learns(small: nn.Module, side: int) -> None:
    """One step on the losses of all outputs, auxiliary heads included."""
    optimizer = torch.optim.SGD(small.parameters(), lr=1e-3)
    outs = tensors(small.train()(torch.randn(2, 3, side, side)))
    loss = torch.stack([nn.functional.cross_entropy(out.flatten(1), torch.tensor([0, 1])) for out in outs]).sum()
    loss.backward()
    gradients = [p.grad for p in small.parameters() if p.grad is not None]
    assert gradients, "no parameter has a gradient"
    assert all(g.isfinite().all() for g in gradients), "gradients are not finite"
    optimizer.step()


def tensors(output: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor) and leaf.is_floating_point()]
