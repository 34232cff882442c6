"""The same jobs from a shell: `python -m pruning train --data.name mnist --training.epochs 3`."""

import argparse
import re
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, Never

from pydantic import BaseModel
from pydantic_settings import CliSettingsSource, SettingsError

from pruning.errors import UserError
from pruning.jobs import supervisor
from pruning.jobs.repair import repair
from pruning.jobs.store import Row, State, Store
from pruning.jobs.words import advised, line, overview, sentence
from pruning.run import Run, home, read_lines
from pruning.spec import FinetuneSpec, InspectSpec, PrepareSpec, PruneSpec, Spec, SweepSpec, TrainSpec, parse

SPECS: dict[str, type[BaseModel]] = {
    "train": TrainSpec,
    "prune": PruneSpec,
    "finetune": FinetuneSpec,
    "sweep": SweepSpec,
    "inspect": InspectSpec,
    "prepare": PrepareSpec,
}
FORMATS = ("zip", "safetensors", "state-dict")
USAGE = """usage: python -m pruning COMMAND …   (COMMAND --help lists its options)

  train | prune | finetune | sweep | inspect | prepare   queue a job and follow it; --detach returns at once
  follow RUN             watch a job until it ends
  status [RUN]           the latest runs, or one
  cancel RUN             stop a job
  retry RUN              queue a failed or cancelled job again; it resumes
  repair                 rebuild the list of jobs from the run folders
  export RUN [--format zip|safetensors|state-dict] [--to PATH]

Runs lie in PRUNING_HOME (default runs/), data sets in PRUNING_DATA (default data/)."""


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Never:
        raise UserError(f"{message[0].upper()}{message[1:]}.", do=f"See {self.prog} --help.")


def main(arguments: list[str]) -> int:
    """Exit code: 0 done, 1 the job failed or was cancelled, 2 bad input, 130 interrupted (the job goes on)."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE)
        return 0 if arguments else 2
    name, *rest = arguments
    try:
        if name in SPECS:
            return submit(name, rest)
        if name not in COMMANDS:
            raise UserError(
                f"{name!r} is not one of {', '.join([*SPECS, *COMMANDS])}.", do="See python -m pruning --help."
            )
        return COMMANDS[name](rest)
    except UserError as error:
        print(advised(str(error), error.do), file=sys.stderr)
        return 2


def submit(kind: str, arguments: list[str]) -> int:
    """Queue a job; follow it unless `--detach`."""
    spec = specification(kind, [a for a in arguments if a != "--detach"])
    number = Store(home()).submit(spec)
    said = f"Run {number} is queued."
    if "--detach" not in arguments:
        return follow(number, first=said)
    supervisor.ensure()
    print(said)
    return 0


def specification(kind: str, arguments: list[str]) -> Spec:
    """The spec that the options say; raises UserError for an unknown option or a value out of bounds."""
    try:
        given = CliSettingsSource[Any](
            SPECS[kind],  # type: ignore[arg-type]  # any pydantic model will do
            cli_prog_name=f"python -m pruning {kind}",
            cli_parse_args=[normal(a) for a in arguments],
            cli_exit_on_error=False,
            cli_kebab_case="all",
            cli_implicit_flags=True,
            cli_avoid_json=True,
            add_argument_method=add_argument,
        )()
    except SettingsError as error:
        text = str(error).removeprefix("error parsing CLI: ")
        raise UserError(f"{text[0].upper()}{text[1:]}.", do=f"See python -m pruning {kind} --help.") from error
    if "parent" in SPECS[kind].model_fields and "parent" not in given:
        raise UserError("--parent is missing.", do="Name the run to start from: --parent RUN.")
    return parse({**given, "kind": kind})


def add_argument(group: Any, *names: str, **options: Any) -> Any:
    """argparse's own, with choices shown as they are written: {l1,bn-scale}, not {L1,BN-SCALE}."""
    metavar = options.get("metavar")
    return group.add_argument(*names, **options | ({"metavar": metavar.lower()} if metavar else {}))


def normal(argument: str) -> str:
    """--training.batch_size → --training.batch-size, and .1,.5 → 0.1,0.5 (JSON knows no bare point)."""
    if argument.startswith("--"):
        option, equals, value = argument.partition("=")
        return option.replace("_", "-") + equals + (normal(value) if value else "")
    return re.sub(r"(?<!\d)\.", "0.", argument) if re.fullmatch(r"[\d.,]+", argument) else argument


def follow(number: int, *, first: str = "") -> int:
    """Print what the run says until it ends; Ctrl-C ends the following, not the run."""
    try:
        return outcome(last_row(number, first))
    except KeyboardInterrupt:
        print(f"\nRun {number} goes on. Come back with: python -m pruning follow {number}", file=sys.stderr)
        return 130


def last_row(number: int, first: str) -> Row:
    if first:
        print(first, flush=True)
    store, seen = Store(home()), 0.0
    for look in count():
        if (row := store.row(number)).state.is_finished:
            break
        if look % 10 == 0:  # one that was killed meanwhile is replaced
            supervisor.ensure()
        seen = tell(store, row, seen)
        time.sleep(0.5)
    tell(store, row, seen)
    return row


def tell(store: Store, row: Row, seen: float) -> float:
    """Print the lines newer than `seen`; returns the time of the last one."""
    if row.kind == "sweep":
        lines = [(child.ended, sentence(child)) for child in store.children(row.id) if child.ended]
    else:
        run = Run.of(row.id)
        lines = [(record["time"], line(record)) for record in read_lines(run.events) + read_lines(run.metrics)]
    fresh = sorted(item for item in lines if item[0] > seen)
    for _, text in fresh:
        print(text, flush=True)
    return fresh[-1][0] if fresh else seen


def outcome(row: Row) -> int:
    succeeded = row.state is State.SUCCEEDED
    print(sentence(row), file=sys.stdout if succeeded else sys.stderr)
    return 0 if succeeded else 1


def status(arguments: list[str]) -> int:
    number = parsed("status", arguments, optional=True).run
    rows = Store(home()).rows() if number is None else [Store(home()).row(number)]
    print("\n".join(overview(row) for row in rows) or "There are no runs yet. Start one: python -m pruning train")
    return 0


def watch(arguments: list[str]) -> int:
    return follow(parsed("follow", arguments).run)


def cancel(arguments: list[str]) -> int:
    number = parsed("cancel", arguments).run
    store = Store(home())
    store.cancel(number)
    supervisor.ensure()
    print(f"Run {number} is {store.row(number).state}.")
    return 0


def retry(arguments: list[str]) -> int:
    number = parsed("retry", arguments).run
    Store(home()).retry(number)
    return follow(number)


def mend(arguments: list[str]) -> int:
    Parser(prog="python -m pruning repair").parse_args(arguments)
    print(f"{repair(Store(home()))} runs were added to the list.")
    return 0


def parsed(command: str, arguments: list[str], *, optional: bool = False) -> argparse.Namespace:
    parser = Parser(prog=f"python -m pruning {command}")
    parser.add_argument("run", type=int, nargs="?" if optional else None)
    return parser.parse_args(arguments)


def export(arguments: list[str]) -> int:
    parser = Parser(prog="python -m pruning export")
    parser.add_argument("run", type=int)
    parser.add_argument("--format", choices=FORMATS, default="zip")
    parser.add_argument("--to", type=Path, default=None)
    chosen = parser.parse_args(arguments)
    row = Store(home()).row(chosen.run)
    path = chosen.to or Path(f"run-{row.id}" + {"zip": ".zip", "safetensors": ".safetensors"}.get(chosen.format, ".pt"))
    from pruning import export as files  # loads torch

    if chosen.format == "zip":
        files.export_run(Run.of(row.id), path)
        print(f"Run {row.id} is written to {path}.")
    else:
        apart = files.export_model(Run.of(row.id), path, chosen.format)
        print(
            f"The network of run {row.id} is written to {path}; read again, its outputs differ by {apart:.1e} at most."
        )
    return 0


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "follow": watch,
    "status": status,
    "cancel": cancel,
    "retry": retry,
    "repair": mend,
    "export": export,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
