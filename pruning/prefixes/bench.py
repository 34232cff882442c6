"""A network and the images that it and its cuts are measured on; what the dense network knows of them is kept."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import chain

import torch
from torch import Tensor, nn

from pruning.channels.map import ChannelMap
from pruning.data.dataset import Dataset
from pruning.evaluate import evaluation_batches, logits
from pruning.plan import Plan
from pruning.prefixes.cut import Dims, Split, needed, split
from pruning.prefixes.fuse import fused
from pruning.prefixes.match import matched
from pruning.prefixes.record import INPUT, Misfit, Program, Step, Values, play, recorded
from pruning.surgery import duplicate, positions, prune

CACHED = 2**18  # numbers of input a batch: its feature maps stay in the processor's cache, which halves the time
HELD = (
    1e9  # bytes of dense values that are kept for all images; where it would be more, they are made anew for each group
)


@dataclass
class Bench:
    """What is measured: the network in eval mode on its device, and the validation images."""

    network: nn.Module
    data: Dataset
    device: torch.device
    is_lean: bool  # bf16 autocast
    layout: torch.memory_format = torch.channels_last
    programs: dict[int, Program] = field(default_factory=dict)  # by the size of a batch
    whole: list[str] = field(default_factory=list)  # why the network, or a cut of it, was run as a whole
    held: dict[int, tuple[int, Values]] = field(
        default_factory=dict
    )  # batch → a place in the program, what is live there
    uncut: Tensor | None = None  # the dense network's logits


def prepare(model: nn.Module, data: Dataset, device: torch.device, *, is_lean: bool = False) -> Bench:
    """Takes a copy of the model, which stays as it was. A network that bf16 or channels_last does not suit runs without."""
    network = duplicate(model, {}).eval().to(device)
    bench = Bench(network, data, device, is_lean)
    try:
        begin(bench)
    except RuntimeError:
        bench = Bench(network, data, device, is_lean=False, layout=torch.contiguous_format)
        begin(bench)
    return bench


def begin(bench: Bench) -> None:
    bench.network.to(memory_format=bench.layout)
    try:
        bench.programs = programs(bench)
    except Misfit as reason:
        bench.whole.append(str(reason))


@torch.no_grad()
def programs(bench: Bench) -> dict[int, Program]:
    """One a size of batch; raises Misfit where playing it is not what the network does."""
    found: dict[int, Program] = {}
    for inputs in batches(bench):
        if len(inputs) not in found:
            with precision(bench):
                found[len(inputs)] = program = recorded(bench.network, inputs)
                other = -inputs.flip(0)
                expected = logits(bench.network(other))
            whole = [step for k, step in enumerate(program.steps) if k not in program.fixed]
            told = program.constants | play(whole, program, {INPUT: other}, frozenset({program.out}))
            if not torch.allclose(told[program.out], expected, rtol=1e-3, atol=1e-3, equal_nan=True):
                raise Misfit("the network does something that is not seen in its ops")
    return found


def dense(bench: Bench) -> Tensor:
    """The uncut network's logits (N, classes), float32, on the CPU."""
    if bench.uncut is None:
        bench.uncut = plain(bench, bench.network)
    return bench.uncut


def ordered(bench: Bench, channels: ChannelMap, names: Iterable[str]) -> list[str]:
    """Groups in the order in which the network runs them, which is the fastest."""
    units = {group.name: group.units for group in channels.groups}
    if not bench.programs:
        return list(names)
    program = next(iter(bench.programs.values()))
    starts = {
        name: split(program, positions(Plan(channels, {name: tuple(range(max(1, units[name] - 1)))}))).start
        for name in names
    }
    return sorted(starts, key=starts.__getitem__)


@torch.no_grad()
def measure(bench: Bench, plans: Sequence[Plan]) -> list[Tensor]:
    """Logits (N, classes) of the network after each plan; plans that cut the same groups share most of the work.

    Beside one batch's feature maps, and `HELD` bytes of what the dense network knows, nothing is kept in memory.
    """
    cuts = [plan for plan in plans if plan.removed()]
    found = in_parts(bench, cuts) if bench.programs and cuts else [None] * len(cuts)
    told = iter(plain(bench, prune(bench.network, p)) if y is None else y for p, y in zip(cuts, found, strict=True))
    return [next(told) if plan.removed() else dense(bench) for plan in plans]


def in_parts(bench: Bench, plans: Sequence[Plan]) -> list[Tensor | None]:
    """Every batch through the dense network as far as needed, then through what each plan changes; None where that cannot be."""
    cuts = [positions(plan) for plan in plans]
    shared = {size: common(program, cuts) for size, program in bench.programs.items()}
    begun: dict[tuple[int, int], Playing] = {}
    found: dict[int, list[Tensor]] = {i: [] for i in range(len(plans))}
    for number, inputs in enumerate(batches(bench)):
        size, dense = len(inputs), bench.programs[len(inputs)]
        values = advanced(bench, dense, number, inputs, shared[size].start)
        values = play(shared[size].steps, dense, dict(values), shared[size].wanted)
        for i in list(found):
            part = shared[size].parts[i]
            left = {n: remaining(values[n], part.states[n]) for n in part.wanted}
            try:
                told = again(bench, plans[i], part, inputs, left, begun, (size, i))
                found[i].append(told.float().cpu())
            except Misfit as reason:
                bench.whole.append(str(reason))
                del found[i]
    return [torch.cat(found[i]) if i in found else None for i in range(len(plans))]


Playing = tuple[Program, list[Step]]


def again(
    bench: Bench,
    plan: Plan,
    part: Split,
    inputs: Tensor,
    left: Values,
    begun: dict[tuple[int, int], Playing],
    key: tuple[int, int],
) -> Tensor:
    """One batch's logits after a plan; its first batch of a size runs the pruned network itself, and tells how to play it."""
    if key in begun:
        mine, steps = begun[key]
        return play(steps, mine, left, frozenset({mine.out}))[mine.out]
    with precision(bench):
        mine, told = matched(prune(bench.network, plan), inputs, bench.programs[len(inputs)], part, left)
    begun[key] = mine, fused([mine.steps[k] for k in part.again], mine, frozenset({mine.out}))
    return told


@dataclass(frozen=True)
class Shared:
    """What plans that cut the same groups have in common."""

    parts: list[Split]
    start: int
    wanted: frozenset[int]  # dense values that any of them reads
    steps: list[Step]  # that make these, from `start` on


def common(program: Program, cuts: Sequence[Mapping[str, Dims]]) -> Shared:
    parts = [split(program, cut) for cut in cuts]
    start, wanted = min(part.start for part in parts), frozenset(chain(*(part.wanted for part in parts)))
    made = [program.steps[k] for k in needed(program, wanted, start)]
    return Shared(parts, start, wanted, fused(made, program, wanted))


def advanced(bench: Bench, program: Program, number: int, inputs: Tensor, start: int) -> Values:
    """What is live before the op at `start`, of one batch."""
    place, values = bench.held.pop(number, (0, {INPUT: inputs}))
    if place > start:
        place, values = 0, {INPUT: inputs}
    live = program.live(start)
    values = play([program.steps[k] for k in range(place, start) if k not in program.fixed], program, values, live)
    values = {n: values[n] for n in live}
    if sum(x.nbytes for x in values.values()) / len(inputs) * len(bench.data.validation_y) <= HELD:
        bench.held[number] = start, values
    return values


def remaining(value: Tensor, kept: Dims | None) -> Tensor:
    """A dense value without the channels that a cut removes."""
    for d, places in enumerate(kept or ()):
        if places is not None:
            value = value.index_select(d, torch.from_numpy(places).to(value.device))
    return value


@torch.no_grad()
def plain(bench: Bench, network: nn.Module) -> Tensor:
    """Every image through the whole network."""
    with precision(bench):
        return torch.cat([logits(network(inputs)).float().cpu() for inputs in batches(bench)])


def batches(bench: Bench) -> Iterator[Tensor]:
    """The images in order, in batches of a size that suits the device."""
    data = bench.data
    most = max(8, min(128, CACHED // math.prod(data.input_shape)))
    even = math.ceil(len(data.validation_y) / math.ceil(len(data.validation_y) / most))
    size = None if bench.device.type == "cuda" else even
    for inputs, _ in evaluation_batches(data.validation_x, data.validation_y, data, bench.device, size=size):
        yield inputs.contiguous(memory_format=bench.layout) if inputs.dim() == 4 else inputs


def precision(bench: Bench) -> AbstractContextManager[None]:
    return torch.autocast(bench.device.type, torch.bfloat16, enabled=bench.is_lean, cache_enabled=False)
