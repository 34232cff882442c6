"""The scan of single groups against cutting and evaluating each: time, and whether it finds the same.

    PRUNING_DATA=… python -m benchmarks.scan [network …] [--rounds 1]     (weights/resnet*.th and cifar10-jpeg.zip in that folder)

Writes scan.md. For every group in turn: the plain way, the same in small batches, in parts with fp32, in parts with bf16.
"""

import argparse
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import models
from benchmarks.networks import one_thread, randomise
from benchmarks.resnet56 import cifar10
from benchmarks.tables import machine, table
from pruning import allocate, prefixes, prune, score, trace
from pruning.checkpoint import load_weights
from pruning.data.dataset import Dataset
from pruning.evaluate import evaluate
from pruning.plan import Plan
from pruning.prefixes.bench import plain
from pruning.run import data_home
from pruning.sensitivity import sample
from pruning.spec import ScanSettings

CPU, SHARES = torch.device("cpu"), ScanSettings().shares
WEIGHTS = {"resnet20-cifar": "resnet20-12fca82f.th", "resnet56-cifar": "resnet56-4bfd9763.th"}
EVERY = {
    "scnnb": 1,
    "vgg16-cifar": 3,
    "resnet20-cifar": 1,
    "resnet56-cifar": 5,
}  # each how manyth group: all take an hour
WAYS = ("plain", "small batches", "fp32", "bf16")
HEADER = (
    "network",
    "groups × shares",
    "plain, s",
    "small batches",
    "in parts, fp32",
    "and bf16",
    "same arg-max",
    "largest difference",
)
HEAD = """# Scan of single groups

Each group alone without {shares} of its filters, L1 norm, {images} validation images. *plain*: every cut network is made and evaluated as a whole, by
`evaluate`; the other columns say how many times faster, by processor time of one thread, each group measured in all four ways in turn; in brackets the
rounds, {rounds}. *small batches*: whole networks, but in batches whose feature maps fit the cache, in channels_last; *in parts*: what
`python -m pruning scan` does, without the points at which groups are cut together. *same arg-max*: shares at which the most sensitive
group is the same as the plain way's, fp32 and bf16; *largest difference*: of an accuracy, likewise. ResNets have public weights and see CIFAR-10; the others' weights and
images are random, which says nothing of arg-max. {machine}, torch {torch}, other jobs running. Made by `python -m benchmarks.scan`.
"""


@dataclass
class Found:
    """Seconds by way, one a round, and accuracies by way: (group, share) of the last round."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {way: [] for way in WAYS})
    accuracies: dict[str, list[list[float]]] = field(default_factory=dict)
    groups: int = 0

    def ratio(self, way: str) -> str:
        each = [a / b for a, b in zip(self.seconds["plain"], self.seconds[way], strict=True)]
        return f"{np.median(each):.1f}× ({' · '.join(f'{r:.1f}' for r in each)})"

    def same(self, way: str) -> str:
        mine, plain_way = (np.array(self.accuracies[w]) for w in (way, "plain"))
        return f"{(mine.argmin(0) == plain_way.argmin(0)).sum()}/{mine.shape[1]}"

    def difference(self, way: str) -> str:
        return f"{np.abs(np.array(self.accuracies[way]) - np.array(self.accuracies['plain'])).max():.2%}"


def network(name: str) -> tuple[nn.Module, Dataset]:
    size, channels = (28, 1) if name == "scnnb" else (32, 3)
    model = models.build(name, in_channels=channels, num_classes=10, image_size=size).eval()
    if name in WEIGHTS:
        load_weights(model, data_home() / "weights" / WEIGHTS[name])
        return model, sample(cifar10(str(data_home() / "cifar10-jpeg.zip")), ScanSettings())
    randomise(model)
    random = np.random.default_rng(0)
    x, y = random.integers(0, 255, (512, channels, size, size), np.uint8), random.integers(0, 10, 512)
    names = tuple(map(str, range(10)))
    return model, Dataset("random", names, (0.5,) * channels, (0.25,) * channels, x, y, x, y, x, y, image_size=size)


def compared(name: str, rounds: int) -> Found:
    model, data = network(name)
    channels = trace(model, torch.zeros(2, *data.input_shape))
    scores, found = score(model, channels, "l1"), Found()
    groups = [group.name for group in channels.groups][:: EVERY[name]]
    for _ in range(rounds):
        found.groups, found.accuracies = len(groups), {way: [] for way in WAYS}
        spent = dict.fromkeys(WAYS, 0.0)
        ways = ways_of(model, data, spent)
        for group in groups:
            plans = [allocate(channels, scores, shares={group: share}) for share in SHARES]
            for way, work in ways.items():
                began = time.process_time()
                found.accuracies[way].append(work(plans))
                spent[way] += time.process_time() - began
        for way, seconds in spent.items():
            found.seconds[way].append(seconds)
    return found


def ways_of(
    model: nn.Module, data: Dataset, spent: dict[str, float]
) -> dict[str, Callable[[Sequence[Plan]], list[float]]]:
    """Plans → accuracies, four ways; what recording takes counts."""

    def right(logits: Tensor) -> float:
        return float((logits.argmax(1).numpy() == data.validation_y).mean())

    def naive(plans: Sequence[Plan]) -> list[float]:
        return [evaluate(prune(model, p), data.validation_x, data.validation_y, data)["accuracy"] for p in plans]

    benches = {}
    for way, is_lean in (("fp32", False), ("bf16", True)):
        began = time.process_time()
        benches[way] = prefixes.prepare(model, data, CPU, is_lean=is_lean)
        spent[way] += time.process_time() - began
    slow, lean = benches["fp32"], benches["bf16"]
    return {
        "plain": naive,
        "small batches": lambda plans: [right(plain(slow, prune(slow.network, p))) for p in plans],
        "fp32": lambda plans: [right(y) for y in prefixes.measure(slow, plans)],
        "bf16": lambda plans: [right(y) for y in prefixes.measure(lean, plans)],
    }


def cells(name: str, found: Found) -> list[str]:
    ratios = [found.ratio(way) for way in WAYS[1:]]
    told = [" · ".join(tell(way) for way in ("fp32", "bf16")) for tell in (found.same, found.difference)]
    argmax, difference = told if name in WEIGHTS else ("–", told[1])
    return [
        name,
        f"{found.groups} × {len(SHARES)}",
        f"{np.median(found.seconds['plain']):.1f}",
        *ratios,
        argmax,
        difference,
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--rounds", type=int, default=1)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = []
    for name in chosen.names or EVERY:
        rows.append(cells(name, compared(name, chosen.rounds)))
        print(*rows[-1], sep=" | ", flush=True)
    shares = ", ".join(f"{share:.0%}" for share in SHARES)
    head = HEAD.format(shares=shares, images=512, rounds=chosen.rounds, machine=machine(), torch=torch.__version__)
    if not chosen.names:
        Path(__file__).with_suffix(".md").write_text(f"{head}\n{table(HEADER, rows)}\n")


if __name__ == "__main__":
    with one_thread():
        main()
