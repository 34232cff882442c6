"""Trees of runs: which runs a sweep or a recipe consists of, and how their parents are named before they have numbers."""

from collections.abc import Sequence
from typing import Any

from pruning import recipes
from pruning.errors import UserError
from pruning.spec import RecipeSpec, Spec, SweepSpec


def members(spec: Spec) -> Sequence[Spec]:
    """The runs of a tree, in the order in which they are made; none of a single run."""
    match spec:
        case SweepSpec():
            return spec.children()
        case RecipeSpec():
            return [each.spec for each in recipes.steps(spec)]
    return ()


def linked(spec: Spec, before: Sequence[int]) -> Spec:
    """`spec` with its parent's number: 0 means the run before, −k the k-th (from 1) of those submitted with it."""
    parent: Any = getattr(spec, "parent", None)
    if parent is None or parent > 0 or not before:
        return spec
    if -parent > len(before):
        raise UserError(
            f"parent={parent} names no run before this one.", do=f"There are {len(before)}: −1 is the first."
        )
    return spec.model_copy(update={"parent": before[-parent - 1] if parent else before[-1]})
