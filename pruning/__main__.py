"""The same jobs from a shell: `python -m pruning train --data.name mnist --training.epochs 3`."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Never

from pruning.errors import UserError
from pruning.jobs import known, supervisor
from pruning.jobs.follow import follow
from pruning.jobs.options import SPECS, named, specification
from pruning.jobs.repair import repair
from pruning.jobs.store import Store
from pruning.jobs.words import advised, listed, overview
from pruning.recipes import RECIPES
from pruning.run import Run, home

ENDINGS = {"zip": ".zip", "safetensors": ".safetensors", "state-dict": ".pt"}
USAGE = """usage: python -m pruning COMMAND …   (COMMAND --help lists its options)

  train | prune | finetune | mask | sweep                queue a job and follow it; --detach returns at once
  scan | search | audit | inspect | prepare
  recipe [NAME]          a source document or paper as one tree of jobs; without a name, which there are
  follow RUN             watch a job until it ends
  status [RUN]           the latest runs, or one
  cancel RUN             stop a job
  retry RUN              queue a failed or cancelled job again; it resumes
  repair                 rebuild the list of jobs from the run folders
  export RUN [--format zip|safetensors|state-dict] [--to FILE or FOLDER]

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
        if name == "recipe" and not rest:
            print("\n".join(listed(RECIPES)))
            return 0
        if name in SPECS:
            return submit(name, named(name, rest))
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
    known.check(spec)
    number = Store(home()).submit(spec)
    said = f"Run {number} is queued."
    if "--detach" not in arguments:
        return follow(number, first=said)
    supervisor.ensure()
    print(said)
    return 0


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
    if (state := store.row(number).state).is_finished:
        print(f"Run {number} had already ended: {state}.")
        return 0
    store.cancel(number)
    supervisor.ensure()
    print(f"Run {number} is {store.row(number).state}.")
    return 0


def retry(arguments: list[str]) -> int:
    number = parsed("retry", arguments).run
    Store(home()).retry(number)
    print(f"Run {number} is queued again.", flush=True)
    return follow(number)


def mend(arguments: list[str]) -> int:
    Parser(prog="python -m pruning repair").parse_args(arguments)
    print(f"{repair(Store(home()))} runs were added to the list.")
    return 0


def parsed(command: str, arguments: list[str], *, optional: bool = False) -> argparse.Namespace:
    parser = Parser(prog=f"python -m pruning {command}")
    parser.add_argument("run", type=int, nargs="?" if optional else None, help="number of the run")
    return parser.parse_args(arguments)


def export(arguments: list[str]) -> int:
    parser = Parser(prog="python -m pruning export")
    parser.add_argument("run", type=int, help="number of the run")
    parser.add_argument("--format", choices=tuple(ENDINGS), default="zip", help="the whole run, or its network alone")
    parser.add_argument("--to", default=".", help="file, or folder for run-N.zip (default: the current folder)")
    chosen = parser.parse_args(arguments)
    row = Store(home()).row(chosen.run)
    if not row.state.is_finished:
        raise UserError(f"Run {row.id} is still {row.state}.", do=f"Wait for it: python -m pruning follow {row.id}")
    path = target(chosen.to, f"run-{row.id}{ENDINGS[chosen.format]}")
    try:
        print(written(Run.of(row.id), path, chosen.format))
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}.", do="Choose another --to.") from error
    return 0


def target(to: str, name: str) -> Path:
    """The file to write; raises UserError when its folder is not there."""
    path = Path(to).expanduser()
    folder = path if to.endswith(("/", os.sep)) else path.parent
    if path.is_dir():
        return path / name
    if not folder.is_dir():
        raise UserError(f"The folder {folder} does not exist.", do="Make it first, or choose another --to.")
    return path


def written(run: Run, path: Path, form: str) -> str:
    """Write the run or its network; returns what to say of it."""
    from pruning import export as files  # loads torch

    if form == "zip":
        files.export_run(run, path)
        return f"Run {run.number} is written to {path}."
    apart = files.export_model(run, path, form)
    return (
        f"The network of run {run.number} is written to {path}; read again, its outputs differ by {apart:.1e} at most."
    )


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "follow": watch,
    "status": status,
    "cancel": cancel,
    "retry": retry,
    "repair": mend,
    "export": export,
}


def shell() -> int:
    """`main`, ended quietly when whoever reads the output has seen enough (`status | head`)."""
    try:
        code = main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
        return 141
    return code


if __name__ == "__main__":
    sys.exit(shell())
