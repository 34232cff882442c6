"""One job in one process: `python -m pruning.jobs.worker RUN_FOLDER ATTEMPT`; with `--serve`, small requests from stdin."""

import json
import logging
import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from pruning.errors import Cancelled, Fenced, UserError
from pruning.report import FolderReport
from pruning.run import Run, data_home, read_json
from pruning.spec import parse


def work(run: Run, attempt: int) -> None:
    """Execute the run's spec, then write its final status; a fenced attempt writes nothing more."""
    report = FolderReport(run, attempt)
    with logged(run), data_folder(run):
        try:
            report.check()
            report.status(stage="starting", done=0, of=1)
            execute(run, report)
            final: dict[str, Any] = {"state": "succeeded"}
        except Fenced:
            return
        except Cancelled:
            final = {"state": "cancelled"}
        except UserError as error:
            final = failure(str(error), error.do, change=error.change)
        except Exception as error:  # the job border: whatever went wrong is told in the run's status
            logging.exception("attempt %d failed", attempt)
            final = failure(
                f"{type(error).__name__}: {error}", "The log says more; retry resumes.", traceback.format_exc()
            )
        if not fenced(run, attempt):
            report.status(stage=read_json(run.status, {}).get("stage", ""), **final)


def execute(run: Run, report: FolderReport) -> None:
    from pruning import engine  # takes seconds, and its failure must be told as well

    engine.execute(parse(run.spec.read_bytes()), run, report)


def failure(what: str, do: str, trace: str = "", *, change: Mapping[str, float] | None = None) -> dict[str, Any]:
    advice = {"change": change} if change else {}
    return {"state": "failed", "error": {"what": what, "do": do, "traceback": trace, **advice}}


def fenced(run: Run, attempt: int) -> bool:
    return bool(read_json(run.control, {}).get("attempt", attempt) != attempt)


@contextmanager
def data_folder(run: Run) -> Iterator[None]:
    """The data sets lie where they lay for whoever submitted the run, whatever this process was started with."""
    inherited = os.environ.get("PRUNING_DATA")
    os.environ["PRUNING_DATA"] = read_json(run.folders, {}).get("data") or str(data_home())
    try:
        yield
    finally:
        del os.environ["PRUNING_DATA"]
        os.environ.update({} if inherited is None else {"PRUNING_DATA": inherited})


@contextmanager
def logged(run: Run) -> Iterator[None]:
    """All that the job logs or prints goes to log.txt."""
    with open(run.log, "a", buffering=1) as log, redirect_stdout(log), redirect_stderr(log):
        logging.basicConfig(
            stream=log, level=logging.INFO, force=True, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
        )
        try:
            yield
        finally:
            logging.basicConfig(handlers=[logging.NullHandler()], force=True)


def serve() -> None:
    """Answer `[run folder, attempt]` lines until stdin ends."""
    with suppress(ImportError):  # then the first request meets it, and tells
        import_module("pruning.engine")
    for line in sys.stdin:
        folder, attempt = json.loads(line)
        work(Run(Path(folder)), attempt)


def main(arguments: list[str]) -> None:
    if arguments == ["--serve"]:
        serve()
        return
    if hasattr(os, "nice"):
        os.nice(5)
    folder, attempt = arguments
    work(Run(Path(folder)), int(attempt))


if __name__ == "__main__":
    main(sys.argv[1:])
