"""Numbers for every group, or for single ones by name: how forms, command line and links write them."""

from functools import partial
from typing import Annotated, Any

from pydantic import BeforeValidator


def amount(given: Any, *, least: int) -> int | dict[str, int]:
    """4, "4", "conv1=8,fc1=4" or {"conv1": 8}: a number for every group, or numbers for those named."""
    if isinstance(given, str) and "=" in given:
        given = dict(part.rpartition("=")[::2] for part in given.split(","))
    named = {str(k).strip(): v for k, v in given.items()} if isinstance(given, dict) else {"": given}
    try:
        numbers = {name: int(value) for name, value in named.items() if float(value) == int(value) >= least}
    except (TypeError, ValueError, OverflowError):
        numbers = {}
    if len(numbers) < len(named) or isinstance(given, bool):
        raise ValueError(f"write a whole number ≥ {least}, or GROUP=NUMBER such as conv1=8,fc1=4")
    return numbers if isinstance(given, dict) else numbers[""]


Floor = Annotated[int | dict[str, int], BeforeValidator(partial(amount, least=1))]
Ceiling = Annotated[int | dict[str, int], BeforeValidator(partial(amount, least=0))]


def written(given: int | dict[str, int]) -> str:
    """What `amount` reads as the same: "4", or "conv1=8,fc1=4"."""
    return str(given) if isinstance(given, int) else ",".join(f"{name}={value}" for name, value in given.items())
