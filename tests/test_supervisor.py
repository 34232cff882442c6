"""Real processes and real kills: workers and supervisors may die at any moment, and the run ends as if none had."""

import hashlib
import os
import signal
import time

import psutil
import pytest

from pruning.errors import UserError
from pruning.jobs import supervisor
from pruning.jobs.backends import chosen, found
from pruning.jobs.store import Row, State, Store
from pruning.run import Run, read_json, read_lines
from pruning.spec import DataSettings, InspectSpec, ModelSettings, PruneSpec, TrainSettings, TrainSpec

pytestmark = [pytest.mark.usefixtures("ended"), pytest.mark.skipif(os.name == "nt", reason="kills with POSIX signals")]
IRIS, MLP = DataSettings(name="iris"), ModelSettings(name="iris-mlp")


def training(epochs: int, seed: int = 0) -> TrainSpec:
    return TrainSpec(data=IRIS, model=MLP, training=TrainSettings(epochs=epochs, batch_size=8, seed=seed))


def until(condition, seconds: float = 60.0) -> None:
    stop = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < stop, "waited in vain"
        time.sleep(0.05)


def end_of(store: Store, number: int) -> Row:
    until(lambda: store.row(number).state.is_finished)
    return store.row(number)


def worker_of(number: int) -> psutil.Process:
    """The worker, once it has trained for two epochs."""
    until(lambda: len(read_lines(Run.of(number).metrics)) >= 2)
    process = found(Run.of(number), read_json(Run.of(number).control)["attempt"])
    assert process is not None
    return process


def supervisor_of(home) -> psutil.Process:
    return next(p for p in psutil.process_iter() if runs_in(p, home) and "pruning.jobs.supervisor" in p.cmdline())


def runs_in(process: psutil.Process, home) -> bool:
    try:
        return process.environ().get("PRUNING_HOME") == str(home)
    except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
        return False


def fingerprint(number: int) -> str:
    from safetensors.torch import load_file

    weights = load_file(Run.of(number).model)
    return hashlib.sha256(b"".join(weights[name].numpy().tobytes() for name in sorted(weights))).hexdigest()


@pytest.fixture
def store(runs) -> Store:
    return Store(runs)


def test_a_killed_worker_resumes_and_ends_with_the_same_weights(store):
    undisturbed, disturbed = store.submit(training(25)), store.submit(training(25))
    supervisor.ensure()
    worker_of(disturbed).kill()
    rows = [end_of(store, number) for number in (undisturbed, disturbed)]
    assert [(row.state, row.attempt) for row in rows] == [(State.SUCCEEDED, 1), (State.SUCCEEDED, 2)]
    assert fingerprint(undisturbed) == fingerprint(disturbed)
    said = [event["text"] for event in read_lines(Run.of(disturbed).events)]
    assert any("killed by signal 9" in text and text.endswith("attempt 2.") for text in said)


def test_a_new_supervisor_adopts_the_running_worker(store, runs):
    number = store.submit(training(150))
    supervisor.ensure()
    worker = worker_of(number)
    supervisor_of(runs).kill()
    until(lambda: not supervisor.running())
    assert worker.is_running()
    supervisor.ensure()
    row = end_of(store, number)
    assert (row.state, row.attempt) == (State.SUCCEEDED, 1)
    assert row.summary == read_json(Run.of(number).result)


def test_a_stopped_supervisor_leaves_its_workers_alone(store, runs):
    number = store.submit(training(1000))
    supervisor.ensure()
    worker = worker_of(number)
    supervisor_of(runs).terminate()
    until(lambda: not supervisor.running(), 5)
    assert worker.is_running()
    assert store.row(number).state is State.RUNNING


def test_a_running_job_is_cancelled_within_seconds(store):
    number = store.submit(training(1000))
    supervisor.ensure()
    worker = worker_of(number)
    store.cancel(number)
    until(lambda: store.row(number).state is State.CANCELLED, 5)
    until(lambda: not worker.is_running(), 20)  # a busy machine takes its time to end a process


@pytest.mark.slow
def test_a_worker_that_does_not_listen_is_killed_after_the_grace(store):
    number = store.submit(training(1000))
    supervisor.ensure()
    worker_of(number).suspend()
    store.cancel(number)
    until(lambda: store.row(number).state is State.CANCELLED, supervisor.GRACE + 5)


def test_a_job_whose_parent_failed_fails_with_the_reason(store):
    lost = TrainSpec(data=DataSettings(name="imagefolder", folder="/nowhere"))
    parent, child = store.submit_chain([lost, PruneSpec(parent=0)])
    supervisor.ensure()
    assert end_of(store, child).error["what"] == f"Run {parent}, from which this one starts, failed."
    row = store.row(parent)
    assert (row.state, row.attempt, row.error["traceback"]) == (State.FAILED, 1, "")
    assert "/nowhere" in row.error["what"]


def test_a_worker_lost_three_times_fails_with_advice(store):
    number = store.submit(training(1000))
    supervisor.ensure()
    for attempt in (1, 2, 3):
        until(lambda a=attempt: store.row(number).attempt == a and found(Run.of(number), a))
        found(Run.of(number), attempt).kill()
    row = end_of(store, number)
    assert row.state is State.FAILED
    assert "3 times" in row.error["what"]
    assert "memory" in row.error["do"]


def test_a_small_request_is_answered_within_a_second_while_a_long_job_runs(store):
    long = store.submit(training(1000))
    first = store.submit(InspectSpec(data=IRIS, model=MLP))
    supervisor.ensure()
    assert end_of(store, first).state is State.SUCCEEDED
    begin = time.monotonic()
    assert end_of(store, store.submit(InspectSpec(data=IRIS, model=MLP))).state is State.SUCCEEDED
    assert time.monotonic() - begin < 3  # a second on an idle machine
    assert not store.row(long).state.is_finished


@pytest.mark.slow
def test_a_killed_warm_process_is_started_again(store):
    first = store.submit(InspectSpec(data=IRIS, model=MLP))
    supervisor.ensure()
    end_of(store, first)
    os.kill(read_json(Run.of(first).control)["pid"], signal.SIGKILL)
    assert end_of(store, store.submit(InspectSpec(data=IRIS, model=MLP))).state is State.SUCCEEDED


def test_one_supervisor_runs_however_many_are_started(store, runs):
    for _ in range(3):
        supervisor.ensure()
    until(supervisor.running)
    until(lambda: sum("pruning.jobs.supervisor" in p.cmdline() for p in psutil.process_iter() if runs_in(p, runs)) == 1)
    assert supervisor.running()


def test_what_goes_wrong_is_logged_once_while_it_lasts(store, caplog):
    store.rows()
    (store.folder / "jobs.db").write_bytes(b"not a database at all" * 100)
    trouble = ""
    for _ in range(3):
        trouble = supervisor.round_of(store, [supervisor.Lane(store, ("train",), chosen())], trouble)
    assert [record.message for record in caplog.records if "damaged" in record.message] == [caplog.records[0].message]


def test_an_unknown_backend_is_named(monkeypatch):
    monkeypatch.setenv("PRUNING_BACKEND", "moon")
    with pytest.raises(UserError, match=r"PRUNING_BACKEND='moon' is not one of local"):
        chosen()
