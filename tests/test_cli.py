"""The command line: options made from the specs, one sentence and exit code 2 for bad input, jobs that run to their end."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pruning.__main__ import main, specification
from pruning.jobs.store import State, Store
from pruning.spec import SweepSpec, TrainSpec

ROOT = Path(__file__).resolve().parent.parent
IRIS = ["--data.name", "iris", "--model.name", "iris-mlp", "--training.epochs", "2"]


def shell(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pruning", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_options_become_the_spec():
    spec = specification("train", ["--data.name", "iris", "--training.batch_size", "7", "--training.optimizer", "sgd"])
    assert isinstance(spec, TrainSpec)
    assert (spec.data.name, spec.training.batch_size, spec.training.optimizer) == ("iris", 7, "sgd")


def test_lists_of_a_sweep_are_written_with_commas():
    spec = specification("sweep", ["--parent", "3", "--shares", ".1,.5", "--criteria", "l1,bn-scale"])
    assert isinstance(spec, SweepSpec)
    assert (spec.shares, spec.criteria) == ((0.1, 0.5), ("l1", "bn-scale"))


def test_the_environment_does_not_leak_into_a_spec(monkeypatch):
    monkeypatch.setenv("TITLE", "from elsewhere")
    assert specification("train", []) == TrainSpec()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["fly"], "'fly' is not one of train"),
        (["train", "--bogus", "1"], "--bogus"),
        (["train", "--training.epochs", "-3"], "training.epochs"),
        (["train", "--training.optimizer", "magic"], "'sgd', 'adam' or 'rmsprop'"),
        (["prune"], "--parent is missing"),
        (["prune", "--parent", "99"], "Run 99 does not exist"),
        (["cancel", "99"], "Run 99 does not exist"),
        (["cancel", "x"], "invalid int value"),
        (["export", "1", "--format", "gif"], "gif"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_sentence_and_exit_code_2(arguments, says, capsys):
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert says in said.err
    assert said.out == ""
    assert said.err.count("\n") == 1


def test_help_lists_the_choices_as_they_are_written(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["prune", "--help"])
    assert ended.value.code == 0
    assert "{l1,l2,random,bn-scale,taylor}" in capsys.readouterr().out


def test_no_runs_yet_is_said_with_what_to_do(capsys):
    assert main(["status"]) == 0
    assert "python -m pruning train" in capsys.readouterr().out


@pytest.mark.usefixtures("ended")
def test_a_shell_trains_reports_and_exports(tmp_path):
    done = shell("train", *IRIS)
    assert (done.returncode, done.stderr) == (0, "")
    assert "train epoch 2" in done.stdout
    assert "Run 1 succeeded" in done.stdout
    assert "succeeded" in shell("status", "1").stdout
    for form in ("zip", "safetensors", "state-dict"):
        target = tmp_path / form
        assert main(["export", "1", "--format", form, "--to", str(target)]) == 0
        assert target.stat().st_size > 0


@pytest.mark.usefixtures("ended")
def test_a_failed_job_is_one_sentence_and_exit_code_1():
    done = shell("train", "--data.name", "nothing-like-it")
    assert done.returncode == 1
    assert "nothing-like-it" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("ended")
def test_ctrl_c_leaves_the_job_running(runs):
    command = [sys.executable, "-m", "pruning", "train", *IRIS[:-1], "1000"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as follower:
        follower.stdout.readline()
        os.kill(follower.pid, signal.SIGINT)
        _, said = follower.communicate(timeout=30)
    assert follower.returncode == 130
    assert "python -m pruning follow 1" in said
    assert Store(runs).row(1).state in (State.QUEUED, State.RUNNING)
