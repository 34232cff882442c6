"""Jobs from their first step to their result: what they leave, what a retry does again, what is never saved."""

import pytest
import torch
import toy
from torch import nn

from pruning import checkpoint, data, engine, equivalence, train
from pruning.channels.map import ChannelMap
from pruning.errors import UserError
from pruning.evaluate import evaluate
from pruning.explain import channels_of
from pruning.report import FolderReport
from pruning.run import Run, read_json, read_lines, write_atomic
from pruning.spec import (
    Blocks,
    CriterionName,
    DataSettings,
    FinetuneSpec,
    InspectSpec,
    ModelSettings,
    PrepareSpec,
    PruneSettings,
    PruneSpec,
    Spread,
    SweepSpec,
    TrainSettings,
    TrainSpec,
)

DATA = DataSettings(name="fashion-mnist-sample", limit=200)
ONE = TrainSettings(epochs=1, batch_size=32)
TRAIN = TrainSpec(data=DATA, model=ModelSettings(name="fashion-cnn"), training=ONE)
CUT = PruneSettings(spread=Spread.GROUPS, shares={"conv1": 1 / 8, "conv2": 6 / 16})


def execute(number, spec, report=None):
    """Run a job in its folder; the run."""
    run = Run.of(number)
    write_atomic(run.spec, spec.model_dump_json())
    engine.execute(spec, run, report or FolderReport(run))
    return run


def test_a_training_leaves_all_that_pages_read():
    run = execute(1, TRAIN)
    result, scores = read_json(run.result), read_json(run.scores)
    assert result["after"]["params"] == 126_698
    assert {"test_accuracy", "test_loss", "validation_accuracy", "macs", "bytes", "latency"} <= set(result["after"])
    assert (result["before"], result["pruned"], result["epochs"]) == (None, None, 1)
    assert [len(scores["taylor"][g.name]) for g in ChannelMap.from_json(run.channels.read_text()).groups] == [8, 16]
    assert "batch norm" in scores["bn-scale"]["error"]
    assert "126,698" in run.summary_before.read_text()
    assert not run.checkpoints.exists()


def test_the_saved_network_has_the_accuracy_of_its_result():
    run, dataset = execute(1, TRAIN), data.load(DATA)
    found = evaluate(checkpoint.load(run.model), dataset.test_x, dataset.test_y, dataset)
    assert found["accuracy"] == read_json(run.result)["after"]["test_accuracy"]
    assert checkpoint.recipe(run.model)["extra"]["classes"] == list(dataset.classes)


def test_a_pruned_run_has_document_001s_parameters_and_is_proven_equal():
    execute(1, TRAIN)
    run = execute(2, PruneSpec(parent=1, pruning=CUT, finetune=ONE))
    result = read_json(run.result)
    assert [result[stage]["params"] for stage in ("before", "pruned", "after")] == [126_698, 79_120, 79_120]
    assert result["verified"] < 1e-9
    assert "test_accuracy" not in result["pruned"]
    assert any("126,698 → 79,120" in line["text"] for line in read_lines(run.events))
    assert "79,120" in run.summary_after.read_text()


def test_a_pruned_run_can_be_pruned_and_tuned_again():
    execute(1, TRAIN)
    execute(2, PruneSpec(parent=1, finetune=ONE))
    wish = PruneSettings(criterion=CriterionName.TAYLOR, share=0.5, spread=Spread.GLOBAL, score_images=40)
    execute(3, PruneSpec(parent=2, pruning=wish, finetune=TrainSettings(epochs=0)))
    run = execute(4, FinetuneSpec(parent=3, training=ONE))
    kept = checkpoint.recipe(run.model)["keep"]
    assert sum(stop - start for spans in kept.values() for start, stop in spans) == 6
    assert read_json(run.result)["before"] == read_json(Run.of(3).result)["after"]


def test_a_stopped_prune_run_ends_with_the_weights_of_an_undisturbed_one(monkeypatch):
    monkeypatch.setattr(train, "SAVE_EVERY", 0.0)
    execute(1, TRAIN)
    spec = PruneSpec(parent=1, pruning=CUT, finetune=ONE)
    whole = execute(2, spec)
    with pytest.raises(toy.Stopped):
        execute(3, spec, toy.StopsIn(Run.of(3), "finetune", 3))
    assert Run.of(3).plan.exists()
    assert not Run.of(3).model.exists()
    rest = execute(3, spec)
    assert toy.digest(checkpoint.load(rest.model)) == toy.digest(checkpoint.load(whole.model))


def test_a_network_that_is_not_the_same_function_is_never_saved(monkeypatch):
    execute(1, TRAIN)
    monkeypatch.setattr(equivalence, "TOLERANCE", -1.0)
    with pytest.raises(equivalence.VerifyError):
        execute(2, PruneSpec(parent=1, finetune=ONE))
    assert not Run.of(2).model.exists()


def test_what_is_finished_is_not_done_again():
    run = execute(1, TRAIN)
    written = run.model.stat().st_mtime_ns
    run.result.unlink()
    execute(1, TRAIN)
    assert run.model.stat().st_mtime_ns == written
    assert run.result.exists()


def test_equal_specs_give_equal_weights_and_another_seed_does_not():
    other = TRAIN.model_copy(update={"training": ONE.model_copy(update={"seed": 1})})
    digests = [toy.digest(checkpoint.load(execute(n, s).model)) for n, s in ((1, TRAIN), (2, TRAIN), (3, other))]
    assert digests[0] == digests[1] != digests[2]


def test_a_training_can_start_from_the_weights_of_another():
    first = execute(1, TRAIN)
    settings = ModelSettings(name="fashion-cnn", weights=str(first.model))
    second = execute(2, TRAIN.model_copy(update={"model": settings, "training": TrainSettings(epochs=0)}))
    assert toy.digest(checkpoint.load(second.model)) == toy.digest(checkpoint.load(first.model))


def test_a_training_can_go_on_from_a_saved_pruned_network():
    execute(1, TRAIN)
    small = execute(2, PruneSpec(parent=1, pruning=CUT, finetune=TrainSettings(epochs=0)))
    reopened = ModelSettings(name="fashion-cnn", weights=str(small.model))
    run = execute(3, TRAIN.model_copy(update={"model": reopened}))
    assert read_json(run.result)["after"]["params"] == 79_120
    assert checkpoint.recipe(run.model)["keep"] == checkpoint.recipe(small.model)["keep"]
    with pytest.raises(UserError, match="was saved with model fashion-cnn, not scnnb"):
        execute(4, TRAIN.model_copy(update={"model": ModelSettings(name="scnnb", weights=str(small.model))}))


def test_an_inspected_network_says_its_size_and_speed():
    run = execute(1, InspectSpec(data=DATA, model=ModelSettings(name="scnnb")))
    result = read_json(run.result)
    assert result["after"]["params"] == 4_047_178
    assert result["seconds_per_image"] > 0
    assert [g.units for g in ChannelMap.from_json(run.channels.read_text()).groups] == [32, 64, 1280]
    assert len(read_json(run.scores)["l1"]["conv1"]) == 32


def test_a_prepared_data_set_has_its_card():
    execute(1, PrepareSpec(data=DATA))
    assert data.card(DATA)["train"] == 180


@pytest.mark.parametrize("spec", [PruneSpec(parent=9), FinetuneSpec(parent=9)])
def test_a_parent_without_a_network_is_said(spec):
    with pytest.raises(UserError, match="Run 9 has no finished network"):
        execute(1, spec)


def test_a_sweep_is_refused_as_one_job():
    with pytest.raises(UserError, match="many jobs"):
        execute(1, SweepSpec(parent=1))


class Fickle(nn.Module):
    """Its path depends on the values it sees, so nothing can be traced."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        return self.fc(x) if x.sum().item() > -1e9 else self.fc(-x)


def test_a_network_that_cannot_be_traced_has_no_groups_and_the_reason():
    channels = channels_of(Fickle(), (4,))
    assert channels.groups == ()
    assert "depends on the values of its data" in channels.protected[0].reason
    assert (channels.counts().params, channels.counts().macs, channels.counts().bytes) == (15, 12, 60)


def test_rows_of_features_train_too():
    spec = TrainSpec(
        data=DataSettings(name="iris"),
        model=ModelSettings(name="iris-mlp"),
        training=TrainSettings(epochs=3, batch_size=4),
    )
    result = read_json(execute(1, spec).result)
    assert result["after"]["params"] == 113
    assert torch.tensor(result["after"]["test_loss"]).isfinite()


NORMED = TrainSpec(data=DataSettings(name="toy"), model=ModelSettings(name="resnet20-cifar"), training=ONE)
NONE = TrainSettings(epochs=0)
MEASURED = PruneSettings(share=0.5, recalibrate_images=60)


@pytest.fixture
def toys(monkeypatch):
    """The toy data set among the others, and a network with batch norm trained on it as run 1."""
    toy.registered(monkeypatch)
    execute(1, NORMED)


@pytest.mark.usefixtures("toys")
def test_recalibration_comes_after_the_proof_and_before_what_is_measured():
    plain = execute(2, PruneSpec(parent=1, pruning=PruneSettings(share=0.5), finetune=NONE))
    run = execute(3, PruneSpec(parent=1, pruning=MEASURED, finetune=NONE))
    was, now = (read_json(r.result)["pruned"]["validation_accuracy"] for r in (plain, run))
    assert read_json(run.result)["verified"] < 1e-9
    assert read_json(run.result)["after"]["validation_accuracy"] == now
    (said,) = (line["text"] for line in read_lines(run.events) if line["text"].startswith("Recalibrated"))
    assert said == f"Recalibrated 19 batch norms on 60 training images: validation accuracy {was:.2%} → {now:.2%}."
    before, after = (checkpoint.load(r.model) for r in (plain, run))
    assert toy.digest(nn.ParameterList(before.parameters())) == toy.digest(nn.ParameterList(after.parameters()))
    means = [(m, after.get_buffer(name)) for name, m in before.named_buffers() if name.endswith("running_mean")]
    assert not any(torch.equal(old, new) for old, new in means)


@pytest.mark.usefixtures("toys")
def test_a_share_of_nothing_with_recalibration_only_measures_the_norms():
    run = execute(2, PruneSpec(parent=1, pruning=MEASURED.model_copy(update={"share": 0.0}), finetune=NONE))
    dense, same = checkpoint.load(Run.of(1).model), checkpoint.load(run.model)
    assert toy.digest(nn.ParameterList(dense.parameters())) == toy.digest(nn.ParameterList(same.parameters()))
    assert toy.digest(dense) != toy.digest(same)


@pytest.mark.usefixtures("toys")
def test_a_stopped_recalibrated_run_ends_with_the_weights_of_an_undisturbed_one(monkeypatch):
    monkeypatch.setattr(train, "SAVE_EVERY", 0.0)
    spec = PruneSpec(parent=1, pruning=MEASURED, finetune=ONE)
    whole = execute(2, spec)
    for stage, at in (("recalibrate", 0), ("finetune", 2)):
        with pytest.raises(toy.Stopped):
            execute(3, spec, toy.StopsIn(Run.of(3), stage, at))
    rest = execute(3, spec)
    assert toy.digest(checkpoint.load(rest.model)) == toy.digest(checkpoint.load(whole.model))
    assert read_json(rest.result)["pruned"]["validation_loss"] == read_json(whole.result)["pruned"]["validation_loss"]


def test_recalibrating_a_network_without_batch_norm_says_so_and_goes_on():
    execute(1, TRAIN)
    wish = CUT.model_copy(update={"recalibrate_images": 64})
    run = execute(2, PruneSpec(parent=1, pruning=wish, finetune=NONE))
    assert any("no batch norm" in line["text"] for line in read_lines(run.events))
    assert read_json(run.result)["after"]["params"] == 79_120


BLOCKS = NORMED.model_copy(update={"model": ModelSettings(name="blocks")})


def cut(number, **wish):
    """Half of the network of blocks that run 1 trained; the result, and the first word on the cut."""
    run = execute(number, PruneSpec(parent=1, pruning=PruneSettings(share=0.5, **wish), finetune=NONE))
    return read_json(run.result), next(e["text"] for e in read_lines(run.events) if e["text"].startswith("Pruned"))


@pytest.mark.usefixtures("toys")
def test_channels_and_scores_of_whole_blocks_lie_beside_the_others_where_they_differ():
    assert not Run.of(1).channels_whole.exists()
    assert Run.of(1).explained(Blocks.WHOLE) == Run.of(1).explained(Blocks.INSIDE)
    run = execute(2, BLOCKS)
    maps = [ChannelMap.from_json(run.explained(blocks)[0].read_text()) for blocks in Blocks]
    assert [[g.units for g in whole.groups] for whole in maps] == [[2, 2], [4]]
    for criterion in ("l1", "taylor"):
        sizes = [{n: len(s) for n, s in read_json(run.explained(b)[1])[criterion].items()} for b in Blocks]
        assert sizes == [{g.name: g.units for g in whole.groups} for whole in maps]


def test_blocks_are_cut_inside_or_whole_as_the_job_says_and_a_cut_one_again(monkeypatch):
    toy.registered(monkeypatch)
    execute(1, BLOCKS)
    (inside, said), (whole, told) = cut(2), cut(3, blocks=Blocks.WHOLE)
    assert inside["verified"] > 1e-3
    assert "differs from the masked network by" in said
    assert said.endswith("because group norm's statistics are taken over the kept channels only.")
    assert whole["verified"] < 1e-9
    assert "equals the masked network" in told
    assert [layer.groups for layer in (checkpoint.load(Run.of(n).model)[3] for n in (2, 3))] == [4, 2]
    again = execute(4, PruneSpec(parent=2, pruning=PruneSettings(share=0.5, blocks=Blocks.WHOLE), finetune=NONE))
    recipe = checkpoint.recipe(again.model)
    assert (recipe["blocks"], [step["blocks"] for step in recipe["then"]]) == ("inside", ["whole"])
    assert checkpoint.load(again.model)[3].weight.shape == (2, 1, 3, 3)
