"""trace: from a network and an example input to its ChannelMap."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from pruning.attention import freed
from pruning.channels.map import ChannelMap
from pruning.channels.meta import Body
from pruning.channels.study import HARD_CODED, Study
from pruning.channels.tape import EVERYWHERE
from pruning.errors import UserError

ROUNDS = 60  # a network with more hard-coded numbers than this is left alone


def trace(model: nn.Module, example_input: Any, *, blocks: str = "inside") -> ChannelMap:
    """Groups of coupled channels, protected layers with reasons, exact count formulas. The network is not changed.

    `example_input`: a tensor (N, …), a tuple of inputs or a dict of them by name; only shapes and types matter.
    `blocks`: grouped convolutions, attention heads and group norms lose the same places "inside" each block, or "whole"
    blocks. Raises UserError when the network cannot run on the input, or does what depends on its values.
    """
    if blocks not in ("inside", "whole"):
        raise UserError(f"blocks={blocks!r} is not one of inside, whole")
    with torch.inference_mode(False), quiet(model), freed(model):  # in inference mode ops are not seen
        study = Study(Body(model), example_input, frozenset([EVERYWHERE] if blocks == "whole" else []))
        study.record()
        for _ in range(ROUNDS):
            channels, label_units = study.gather()
            fault = study.first_fault(channels, label_units)
            if fault is None:
                return channels
            study.learn(fault, channels, label_units)
        for name in study.tape.parameters:
            study.tape.pin_parameter(name, HARD_CODED)
        return study.gather()[0]


@contextmanager
def quiet(model: nn.Module) -> Iterator[None]:
    """Keep every module's train/eval mode and Python's random state, and the fused attention path off, for a trace."""
    state = random.getstate()
    modes = [(m, m.training) for m in model.modules()]
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        random.setstate(state)
        torch.backends.mha.set_fastpath_enabled(fast)
        for module, training in modes:
            module.training = training
