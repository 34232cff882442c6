"""Numbers that a network's Python keeps in its modules (`self.head_dim = 64`): which of them follow a cut dimension."""

from collections.abc import Iterator, Mapping, Sequence

from torch import Tensor, nn

from pruning.channels.map import Follow
from pruning.channels.meta import Cut

Sizes = tuple[object, ...]


def candidates(
    model: nn.Module, around: Sequence[nn.Module], tensors: Mapping[str, Tensor], cuts: Sequence[Cut]
) -> Iterator[list[Follow]]:
    """Guesses, the innermost module's first: a number of a module that runs at a fault is the size of a dimension of one of
    its own tensors, or an even part of it; alike in all modules of its class. The certificate judges.
    """
    names = {id(module): name for name, module in model.named_modules()}
    for module in around:
        tried: set[Sizes] = set()
        owner = names.get(id(module), "?")
        for attribute, values in numbers(module).items():
            for guess in guesses(owner, attribute, values, tensors):
                becomes = [tuple(size_after(follow, cut, tensors) for follow in guess) for cut in cuts]
                sizes = (attribute, *becomes)
                if (
                    None not in {n for after in becomes for n in after}
                    and sizes not in tried
                    and set(becomes) != {values}
                ):
                    tried.add(sizes)
                    yield alike(model, module, guess, tensors)


def numbers(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """All whole numbers above 1, or lists of them, that a module keeps."""
    found = {}
    for key, value in vars(module).items():
        values = tuple(value) if type(value) in (list, tuple) else (value,)
        if values and all(type(v) is int for v in values) and max(values) > 1:
            found[key] = values
    return found


def guesses(
    owner: str, attribute: str, values: tuple[int, ...], tensors: Mapping[str, Tensor]
) -> Iterator[tuple[Follow, ...]]:
    """Every number of a list may follow the same tensor, or the first one child 0, the second one child 1 …"""
    prefix = f"{owner}." if owner else ""
    for name in [name for name in tensors if name.startswith(prefix)]:
        parts = name.split(".")
        if len(values) > 1 and "0" in parts:
            at = len(parts) - 1 - parts[::-1].index("0")
            names = [".".join((*parts[:at], str(i), *parts[at + 1 :])) for i in range(len(values))]
        else:
            names = [name] * len(values)
        for d in range(tensors[name].dim()):
            guess = follow(owner, attribute, values, names, d, tensors)
            if guess:
                yield guess


def follow(
    owner: str,
    attribute: str,
    values: tuple[int, ...],
    names: Sequence[str],
    dimension: int,
    tensors: Mapping[str, Tensor],
) -> tuple[Follow, ...]:
    """One Follow for each number, or none where a number does not divide the dimension."""
    if any(n not in tensors or tensors[n].dim() <= dimension for n in names) or min(values) < 1:
        return ()
    sizes = [tensors[n].shape[dimension] for n in names]
    if any(size % value for size, value in zip(sizes, values, strict=True)):
        return ()
    places = range(len(values)) if len(values) > 1 else (None,)
    rows = zip(places, names, sizes, values, strict=True)
    return tuple(Follow(owner, attribute, i, name, dimension, size // value) for i, name, size, value in rows)


def size_after(follow: Follow, cut: Cut, tensors: Mapping[str, Tensor]) -> int | None:
    """What the number becomes in a cut network; None where it would not be whole."""
    kept = cut[follow.tensor][follow.dimension] if follow.tensor in cut else None
    size = tensors[follow.tensor].shape[follow.dimension] if kept is None else len(kept)
    return None if size % follow.divisor else size // follow.divisor


def alike(
    model: nn.Module, module: nn.Module, guess: tuple[Follow, ...], tensors: Mapping[str, Tensor]
) -> list[Follow]:
    """The same guess for every module of the class in which the numbers divide the same dimensions."""
    owner, attribute = guess[0].module, guess[0].attribute
    paths = [f.tensor.removeprefix(f"{owner}." if owner else "") for f in guess]
    found = list(guess)
    for name, other in model.named_modules():
        values = numbers(other).get(attribute, ()) if type(other) is type(module) and other is not module else ()
        if len(values) == len(guess):
            names = [f"{name}.{path}" if name else path for path in paths]
            found += follow(name, attribute, values, names, guess[0].dimension, tensors)
    return found
