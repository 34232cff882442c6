"""The shell command of a run asks for the very same run again, whatever was set."""

import shlex
from enum import StrEnum
from typing import Any

import pytest

from pruning.jobs.command import arguments, command
from pruning.jobs.options import SPECS, specification
from pruning.spec import (
    PruneSettings,
    PruneSpec,
    SearchSpec,
    Settings,
    Spec,
    SweepSpec,
    TrainSettings,
    TrainSpec,
    parse,
)

OWN = {  # values that cannot be made from the default alone
    "shares": {"conv1": 0.25, "layers.0.conv": 1e-3},
    "floor": {"conv1": 3},
    "criteria": ("taylor", "l2"),
    "seeds": (3, 1),
    "trained": ("classifier*", "fc1"),
    "protect": ("layer4.*",),
    "layers": ("conv1", "fc*"),
    "title": 'it\'s "half" – of --all=1, ü',
    "folder": "/photos of cats",
    "weights": "/net.pt",
    "file": "/masks.safetensors",
    "name": "resnet20-cifar",
}
REQUIRED = {"recipe": {"name": "000-2", "title": "Given"}}


def base(kind: str) -> dict[str, Any]:
    needs_parent = "parent" in SPECS[kind].model_fields
    return {"kind": kind, **({"parent": 3} if needs_parent else {}), **REQUIRED.get(kind, {})}


def other(name: str, value: Any) -> Any:
    """Another allowed value of a setting."""
    if isinstance(value, StrEnum):
        return list(type(value))[-1] if value is not list(type(value))[-1] else next(iter(type(value)))
    if name in OWN and not (name == "shares" and isinstance(value, tuple)):
        return OWN[name]
    if isinstance(value, bool):
        return not value
    return (0.2, 0.35) if isinstance(value, tuple) else value + 1 if isinstance(value, int) else 0.35


def variations(kind: str) -> list[Spec]:
    """The spec with each of its settings in turn as it is not by default."""
    start = parse(base(kind))
    found = [start]
    for name, value in start:
        if isinstance(value, Settings):
            found += [parse(start.model_dump() | {name: value.model_dump() | {n: other(n, v)}}) for n, v in value]
        elif name not in ("kind", "parent") and (kind, name) != ("recipe", "name"):
            found.append(parse(start.model_dump() | {name: other(name, value)}))
    return found


def runs_of(spec: Spec) -> Any:
    """What a job comes to: of a sweep its runs, each of which has a criterion and a share of its own."""
    return (spec.children(), spec.title) if isinstance(spec, SweepSpec) else spec


@pytest.mark.parametrize("kind", SPECS)
def test_a_command_read_back_is_the_same_job_for_every_setting(kind):
    for spec in variations(kind):
        words = shlex.split(command(spec))
        assert words[:4] == ["python", "-m", "pruning", kind]
        assert runs_of(specification(kind, words[4:])) == runs_of(spec), words


def test_a_command_says_only_what_is_not_as_it_is_by_default():
    assert command(PruneSpec(parent=3, pruning=PruneSettings(share=0.25))) == (
        "python -m pruning prune --parent=3 --pruning.share=0.25"
    )
    assert arguments(TrainSpec()) == []


def test_a_part_of_which_one_field_is_named_keeps_the_defaults_that_help_shows():
    assert specification("prune", ["--parent=1", "--finetune.seed=7"]) == PruneSpec(
        parent=1, finetune=TrainSettings(epochs=2, seed=7)
    )
    assert specification("search", ["--parent=1", "--finetune.seed=7"]) == SearchSpec(
        parent=1, finetune=TrainSettings(epochs=0, seed=7)
    )
