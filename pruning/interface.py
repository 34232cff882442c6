"""What goes into a network and comes out of it, whatever holds it."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_leaves


def given(example: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and named inputs: one input, a tuple of them, or a dict by name."""
    if isinstance(example, Mapping):
        return (), dict(example)
    return (tuple(example) if isinstance(example, tuple | list) else (example,)), {}


def output_tensors(output: Any) -> Iterator[Tensor]:
    """All tensors of a tensor, list, tuple, dict, dataclass or other plain object, in order."""
    for leaf in tree_leaves(output):
        if isinstance(leaf, Tensor):
            yield leaf
        elif hasattr(leaf, "__dict__") and not isinstance(leaf, type):
            yield from output_tensors(list(vars(leaf).values()))
