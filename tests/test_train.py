"""Training: what is stopped goes on bit for bit, the best epoch is kept, and what cannot work says why."""

import json
import math

import pytest
import torch
import toy
from torch import nn

import models
from pruning import resume, train
from pruning.errors import UserError
from pruning.evaluate import evaluate, loss
from pruning.freezing import only, training_mode
from pruning.optimize import learning_rate, slim
from pruning.precision import has_bf16, lean
from pruning.report import FolderReport
from pruning.run import Run, append_line, read_lines
from pruning.spec import Augment, Optimizer, Precision, Schedule, TrainSettings

FOUR = TrainSettings(epochs=4, batch_size=8, augment=Augment.CROP_FLIP)


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path / "00001")


def fit(run, settings=FOUR, notes=None, model=None, data=None):
    torch.manual_seed(settings.seed)
    model = toy.network() if model is None else model
    return train.fit(model, data or toy.dataset(), settings, run=run, report=notes or toy.Notes())


@pytest.mark.parametrize("optimizer", Optimizer)
def test_a_training_stopped_in_mid_epoch_resumes_bit_for_bit(run, tmp_path, monkeypatch, optimizer):
    monkeypatch.setattr(train, "SAVE_EVERY", 0.0)
    settings = FOUR.model_copy(update={"optimizer": optimizer, "schedule": Schedule.COSINE})
    whole_notes, rest_notes = toy.Notes(), toy.Notes()
    whole = fit(Run(tmp_path / "whole"), settings, whole_notes)
    with pytest.raises(toy.Stopped):
        fit(run, settings, toy.Notes(stop=9))
    torch.manual_seed(99)  # another process
    rest = fit(run, settings, rest_notes)
    assert "epoch 2, after 3 of its batches" in rest_notes.events[0]
    assert toy.digest(rest) == toy.digest(whole)
    assert same(rest_notes.records, whole_notes.records[1:])


def same(records, others):
    return [r | {"seconds": 0} for r in records] == [r | {"seconds": 0} for r in others]


def test_a_torn_resume_point_falls_back_to_the_one_before(run, tmp_path):
    whole = fit(Run(tmp_path / "whole"))
    with pytest.raises(toy.Stopped):
        fit(run, notes=toy.Notes(stop=20))
    *_, newest = resume.points(run.checkpoints, "train")
    newest.write_bytes(newest.read_bytes()[:-100])
    assert toy.digest(fit(run)) == toy.digest(whole)


def test_a_resume_leaves_each_epoch_once_in_the_curves(run):
    fit(run, notes=FolderReport(make(run)))
    for record in ({"stage": "finetune", "epoch": 1}, {"stage": "train", "epoch": 5}):
        append_line(run.metrics, record)
    with open(run.metrics, "a") as file:
        file.write('{"stage": "train", "epo')
    fit(run, FOUR.model_copy(update={"epochs": 6}), FolderReport(run))
    epochs = [(r["stage"], r["epoch"]) for r in read_lines(run.metrics)]
    assert epochs == [*(("train", n) for n in (1, 2, 3, 4)), ("finetune", 1), ("train", 5), ("train", 6)]
    assert all(json.loads(line) for line in run.metrics.read_text().splitlines())


def make(run):
    run.path.mkdir(parents=True)
    return run


def test_the_best_epoch_on_validation_is_kept(run):
    notes, data = toy.Notes(), toy.dataset()
    best = fit(run, TrainSettings(epochs=6, batch_size=8, learning_rate=0.03), notes, data=data)
    found = evaluate(best, data.validation_x, data.validation_y, data)
    assert found["accuracy"] == max(r["validation_accuracy"] for r in notes.records)
    assert not best.training


def test_training_stops_early_without_a_better_epoch(run):
    notes = toy.Notes()
    fit(run, TrainSettings(epochs=50, patience=2, batch_size=8, learning_rate=0.01), notes)
    accuracies = [r["validation_accuracy"] for r in notes.records]
    assert len(accuracies) < 50
    assert len(accuracies) - 1 - accuracies.index(max(accuracies)) == 2


class Diverging(nn.Module):
    """Gives NaN from its 8th training step on."""

    def __init__(self):
        super().__init__()
        self.inner, self.steps = toy.network(), 0

    def forward(self, x):
        self.steps += self.training
        return self.inner(x) * (math.nan if self.steps >= 8 else 1)


def test_a_loss_that_becomes_nan_stops_the_run_and_keeps_the_good_weights(run):
    with pytest.raises(UserError, match="became NaN in epoch 2") as caught:
        fit(run, model=Diverging())
    assert "1e-04" in caught.value.do
    assert caught.value.change == {"learning_rate": pytest.approx(1e-4)}
    state = resume.newest(run.checkpoints, "train")
    assert state["at"]["epoch"] == 1
    kept = resume.read(resume.best(run.checkpoints, "train"))
    assert all(t.isfinite().all() for t in [*kept.values(), *state["model"].values()])


def test_batch_norm_refuses_batches_of_one(run):
    with pytest.raises(UserError, match="one image at a time"):
        fit(run, TrainSettings(batch_size=1))


def test_a_last_batch_of_one_image_is_left_out(run):
    flat = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Linear(64, 3))
    notes = toy.Notes()
    fit(run, TrainSettings(epochs=1, batch_size=13), notes, model=flat)  # 40 = 3 × 13 + 1
    assert len(notes.records) == 1


def test_no_epochs_leave_the_network_as_it_is(run):
    torch.manual_seed(0)
    before = toy.digest(toy.network())
    assert toy.digest(fit(run, TrainSettings(epochs=0))) == before


def test_bf16_training_learns_and_keeps_float32_weights(run):
    notes = toy.Notes()
    small = fit(run, TrainSettings(epochs=5, batch_size=8, precision=Precision.BF16), notes)
    assert notes.records[-1]["train_loss"] < notes.records[0]["train_loss"]
    assert {t.dtype for t in small.parameters()} == {torch.float32}


def test_tiny_networks_stay_in_float32_and_others_take_what_the_machine_has():
    device = torch.device("cpu")
    assert not lean(toy.network(), Precision.AUTO, device)
    assert lean(models.build("scnnb"), Precision.AUTO, device) == has_bf16(device)
    assert lean(toy.network(), Precision.BF16, device)
    assert not lean(models.build("scnnb"), Precision.FP32, device)


class Greedy(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(64, 3)

    def forward(self, x):
        return self.fc(x.flatten(1)) + torch.empty(2**48).sum()


def test_a_full_memory_gets_the_advice_of_half_the_batch(run):
    with pytest.raises(UserError, match="memory is too small for 8 images") as caught:
        fit(run, model=Greedy())
    assert "batch size of 4" in caught.value.do


def test_auxiliary_heads_count_three_tenths_each_or_four_tenths_alone():
    targets, heads = torch.tensor([0, 1]), [torch.randn(2, 3) for _ in range(3)]
    one, two, three = (nn.functional.cross_entropy(head, targets) for head in heads)
    torch.testing.assert_close(loss(tuple(heads), targets), one + 0.3 * two + 0.3 * three)
    torch.testing.assert_close(loss((heads[0], heads[1]), targets), one + 0.4 * two)
    torch.testing.assert_close(loss((heads[0], None, None), targets), one)


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [("constant", [1, 1, 1, 1]), ("cosine", [1, 0.853553, 0.5, 0.146447]), ("step", [1, 1, 0.1, 0.1])],
)
def test_learning_rates_follow_their_schedule(schedule, rates):
    settings = TrainSettings(epochs=4, learning_rate=1.0, schedule=schedule, step_epochs=2)
    assert [learning_rate(settings, epoch) for epoch in range(4)] == pytest.approx(rates, abs=1e-6)


def test_only_the_layers_named_are_trained_and_all_can_be_afterwards(run):
    torch.manual_seed(0)
    before = {name: t.clone() for name, t in toy.network().state_dict().items()}
    model = fit(run, FOUR.model_copy(update={"trained": ("5", "0.bias")}))
    changed = {name for name, t in model.state_dict().items() if not torch.equal(t, before[name])}
    assert changed == {"0.bias", "5.weight", "5.bias"}  # the norm keeps its running statistics as well
    assert all(p.requires_grad for p in model.parameters())


def test_norms_of_layers_that_are_trained_measure_and_those_frozen_before_stay_so():
    model = toy.network()
    model[5].bias.requires_grad_(False)
    for trained, measures in (((), True), (("1",), True), (("1.weight",), True), (("5*",), False)):
        with only(model, trained):
            training_mode(model, trained)
            assert model[1].training is measures
            assert model[4].training
            assert not model[5].bias.requires_grad
    assert model[5].weight.requires_grad


@pytest.mark.parametrize(("pattern", "near"), [("layr4*", "layer4"), ("classify", "Layers are called")])
def test_a_pattern_that_finds_nothing_to_train_is_an_error(run, pattern, near):
    model = nn.ModuleDict({"layer4": nn.Linear(2, 2), "stem": nn.Linear(2, 2)})
    with pytest.raises(UserError, match="matches nothing") as caught:
        fit(run, FOUR.model_copy(update={"trained": (pattern,)}), model=model)
    assert near in caught.value.do


def test_a_stopped_training_of_some_layers_resumes_bit_for_bit(run, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "SAVE_EVERY", 0.0)
    settings = FOUR.model_copy(update={"trained": ("0", "1"), "slimming": 0.01, "early_epoch": 2})
    whole = fit(Run(tmp_path / "whole"), settings)
    with pytest.raises(toy.Stopped):
        fit(run, settings, toy.Notes(stop=13))
    torch.manual_seed(99)
    assert toy.digest(fit(run, settings)) == toy.digest(whole)
    early, other = (resume.read(r.early) for r in (run, Run(tmp_path / "whole")))
    assert all(torch.equal(t, other[name]) for name, t in early.items())


def test_slimming_adds_the_sign_of_every_scale_to_its_gradient():
    model = toy.network()
    model[1].weight.data = torch.tensor([1.0, -2.0, 0.0, 0.5, -0.1, 3.0])
    model(torch.randn(4, 1, 8, 8)).square().sum().backward()
    before = [p.grad.clone() for p in model.parameters()]
    slim(model, 0.25)
    added = {name: p.grad - b for (name, p), b in zip(model.named_parameters(), before, strict=True)}
    assert torch.equal(added.pop("1.weight").sign(), torch.tensor([1.0, -1, 0, 1, -1, 1]))
    assert not any(difference.any() for difference in added.values())


def test_slimming_shrinks_scales(tmp_path):
    sums = []
    for slimming in (0.0, 0.5):
        settings = FOUR.model_copy(update={"slimming": slimming, "learning_rate": 0.02, "early_epoch": 4})
        fit(own := Run(tmp_path / str(slimming)), settings)
        sums.append(resume.read(own.early)["1.weight"].abs().sum().item())
    assert sums[1] < 0.8 * sums[0]  # a step of Adam moves a scale by 0.02 at most, and there are 20


@pytest.mark.parametrize(("model", "trained"), [(nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), ()), (None, ("5",))])
def test_slimming_needs_a_batch_norm_that_learns(run, model, trained):
    with pytest.raises(UserError, match="needs batch norms"):
        fit(run, FOUR.model_copy(update={"slimming": 1e-4, "trained": trained}), model=model)


def test_early_weights_are_those_after_their_epoch(run, tmp_path):
    fit(run, FOUR.model_copy(update={"early_epoch": 1}), notes := toy.Notes())
    torch.manual_seed(0)
    early, data = toy.network(), toy.dataset()
    early.load_state_dict(resume.read(run.early))
    found = evaluate(early, data.validation_x, data.validation_y, data)
    assert found["loss"] == pytest.approx(notes.records[0]["validation_loss"])
    fit(Run(tmp_path / "none"))
    assert not Run(tmp_path / "none").early.exists()


def test_early_weights_after_the_last_epoch_cannot_be_kept(run):
    with pytest.raises(UserError, match="early_epoch=5 comes after the last of 4 epochs"):
        fit(run, FOUR.model_copy(update={"early_epoch": 5}))


def test_a_resume_point_from_before_there_was_shaping_is_read(run, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "SAVE_EVERY", 0.0)
    whole = fit(Run(tmp_path / "whole"))
    with pytest.raises(toy.Stopped):
        fit(run, notes=toy.Notes(stop=9))
    state = resume.newest(run.checkpoints, "train")
    resume.store(run.checkpoints, "train", 10**6, {name: value for name, value in state.items() if name != "shaping"})
    assert toy.digest(fit(run)) == toy.digest(whole)
