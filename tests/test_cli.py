"""The command line: options made from the specs, one sentence and exit code 2 for bad input, jobs that run to their end."""

import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from pruning.__main__ import main
from pruning.jobs.follow import warn_of_full_disk
from pruning.jobs.options import SPECS, named, settings_of, specification
from pruning.jobs.store import LONG, State, Store
from pruning.jobs.words import overview
from pruning.recipes import RECIPES
from pruning.run import Run, append_line, home
from pruning.spec import (
    SPREADS,
    AuditSpec,
    CriterionName,
    MaskSpec,
    PruneSpec,
    RecipeSpec,
    ScanSpec,
    SweepSpec,
    TrainSpec,
    parse,
)

ROOT = Path(__file__).resolve().parent.parent
IRIS = ["--data.name", "iris", "--model.name", "iris-mlp", "--training.epochs", "2"]


def shell(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pruning", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_options_become_the_spec():
    spec = specification("train", ["--data.name", "iris", "--training.batch_size", "7", "--training.optimizer", "sgd"])
    assert isinstance(spec, TrainSpec)
    assert (spec.data.name, spec.training.batch_size, spec.training.optimizer) == ("iris", 7, "sgd")


@pytest.mark.parametrize("between", [",", ", ", " "])
def test_lists_of_a_sweep_are_written_with_commas_or_spaces(between):
    lists = [
        ["--shares", *between.join([".1", "0.5"]).split()],
        ["--criteria", *between.join(["l1", "bn-scale"]).split()],
    ]
    spec = specification("sweep", ["--parent", "3", *lists[0], *lists[1]])
    assert isinstance(spec, SweepSpec)
    assert (spec.shares, spec.criteria) == ((0.1, 0.5), ("l1", "bn-scale"))


def test_shares_of_groups_are_written_with_equals_signs():
    spec = specification("prune", ["--parent", "3", "--pruning.shares", "layer1.0.conv1=.3,fc1=0.5"])
    assert isinstance(spec, PruneSpec)
    assert spec.pruning.shares == {"layer1.0.conv1": 0.3, "fc1": 0.5}


def test_limits_of_groups_and_protected_layers_become_the_spec():
    options = ["--pruning.floor", "4", "--pruning.ceiling", "conv1=8,fc1=64", "--pruning.round-to", "8"]
    spec = specification("prune", ["--parent", "3", *options, "--pruning.protect", "conv1", "layer4.*", "--title", "x"])
    assert isinstance(spec, PruneSpec)
    wish = spec.pruning
    assert (wish.floor, wish.ceiling, wish.round_to) == (4, {"conv1": 8, "fc1": 64}, 8)
    assert (wish.protect, spec.title) == (("conv1", "layer4.*"), "x")
    assert parse(spec.model_dump_json()) == spec


def test_a_spec_of_before_there_were_limits_still_parses():
    old = '{"kind":"prune","title":"","parent":1,"pruning":{"share":0.3,"rounding":"floor","floor":2}}'
    wish = parse(old).pruning
    assert (wish.rounding, wish.floor, wish.ceiling, wish.protect, wish.round_to) == ("floor", 2, 0, (), 1)


def test_paths_are_meant_from_the_folder_they_are_given_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    spec = specification("train", ["--data.folder", "photos", "--model.weights", "~/x.th"])
    assert isinstance(spec, TrainSpec)
    assert (spec.data.folder, spec.model.weights) == (str(tmp_path / "photos"), "/home/me/x.th")
    assert TrainSpec().data.folder == ""


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
        (["prune", "--parent", "1", "--kind", "prune"], "--kind"),
        (["prune", "--parent", "1", "--pruning.share", "1"], "'1' is not allowed: it should be less than 1"),
        (["prune", "--parent", "1", "--pruning.share", "50%"], "write 0.5"),
        (["prune", "--parent", "1", "--pruning.shares", "conv1:0.3"], "conv1=0.3,fc1=0.5"),
        (["prune", "--parent", "1", "--pruning.spread", "total"], "filters=0 removes nothing"),
        (["prune", "--parent", "1", "--pruning.spread", "groups"], "no shares removes nothing"),
        (
            ["prune", "--parent", "1", "--pruning.floor", "0"],
            "pruning.floor=0 is not allowed: write a whole number ≥ 1",
        ),
        (["prune", "--parent", "1", "--pruning.floor", "conv1"], "pruning.floor='conv1' is not allowed: write a whole"),
        (["prune", "--parent", "1", "--pruning.ceiling", "conv1=x"], "GROUP=NUMBER such as conv1=8"),
        (["prune", "--parent", "1", "--pruning.round-to", "0"], "pruning.round_to='0' is not allowed"),
        (["prune", "--parent", "1", "--pruning.round-mode", "away"], "'nearest', 'up' or 'down'"),
        (["prune", "--parent", "1", "--pruning.keep-at-least", "1"], "pruning.keep_at_least='1' is not allowed"),
        (["sweep", "--parent", "1", "--pruning.spread", "per-layer"], "Choose uniform, global or isomorphic"),
        (["sweep", "--parent", "1", "--shares", "0.1", "2"], "shares.1=2 is not allowed"),
        (["train", "--data.name", "mnst"], "Did you mean mnist"),
        (["train", "--model.name", "scnb"], "Did you mean scnnb"),
        (["train", "--data.name", "imagefolder", "--data.folder", "/nowhere"], "/nowhere"),
        (["train", "--data.name", "iris"], "scnnb takes images, and iris has rows of features"),
        (["train", "--model.weights", "/nowhere.th"], "There is no checkpoint file /nowhere.th"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_sentence_and_exit_code_2(arguments, says, capsys):
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert says in said.err
    assert said.out == ""
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("kind", SPECS)
def test_every_option_has_a_help_text_and_no_python_in_it(kind):
    parser = settings_of(kind).root_parser
    assert all(action.help for action in parser._actions)
    said = parser.format_help()
    assert "--detach" in said
    assert not [word for word in ("--kind", "default: )", "factory", "<", "{}") if word in said]
    assert not re.search(r" (str|float)\b", said)


def test_help_lists_the_choices_as_they_are_written(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["prune", "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert f"{{{','.join(CriterionName)}}}" in said
    assert all(text in said for text in SPREADS.values())


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
    assert main(["export", "1", "--to", str(tmp_path)]) == 0
    assert (tmp_path / "run-1.zip").stat().st_size > 0
    wrong = shell("prune", "--parent", "1", "--pruning.shares", "conv1=0.3")
    assert (wrong.returncode, "pruning.shares='conv1' is not known" in wrong.stderr) == (2, True)
    assert main(["prune", "--parent", "1", "--pruning.protect", "layers.9"]) == 2
    assert main(["prune", "--parent", "1", "--pruning.ceiling", "2", "--pruning.floor", "3"]) == 2


@pytest.mark.usefixtures("ended")
def test_an_inspected_network_says_what_can_be_pruned_and_a_prepared_data_set_its_classes():
    network = shell("inspect", *IRIS[:4]).stdout
    assert all(word in network for word in ("113 parameters", "s an epoch", "2 groups can be pruned", "1 protected"))
    assert "setosa" in shell("prepare", *IRIS[:2]).stdout


def ended_run(runs) -> int:
    store = Store(runs)
    number = store.submit(TrainSpec())
    row = store.claim(LONG)
    append_line(Run.of(number).events, {"time": 1.0, "attempt": 1, "text": "It began."})
    store.move(number, row.state, State.SUCCEEDED, attempt=1)
    return number


def test_what_was_said_before_is_one_line(runs, capsys):
    assert main(["follow", str(ended_run(runs))]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("(earlier: 1 line; ")
    assert last == "Run 1 succeeded."


def test_cancelling_what_has_ended_says_so(runs, capsys):
    assert main(["cancel", str(ended_run(runs))]) == 0
    assert capsys.readouterr().out == "Run 1 had already ended: succeeded.\n"


def test_a_run_is_exported_when_it_has_ended_into_a_folder_that_is_there(runs, tmp_path, capsys):
    number, later = ended_run(runs), Store(runs).submit(TrainSpec())
    assert main(["export", str(later)]) == 2
    assert main(["export", str(number), "--to", str(tmp_path / "none" / "x.zip")]) == 2
    said = capsys.readouterr().err
    assert f"Run {later} is still queued." in said
    assert f"{tmp_path / 'none'} does not exist" in said


def test_a_reader_that_has_seen_enough_is_no_error(runs):
    for _ in range(100):
        Store(runs).submit(TrainSpec(title="x" * 1000))
    done = subprocess.run(
        f"{sys.executable} -m pruning status | head -1",
        cwd=ROOT,
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.count("\n"), done.stderr) == (1, "")


def test_a_full_disk_is_said_when_nothing_comes(runs, monkeypatch, capsys):
    Store(runs).rows()
    monkeypatch.setattr("pruning.jobs.follow.NEARLY_FULL", 2**62)
    assert warn_of_full_disk()
    assert "Free some space" in capsys.readouterr().err


@pytest.mark.usefixtures("ended")
def test_a_failed_job_is_one_sentence_and_exit_code_1(tmp_path):
    weights = tmp_path / "weights.th"
    weights.write_bytes(b"no weights")
    done = shell("train", *IRIS, "--model.weights", str(weights))
    assert done.returncode == 1
    assert "Run 1 failed" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("ended")
def test_ctrl_c_leaves_the_job_running(runs):
    command = [sys.executable, "-m", "pruning", "train", *IRIS[:-1], "1000"]
    listening = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a test run in the background has it ignored
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, preexec_fn=listening, **pipes) as follower:
        follower.stdout.readline()
        os.kill(follower.pid, signal.SIGINT)
        _, said = follower.communicate(timeout=30)
    assert follower.returncode == 130
    assert "python -m pruning follow 1" in said
    assert Store(runs).row(1).state in (State.QUEUED, State.RUNNING)


def test_recipes_are_listed_and_one_is_asked_for_by_name(capsys):
    assert main(["recipe"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in RECIPES)
    spec = specification("recipe", named("recipe", ["001", "--seeds", "0", "1", "--short", "--data.limit", "300"]))
    assert isinstance(spec, RecipeSpec)
    assert (spec.name, spec.seeds, spec.short, spec.data.name, spec.data.limit) == ("001", (0, 1), True, "", 300)
    assert spec.title == RECIPES["001"].title + " (short)"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["recipe", "01"], "recipe='01' is not known. Did you mean 001"),
        (["recipe", "002"], "Recipe 002 needs photos. Name the folder"),
        (["recipe", "002", "--data.folder", "/nowhere"], "/nowhere"),
        (["recipe", "001", "--data.name", "iris"], "fashion-cnn takes images, and iris has rows of features"),
        (["recipe", "resnet56-a", "--weights", "/nowhere.th"], "There is no checkpoint file /nowhere.th"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_recipe_that_cannot_be_run_is_one_sentence(arguments, says, capsys):
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert says in said.err
    assert Store(home()).rows() == []


@pytest.mark.usefixtures("ended")
def test_a_recipe_is_followed_to_its_table():
    done = shell("recipe", "000-2", "--short", "--data.limit", "600")
    assert (done.returncode, done.stderr) == (0, "")
    assert all(word in done.stdout for word in ("dense: Run 2 succeeded", "6,130  ✓", "3,052  ✓", "Run 1 succeeded"))


def test_new_kinds_of_jobs_are_commands():
    scan = specification("scan", ["--parent", "1", "--scan.shares", ".1", "0.5"])
    audit = specification("audit", ["--parent", "1", "--audit.criteria", "l1", "taylor"])
    mask = specification("mask", ["--parent", "1", "--masking.layers", "conv1", "fc*", "--finetune.trained", "fc*"])
    assert isinstance(scan, ScanSpec)
    assert isinstance(audit, AuditSpec)
    assert isinstance(mask, MaskSpec)
    assert (scan.scan.shares, audit.audit.criteria) == ((0.1, 0.5), ("l1", "taylor"))
    assert (mask.masking.layers, mask.finetune.trained) == (("conv1", "fc*"), ("fc*",))


def test_an_option_without_its_group_is_named_with_it(capsys):
    assert main(["prune", "--parent", "1", "--trained", "fc1"]) == 2
    assert "Did you mean --finetune.trained?" in capsys.readouterr().err


def test_masks_that_cannot_be_are_refused_before_they_are_queued(runs, capsys):
    for wrong, told in (
        (("--masking.structure", "n-of-m", "--masking.n", "5"), "Choose n smaller than m."),
        (("--masking.criterion", "thinet"), "criterion='thinet' scores no single weights. Choose l1, l2, lamp"),
        (("--masking.file", "no such file"), "no such file. Check masking.file for a slip."),
    ):
        assert main(["mask", "--parent", "1", *wrong]) == 2
        assert told in capsys.readouterr().err
    assert not Store(home()).rows()


def test_early_weights_that_nobody_kept_are_refused_before_a_job_is_queued(runs, capsys):
    number = Store(home()).submit(parse({"kind": "train"}))
    assert main(["prune", "--parent", str(number), "--schedule.rewind", "early"]) == 2
    assert f"Run {number} kept no early weights to go back to." in capsys.readouterr().err


def test_what_only_looked_at_a_network_claims_no_accuracy_of_its_own(runs):
    summary = {"after": {"test_accuracy": 0.5, "params": 7}}
    row = Store(home()).row(Store(home()).submit(parse({"kind": "train"})))
    assert "50.00%" in overview(replace(row, summary=summary))
    assert "50.00%" not in overview(replace(row, kind="scan", summary=summary))
