"""Timetable: each layer's time at many widths, measured inside the network, fitted by sums of products and scaled to the whole."""

import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial

import torch
from torch import Tensor, nn

from pruning.channels.map import ChannelMap
from pruning.latency import Table, predict, rounded, scaled
from pruning.measure import load
from pruning.plan import Plan
from pruning.runtimes import Run, require, runner
from pruning.surgery import prune
from pruning.timefit import MULTIPLE, REST, WHOLE, Layer, Probe, by_layer, by_sums, fitted

PROBES = 16  # networks cut at random, whose layers are timed
CHECKS = 3  # more of them, timed as a whole only, which tell how well others are foretold
ROUNDS = 2  # over all of them, so that a busy moment meets no network alone
IDLE = 0.7  # load of a core below which one round is enough
MEMORY = 1e9  # bytes of all networks, up to which they are kept for the second round
FEWEST, REPEATS = 2, 5  # passes a round, fewer and more where SHORTEST and LONGEST ask for it
SHORTEST, LONGEST = 0.03, 0.2  # seconds
INTRUSIVE = 0.01  # seconds of a pass below which timing the layers lengthens it noticeably
EVEN = 4  # one of so many networks is cut by one share everywhere, as most are in practice
LARGEST = 5e9  # MACs of a forward pass whose layers are timed; a larger batch is timed as a whole only


@dataclass
class Stopwatch:
    """Seconds by layer, and of the rest of the network: the least of all passes."""

    clock: Callable[[], float]
    least: dict[str, float] = field(default_factory=dict)
    now: dict[str, float] = field(default_factory=dict)  # of the present pass
    began: dict[str, float] = field(default_factory=dict)

    def start(self, name: str) -> None:
        self.began[name] = self.clock()

    def stop(self, name: str) -> None:
        self.now[name] = self.now.get(name, 0.0) + self.clock() - self.began[name]

    def keep(self) -> None:
        """End of a pass: its rest is what its layers leave of it."""
        whole = self.now.pop(WHOLE)
        found = self.now | {WHOLE: whole, REST: whole - sum(self.now.values())}
        self.least = {name: min(took, self.least.get(name, took)) for name, took in found.items()}
        self.now = {}


def clock_of(device: torch.device, runtime: str = "torch") -> Callable[[], float]:
    """Seconds that were computed, which other programs hardly lengthen; wall clock where more threads or a GPU work."""
    if device.type == "cuda" and runtime == "torch":
        return partial(synchronized, device)
    if torch.get_num_threads() > 1:
        return time.perf_counter
    return time.thread_time if runtime == "torch" else time.process_time


def synchronized(device: torch.device) -> float:
    torch.cuda.synchronize(device)
    return time.perf_counter()


@dataclass(frozen=True)
class Measured:
    table: Table
    dense_ms: float  # least of a few passes
    error: float  # largest relative error of the table for networks that it was not made from
    seconds: float  # that all this took


@torch.inference_mode()
def measure(
    model: nn.Module,
    channels: ChannelMap,
    batch: int = 1,
    *,
    runtime: str = "torch",
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Measured:
    """The table of a network where it lies, in eval mode; raises UserError when the runtime is not installed."""
    require(runtime)
    began, device, model = time.perf_counter(), next(model.parameters()).device, model.eval()
    few = min(batch, max(1, int(LARGEST / max(1, channels.counts().macs))))
    x, full = (torch.randn(n, *channels.input_shape, device=device) for n in (few, batch))
    layers = layers_of(model, channels, x)
    probes = [Probe(kept) for kept in ({}, *draws(channels, PROBES, seed))]
    checks = [Probe(kept) for kept in ({}, *draws(channels, CHECKS, seed + 1))]
    inside = layers if runtime == "torch" else []
    jobs = [*((probe, x, inside) for probe in probes), *((check, full, []) for check in checks)]
    ready = kept_if_light(lambda i: made(model, channels, runtime, *jobs[i][:2]), channels, [*probes, *checks])
    rounds = 1 if load() < IDLE else ROUNDS
    for done in range(rounds * len(jobs)):
        probe, given, parts = jobs[done % len(jobs)]
        timed(*ready(done % len(jobs)), clock_of(given.device, runtime), parts, probe)
        progress(done + 1, rounds * len(jobs))
    table = fitted(channels, layers, probes, few, by_layer if inside else by_sums)
    return checked(table, checks, probes if few == batch else [], began)


Ready = tuple[nn.Module, Run]  # a network, and a forward pass of it


def made(model: nn.Module, channels: ChannelMap, runtime: str, probe: Probe, x: Tensor) -> Ready:
    small = cut(model, channels, probe.kept)
    return small, runner(runtime, small, x)


def kept_if_light(
    make: Callable[[int], Ready], channels: ChannelMap, probes: Sequence[Probe]
) -> Callable[[int], Ready]:
    """Networks are made once where all fit into memory, else anew in each round."""
    return cache(make) if sum(channels.counts(probe.kept).bytes for probe in probes) < MEMORY else make


def checked(table: Table, checks: Sequence[Probe], others: Sequence[Probe], began: float) -> Measured:
    """The table scaled to whole networks, the dense one among them, and how far it is off for those it was not made from."""
    ratios, more = ([1e3 * one.least[WHOLE] / predict(table, one.kept) for one in part] for part in (checks, others))
    scale = statistics.median([*ratios, *more])
    error = max(abs(scale / ratio - 1) for ratio in ratios)
    return Measured(scaled(table, scale), 1e3 * checks[0].least[WHOLE], error, time.perf_counter() - began)


def cut(model: nn.Module, channels: ChannelMap, kept: Mapping[str, int]) -> nn.Module:
    return prune(model, Plan(channels, {name: tuple(range(n)) for name, n in kept.items()})) if kept else model


def draws(channels: ChannelMap, count: int, seed: int) -> list[dict[str, int]]:
    """Numbers to keep, spread evenly over every group's widths, half of them rounded; every fourth network is cut evenly."""
    source = random.Random(seed)
    found: list[dict[str, int]] = [{} for _ in range(count)]
    for group in channels.groups:
        free = [i for i in range(count) if i % EVEN]
        places = dict(zip(free, source.sample(free, len(free)), strict=True))
        for i, kept in enumerate(found):
            n = max(1, round(group.units * (0.1 + 0.9 * (places.get(i, i) + 0.5) / count)))
            kept[group.name] = rounded(n, group.units, MULTIPLE) if source.random() < 0.5 else n
    return found


def layers_of(model: nn.Module, channels: ChannelMap, x: Tensor) -> list[Layer]:
    """Modules with a weight of their own that run in a forward pass, in its order."""
    shapes: dict[str, torch.Size] = {}
    handles = [
        module.register_forward_hook(lambda _module, _args, out, name=name: shapes.update({name: out.shape}))
        for name, module in model.named_modules()
        if weight_name(module)
    ]
    model(x)
    for handle in handles:
        handle.remove()
    modules = dict(model.named_modules())
    return [layer(name, modules[name], shape, channels) for name, shape in shapes.items()]


def weight_name(module: nn.Module) -> str:
    """'weight' for a module without children whose width it tells; else nothing."""
    tensors = {**module._parameters, **module._buffers}
    known = (name for name in ("weight", "weight_orig", "running_mean") if tensors.get(name) is not None)
    return "" if module._modules else next(known, "")


def layer(name: str, module: nn.Module, out: torch.Size, channels: ChannelMap) -> Layer:
    stored = weight_name(module)
    shape = getattr(module, stored).shape
    forms = channels.sizes.get(f"{name}.{stored}", tuple((n, ()) for n in shape))
    taps = shape[2:].numel()
    form = f"{type(module).__name__} {taps} {getattr(module, 'groups', 1) > 1} {getattr(module, 'stride', '')}"
    return Layer(name, f"{form} {tuple(shape)} {tuple(out)}", forms[:2], form, taps, out.numel() // shape[0])


def timed(model: nn.Module, run: Run, clock: Callable[[], float], layers: Sequence[Layer], probe: Probe) -> None:
    """Keep the least seconds of the whole and of every layer over some passes, and over what the probe knew."""
    run()
    watch = Stopwatch(clock, probe.least)
    with watched(model, layers, watch):
        repeat(run, watch)
    if layers and watch.least[WHOLE] < INTRUSIVE:
        alone = Stopwatch(clock)
        repeat(run, alone)
        watch.least[WHOLE] = min(alone.least[WHOLE], probe.least.get(WHOLE, float("inf")))
        rest = watch.least[WHOLE] - sum(watch.least.get(one.name, 0.0) for one in layers)
        watch.least[REST] = max(0.0, min(rest, watch.least[REST]))
    probe.least = watch.least


@contextmanager
def watched(model: nn.Module, layers: Sequence[Layer], watch: Stopwatch) -> Iterator[None]:
    modules = dict(model.named_modules())
    handles = []
    for one in layers:
        handles.append(modules[one.name].register_forward_pre_hook(lambda *_, name=one.name: watch.start(name)))
        handles.append(modules[one.name].register_forward_hook(lambda *_, name=one.name: watch.stop(name)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def repeat(run: Callable[[], object], watch: Stopwatch) -> None:
    spent, passes = 0.0, 0
    while passes < FEWEST or (passes < REPEATS and spent < LONGEST) or spent < SHORTEST:
        watch.start(WHOLE)
        run()
        watch.stop(WHOLE)
        spent, passes = spent + watch.now[WHOLE], passes + 1
        watch.keep()
