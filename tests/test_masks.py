"""Masks: the same weights as torch.nn.utils.prune masks, zero to the end, and never told as a saving."""

import json
from statistics import mean

import pytest
import torch
import toy
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.utils import prune as torch_prune

import models
from pruning import checkpoint, data, engine, train
from pruning.channels.trace import trace
from pruning.criteria import hessian
from pruning.errors import UserError
from pruning.mask_record import pictures, remark, removal, table, total
from pruning.masks import apply, masked, own, refuse_emptied, worth
from pruning.report import FolderReport
from pruning.run import Run, read_json, read_lines, write_atomic
from pruning.spec import (
    CriterionName,
    DataSettings,
    MaskScope,
    MaskSettings,
    MaskSpec,
    MaskStructure,
    ModelSettings,
    TrainSettings,
    TrainSpec,
)
from pruning.surgery import duplicate

STRUCTURED = MaskSettings(structure=MaskStructure.STRUCTURED)
ONE = TrainSettings(epochs=1, batch_size=16)


def of(settings, **changes):
    return settings.model_copy(update=changes)


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(576, 10)).eval()


@pytest.mark.parametrize("amount", [0.0, 0.25, 0.41479])
def test_single_weights_are_those_that_torch_masks(amount):
    ours, theirs = network(), network()
    masks = masked(ours, MaskSettings(amount=amount))
    for name in ("0", "3"):
        torch_prune.l1_unstructured(theirs.get_submodule(name), "weight", amount)
        assert torch.equal(masks[f"{name}.weight"], theirs.get_buffer(f"{name}.weight_mask") > 0)


@pytest.mark.parametrize(("norm", "dimension"), [(1, 0), (2, 0), (2, 1)])
def test_slices_are_those_that_torch_masks(norm, dimension):
    ours, theirs = network(), network()
    masks = masked(ours, of(STRUCTURED, norm=norm, dimension=dimension, amount=0.4))
    for name in ("0", "3"):
        torch_prune.ln_structured(theirs.get_submodule(name), "weight", 0.4, norm, dimension)
        assert torch.equal(masks[f"{name}.weight"], theirs.get_buffer(f"{name}.weight_mask") > 0)


def test_the_lowest_anywhere_are_those_that_torch_masks():
    ours, theirs = network(), network()
    masks = masked(ours, MaskSettings(scope=MaskScope.GLOBAL, amount=0.75))
    torch_prune.global_unstructured([(theirs[0], "weight"), (theirs[3], "weight")], torch_prune.L1Unstructured, amount=0.75)  # fmt: skip
    assert all(torch.equal(masks[f"{n}.weight"], theirs[n].weight_mask > 0) for n in (0, 3))


@pytest.mark.parametrize("structure", [MaskStructure.UNSTRUCTURED, MaskStructure.STRUCTURED])
def test_random_masks_are_drawn_by_seed_and_as_many(structure):
    settings = MaskSettings(structure=structure, criterion=CriterionName.RANDOM, amount=0.25)
    first, same, other = (masked(network(), of(settings, seed=s))["0.weight"] for s in (0, 0, 1))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert int((~first).sum()) == 108


def test_two_of_four_neighbours_along_the_inputs_stay_and_so_does_the_rest():
    model = nn.Sequential(nn.Conv2d(10, 4, 3), nn.Conv2d(3, 4, 1)).eval()
    settings = MaskSettings(structure=MaskStructure.N_OF_M)
    masks = masked(model, settings)
    blocks = masks["0.weight"][:, :8].unflatten(1, (2, 4))  # (filters, blocks, neighbours, rows, columns)
    assert (blocks.sum(2) == 2).all()
    assert masks["0.weight"][:, 8:].all()
    weight = model[0].weight.detach().abs()[:, :8].unflatten(1, (2, 4))
    assert (weight.where(blocks, 9).amin(2) >= weight.where(~blocks, 0).amax(2)).all()
    assert masks["1.weight"].all()
    assert remark(model[0].weight, model[0], settings) == "the last 2 of 10 inputs stay: they fill no 4"
    assert "fewer than 4" in remark(model[1].weight, model[1], settings)


def test_filters_of_a_transposed_convolution_are_its_second_dimension():
    model = nn.Sequential(nn.ConvTranspose2d(4, 6, 3)).eval()
    gone = ~masked(model, of(STRUCTURED, amount=0.5))["0.weight"]
    assert int(gone.all(0).all(-1).all(-1).sum()) == 3


def test_scores_below_zero_are_lower_than_small_ones(monkeypatch):
    scores = {"0.weight": torch.tensor([[-5.0, 0.1, 2.0, -0.2]])}
    monkeypatch.setattr("pruning.masks.saliency", lambda *_, **__: scores)
    model = nn.Sequential(nn.Linear(4, 1))
    assert masked(model, MaskSettings())["0.weight"].tolist() == [[False, True, True, False]]


def test_a_weight_that_two_layers_share_is_masked_once():
    model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    model[1].weight = model[0].weight
    rows = table(apply(model, masks := masked(model, MaskSettings())), masks, MaskSettings())
    assert [(r["name"], r["zeros"]) for r in rows] == [("0.weight", 32)]


def test_document_003s_106_filters_are_2862_weights_and_would_save_29_percent_of_the_macs():
    model = models.build("cifar-cnn", in_channels=3, num_classes=10, image_size=32).eval()
    for amount, filters, weights in ((0.4, 102, 2_754), (0.41479, 106, 2_862)):
        settings = of(STRUCTURED, layers=("conv1",), amount=amount)
        masks = masked(model, settings)
        assert int((~masks["conv1.weight"]).sum()) == weights == 27 * filters
    zeros = total(apply(model, masks), table(model, masks, settings))
    assert f"{zeros['share_of_params']:.3%}" == "0.019%"
    channels = trace(model, torch.zeros(2, 3, 32, 32))
    plan = removal(model, channels)
    before, after = channels.counts(), plan.counts()
    assert {n: len(units) for n, units in plan.removed().items()} == {"conv1": 106}
    assert (before.params, after.params) == (15_355_402, 14_863_774)
    assert (f"{1 - after.params / before.params:.2%}", f"{1 - after.macs / before.macs:.1%}") == ("3.20%", "29.3%")


def test_single_masked_weights_save_nothing():
    model = network()
    apply(model, masked(model, MaskSettings(amount=0.5)))
    assert removal(model, trace(model, torch.zeros(2, 3, 8, 8))).removed() == {}


def test_pictures_show_filters_and_else_a_matrix():
    model = network()
    shown = pictures(model, masked(model, of(STRUCTURED, amount=0.25)))
    assert (shown["kind"], shown["of"], len(shown["tiles"][0]["weight"][0])) == ("filters", 16, 9)
    assert sum(tile["masked"] for tile in shown["tiles"]) == 4
    shown = pictures(model, masked(model, MaskSettings(layers=("3",))))
    assert (shown["kind"], shown["of"], len(shown["tiles"][0]["weight"])) == ("matrix", [10, 576], 10)
    assert pictures(model, {}) == {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"structure": MaskStructure.STRUCTURED, "scope": MaskScope.GLOBAL}, "do not compare"),
        ({"structure": MaskStructure.N_OF_M, "n": 4}, "masks nothing"),
        ({"layers": ("conv9",)}, "matches no convolution"),
        ({"criterion": CriterionName.HRANK}, "single weights"),
    ],
)
def test_settings_that_cannot_be_met_are_refused(change, words):
    with pytest.raises(UserError, match=words):
        masked(network(), MaskSettings(**change))


def test_a_layer_without_any_weight_is_refused():
    model = network()
    with pytest.raises(UserError, match=r"0.weight would keep no weight"):
        refuse_emptied(model, own(model, {"0.weight_mask": torch.zeros(16, 3, 3, 3)}))


@pytest.mark.parametrize(("name", "words"), [("9.weight", "does not have"), ("3.weight", "the weights are")])
def test_own_masks_that_do_not_fit_are_refused(name, words):
    with pytest.raises(UserError, match=words):
        own(network(), {name: torch.ones(2, 2)})


def execute(number, spec, report=None):
    run = Run.of(number)
    write_atomic(run.spec, spec.model_dump_json())
    engine.execute(spec, run, report or FolderReport(run))
    return run


@pytest.fixture
def parent(monkeypatch):
    """A small ResNet with batch norm as run 1."""
    toy.registered(monkeypatch)
    return execute(
        1, TrainSpec(data=DataSettings(name="toy"), model=ModelSettings(name="resnet20-cifar"), training=ONE)
    )


@pytest.mark.usefixtures("parent")
def test_a_masked_run_keeps_its_zeros_through_fine_tuning_and_its_size():
    momentum = TrainSettings(epochs=2, batch_size=16, optimizer="sgd", weight_decay=0.01)
    run = execute(2, MaskSpec(parent=1, masking=MaskSettings(amount=0.6), finetune=momentum))
    masks, model, before = load_file(run.masked), checkpoint.load(run.model), checkpoint.load(Run.of(1).model)
    assert all(torch.equal(model.get_parameter(n) == 0, ~stays) for n, stays in masks.items())
    assert not torch.equal(model.get_parameter("conv1.weight"), before.get_parameter("conv1.weight"))
    result, told = read_json(run.result), read_json(run.masks)
    assert result["after"]["params"] == result["before"]["params"] == result["pruned"]["params"]
    assert result["pruned"]["validation_accuracy"] == told["masked"]["validation_accuracy"]
    assert told["tuned"]["masked"]["validation_accuracy"] == result["after"]["validation_accuracy"]
    assert told["removed"]["filters"] == 0
    assert (len(told["curve"]["points"]), told["curve"]["points"][0][1:]) == (10, [0, told["dense"]["validation_accuracy"]])  # fmt: skip
    assert "nothing would get smaller" in " ".join(line["text"] for line in read_lines(run.events))
    assert json.dumps(told, allow_nan=False)


@pytest.mark.usefixtures("parent")
def test_masked_filters_have_both_views_with_both_accuracies():
    wish = of(STRUCTURED, amount=0.5, layers=("layer1.0.conv1",))
    told = read_json(execute(2, MaskSpec(parent=1, masking=wish, finetune=TrainSettings(epochs=0))).masks)
    assert told["removed"]["groups"] == {"layer1.0.conv1": 8}
    assert told["removed"]["params"] < told["masked"]["params"] == told["dense"]["params"]
    assert {"validation_accuracy"} <= told["removed"].keys() & told["masked"].keys()
    assert "tuned" not in told


@pytest.mark.usefixtures("parent")
def test_a_stopped_mask_run_ends_with_the_weights_of_an_undisturbed_one(monkeypatch):
    monkeypatch.setattr(train, "SAVE_EVERY", 0.0)
    spec = MaskSpec(parent=1, masking=MaskSettings(criterion=CriterionName.RANDOM), finetune=ONE)
    whole = execute(2, spec)
    for stage, at in (("mask", 4), ("finetune", 3)):
        with pytest.raises(toy.Stopped):
            execute(3, spec, toy.StopsIn(Run.of(3), stage, at))
    assert toy.digest(checkpoint.load(execute(3, spec).model)) == toy.digest(checkpoint.load(whole.model))


@pytest.mark.usefixtures("parent")
def test_what_the_parent_masked_stays_masked():
    first = execute(2, MaskSpec(parent=1, masking=MaskSettings(amount=0.3), finetune=ONE))
    other = MaskSettings(criterion=CriterionName.RANDOM, amount=0.3)
    run = execute(3, MaskSpec(parent=2, masking=other, finetune=ONE))
    model, held = checkpoint.load(run.model), load_file(first.masked)
    assert all(not model.get_parameter(name)[~stays].any() for name, stays in held.items())


@pytest.mark.usefixtures("parent")
def test_own_masks_come_from_a_file(tmp_path):
    mask = torch.ones(16, 1, 3, 3)
    mask[:4] = 0
    save_file({"conv1.weight_mask": mask}, tmp_path / "own.safetensors")
    wish = MaskSettings(file=str(tmp_path / "own.safetensors"))
    told = read_json(execute(2, MaskSpec(parent=1, masking=wish, finetune=ONE)).masks)
    assert {r["name"]: r["zeros"] for r in told["table"] if r["zeros"]} == {"conv1.weight": 36}
    assert told["curve"]["points"] == []


IRIS = DataSettings(name="iris")
NONE = TrainSettings(epochs=0)


def test_optimal_brain_damage_on_iris_runs_to_the_end_and_its_curve_starts_dense():
    learn = TrainSettings(epochs=20, batch_size=8, learning_rate=0.01)
    execute(1, TrainSpec(data=IRIS, model=ModelSettings(name="iris-mlp"), training=learn))
    wish = MaskSettings(criterion=CriterionName.HESSIAN)
    run = execute(2, MaskSpec(parent=1, masking=wish, finetune=learn))
    told, result = read_json(run.masks), read_json(run.result)
    assert told["curve"]["points"][0] == [0, 0, told["dense"]["validation_accuracy"]]
    assert [r["zeros"] for r in told["table"]] == [12, 24, 12]
    assert told["tuned"]["total"]["zeros"] == 48
    assert result["after"]["params"] == 113


def trained_on_iris(seed):
    dataset = data.load(IRIS)
    model = fit_quickly(models.build("iris-mlp", in_channels=4, num_classes=3), dataset, seed)
    return model, [(torch.tensor(dataset.train_x), torch.tensor(dataset.train_y))]


def fit_quickly(model, dataset, seed):
    torch.manual_seed(seed)
    model.apply(lambda layer: layer.reset_parameters() if isinstance(layer, nn.Linear) else None)
    x, y = torch.tensor(dataset.train_x), torch.tensor(dataset.train_y)
    optimizer = torch.optim.Adam(model.parameters(), 0.03)
    for _ in range(200):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model.eval()


def correct(model, batches, settings):
    """Share of right answers of a masked copy."""
    ((x, y),) = batches
    twin = apply(duplicate(model, {}), masked(model, settings, data=batches))
    return (twin(x).argmax(1) == y).float().mean().item()


def test_optimal_brain_damage_beats_chance_on_iris():
    damage, chance = [], []
    for seed in range(4):
        model, batches = trained_on_iris(seed)
        assert correct(model, batches, MaskSettings(amount=0)) > 0.95
        damage.append(correct(model, batches, MaskSettings(criterion=CriterionName.HESSIAN)))
        draws = [MaskSettings(criterion=CriterionName.RANDOM, seed=draw) for draw in range(5)]
        chance += [correct(model, batches, draw) for draw in draws]
    assert mean(damage) > mean(chance) + 0.1


def test_the_exact_diagonal_is_the_second_derivative_of_the_loss():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 3)).eval()
    x, y = torch.randn(7, 3), torch.arange(7) % 3
    scores = hessian.exact(model, [(x, y)])
    flat = torch.nn.utils.parameters_to_vector(model.parameters()).detach()
    names = [name for name, _ in model.named_parameters()]

    def loss(vector):
        parts = torch.split(vector, [p.numel() for p in model.parameters()])
        weights = {n: v.view_as(p) for n, v, p in zip(names, parts, model.parameters(), strict=True)}
        return nn.functional.cross_entropy(torch.func.functional_call(model, weights, (x,)), y)

    found = torch.cat([scores[name].flatten() for name in names])
    wanted = torch.autograd.functional.hessian(loss, flat).diag() * flat**2 / 2
    assert torch.allclose(found, wanted, atol=1e-6)


def test_optimal_brain_damage_of_a_larger_network_lets_no_large_weight_go_first():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(40, 30), nn.Linear(30, 3)).eval()
    batches = [(torch.randn(8, 40), torch.arange(8) % 3)]
    assert all(
        (score >= 0).all() for score in worth(model, MaskSettings(criterion=CriterionName.HESSIAN), batches).values()
    )


@pytest.mark.parametrize("scope", MaskScope)
def test_every_layer_keeps_a_weight_however_much_is_masked(scope):
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 300))
    with torch.no_grad():
        model[0].weight.mul_(1e-6)
    found = masked(model, MaskSettings(amount=0.98, scope=scope))
    assert all(mask.any() for mask in found.values())
    if scope is MaskScope.GLOBAL:
        assert sum(int((mask == 0).sum()) for mask in found.values()) == round(0.98 * 606)
