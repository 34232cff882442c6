"""Training a part of a network: all other parameters stand still, and their norms keep what they have measured."""

import difflib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from itertools import accumulate

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from pruning.errors import UserError


@contextmanager
def only(model: nn.Module, trained: Sequence[str]) -> Iterator[None]:
    """Inside, only what `trained` names learns, if it names anything; what was frozen before stays so."""
    before = {name: p.requires_grad for name, p in model.named_parameters()}
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(before[name] and is_trained(name, trained))
    try:
        yield
    finally:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(before[name])


def is_trained(name: str, trained: Sequence[str]) -> bool:
    """Whether a pattern finds a parameter by its name or by a module that holds it; without patterns all are trained."""
    return not trained or any(finds(pattern, name) for pattern in trained)


def finds(pattern: str, name: str) -> bool:
    """`classifier`, `classifier.0` and `class*` all find classifier.0.weight."""
    return any(pattern == part or fnmatchcase(part, pattern) for part in holders(name))


def holders(name: str) -> Iterator[str]:
    """a.b.c → a, a.b, a.b.c."""
    return accumulate(name.split("."), lambda outer, inner: f"{outer}.{inner}")


def training_mode(model: nn.Module, trained: Sequence[str]) -> None:
    """Train mode, but for norms of which nothing is trained: their running statistics belong to frozen weights."""
    model.train()
    for name, module in model.named_modules():
        if isinstance(module, _NormBase):
            own = [name, *(f"{name}.{key}" for key, _ in module.named_parameters(recurse=False))]
            module.train(any(is_trained(each, trained) for each in own))


def refuse_unknown(model: nn.Module, trained: Sequence[str]) -> None:
    """Raise UserError for a pattern that finds no parameter."""
    names = [name for name, _ in model.named_parameters()]
    for pattern in trained:
        if not any(finds(pattern, name) for name in names):
            raise unknown(pattern, sorted({holder for name in names for holder in holders(name)}))


def unknown(pattern: str, known: Sequence[str]) -> UserError:
    near = difflib.get_close_matches(pattern.rstrip(".*?"), known, n=3, cutoff=0.5)
    do = f"Did you mean {' or '.join(near)}?" if near else f"Layers are called {', '.join(known[:4])} …"
    return UserError(f"trained={pattern!r} matches nothing in this network that can be trained", do=do)
