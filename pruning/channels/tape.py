"""Tape: what one traced run of a network says about its channels; rules write to it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from pruning.channels.labels import Array, Labels

Dims = tuple[Array, ...]  # one label array per tensor dimension


@dataclass
class Tape:
    labels: Labels = field(default_factory=Labels)
    parameters: dict[str, Dims] = field(default_factory=dict)  # parameters and buffers by name
    producers: dict[tuple[str, int], None] = field(default_factory=dict)  # (parameter, dimension), in order of use
    used: set[str] = field(default_factory=set)
    macs: list[tuple[int, Dims]] = field(default_factory=list)
    steps: list[Any] = field(default_factory=list)  # certificate.Step of every op, of the latest run
    counting: bool = True
    _dims: dict[int, tuple[Tensor, Dims]] = field(
        default_factory=dict
    )  # the tensor is kept: an id is reused after its death
    _origin: dict[int, tuple[str, int]] = field(default_factory=dict)  # id of a parameter's label array -> whose it is

    def register(self, name: str, tensor: Tensor) -> None:
        """Give a parameter or buffer its labels, the same ones in every run on this tape."""
        if name not in self.parameters:
            self.parameters[name] = tuple(self.labels.fresh(n) for n in tensor.shape)
            self._origin |= {id(a): (name, d) for d, a in enumerate(self.parameters[name])}
        self.put(tensor, self.parameters[name])

    def put(self, tensor: Tensor, dims: Sequence[Array]) -> None:
        self._dims[id(tensor)] = (tensor, tuple(dims))

    def get(self, tensor: Tensor) -> Dims:
        """Labels of a tensor, (n_0,), (n_1,), …; a tensor nobody has described is fixed."""
        known = self._dims.get(id(tensor))
        return known[1] if known else tuple(self.labels.fixed(n) for n in tensor.shape)

    def knows(self, tensor: Tensor) -> bool:
        return id(tensor) in self._dims

    def produces(self, a: Array) -> None:
        """Say that this dimension of a weight makes output channels."""
        if id(a) in self._origin:
            self.producers[self._origin[id(a)]] = None

    def touch(self, inputs: Sequence[Dims]) -> None:
        """Note which parameters an op reads."""
        self.used |= {self._origin[id(a)][0] for dims in inputs for a in dims if id(a) in self._origin}

    def pin_parameter(self, name: str, reason: str) -> None:
        for a in self.parameters[name]:
            self.labels.pin(a, reason)

    def multiply(self, factor: int, *dims: Array) -> None:
        """Count MACs: factor × the product of these dimensions' sizes."""
        if self.counting:
            moving = tuple(a for a in dims if np.any(a))
            self.macs.append((factor * int(np.prod([len(a) for a in dims if not np.any(a)], dtype=np.int64)), moving))

    def forget(self) -> list[Any]:
        """Drop the tensors of a finished run, keep what was learned; hand over the run's steps."""
        self._dims.clear()
        steps, self.steps = self.steps, []
        return steps
