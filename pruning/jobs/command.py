"""The shell command that asks for the same job: the way back from a spec to the options of `python -m pruning`."""

import shlex
from collections.abc import Iterator
from typing import Any

from pruning.amounts import written
from pruning.spec import Settings, Spec, SweepSpec

SET_BY_SWEEP = {"criterion", "share"}  # each of its runs has its own


def command(spec: Spec) -> str:
    """'python -m pruning prune --parent=3 --pruning.share=0.5', with all that is not as it is by default."""
    return shlex.join(["python", "-m", "pruning", spec.kind, *arguments(spec)])


def arguments(spec: Spec) -> list[str]:
    """The options alone, as `pruning.jobs.options.specification` reads them."""
    left_out = {f"pruning.{name}" for name in SET_BY_SWEEP} if isinstance(spec, SweepSpec) else set()
    return [said(name, value) for name, value in changed(spec) if name not in {"kind", *left_out}]


def changed(settings: Settings, default: Settings | None = None, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(option, value) of all that is not as it is by default; of a part, by the default of whoever has it."""
    for name, info in type(settings).model_fields.items():
        value, usual = getattr(settings, name), info.default if default is None else getattr(default, name)
        if isinstance(value, Settings):
            yield from changed(value, usual, f"{name}.")
        elif value != usual:
            yield f"{prefix}{name}", value


def said(name: str, value: Any) -> str:
    """One option with its value in one word, whatever it begins with."""
    option = f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        return option if value else option.replace("--", "--no-", 1)
    if isinstance(value, dict):
        return f"{option}={written(value)}"
    if isinstance(value, tuple):
        return f"{option}={','.join(map(str, value))}"
    return f"{option}={value}"
