"""Side by side with Torch-Pruning: half of every group by L1, from a fresh network to a pruned one. Writes versus.md.

    pip install torch-pruning==1.6.1
    python -m benchmarks.versus [name …] [--rounds 6]

One process, one thread; both get the same networks and take turns, ours first in one round and theirs in the next.
Ours: trace with its certificate, scores, plan, surgery (a new network). Theirs: MagnitudePruner and one step (in place).
"""

import argparse
import copy
import gc
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from benchmarks.memory import peak_growth, stored_bytes
from benchmarks.networks import build, one_thread, randomise
from benchmarks.replan import recount, replan
from benchmarks.tables import amount, machine, table
from pruning import allocate, prune, score, trace

NAMES = [
    "alexnet",
    "vgg11",
    "vgg16",
    "vgg16_bn",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnext50_32x4d",
    "wide_resnet50_2",
    "densenet121",
    "densenet169",
    "densenet201",
    "googlenet",
    "squeezenet1_0",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
    "mnasnet1_0",
    "efficientnet_b0",
    "efficientnet_v2_s",
    "regnet_x_400mf",
    "regnet_y_400mf",
    "convnext_tiny",
    "vit_b_16",
]
CLASSES = 1000
Cut = Callable[[nn.Module, Tensor], nn.Module]


@dataclass(frozen=True)
class Compared:
    name: str
    ours: list[float]  # seconds, one a round
    theirs: list[float]
    replan: float  # seconds: new shares → plan, parameters, MACs
    recount: float  # seconds: new shares → parameters, MACs
    memory: tuple[float, float]  # ours, theirs: most memory at once ÷ the network's bytes
    params: tuple[int, int, int]  # before, after ours, after theirs

    def ratio(self) -> float:
        return statistics.median(self.theirs) / statistics.median(self.ours)

    def spread(self) -> tuple[float, float]:
        each = [theirs / ours for ours, theirs in zip(self.ours, self.theirs, strict=True)]
        return min(each), max(each)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--rounds", type=int, default=6)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    compared("squeezenet1_0", 1)  # both have imported what they need
    results = []
    for name in chosen.names or NAMES:
        results.append(compared(name, chosen.rounds))
        print(f"{name:20} {results[-1].ratio():6.1f}×", flush=True)
    text = page(results, chosen.rounds)
    print(text) if chosen.names else (Path(__file__).parent / "versus.md").write_text(text)


def ours(network: nn.Module, example: Tensor) -> nn.Module:
    channels = trace(network, example)
    return prune(network, allocate(channels, score(network, channels, "l1"), share=0.5))


def theirs(network: nn.Module, example: Tensor) -> nn.Module:
    import torch_pruning

    importance = torch_pruning.importance.MagnitudeImportance(p=1)
    pruner = torch_pruning.pruner.MagnitudePruner(
        network, example, importance, pruning_ratio=0.5, ignored_layers=outputs(network), num_heads=heads(network)
    )
    pruner.step()
    return network


def outputs(network: nn.Module) -> list[nn.Module]:
    layers = [m for m in network.modules() if isinstance(m, nn.Linear | _ConvNd)]
    return [m for m in layers if len(m.weight) == CLASSES]


def heads(network: nn.Module) -> dict[nn.Module, int]:
    return {m: m.num_heads for m in network.modules() if isinstance(m, nn.MultiheadAttention)}


def compared(name: str, rounds: int) -> Compared:
    network, size = build(name)
    randomise(network)
    network.eval()
    example = torch.zeros(1, 3, size, size)
    times: dict[Cut, list[float]] = {ours: [], theirs: []}
    small: dict[Cut, nn.Module] = {}
    for i in range(rounds):
        for cut in (ours, theirs) if i % 2 == 0 else (theirs, ours):
            small[cut], seconds = timed(cut, network, example)
            times[cut].append(seconds)
    for result in small.values():
        runs(result, example)
    memory = tuple(growth(cut, network, example) for cut in (ours, theirs))
    params = tuple(sum(p.numel() for p in n.parameters()) for n in (network, small[ours], small[theirs]))
    channels = trace(network, example)
    planned, counted = replan(channels, score(network, channels, "l1")), recount(channels)
    return Compared(name, times[ours], times[theirs], planned, counted, memory, params)


def timed(cut: Cut, network: nn.Module, example: Tensor) -> tuple[nn.Module, float]:
    fresh = copy.deepcopy(network)
    gc.collect()
    started = time.perf_counter()
    small = cut(fresh, example)
    return small, time.perf_counter() - started


def growth(cut: Cut, network: nn.Module, example: Tensor) -> float:
    return 1 + peak_growth(lambda: cut(network, example)) / stored_bytes(network)


def runs(network: nn.Module, example: Tensor) -> None:
    with torch.no_grad():
        network(example)


HEADER = ["network", "ours, ms", "Torch-Pruning, ms", "faster", "spread", "re-count, ms", "faster", "re-plan, ms", "faster", "memory, ours", "theirs"]  # fmt: skip
HEAD = """# Beside Torch-Pruning {version}

Half of every group by L1, from a fresh network to a pruned one; median of {rounds} interleaved rounds, one thread, the same process, the same
networks. Ours traces, checks its own trace by cutting a copy, scores, plans and cuts into a new network; theirs builds a MagnitudePruner and takes
one step in place. *re-count*: new shares → parameters and MACs; *re-plan*: new shares → a plan with the indices of its filters, parameters and MACs.
Torch-Pruning has to start over for either, so their ratios are to the third column. *memory*: the process's high water while pruning, the network included, as a multiple of the network's own bytes.

**Median of the ratios: {median:.1f}× faster, slowest {low:.1f}×, re-count {recount:,.0f}×, re-plan {replan:,.0f}×.** {machine}, torch {torch}.
Made by `python -m benchmarks.versus`.
"""


def page(results: list[Compared], rounds: int) -> str:
    ratios = [r.ratio() for r in results]
    theirs_each = [statistics.median(r.theirs) for r in results]
    head = HEAD.format(
        version=version("torch-pruning"),
        rounds=rounds,
        median=statistics.median(ratios),
        low=min(ratios),
        recount=statistics.median(t / r.recount for t, r in zip(theirs_each, results, strict=True)),
        replan=statistics.median(t / r.replan for t, r in zip(theirs_each, results, strict=True)),
        machine=machine(),
        torch=torch.__version__,
    )
    return f"{head}\n{table(HEADER, map(cells, results))}\n"


def cells(row: Compared) -> list[str]:
    low, high = row.spread()
    both = [statistics.median(times) * 1e3 for times in (row.ours, row.theirs)]
    return [
        f"{row.name} ({' → '.join(amount(n) for n in row.params[:2])}; theirs {amount(row.params[2])})",
        *(f"{ms:,.0f}" for ms in both),
        f"{row.ratio():.1f}×",
        f"{low:.1f} – {high:.1f}",
        *(cell for s in (row.recount, row.replan) for cell in (f"{s * 1e3:.2f}", f"{both[1] / 1e3 / s:,.0f}×")),
        *(f"{times:.2f}×" for times in row.memory),
    ]


if __name__ == "__main__":
    with one_thread():
        main()
