"""Where workers run. A backend starts the worker of one attempt, knows whether it lives, and ends it."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

import psutil

from pruning.errors import UserError
from pruning.run import Run, data_home, home, read_json, write_json

ROOT = Path(__file__).resolve().parents[2]


class Backend(Protocol):
    def start(self, run: Run, attempt: int) -> None:
        """Start the worker of this attempt, and write control.json with what is needed to find it again."""

    def alive(self, run: Run, attempt: int) -> bool:
        """Whether this attempt's worker lives, whoever started it."""

    def kill(self, run: Run, attempt: int) -> None:
        """End the attempt's worker at once."""

    def cause(self, run: Run) -> str:
        """How its worker ended ("killed by signal 9"), or "" when that is not known."""


@dataclass
class Local:
    """One process of its own for each attempt; it outlives whoever started it."""

    processes: dict[Path, subprocess.Popen[bytes]] = field(default_factory=dict)  # those that this process started

    def start(self, run: Run, attempt: int) -> None:
        write_json(run.control, {"attempt": attempt, "want": ""})
        with open(run.log, "ab") as log:
            process = launch("pruning.jobs.worker", str(run.path), str(attempt), output=log)
        self.processes = {path: other for path, other in self.processes.items() if other.poll() is None}
        self.processes[run.path] = process
        write_json(run.control, {"attempt": attempt, "want": "", **identity(process.pid)})

    def alive(self, run: Run, attempt: int) -> bool:
        process = self.processes.get(run.path)
        if process is not None and process.poll() is not None:
            return False
        return found(run, attempt) is not None

    def kill(self, run: Run, attempt: int) -> None:
        kill_tree(found(run, attempt))

    def cause(self, run: Run) -> str:
        return ended_how(self.processes.get(run.path))


@dataclass
class Warm:
    """One process with the engine loaded, which answers small requests one after another; started when first needed."""

    process: subprocess.Popen[bytes] | None = None

    def start(self, run: Run, attempt: int) -> None:
        if self.process is None or self.process.poll() is not None:
            with open(home() / "supervisor.log", "ab") as log:
                self.process = launch("pruning.jobs.worker", "--serve", output=log, entry=subprocess.PIPE)
        write_json(run.control, {"attempt": attempt, "want": "", **identity(self.process.pid)})
        request = json.dumps([str(run.path), attempt]) + "\n"
        try:
            assert self.process.stdin is not None
            self.process.stdin.write(request.encode())
            self.process.stdin.flush()
        except BrokenPipeError:  # it died just now: the supervisor sees that and tries again
            self.process.wait()

    def alive(self, run: Run, attempt: int) -> bool:
        return found(run, attempt) is not None

    def kill(self, run: Run, attempt: int) -> None:
        kill_tree(found(run, attempt))

    def cause(self, run: Run) -> str:
        return ended_how(self.process)


BACKENDS: dict[str, Callable[[], Backend]] = {"local": Local}


def chosen() -> Backend:
    """The backend that `PRUNING_BACKEND` names (default local); raises UserError for an unknown one."""
    name = os.environ.get("PRUNING_BACKEND") or "local"
    if name not in BACKENDS:
        raise UserError(f"PRUNING_BACKEND={name!r} is not one of {', '.join(BACKENDS)}", do="Unset it.")
    return BACKENDS[name]()


def launch(module: str, *arguments: str, output: IO[bytes], entry: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """Start `python -m module` in a session of its own, so that no terminal or server takes it along."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=environment(),
        stdin=entry,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )
    threading.Thread(target=process.wait, daemon=True).start()  # leaves no zombie behind in a long-lived process
    return process


def environment() -> dict[str, str]:
    """Ours, made independent of the current folder; one core is left to the web process."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    homes = {"PRUNING_HOME": str(home()), "PRUNING_DATA": str(data_home())}
    threads = str(max(1, (os.cpu_count() or 1) - 1))
    return {"OMP_NUM_THREADS": threads} | os.environ | homes | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


def identity(pid: int) -> dict[str, float]:
    """What tells a process from a later one with the same number; nothing when it is gone already."""
    try:
        return {"pid": pid, "pid_started": psutil.Process(pid).create_time()}
    except psutil.NoSuchProcess:
        return {}


def found(run: Run, attempt: int) -> psutil.Process | None:
    """The living process that control.json names for this attempt."""
    control = read_json(run.control, {})
    if control.get("attempt") != attempt or "pid" not in control:
        return None
    try:
        process = psutil.Process(control["pid"])
        # Linux derives the start time from the clock, which may be set by a second or so meanwhile.
        same = abs(process.create_time() - control["pid_started"]) < 2
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def kill_tree(process: psutil.Process | None) -> None:
    if process is None:
        return
    try:
        tree = [*process.children(recursive=True), process]
    except psutil.NoSuchProcess:
        return
    for member in tree:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue


def ended_how(process: subprocess.Popen[bytes] | None) -> str:
    """-9 → "killed by signal 9", 3 → "exit code 3"; "" for 0, or where that is not known."""
    try:
        code = process.wait(timeout=1) if process is not None else 0
    except subprocess.TimeoutExpired:
        return ""
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}" if code else ""
