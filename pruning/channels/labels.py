"""Labels: an integer identity for every index of every parameter dimension, and which of them are the same unit.

Labels ≤ 0 are fixed: such an index never goes, and label -k says for which reason. Label arrays are never changed in
place: one array object may describe many tensors.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Array = NDArray[np.int64]
FIXED = 0  # the label of batch, spatial and other indices that never go
ANY = -1  # of a dimension whose size comes from the network's code: written there, or taken from a tensor
MEETS = "its channels meet a dimension of fixed size"
MADE = "it meets a tensor whose size is written in the network's code"


@dataclass
class Labels:
    count: int = 1
    reasons: list[str] = field(default_factory=lambda: [MEETS, MADE])  # of label -k
    _same: dict[tuple[int, int], tuple[Array, Array]] = field(default_factory=dict)  # by the ids of the two arrays
    _approximate: list[tuple[Array, int]] = field(default_factory=list)
    _fixed: dict[tuple[int, int], Array] = field(default_factory=dict)

    def fresh(self, n: int) -> Array:
        self.count += n
        return np.arange(self.count - n, self.count)

    def fixed(self, n: int, reason: str = MEETS) -> Array:
        """n indices that never go; whatever becomes the same as one of them is pinned, for this reason."""
        key = (n, -self._number(reason))
        if key not in self._fixed:
            self._fixed[key] = np.full(*key)
            self._fixed[key].setflags(write=False)  # is_free knows it by that
        return self._fixed[key]

    def _number(self, reason: str) -> int:
        if reason not in self.reasons:
            self.reasons.append(reason)
        return self.reasons.index(reason)

    def same(self, a: Array, b: Array) -> None:
        """a[i] and b[i] are one unit: they stay or go together."""
        if a is not b and len(a) == len(b):
            self._same[id(a), id(b)] = (a, b)

    def meet(self, a: Array, b: Array) -> Array:
        """Index i of one operand meets index i of another; the labels of what comes of it. What meets a fixed index is fixed."""
        if is_any(a) or is_any(b):  # the certificate finds out whether the size follows
            return b if is_any(a) else a
        self.same(a, b)
        return a if is_free(b) else b

    def pin(self, a: Array, reason: str) -> None:
        self.same(a, self.fixed(len(a), reason))

    def approximate(self, a: Array, reason: str) -> None:
        if is_free(a):
            self._approximate.append((a, self._number(reason)))

    def solve(self) -> "Solution":
        """Connected components of all that was said; a fixed label pins what it meets but connects nothing."""
        nothing = np.empty(0, np.int64)
        left, right = (np.concatenate(side) for side in zip((nothing, nothing), *self._same.values(), strict=True))
        total = self.count + len(self.reasons) - 1  # label -k is found at the end, where index -k is
        free = (left > 0) & (right > 0)
        pairs = (np.ones(int(free.sum())), (left[free].astype(np.int32), right[free].astype(np.int32)))
        found = connected_components(coo_array(pairs, shape=(total, total)), directed=False)[1]
        component = found.astype(np.int64)
        why = np.full(total, -1)
        fixed = np.arange(0, -len(self.reasons), -1)
        why[component[fixed]] = -fixed
        met = np.concatenate([right[left <= 0], left[right <= 0]])
        reason = -np.concatenate([left[left <= 0], right[right <= 0]])
        for chosen in (reason == 0, reason > 0):  # a reason that says more replaces the generic one …
            order = np.flatnonzero(chosen & (met > 0))[::-1]  # … and the first that was given wins
            why[component[met[order]]] = reason[order]
        approximate = {int(c): self.reasons[k] for a, k in self._approximate for c in np.unique(component[a])}
        return Solution(component, why, self.reasons, approximate)


def is_free(a: Array) -> bool:
    """Whether some index may still go."""
    if not len(a) or (a.flags.owndata and not a.flags.writeable):
        return False
    return bool(a[-1] > 0 or (a > 0).any())


def is_any(a: Array) -> bool:
    return bool(len(a) and a[0] == ANY)


@dataclass(frozen=True)
class Solution:
    component: Array  # label -> component
    why: Array  # component -> number of the reason why it may not be removed, or -1
    reasons: list[str]
    approximate: dict[int, str]  # component -> why removal is not the same function as masking
