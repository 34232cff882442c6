"""Labels: an integer identity for every index of every parameter dimension, and which of them are the same unit.

Label arrays are never changed in place: one array object may describe many tensors.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Array = NDArray[np.int64]
FIXED = 0  # the label of batch, spatial and other indices that never go


@dataclass
class Labels:
    count: int = 1
    reasons: dict[int, str] = field(default_factory=lambda: {FIXED: "its channels meet a dimension of fixed size"})
    _same: list[tuple[Array, Array]] = field(default_factory=list)
    _pins: list[tuple[Array, int]] = field(default_factory=list)
    _approximate: list[tuple[Array, str]] = field(default_factory=list)

    def fresh(self, n: int) -> Array:
        self.count += n
        return np.arange(self.count - n, self.count)

    def fixed(self, n: int, reason: str = "") -> Array:
        """n indices that never go; whatever becomes the same as one of them is pinned, for this reason."""
        return np.full(n, self._reason(reason) if reason else FIXED)

    def _reason(self, text: str) -> int:
        for label, known in self.reasons.items():
            if known == text:
                return label
        label = int(self.fresh(1)[0])
        self.reasons[label] = text
        return label

    def same(self, a: Array, b: Array) -> None:
        """a[i] and b[i] are one unit: they stay or go together."""
        if a is not b and len(a) == len(b):
            self._same.append((a, b))

    def pin(self, a: Array, reason: str) -> None:
        self._pins.append((a, self._reason(reason)))

    def approximate(self, a: Array, reason: str) -> None:
        self._approximate.append((a, reason))

    def solve(self) -> "Solution":
        """Connected components of all that was said; a fixed label pins what it meets but connects nothing."""
        edges = [*self._same, *((a, np.full(len(a), label)) for a, label in self._pins)]
        left = np.concatenate([np.empty(0, np.int64), *(a for a, _ in edges)])
        right = np.concatenate([np.empty(0, np.int64), *(b for _, b in edges)])
        fixed = np.zeros(self.count, bool)
        fixed[list(self.reasons)] = True
        free = ~fixed[left] & ~fixed[right]
        pairs = (np.ones(int(free.sum()), np.int8), (left[free], right[free]))
        _, component = connected_components(coo_array(pairs, shape=(self.count, self.count)), directed=False)
        pinned = {int(component[label]): reason for label, reason in self.reasons.items()}
        for one, other in ((left, right), (right, left)):
            meets = fixed[one] & ~fixed[other]
            for c, label in zip(component[other[meets]].tolist(), one[meets].tolist(), strict=True):
                _note(pinned, c, self.reasons[label], generic=self.reasons[FIXED])
        approximate = {int(c): text for a, text in self._approximate for c in np.unique(component[a])}
        return Solution(component.astype(np.int64), pinned, approximate)


def _note(pinned: dict[int, str], component: int, reason: str, *, generic: str) -> None:
    """Keep the first reason that says more than the generic one."""
    if pinned.get(component, generic) == generic:
        pinned[component] = reason


@dataclass(frozen=True)
class Solution:
    component: Array  # label -> component
    pinned: dict[int, str]  # component -> why it may not be removed
    approximate: dict[int, str]  # component -> why removal is not the same function as masking
