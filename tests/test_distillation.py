"""Distillation: the loss is Hinton's, the teacher is only asked, and a job learns from the network it goes back to."""

import pytest
import torch
import toy
from torch.nn import functional as F

from pruning import checkpoint, distillation, engine, train
from pruning.distillation import distance
from pruning.errors import UserError
from pruning.report import FolderReport
from pruning.run import Run, write_atomic
from pruning.spec import DataSettings, FinetuneSpec, ModelSettings, PruneSpec, TrainSettings, TrainSpec

SOFT = TrainSettings(epochs=3, batch_size=8, distill=0.5)


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path / "00001")


def teacher(seed=5):
    torch.manual_seed(seed)
    return toy.network()


def fit(run, settings=SOFT, *, teacher=None, notes=None, data=None):
    torch.manual_seed(settings.seed)
    data = data or toy.dataset()
    return train.fit(toy.network(), data, settings, run=run, report=notes or toy.Notes(), teacher=teacher)


def test_the_distance_is_the_softened_divergence_times_the_temperature_squared():
    student, asked = torch.randn(4, 3), torch.randn(4, 3)
    p, q = F.softmax(asked / 2, 1), F.softmax(student / 2, 1)
    torch.testing.assert_close(distance(student, asked, 2.0), 4 * (p * (p / q).log()).sum(1).mean())
    assert distance(asked, asked, 2.0).abs() < 1e-6


def test_the_gradient_is_as_large_at_any_high_temperature():
    student, asked = torch.randn(4, 3, requires_grad=True), torch.randn(4, 3)
    small, large = (torch.autograd.grad(distance(student, asked, t), student)[0].norm() for t in (50.0, 100.0))
    torch.testing.assert_close(small, large, rtol=0.1, atol=0)


def test_a_teacher_that_has_no_weight_changes_nothing(run, tmp_path):
    plain = SOFT.model_copy(update={"distill": 0.0})
    assert toy.digest(fit(run, plain, teacher=teacher())) == toy.digest(fit(Run(tmp_path / "alone"), plain))


def test_a_student_comes_closer_to_its_teacher(run, tmp_path):
    data, settings = toy.dataset(), SOFT.model_copy(update={"epochs": 8, "distill": 1.0, "temperature": 2.0})
    asked = fit(Run(tmp_path / "teacher"), TrainSettings(epochs=8, batch_size=8), data=data).eval()
    images = (torch.from_numpy(data.train_x).float() / 255 - 0.5) / 0.25
    apart = []
    for name, weight in (("alone", 0.0), ("taught", 1.0)):
        student = train_another(Run(tmp_path / name), settings.model_copy(update={"distill": weight, "seed": 3}), asked)
        apart.append(distance(student(images), asked(images), 2.0).item())
    assert apart[1] < 0.5 * apart[0]


def train_another(run, settings, asked):
    return fit(run, settings, teacher=asked)


def test_the_teacher_is_left_as_it_was(run):
    asked = teacher().train()
    before = toy.digest(asked)
    fit(run, teacher=asked)
    assert toy.digest(asked) == before
    assert asked.training
    assert all(p.requires_grad and p.grad is None for p in asked.parameters())


def test_a_stopped_distillation_goes_on_bit_for_bit(run, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "SAVE_EVERY", 0.0)
    whole = fit(Run(tmp_path / "whole"), teacher=teacher())
    with pytest.raises(toy.Stopped):
        fit(run, teacher=teacher(), notes=toy.Notes(stop=8))
    torch.manual_seed(99)
    assert toy.digest(fit(run, teacher=teacher())) == toy.digest(whole)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_distillation_learns_in_every_precision(run, precision):
    notes = toy.Notes()
    fit(run, SOFT.model_copy(update={"precision": precision, "epochs": 6}), teacher=teacher(), notes=notes)
    assert notes.records[-1]["train_loss"] < notes.records[0]["train_loss"]


def test_distillation_without_a_teacher_says_what_to_do(run):
    with pytest.raises(UserError, match="needs a trained network") as caught:
        fit(run)
    assert "fine-tune a finished run" in caught.value.do


def test_a_fine_tuning_learns_from_the_training_it_goes_back_to(monkeypatch):
    toy.registered(monkeypatch)
    tune = TrainSettings(epochs=1, batch_size=32)
    execute(1, TrainSpec(data=DataSettings(name="toy"), model=ModelSettings(name="resnet20-cifar"), training=tune))
    execute(2, PruneSpec(parent=1, finetune=TrainSettings(epochs=0)))
    asked = []
    monkeypatch.setattr(distillation, "twin", recording(distillation.twin, asked))
    execute(3, FinetuneSpec(parent=2, training=tune.model_copy(update={"distill": 0.5})))
    assert asked == [toy.digest(checkpoint.load(Run.of(1).model))]


def recording(twin, asked):
    def record(teacher, *rest):
        asked.append(toy.digest(teacher))
        return twin(teacher, *rest)

    return record


def execute(number, spec):
    run = Run.of(number)
    write_atomic(run.spec, spec.model_dump_json())
    engine.execute(spec, run, FolderReport(run))
