"""Taking away: the ZIP holds the run and how to load it; an exported network was loaded again and is the same."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
import toy

import models
from pruning import checkpoint, export
from pruning.errors import UserError
from pruning.run import Run, write_atomic
from pruning.spec import TrainSpec


@pytest.fixture
def run():
    """A run with a network, a log and a resume point."""
    made = Run.of(7)
    write_atomic(made.spec, TrainSpec().model_dump_json())
    write_atomic(made.log, "trained")
    write_atomic(made.checkpoints / "train-1.pt", b"resume point")
    extra = {"input_shape": [1, 28, 28]}
    checkpoint.save(models.build("fashion-cnn"), made.model, name="fashion-cnn", arguments={}, extra=extra)
    return made


def test_the_zip_holds_the_run_and_how_to_load_it(run, tmp_path):
    export.export_run(run, tmp_path / "run.zip")
    archive = zipfile.ZipFile(tmp_path / "run.zip")
    assert {Path(n).name for n in archive.namelist()} == {"README.txt", "spec.json", "log.txt", "model.safetensors"}
    assert 'pruning.load("model.safetensors")' in archive.read("run-7/README.txt").decode()
    archive.extract("run-7/model.safetensors", tmp_path)
    again = checkpoint.load(tmp_path / "run-7" / "model.safetensors")
    assert toy.digest(again) == toy.digest(checkpoint.load(run.model))


def test_an_exported_network_is_the_same_function(run, tmp_path):
    for form in export.FORMATS:
        assert export.export_model(run, tmp_path / form, form) == 0.0


def test_a_state_dict_loads_without_running_code(run, tmp_path):
    export.export_model(run, tmp_path / "w.pt", "state-dict")
    state = torch.load(io.BytesIO((tmp_path / "w.pt").read_bytes()), weights_only=True)
    models.build("fashion-cnn").load_state_dict(state)


def test_what_cannot_be_exported_is_said(run, tmp_path):
    with pytest.raises(UserError, match="format='onnx' is not one of safetensors, state-dict"):
        export.export_model(run, tmp_path / "x", "onnx")
    with pytest.raises(UserError, match="Run 8 has no saved network"):
        export.export_model(Run.of(8), tmp_path / "x")
    with pytest.raises(UserError, match="There is no run"):
        export.bundle(Run.of(8))


def test_bundling_needs_no_torch():
    code = "import sys, pruning.export; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent.parent, check=False).returncode == 0
