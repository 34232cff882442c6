"""How long the engine takes: trace with certificate, score + plan + prune, and a re-count, on torchvision networks.

python -m benchmarks.trace [name …]
"""

import platform
import statistics
import sys
import time
from collections.abc import Callable

import torch
import torchvision

from pruning import allocate, prune, score, trace

NAMES = ["vgg16", "resnet18", "resnet50", "resnet152", "densenet121", "densenet201", "mobilenet_v3_large", "googlenet"]


def milliseconds(work: Callable[[], object], *, rounds: int) -> float:
    """Median of `rounds` runs."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def row(name: str) -> str:
    more = {"init_weights": False} if name == "googlenet" else {}
    network = torchvision.models.get_model(name, **more)
    example = torch.empty(1, 3, 224, 224)
    channels = trace(network, example)
    plan = allocate(channels, score(network, channels, "l1"), share=0.5)
    times = (
        milliseconds(lambda: trace(network, example), rounds=3),
        milliseconds(lambda: allocate(channels, score(network, channels, "l1"), share=0.5), rounds=3),
        milliseconds(lambda: prune(network, plan), rounds=3),
        milliseconds(plan.counts, rounds=20),
    )
    before, after = channels.counts(), plan.counts()
    return (
        f"| {name} | {len(channels.groups)} | {before.params / 1e6:.2f} → {after.params / 1e6:.2f} M | "
        f"{before.macs / 1e9:.2f} → {after.macs / 1e9:.2f} G | " + " | ".join(f"{t:.1f}" for t in times) + " |"
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(f"{platform.processor() or platform.machine()}, 1 thread, torch {torch.__version__}; medians, ms\n")
    print(
        "| network | groups | parameters at half | MACs at half | trace + certificate | score + plan | prune | re-count |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for chosen in sys.argv[1:] or NAMES:
        print(row(chosen), flush=True)
