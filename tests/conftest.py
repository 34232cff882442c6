"""Every test has its own runs folder and one thread; `real_data` is the folder of real data sets, where there is one."""

import os
from contextlib import suppress
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported

import psutil
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    """The folder that PRUNING_HOME names during this test."""
    folder = tmp_path / "runs"
    monkeypatch.setenv("PRUNING_HOME", str(folder))
    return folder


@pytest.fixture
def ended(runs):
    """Ends the supervisor and the workers of this test's runs folder."""
    yield runs
    end_processes(runs)


def end_processes(folder: Path) -> None:
    """Kill the supervisor and the workers of a runs folder, by process id."""
    mine = sorted((p for p in psutil.process_iter() if p.pid != os.getpid() and _is_of(p, folder)), key=lambda p: p.pid)
    for process in mine:  # the supervisor is older than its workers
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(mine, timeout=10)


def _is_of(process: psutil.Process, runs: Path) -> bool:
    try:
        return process.environ().get("PRUNING_HOME") == str(runs)
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        return False


@pytest.fixture(scope="session")
def prepared_runs(tmp_path_factory) -> Path:
    """A folder with a run of every kind and every ending; read it, or copy it."""
    import prepared

    folder = tmp_path_factory.mktemp("prepared") / "runs"
    prepared.make(folder)
    return folder


@pytest.fixture(scope="session")
def dashboard(prepared_runs):
    """The dashboard on the prepared runs: one server for all tests that only look."""
    import browser

    with browser.serve(prepared_runs) as served:
        yield served
    end_processes(prepared_runs)


@pytest.fixture(scope="session")
def empty_dashboard(tmp_path_factory):
    """The dashboard on a folder with no run in it."""
    import browser

    folder = tmp_path_factory.mktemp("nothing") / "runs"
    with browser.serve(folder) as served:
        yield served
    end_processes(folder)


@pytest.fixture(scope="module")
def chromium():
    """A real browser."""
    import browser

    with browser.chromium() as opened:
        yield opened


@pytest.fixture
def real_data(monkeypatch):
    """Folder with MNIST, FashionMNIST, dogs-vs-cats and weights: `PRUNING_DATA`, or shared/data beside the repository."""
    named = os.environ.get("PRUNING_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not (folder / "FashionMNIST" / "raw").is_dir():
        if named:
            pytest.fail(f"PRUNING_DATA names {folder}, but there is no FashionMNIST/raw in it")
        pytest.skip(f"no real data in {folder}")
    monkeypatch.setenv("PRUNING_DATA", str(folder))
    return folder
