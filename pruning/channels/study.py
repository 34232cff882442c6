"""What is learned of a network when a cut one does not do what the dense one's labels foretell."""

import itertools
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from torch import Tensor, nn

from pruning.channels.certificate import Differs, Names, Probe, Step, is_modal, labels_kept, probe_plans
from pruning.channels.groups import gather
from pruning.channels.labels import Array
from pruning.channels.map import ChannelMap
from pruning.channels.meta import Body, on_meta
from pruning.channels.recorder import Recorder
from pruning.channels.repair import candidates
from pruning.channels.runs import run
from pruning.channels.tape import EVERYWHERE, Number, Tape
from pruning.errors import UserError
from pruning.plan import Plan

ATTEMPTS = 300  # guesses at numbers that follow
HARD_CODED = "its size is written in the network's code"


@dataclass(frozen=True)
class Fault:
    """Where a cut network first did not do what the dense one's labels foretell."""

    number: int  # of the op
    step: Step
    around: list[nn.Module]
    plan: Plan
    train: bool


@dataclass
class Study:
    """One network under study: what was recorded, and what its faults have taught."""

    body: Body
    example_input: Any
    whole: frozenset[str]
    located: bool = False
    tape: Tape = field(default_factory=Tape)
    steps: dict[bool, list[Step]] = field(default_factory=dict)  # of the dense run, in eval and in train mode
    otherwise: bool | None = None  # whether train mode is another network; not known yet
    attempts: int = 0
    pins: list[Array] = field(default_factory=list)
    numbers: dict[tuple[str, str, int | None], Number] = field(default_factory=dict)

    def record(self) -> None:
        """Run the dense network, in eval mode, and in train mode, which shows auxiliary heads."""
        names = {id(m): name for name, m in self.body.modules.items()} if self.located else {}
        self.tape = Tape(self.whole)
        recorder = Recorder(self.tape, names=names)
        with on_meta(self.body) as tensors:
            self.steps[False] = run(self.body, recorder, tensors, self.example_input, train=False)
            if self.trains_otherwise(tensors):
                self.tape.counting = False
                self.steps[True] = run(self.body, recorder, tensors, self.example_input, train=True)
        for a in self.pins:
            self.tape.labels.pin(a, HARD_CODED)

    def gather(self) -> tuple[ChannelMap, Array]:
        example = self.example_input
        shape = tuple(example.shape[1:]) if isinstance(example, Tensor) else ()
        return gather(self.body, self.tape, shape, self.numbers.values())

    def first_fault(self, channels: ChannelMap, label_units: Array) -> Fault | None:
        some, few = probe_plans(channels)
        runs = [(some, False), (few, False), *([(some, True)] if self.otherwise else [])]
        probes = (self.probe(plan, label_units, train) for plan, train in runs)
        return next(filter(None, probes), None)

    def trains_otherwise(self, tensors: Mapping[str, Tensor]) -> bool:
        """Whether train mode does more than what dropout and batch norm do there."""
        if self.otherwise is None:
            names = Names()
            run(self.body, Recorder(Tape(), names), tensors, self.example_input, train=True)
            first = ((s.name, [len(a) for a in s.outputs[0] or ()]) for s in self.steps[False])
            self.otherwise = names.seen != [name for name, shape in first if not is_modal(name, shape)]
        return self.otherwise

    def probe(self, plan: Plan, label_units: Array, train: bool) -> Fault | None:
        """Run the network cut by `plan`, up to the first op that differs."""
        probe, error = Probe(self.steps[train], labels_kept(plan, label_units), values=not train), None
        with on_meta(self.body, plan) as tensors, warnings.catch_warnings():
            warnings.filterwarnings("error", message=".*num_features")  # of instance norm, whose number follows
            try:
                run(self.body, Recorder(Tape(), probe), tensors, self.example_input, train=train)
            except Differs:
                pass
            except UserError as raised:
                error = raised.__cause__
        probe.ended(error)
        return Fault(probe.at, probe.fault, probe.around, plan, train) if probe.fault else None

    def learn(self, fault: Fault, channels: ChannelMap, label_units: Array) -> None:
        """A number that follows, blocks that go as a whole, or labels that are pinned; the first that helps."""
        if not self.located:
            self.located = True
            return self.record()
        if self.repair(fault, label_units):
            return None
        places = self.blocks_at(fault, channels, label_units)
        if places:
            self.whole |= places
            self.numbers.clear()  # they were learned from other blocks
            return self.record()
        self.pin(fault, label_units)
        return None

    def repair(self, fault: Fault, label_units: Array) -> bool:
        """Whether a number was found that follows."""
        guesses = candidates(
            self.body, fault.step, fault.around, self.alike(fault), lambda a: bool((label_units[a] >= 0).any())
        )
        before = dict(self.numbers)
        for guess in itertools.islice(guesses, ATTEMPTS - self.attempts):
            self.attempts += 1
            fresh = {n.key: n for n in guess if n.key not in before}
            self.numbers = before | fresh
            channels, units = self.gather() if fresh else (None, label_units)
            then = self.probe(replace(fault.plan, channels=channels), units, fault.train) if channels else fault
            if then is None or then.number > fault.number:
                return True
        self.numbers = before
        return False

    def alike(self, fault: Fault) -> list[Step]:
        """The same op in other modules of the class."""
        return [s for s in self.steps[fault.train] if s.name == fault.step.name and s.place == fault.step.place]

    def blocks_at(self, fault: Fault, channels: ChannelMap, label_units: Array) -> set[str]:
        """Places where a group that the fault touches was split into blocks, that are not yet cut as a whole."""
        group = np.append(np.repeat(np.arange(len(channels.groups)), [g.units for g in channels.groups]), -1)
        touched = {int(g) for _, a in fault.step.dimensions() for g in np.unique(group[label_units[a]])} - {-1}
        return {
            place
            for place, a in self.tape.splits
            if place not in self.whole
            and EVERYWHERE not in self.whole
            and touched & set(group[label_units[a]].ravel().tolist())
        }

    def pin(self, fault: Fault, label_units: Array) -> None:
        """Pin what the op touches, and the same ops of other modules of the class.

        An op that touches nothing that may go has a width from the last one that does; or from the modules around it.
        """
        steps = [self.alike(fault), *([step] for step in reversed(self.steps[fault.train][: fault.number]))]
        found = next(filter(None, (may_go(some, label_units) for some in steps)), [])
        for a in found or self.outward(fault, label_units):
            self.tape.labels.pin(a, HARD_CODED)
            self.pins.append(a)

    def outward(self, fault: Fault, label_units: Array) -> list[Array]:
        """Labels of all parameters of the innermost module around the fault that still has some that may go."""
        names = {id(m): name for name, m in self.body.modules.items()}
        for module in (*fault.around, self.body.model):
            prefix = f"{names.get(id(module), '')}.".removeprefix(".")
            own = [a for name, dims in self.tape.parameters.items() if name.startswith(prefix) for a in dims]
            if any(np.any(label_units[a] >= 0) for a in own):
                return own
        return []


def may_go(steps: Iterable[Step], label_units: Array) -> list[Array]:
    """Labels of the dimensions of which some indices may go."""
    return [a for step in steps for _, a in step.dimensions() if np.any(label_units[a] >= 0)]
