"""What a network returns, whatever holds it."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_leaves


def output_tensors(output: Any) -> Iterator[Tensor]:
    """All tensors of a tensor, list, tuple, dict, dataclass or other plain object, in order."""
    for leaf in tree_leaves(output):
        if isinstance(leaf, Tensor):
            yield leaf
        elif hasattr(leaf, "__dict__") and not isinstance(leaf, type):
            yield from output_tensors(list(vars(leaf).values()))
