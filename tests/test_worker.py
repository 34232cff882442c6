"""One job in one process: how it ends is told in status.json, and a fenced attempt writes nothing."""

import os

import pytest

from pruning.jobs.store import Store
from pruning.jobs.worker import work
from pruning.run import Run, read_json, write_atomic, write_json
from pruning.spec import DataSettings, InspectSpec, ModelSettings, TrainSettings, TrainSpec

IRIS, MLP = DataSettings(name="iris"), ModelSettings(name="iris-mlp")


def queued(runs, spec) -> Run:
    return Run.of(Store(runs).submit(spec))


def test_a_finished_job_says_succeeded(runs):
    run = queued(runs, TrainSpec(data=IRIS, model=MLP, training=TrainSettings(epochs=1)))
    work(run, 1)
    assert read_json(run.status)["state"] == "succeeded"
    assert run.model.exists()


def test_bad_input_is_told_without_a_traceback(runs):
    run = queued(runs, TrainSpec(data=DataSettings(name="imagefolder", folder="/nowhere")))
    work(run, 1)
    status = read_json(run.status)
    assert (status["state"], status["error"]["traceback"]) == ("failed", "")
    assert "/nowhere" in status["error"]["what"]


def test_a_job_reads_the_data_folder_it_was_submitted_with(runs, tmp_path, monkeypatch):
    monkeypatch.setenv("PRUNING_DATA", str(tmp_path / "mine"))
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        write_atomic(tmp_path / "mine" / "MNIST" / "raw" / f"{name}-ubyte", b"damaged")
    run = queued(runs, TrainSpec(data=DataSettings(name="mnist")))
    monkeypatch.setenv("PRUNING_DATA", str(tmp_path / "the worker's own"))
    work(run, 1)
    assert str(tmp_path / "mine") in read_json(run.status)["error"]["what"]
    assert os.environ["PRUNING_DATA"] == str(tmp_path / "the worker's own")


def test_an_unreadable_spec_is_told_in_one_sentence(runs):
    run = Run.of(1)
    write_atomic(run.spec, '{"kind": "train", "training": {"epochs": -1}}')
    work(run, 1)
    assert "training.epochs=-1" in read_json(run.status)["error"]["what"]


def test_an_unforeseen_error_is_told_with_its_traceback(runs):
    run = queued(runs, InspectSpec(data=IRIS, model=MLP))
    run.channels.mkdir()  # the engine wants to write a file there
    run.summary_before.mkdir()
    work(run, 1)
    error = read_json(run.status)["error"]
    assert "Traceback" in error["traceback"]
    assert "Traceback" in run.log.read_text()


def test_a_job_cancelled_before_it_began_says_so(runs):
    run = queued(runs, TrainSpec(data=IRIS, model=MLP))
    write_json(run.control, {"attempt": 1, "want": "cancel"})
    work(run, 1)
    assert read_json(run.status)["state"] == "cancelled"
    assert not run.model.exists()


def test_a_fenced_attempt_writes_nothing(runs):
    run = queued(runs, TrainSpec(data=IRIS, model=MLP))
    write_json(run.control, {"attempt": 2, "want": ""})
    work(run, 1)
    assert not run.status.exists()
    assert not run.metrics.exists()


@pytest.mark.parametrize("name", ["status", "log"])
def test_a_job_writes_only_into_its_folder(runs, name):
    run = queued(runs, InspectSpec(data=IRIS, model=MLP))
    work(run, 1)
    assert getattr(run, name).exists()
    assert {path.name for path in runs.iterdir()} <= {run.path.name, "cache", "jobs.db", "jobs.db-wal", "jobs.db-shm"}
