"""Espalier's engine: trace, score, allocate, prune, verify. Names are imported when first used, so the web process stays free of torch."""

from importlib import import_module
from typing import Any

from pruning.allocate import allocate  # at once: the submodule of this name would hide it

_WHERE = {
    "trace": "pruning.channels.trace",
    "score": "pruning.criteria",
    "Plan": "pruning.plan",
    "prune": "pruning.surgery",
    "undo": "pruning.reversal",
    "verify": "pruning.equivalence",
    "load": "pruning.checkpoint",
    "save": "pruning.checkpoint",
}
__all__ = ["Plan", "allocate", "load", "prune", "save", "score", "trace", "undo", "verify"]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'pruning' has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)
