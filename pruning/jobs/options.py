"""Options of the command line ↔ specs: what `--training.epochs 3` means, and what --help says."""

import argparse
import difflib
import re
import textwrap
from collections.abc import Iterator
from functools import partial
from typing import Any

from pydantic import BaseModel
from pydantic_settings import CliSettingsSource, SettingsError

from models import MODELS
from pruning import recipes
from pruning.criterion_cards import WEIGHTWISE
from pruning.data import DATASETS
from pruning.errors import UserError
from pruning.recipes import RECIPES
from pruning.spec import (
    SPREADS,
    AuditSpec,
    CriterionName,
    FinetuneSpec,
    InspectSpec,
    MaskSpec,
    PrepareSpec,
    PruneSpec,
    RecipeSpec,
    ScanSpec,
    SearchSpec,
    Spec,
    SweepSpec,
    TrainSpec,
    parse,
)

SPECS: dict[str, type[BaseModel]] = {
    "train": TrainSpec,
    "prune": PruneSpec,
    "finetune": FinetuneSpec,
    "mask": MaskSpec,
    "sweep": SweepSpec,
    "scan": ScanSpec,
    "search": SearchSpec,
    "audit": AuditSpec,
    "recipe": RecipeSpec,
    "inspect": InspectSpec,
    "prepare": PrepareSpec,
}
# Take several values, apart by spaces or commas.
LISTS = (
    "--criteria",
    "--shares",
    "--seeds",
    "--pruning.shares",
    "--pruning.protect",
    "--training.trained",
    "--finetune.trained",
    "--masking.layers",
    "--scan.shares",
    "--audit.criteria",
)
VARIED = ("--pruning.criterion", "--pruning.share")  # what a sweep sets itself
METAVARS = {
    "--parent": "RUN",
    "--data.name": f"{{{','.join(DATASETS)}}}",
    "--data.folder": "PATH",
    "--model.name": "NAME",
    "--model.weights": "PATH",
    "--criteria": f"{{{','.join(CriterionName)}}} …",
    "--shares": "SHARE …",
    "--seeds": "N …",
    "--name": "NAME",
    "--weights": "PATH",
    "--training.trained": "LAYER …",
    "--finetune.trained": "LAYER …",
    "--masking.layers": "LAYER …",
    "--masking.criterion": f"{{{','.join(WEIGHTWISE)}}}",
    "--masking.file": "PATH",
    "--scan.shares": "SHARE …",
    "--audit.criteria": f"{{{','.join(CriterionName)}}} …",
    "--pruning.shares": "GROUP=SHARE,…",
    "--pruning.floor": "N or GROUP=N,…",
    "--pruning.ceiling": "N or GROUP=N,…",
    "--pruning.protect": "LAYER …",
}
TYPES = {"str": "TEXT", "int": "N", "float": "X"}
DEFAULTS = {
    "--criteria": "l1",
    "--shares": "0.1 0.3 0.5 0.7 0.9",
    "--scan.shares": "0.1 0.25 0.5 0.75 0.9",
    "--audit.criteria": "all",
}
EXAMPLES = {
    "train": "--data.name fashion-mnist-sample --model.name scnnb --training.epochs 5",
    "prune": "--parent 1 --pruning.criterion taylor --pruning.share 0.5",
    "finetune": "--parent 2 --training.epochs 3",
    "sweep": "--parent 1 --criteria l1 taylor --shares 0.1 0.5 0.9",
    "mask": "--parent 1 --masking.structure structured --masking.amount 0.4 --masking.layers conv1",
    "scan": "--parent 1 --scan.criterion l1",
    "search": "--parent 1 --search.cost macs --search.trials 60",
    "audit": "--parent 1 --audit.criteria l1 taylor random",
    "recipe": "000-2 --seeds 0 1 2 --control",
    "inspect": "--data.name cifar10 --model.name resnet20-cifar",
    "prepare": "--data.name imagefolder --data.folder photos",
}


def specification(kind: str, arguments: list[str]) -> Spec:
    """The spec that the options say; raises UserError for an unknown option or a value out of bounds."""
    try:
        source = settings_of(kind)
        source(args=list(normal(arguments)))
        given = source()
    except SettingsError as error:
        raise UserError(in_words(str(error)), do=meant(kind, str(error))) from error
    if "parent" in SPECS[kind].model_fields and "parent" not in given:
        raise UserError("--parent is missing.", do="Name the run to start from: --parent RUN.")
    spec = parse({**dict(completed(kind, given)), "kind": kind})
    return recipes.titled(spec) if isinstance(spec, RecipeSpec) else spec


def completed(kind: str, given: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """A part of which some fields are given has the others as --help says, not as the part has them elsewhere."""
    for name, value in given.items():
        usual = SPECS[kind].model_fields[name].default
        yield name, {**usual.model_dump(), **value} if isinstance(usual, BaseModel) else value


def named(kind: str, arguments: list[str]) -> list[str]:
    """`recipe 001 …` is `recipe --name 001 …`."""
    is_named = kind == "recipe" and arguments and not arguments[0].startswith("-")
    return ["--name", *arguments] if is_named else arguments


def settings_of(kind: str) -> CliSettingsSource[Any]:
    source = CliSettingsSource[Any](
        SPECS[kind],  # type: ignore[arg-type]  # any pydantic model will do
        cli_prog_name=f"python -m pruning {kind}",
        cli_exit_on_error=False,
        cli_kebab_case="all",
        cli_implicit_flags=True,
        cli_avoid_json=True,
        add_argument_method=partial(add_argument, left_out=("--kind", *(VARIED if kind == "sweep" else ()))),
    )
    parser = source.root_parser
    parser.usage = f"python -m pruning {kind} {'NAME ' * (kind == 'recipe')}[OPTION …]"
    parser.epilog = "\n\n".join(notes(kind))
    says = "queue the job and return at once, instead of following it"
    parser.add_argument("--detach", action="store_true", default=argparse.SUPPRESS, help=says)
    return source


def in_words(error: str) -> str:
    """What pydantic-settings says of options that it cannot read."""
    text = error.removeprefix("error parsing CLI: ")
    if "pruning.shares" in text.replace(" ", ".") or text.startswith("Parsing error encountered for shares"):
        return "--pruning.shares cannot be read: write GROUP=SHARE, such as conv1=0.3,fc1=0.5."
    return f"{text[0].upper()}{text[1:].rstrip('.')}."


def meant(kind: str, error: str) -> str:
    """'Did you mean --finetune.trained?' for an option that is none; else where options are listed."""
    given = re.search(r"nrecognized arguments: --([\w.-]+)", error)
    last = given[1].rpartition(".")[2] if given else ""
    near = [name for name in spelt(kind) if last and name.rpartition(".")[2] == last]
    near = near or (difflib.get_close_matches(given[1], spelt(kind), n=2, cutoff=0.7) if given else [])
    asked = f"Did you mean {' or '.join(f'--{name}' for name in near)}? " if near else ""
    return f"{asked}See python -m pruning {kind} --help."


def spelt(kind: str) -> list[str]:
    """Every option as it is written, without its dashes."""
    fields = SPECS[kind].model_fields
    inner = {name: list(getattr(field.annotation, "model_fields", ())) for name, field in fields.items()}
    names = [f"{name}.{each}" if each else name for name, own in inner.items() for each in own or [""]]
    return [name.replace("_", "-") for name in names if name != "kind"]


def add_argument(group: Any, *names: str, left_out: tuple[str, ...], **options: Any) -> Any:
    """argparse's own, in words instead of Python types, and without what the command itself says."""
    if names[0] in left_out:
        return None
    metavar = options.get("metavar")
    if metavar:
        options["metavar"] = METAVARS.get(names[0]) or TYPES.get(metavar) or metavar.lower()
    if options.get("help") not in (None, argparse.SUPPRESS):
        options["help"] = readable(names[0], options["help"])
    return group.add_argument(*names, **options)


def readable(option: str, text: str) -> str:
    """A help text whose default says something, or is left away."""
    bare = re.sub(r"\s*\((default|required)[^()]*(\([^()]*\))?.*\)$", "", text)
    default = DEFAULTS.get(option) or "".join(re.findall(r"\(default: ([^()<>]+)\)$", text))
    if text.endswith("(required)"):
        return f"{bare} (required)"
    return f"{bare} (default: {default})" if default not in ("", "False", "None", "{}", "()") else bare


def notes(kind: str) -> Iterator[str]:
    """What stands under the options."""
    fields = SPECS[kind].model_fields
    if "model" in fields:
        yield "networks (--model.name):\n" + textwrap.fill(
            ", ".join(MODELS), 78, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False
        )
    if "pruning" in fields:
        yield "\n".join(["--pruning.spread:", *(f"  {spread:11} {says}" for spread, says in SPREADS.items())])
        yield "group names are those of python -m pruning inspect; share is always the share removed"
    if kind == "recipe":
        yield "\n".join(["recipes:", *(f"  {name:12} {card.title}" for name, card in RECIPES.items())])
    yield f"example: python -m pruning {kind} {EXAMPLES[kind]}"


def normal(arguments: list[str]) -> Iterator[str]:
    """--training.batch_size → --training.batch-size, .1 .5 → 0.1,0.5 after an option that takes several values."""
    values: list[str] = []
    listing = False
    for argument in arguments:
        if listing and not argument.startswith("--"):
            values.append(pointed(argument.strip(",")))
            continue
        if values:
            yield ",".join(values)
        option, equals, value = argument.partition("=") if argument.startswith("--") else ("", "", argument)
        option = option.replace("_", "-")
        values, listing = [], option in LISTS and not equals
        yield option + equals + (pointed(value) if option in LISTS or re.fullmatch(r"[\d.]+", value) else value)
    if values:
        yield ",".join(values)


def pointed(value: str) -> str:
    """.1, conv=.5 → 0.1,conv=0.5: JSON knows no bare point."""
    return re.sub(r"(^|[,=])\.(?=\d)", r"\g<1>0.", re.sub(r"\s*,\s*", ",", value))
