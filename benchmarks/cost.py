"""What each step of the engine costs, and how it grows with the number of ops. Writes cost.md and cost.svg.

python -m benchmarks.cost [name …] [--rounds 7]
"""

import argparse
import gc
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.networks import build, one_thread, randomise
from benchmarks.replan import recount, replan
from benchmarks.tables import machine, table
from pruning import allocate, prune, score, trace

FAMILIES = {
    "ResNet": ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"],
    "DenseNet": ["densenet121", "densenet169", "densenet201"],
}
FOLDER = Path(__file__).parent
HEADER = ["network", "ops", "groups", "trace, ms", "µs an op", "score + plan, ms", "prune, ms", "re-plan, ms", "re-count, ms"]  # fmt: skip
HEAD = """# Cost of the engine

Medians of {rounds} interleaved rounds, milliseconds of processor time, one thread; {machine}, torch {torch}. *trace* includes the certificate (cut copies run beside the dense network); *ops* are ATen
ops of one forward pass. *re-plan*: new shares → a plan with the indices of its filters, and its parameters and MACs; *re-count*: new shares →
parameters and MACs. Made by `python -m benchmarks.cost`.

![Milliseconds to trace against the number of ops: a straight line for each family](cost.svg)
"""


Work = Callable[[], object]


@dataclass(frozen=True)
class Cost:
    name: str
    ops: int
    groups: int
    times: dict[str, list[float]]  # step → ms, one a round
    replan: float  # ms
    recount: float  # ms

    def milliseconds(self, step: str) -> float:
        return statistics.median(self.times[step])


class Counter(TorchDispatchMode):
    ops = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.ops += 1
        return func(*args, **(kwargs or {}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--rounds", type=int, default=7)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    costs = measured(chosen.names or list(chain(*FAMILIES.values())), chosen.rounds)
    rows = table(HEADER, map(cells, costs))
    if chosen.names:
        print(rows)
        return
    head = HEAD.format(rounds=chosen.rounds, machine=machine(), torch=torch.__version__)
    (FOLDER / "cost.md").write_text(f"{head}\n{rows}\n")
    chart(costs).write_image(FOLDER / "cost.svg")


def measured(names: list[str], rounds: int) -> list[Cost]:
    """Every round goes through all networks, so that no network has a quieter machine than another."""
    prepared = [prepare(name) for name in names]
    for _ in range(rounds):
        for cost, steps in prepared:
            for step, work in steps.items():
                cost.times[step].append(milliseconds(work))
    return [cost for cost, _ in prepared]


def prepare(name: str) -> tuple[Cost, dict[str, Work]]:
    """A network with its steps, which have each run once."""
    network, size = build(name)
    randomise(network)
    network.eval()
    example = torch.zeros(1, 3, size, size)
    channels = trace(network, example)
    scores = score(network, channels, "l1")
    plan = allocate(channels, scores, share=0.5)
    steps: dict[str, Work] = {
        "trace": lambda: trace(network, example),
        "plan": lambda: allocate(channels, score(network, channels, "l1"), share=0.5),
        "prune": lambda: prune(network, plan),
    }
    again = replan(channels, scores) * 1e3, recount(channels) * 1e3
    times: dict[str, list[float]] = {step: [] for step in steps}
    return Cost(name, ops(network, example), len(channels.groups), times, *again), steps


def ops(network: nn.Module, example: torch.Tensor) -> int:
    counter = Counter()
    with torch.no_grad(), counter:
        network(example)
    return counter.ops


def milliseconds(work: Work) -> float:
    """Processor time: other jobs on the machine count little."""
    gc.collect()
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1e3


def cells(row: Cost) -> list[str]:
    traced, planned, pruned = (row.milliseconds(step) for step in ("trace", "plan", "prune"))
    counted = [str(row.ops), str(row.groups), f"{traced:,.0f}", f"{traced * 1e3 / row.ops:,.0f}"]
    return [row.name, *counted, f"{planned:,.0f}", f"{pruned:,.0f}", f"{row.replan:.2f}", f"{row.recount:.2f}"]


COLOURS = {"ResNet": ("#0072B2", "circle"), "DenseNet": ("#D55E00", "square")}


def chart(costs: list[Cost]) -> Any:
    """Milliseconds against ops, a line through the origin for each family."""
    import plotly.graph_objects as go  # Chromium draws it, so only the whole run needs it

    figure = go.Figure()
    for family, names in FAMILIES.items():
        points = [row for row in costs if row.name in names]
        colour, symbol = COLOURS[family]
        x, y = [row.ops for row in points], [row.milliseconds("trace") for row in points]
        slope = sum(a * b for a, b in zip(x, y, strict=True)) / sum(a * a for a in x)
        far = max(x)
        figure.add_scatter(
            x=x, y=y, text=[row.name for row in points], name=f"{family}: {slope * 1e3:,.0f} µs an op",
            mode="markers+text", textposition="bottom right", marker={"color": colour, "symbol": symbol, "size": 10},
        )  # fmt: skip
        line = {"color": colour, "width": 1, "dash": "dot"}
        figure.add_scatter(x=[0, far], y=[0, slope * far], mode="lines", line=line, showlegend=False)
    figure.update_xaxes(title="ATen ops of a forward pass", range=[0, 1.2 * max(row.ops for row in costs)])
    figure.update_yaxes(title="trace with certificate, ms", rangemode="tozero")
    legend = {"x": 0.02, "y": 0.98, "xanchor": "left", "yanchor": "top"}
    return figure.update_layout(
        template="plotly_white", width=760, height=440, legend=legend, margin={"t": 20, "r": 20}
    )


if __name__ == "__main__":
    with one_thread():
        main()
