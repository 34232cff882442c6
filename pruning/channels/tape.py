"""Tape: what one traced run of a network says about its channels; rules write to it."""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from pruning.channels.labels import MEETS, Array, Labels, is_free

Dims = tuple[Array, ...]  # one label array per tensor dimension
SINGLE = "it has a single channel"


@dataclass(frozen=True, eq=False)
class Number:
    """A module's own number: so many of these indices as stay, ÷ divisor."""

    module: str
    attribute: str
    place: int | None  # in a list or tuple of numbers
    labels: Array
    divisor: int

    @property
    def key(self) -> tuple[str, str, int | None]:
        return self.module, self.attribute, self.place


@dataclass
class Tape:
    whole: frozenset[str] = frozenset()  # places in the source where blocks are cut as a whole; EVERYWHERE for all
    labels: Labels = field(default_factory=Labels)
    parameters: dict[str, Dims] = field(default_factory=dict)  # parameters and buffers by name
    producers: dict[tuple[str, int], None] = field(default_factory=dict)  # (parameter, dimension), in order of use
    numbers: dict[tuple[str, str, int | None], Number] = field(default_factory=dict)  # that change with the cut
    splits: list[tuple[str, Array]] = field(default_factory=list)  # (place, labels) of every choice inside | whole
    used: set[str] = field(default_factory=set)
    macs: list[tuple[int, Dims]] = field(default_factory=list)
    steps: list[Any] = field(default_factory=list)  # certificate.Step of every op, of the latest run
    place: str = ""  # where in the source the present op is, when that is asked for …
    inside: tuple[str, ...] = ()  # … and in which modules, the innermost first
    counting: bool = True
    # The tensor is kept with its labels: an id is used again after its death.
    _dims: dict[int, tuple[Tensor, Dims]] = field(default_factory=dict)
    _names: dict[int, str] = field(default_factory=dict)  # id of a parameter's tensor -> its name
    _starts: list[int] = field(default_factory=list)  # first label of each parameter dimension …
    _places: list[tuple[str, int]] = field(default_factory=list)  # … and whose it is
    _owed: dict[int, list[tuple[Array, str]]] = field(default_factory=dict)  # pins of tensors that nobody has read yet
    _alive: set[int] = field(default_factory=set)  # ids of tensors that need not be zero where a unit is masked

    def register(self, name: str, tensor: Tensor, *, trained: bool, spatial: bool = False) -> None:
        """Give a parameter (`trained`) or buffer its labels, the same ones in every run on this tape.

        `spatial`: its dimensions after the second are a kernel's.
        """
        if name not in self.parameters:
            free = 2 if spatial else tensor.dim()
            self.parameters[name] = tuple(
                self.labels.fresh(n) if n > 1 and d < free else self.labels.fixed(n, SINGLE if n == 1 else MEETS)
                for d, n in enumerate(tensor.shape)
            )
            for d, a in enumerate(self.parameters[name]):
                if len(a) and a[0] > 0:
                    self._starts.append(int(a[0]))
                    self._places.append((name, d))
        self._names[id(tensor)] = name
        self.put(tensor, self.parameters[name], alive=not trained)  # masking leaves buffers as they are

    def put(self, tensor: Tensor, dims: Sequence[Array], *, alive: bool = False) -> None:
        self._dims[id(tensor)] = (tensor, tuple(dims))
        (self._alive.add if alive else self._alive.discard)(id(tensor))

    def get(self, tensor: Tensor) -> Dims:
        """Labels of a tensor, (n_0,), (n_1,), …; a tensor nobody has described is fixed."""
        known = self._dims.get(id(tensor))
        return known[1] if known else tuple(self.labels.fixed(n) for n in tensor.shape)

    def knows(self, tensor: Tensor) -> bool:
        return id(tensor) in self._dims

    def alive(self, tensor: Tensor) -> bool:
        """Whether its values need not be zero where a unit is masked: after sigmoid(0) = ½, or + 1."""
        return id(tensor) in self._alive

    def touch(self, tensors: Iterable[Tensor]) -> None:
        """Note that an op, or the network's output, reads these."""
        for tensor in tensors:
            if id(tensor) in self._names:
                self.used.add(self._names[id(tensor)])
            for a, reason in self._owed.pop(id(tensor), ()):
                self.labels.pin(a, reason)

    def pin_when_read(self, tensor: Tensor, a: Array, reason: str) -> None:
        """Pin as soon as something reads the tensor: attention makes a mean over its heads that nobody may look at."""
        self._owed.setdefault(id(tensor), []).append((a, reason))

    def produces(self, a: Array) -> None:
        """Say that the parameter dimension whose labels these are makes output channels."""
        if len(a) and a[0] > 0:
            self.producers[self._places[bisect_right(self._starts, int(a[0])) - 1]] = None

    def follow(self, tensor: Tensor, attribute: str, dimension: int, value: int) -> None:
        """The attribute of the layer that owns the parameter is `value` and shrinks in step with that dimension."""
        name = self._names.get(id(tensor))
        if name:
            labels = self.get(tensor)[dimension]
            number = Number(name.rpartition(".")[0], attribute, None, labels, len(labels) // value)
            self.numbers[number.key] = number

    def cut_whole(self, a: Array) -> bool:
        """Whether the blocks that `a` is split into here are removed as a whole, or else inside of each."""
        self.splits.append((self.place, a))
        return EVERYWHERE in self.whole or self.place in self.whole

    def pin_parameter(self, name: str, reason: str) -> None:
        for a in self.parameters[name]:
            self.labels.pin(a, reason)

    def multiply(self, factor: int, *dims: Array) -> None:
        """Count MACs: factor × the product of these dimensions' sizes."""
        if self.counting:
            moving = tuple(a for a in dims if is_free(a))
            still = math.prod(len(a) for a in dims if not is_free(a))
            self.macs.append((factor * still, moving))

    def forget(self) -> list[Any]:
        """Drop the tensors of a finished run, keep what was learned; hand over the run's steps."""
        self._dims.clear()
        self._names.clear()
        self._alive.clear()
        self._owed.clear()
        steps, self.steps = self.steps, []
        return steps


EVERYWHERE = "*"
Rule = Callable[[Tape, Sequence[Any], Any], Dims | list[Dims] | None]
