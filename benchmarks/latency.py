"""Latency foretold and measured: 15 plans that no table has seen, for each network, batch and runtime. Writes latency.md.

    python -m benchmarks.latency [network:batch[:runtime] …]

Without names, all of CASES. Each plan's network is really cut; all are timed in two interleaved rounds, the least counts.
"""

import random
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

import models
from benchmarks.networks import one_thread
from benchmarks.tables import table
from pruning import measure, trace
from pruning.channels.map import ChannelMap
from pruning.latency import predict, rounded
from pruning.timefit import WHOLE, Probe
from pruning.timetable import Measured, clock_of, made, timed
from pruning.timetable import measure as tabled

PLANS = 15
ROUNDS = 2
SHAPES = {"scnnb": (1, 28, 28), "vgg16-cifar": (3, 32, 32), "resnet50": (3, 224, 224)}
CASES = [
    *(f"{name}:{batch}" for name in ("scnnb", "vgg16-cifar") for batch in (1, 32)),
    "resnet50:1",
    *(f"vgg16-cifar:1:{runtime}" for runtime in ("onnxruntime", "openvino")),
]
HEADER = [
    "network",
    "batch",
    "runtime",
    "dense, ms",
    "table made in, s",
    "within 10 %",
    "median error",
    "largest",
    "errors, %",
]


@dataclass(frozen=True)
class Row:
    name: str
    batch: int
    runtime: str
    found: Measured
    errors: list[float]
    drift: float  # how much slower the dense network was among the plans than when the table was made

    def steady(self) -> list[float]:
        """The errors of speed-ups over the dense network, as it was among the plans."""
        return [(1 + error) * self.drift - 1 for error in self.errors]

    def cells(self) -> list[str]:
        sizes = sorted(abs(error) for error in self.errors)
        return [
            self.name, str(self.batch), self.runtime, f"{self.found.dense_ms:.3g}", f"{self.found.seconds:.1f}",
            f"{within(self.errors)} of {len(sizes)}", f"{within(self.steady())} of {len(sizes)}", f"{sizes[len(sizes) // 2]:.1%}", f"{sizes[-1]:.1%}",
            " ".join(f"{100 * error:+.0f}" for error in self.errors),
        ]  # fmt: skip


def within(errors: list[float]) -> int:
    return sum(abs(error) <= 0.1 for error in errors)


def main() -> None:
    with one_thread():
        rows = []
        for case in sys.argv[1:] or CASES:
            rows.append(row(*case.split(":")))
            print(" | ".join(rows[-1].cells()), flush=True)
            if not sys.argv[1:]:
                Path(__file__).with_suffix(".md").write_text(page(rows))


def row(name: str, batch: str, runtime: str = "torch") -> Row:
    torch.manual_seed(0)
    shape, size = SHAPES[name], int(batch)
    network = models.build(name, in_channels=shape[0], image_size=shape[1]).eval()
    channels = trace(network, torch.zeros(2, *shape))
    found = tabled(network, channels, size, runtime=runtime)
    probes = [Probe(kept) for kept in ({}, *plans(channels))]
    x = torch.randn(size, *shape)
    with torch.inference_mode():
        for _ in range(ROUNDS):
            for probe in probes:
                timed(*made(network, channels, runtime, probe, x), clock_of(x.device, runtime), [], probe)
    dense, *errors = [predict(found.table, probe.kept) / (1e3 * probe.least[WHOLE]) - 1 for probe in probes]
    return Row(name, size, runtime, found, errors, 1 / (1 + dense))


def plans(channels: ChannelMap) -> list[dict[str, int]]:
    """A third of one share everywhere, a third of shares by group, a third of those rounded to 16."""
    source = random.Random(7)
    found = []
    for i in range(PLANS):
        even = source.uniform(0.2, 0.8)
        kept = {g.name: g.units * (1 - (even if i % 3 == 0 else source.uniform(0.1, 0.9))) for g in channels.groups}
        whole = {g.name: max(1, round(kept[g.name])) for g in channels.groups}
        found.append({g.name: rounded(whole[g.name], g.units, 16) for g in channels.groups} if i % 3 == 2 else whole)
    return found


def page(rows: list[Row]) -> str:
    of, good, steady = len(rows) * PLANS, sum(within(r.errors) for r in rows), sum(within(r.steady()) for r in rows)
    return f"""# Latency foretold and measured

`python -m benchmarks.latency`: {PLANS} plans a row that the table was not made from, a third cut by one share, a third by shares of
each group's own, a third of those rounded to 16. Times are the least of two interleaved rounds of at least two passes, CPU seconds of
one thread. {measure.machine()}, torch {torch.__version__}; {measure.load():.1f} programs a core wanted to run (0 to 0.5 would be idle).
Within 10 %: {good} of {of}; {steady} of {of} without drift: where the speed-up over the dense network, timed again among the plans, is compared.

{table(HEADER, [r.cells() for r in rows])}
"""


if __name__ == "__main__":
    main()
