"""How much of the saved MACs is saved time: measured speed-up ÷ MAC ratio, widths as they fall and rounded to 16. Writes speedup.md.

    python -m benchmarks.speedup

Every group of a network loses one share. Dense and pruned are timed in turn, the least of all rounds counts.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse

import models
from benchmarks.networks import one_thread
from benchmarks.tables import table
from pruning import measure, trace
from pruning.channels.map import ChannelMap
from pruning.latency import rounded
from pruning.runtimes import runner
from pruning.timetable import clock_of, cut

ROUNDS = 7
LASTING = 0.05  # seconds of passes in a round, at least one pass
SHARES = (0.45, 0.63)
NETWORKS = {"vgg16-cifar": (3, 32, 32), "resnet50": (3, 224, 224)}
Pass = Callable[[], object]
HEADER = [
    "network",
    "batch",
    "share",
    "run by",
    "MACs saved ×, as they fall",
    "speed-up",
    "÷",
    "MACs saved ×, to 16",
    "speed-up",
    "÷",
]


def plain(model: nn.Module, x: Tensor) -> Pass:
    return lambda: model(x)


def last(model: nn.Module, x: Tensor) -> Pass:
    """channels_last; a copy, as it changes the weights' layout."""
    other = fuse(model).to(memory_format=torch.channels_last)
    given = x.to(memory_format=torch.channels_last)
    return lambda: other(given)


WAYS: dict[str, Callable[[nn.Module, Tensor], Pass]] = {
    "torch": plain,
    "torch, batch norm folded": lambda model, x: plain(fuse(model), x),
    "torch, folded, channels_last": last,
    "ONNX Runtime": lambda model, x: runner("onnxruntime", model, x),
    "OpenVINO": lambda model, x: runner("openvino", model, x),
}


def main() -> None:
    rows = []
    with one_thread():
        for name in NETWORKS:
            for batch in (1, 32) if name != "resnet50" else (1,):
                for share in SHARES:
                    rows += rows_of(name, batch, share)
                    Path(__file__).with_suffix(".md").write_text(page(rows))


def rows_of(name: str, batch: int, share: float) -> list[list[str]]:
    torch.manual_seed(0)
    shape = NETWORKS[name]
    network = models.build(name, in_channels=shape[0], image_size=shape[1]).eval()
    channels, x = trace(network, torch.zeros(2, *shape)), torch.randn(batch, *shape)
    plans = {"dense": {}, "falls": kept(channels, share, 1), "rounded": kept(channels, share, 16)}
    return [[name, str(batch), f"{share:.0%}", way, *cells(network, channels, x, plans, way)] for way in WAYS]


def kept(channels: ChannelMap, share: float, multiple: int) -> dict[str, int]:
    return {g.name: rounded(round(g.units * (1 - share)), g.units, multiple) for g in channels.groups}


@torch.inference_mode()
def cells(
    network: nn.Module, channels: ChannelMap, x: Tensor, plans: Mapping[str, Mapping[str, int]], way: str
) -> list[str]:
    passes = {what: WAYS[way](cut(network, channels, plan).eval(), x) for what, plan in plans.items()}
    clock = clock_of(x.device, "torch" if way.startswith("torch") else "other")
    times = least(passes, clock)
    dense = channels.counts().macs
    found: list[str] = []
    for what in ("falls", "rounded"):
        saved, faster = dense / channels.counts(plans[what]).macs, times["dense"] / times[what]
        found += [f"{saved:.2f}", f"{faster:.2f}", f"{faster / saved:.2f}"]
    print(way, found, {what: f"{1e3 * took:.2f} ms" for what, took in times.items()}, flush=True)
    return found


def least(passes: Mapping[str, Pass], clock: Callable[[], float]) -> dict[str, float]:
    """Seconds of a pass, the least round of each; all take their turn in every round."""
    found: dict[str, list[float]] = {what: [] for what in passes}
    for run in passes.values():
        run()
    for _ in range(ROUNDS):
        for what, run in passes.items():
            found[what].append(seconds(run, clock))
    return {what: min(times) for what, times in found.items()}


def seconds(run: Pass, clock: Callable[[], float]) -> float:
    times: list[float] = []
    while sum(times) < LASTING:
        began = clock()
        run()
        times.append(max(1e-7, clock() - began))
    return statistics.median(times)


def page(rows: list[list[str]]) -> str:
    return f"""# Time saved ÷ MACs saved

`python -m benchmarks.speedup`: every group loses the same share, kept widths as they fall and rounded to multiples of 16. Dense, unrounded and
rounded take their turn in {ROUNDS} rounds, the least counts; CPU seconds of one thread, {time.strftime("%Y-%m-%d")}. {measure.machine()},
torch {torch.__version__}; {measure.load():.1f} programs a core wanted to run (0 to 0.5 would be idle). Over 1: noise, or weights and
activations that fit a cache again.

{chr(10).join(summary(rows, name) for name in NETWORKS)}

{table(HEADER, rows)}
"""


def summary(rows: list[list[str]], name: str) -> str:
    """The least of each way's ratios, unrounded and rounded."""
    told = []
    for way in WAYS:
        mine = [row for row in rows if row[0] == name and row[3] == way]
        if mine:
            told.append(f"{way} {min(row[6] for row in mine)} → {min(row[9] for row in mine)}")
    return f"- **{name}**, the least ratio of all rows, as they fall → rounded: {'; '.join(told)}."


if __name__ == "__main__":
    main()
