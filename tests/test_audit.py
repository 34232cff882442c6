"""The ablation oracle is what pruning one filter really does; criteria are held against it by rank, with honest intervals."""

import numpy as np
import pytest
import torch
import toy
from torch import nn

import models
from pruning import checkpoint, engine
from pruning.ablation import draw, removals, silenced
from pruning.audit import Effect, common, compared, picks
from pruning.channels.trace import trace
from pruning.correlation import correlation, estimate, resampled, spearman
from pruning.errors import UserError
from pruning.evaluate import evaluate, evaluation_batches
from pruning.kinds import audit as kind
from pruning.plan import Plan
from pruning.report import FolderReport
from pruning.run import Run, read_json, read_lines, write_atomic
from pruning.spec import AuditSettings, AuditSpec, CriterionName, DataSettings, ModelSettings, TrainSettings, TrainSpec
from pruning.surgery import masked, prune

DATA = DataSettings(name="fashion-mnist-sample", limit=200)
TRAIN = TrainSpec(data=DATA, model=ModelSettings(name="fashion-cnn"), training=TrainSettings(epochs=1, batch_size=32))
CRITERIA = (CriterionName.L1, CriterionName.TAYLOR, CriterionName.BN_SCALE, CriterionName.RANDOM)
AUDIT = AuditSpec(parent=1, audit=AuditSettings(criteria=CRITERIA, images=40, score_images=40, units=5, resamples=100))
RNG = np.random.default_rng(0)
ORACLE = {
    name: Effect(tuple(range(n)), RNG.normal(size=n), RNG.normal(size=(2, n))) for name, n in (("a", 9), ("b", 30))
}
TRUE = {name: effect.size.tolist() for name, effect in ORACLE.items()}
HUNDRED = {"share": 0.3, "resamples": 100, "seed": 0}


def execute(number, spec, report=None):
    run = Run.of(number)
    write_atomic(run.spec, spec.model_dump_json())
    engine.execute(spec, run, report or FolderReport(run))
    return run


def branched():
    """Convolutions joined by a sum, a batch norm, and a group norm that makes its group approximate."""
    torch.manual_seed(0)

    class Branched(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 6, 3)
            self.bn, self.gn, self.out = nn.BatchNorm2d(4), nn.GroupNorm(1, 6), nn.Linear(6, 3)

        def forward(self, x):
            x = torch.relu(self.a(x))
            x = torch.relu(self.bn(self.b(x))) + x
            return self.out(self.gn(self.c(x)).mean((2, 3)))

    return Branched().eval()


def oracle_of(model, dataset):
    channels = trace(model, torch.zeros(2, *dataset.input_shape))
    batches = list(evaluation_batches(dataset.validation_x, dataset.validation_y, dataset, "cpu"))
    return channels, list(removals(model, channels, draw(channels, 99, 0), lambda: batches))


def test_the_oracle_is_the_loss_of_the_network_pruned_by_one_filter():
    model, dataset = branched(), toy.dataset()
    channels, found = oracle_of(model, dataset)
    assert {group.name: bool(group.approximate) for group in channels.groups} == {"a": False, "c": True}
    for removal in found[1:]:
        units = next(g.units for g in channels.groups if g.name == removal.group)
        plan = Plan(channels, {removal.group: tuple(u for u in range(units) if u != removal.unit)})
        pruned = evaluate(prune(model, plan), dataset.validation_x, dataset.validation_y, dataset)
        assert (removal.even + removal.odd) / len(dataset.validation_y) == pytest.approx(pruned["loss"], abs=1e-6)
    assert len(found) == 1 + 4 + 6


def test_silencing_is_that_of_surgery_and_ends_bit_for_bit():
    model = branched()
    channels, before = trace(model, torch.zeros(2, 1, 8, 8)), toy.digest(model)
    with silenced(model, channels, 2):
        assert toy.digest(model) == toy.digest(masked(model, Plan(channels, {"a": (0, 1, 3)})))
        assert toy.digest(model) != before
    assert toy.digest(model) == before


def test_the_oracle_leaves_the_network_as_it_was():
    model = toy.network().train()
    before = toy.digest(model)
    oracle_of(model, toy.dataset())
    assert toy.digest(model) == before
    assert all(module.training for module in model.modules())


def test_units_are_drawn_by_seed_and_a_lone_filter_is_left_alone():
    channels = trace(
        nn.Sequential(nn.Conv2d(1, 1, 3), nn.Conv2d(1, 9, 3), nn.Flatten(), nn.Linear(144, 3)), torch.zeros(2, 1, 8, 8)
    )
    assert [len(units) for units in draw(channels, 5, 0).values()] == [5]
    assert draw(channels, 5, 0) == draw(channels, 5, 0) != draw(channels, 5, 1)


def test_the_oracle_agrees_with_itself_and_is_opposed_to_its_negative():
    negative = {name: [-x for x in values] for name, values in TRUE.items()}
    found = compared(ORACLE, {"same": TRUE, "opposed": negative}, **HUNDRED)["criteria"]
    assert found["same"]["mean"] == pytest.approx({"rho": 1, "low": 1, "high": 1})
    assert found["opposed"]["mean"] == pytest.approx({"rho": -1, "low": -1, "high": -1})
    assert found["same"]["pooled_raw"]["rho"] == pytest.approx(1)


def test_spearman_is_scipys_in_every_resample_also_with_ties():
    from scipy.stats import spearmanr

    a, b = RNG.integers(0, 5, 20).astype(float), RNG.normal(size=20)
    drawn = resampled({"a": 20}, 30, 0)["a"]
    found = spearman(a, b, drawn)
    assert found == pytest.approx([spearmanr(np.repeat(a, n), np.repeat(b, n)).statistic for n in drawn])


def test_an_interval_contains_its_estimate_and_covers_the_truth_about_as_often_as_it_says():
    inside = []
    for seed in range(60):
        a, b = np.random.default_rng(seed).multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 60).T
        drawn = resampled({"a": 30, "b": 30}, 300, seed)
        found = estimate(*correlation([a[:30], a[30:]], [b[:30], b[30:]], list(drawn.values())))
        assert found["low"] < found["rho"] < found["high"]
        inside.append(found["low"] < 6 / np.pi * np.arcsin(0.4) < found["high"])
    assert np.mean(inside) >= 0.9


def test_a_mean_over_many_layers_lies_in_its_interval():
    rng = np.random.default_rng(0)
    oracle = {str(i): Effect(tuple(range(12)), rng.normal(size=12), rng.normal(size=(2, 12))) for i in range(30)}
    near = {name: (effect.size + 0.2 * rng.normal(size=12)).tolist() for name, effect in oracle.items()}
    mean = compared(oracle, {"near": near}, **HUNDRED)["criteria"]["near"]["mean"]
    assert 0.8 < mean["low"] < mean["rho"] < mean["high"] < 1


def test_an_audit_is_the_same_by_seed_and_another_by_another():
    scores = {"some": {name: RNG.normal(size=len(e.units)).tolist() for name, e in ORACLE.items()}}
    assert compared(ORACLE, scores, **HUNDRED) == compared(ORACLE, scores, **HUNDRED)
    assert compared(ORACLE, scores, **HUNDRED) != compared(ORACLE, scores, **HUNDRED | {"seed": 1})


def test_layers_of_another_scale_are_compared_raw_and_normalised():
    scaled = {"a": TRUE["a"], "b": [x * 1e-6 for x in TRUE["b"]]}
    found = compared(ORACLE, {"scaled": scaled}, **HUNDRED)["criteria"]["scaled"]
    assert found["mean"]["rho"] == pytest.approx(1)
    assert found["pooled_raw"]["rho"] < found["pooled"]["rho"] < 1


def test_what_cannot_be_ordered_is_said():
    scores = {"flat": {"a": [1.0] * 9, "b": TRUE["b"]}, "half": {"b": TRUE["b"]}, "wrong": {"a": [float("nan")] * 9}}
    found = compared(ORACLE, scores | {"refused": "needs batch norm"}, **HUNDRED)
    told = found["criteria"]
    assert told["flat"]["layers"]["a"] is None
    assert "same score" in told["flat"]["reasons"]["a"]
    assert "nothing to judge" in told["half"]["reasons"]["a"]
    assert (told["wrong"]["mean"], told["wrong"]["scores"]["a"][0]) == (None, None)
    assert told["refused"] == {"error": "needs batch norm"}
    assert found["best"] in ("flat", "half")


def test_the_best_is_ahead_by_a_paired_difference():
    noise = {name: RNG.normal(size=len(values)).tolist() for name, values in TRUE.items()}
    near = {name: [x + 1e-9 * y for x, y in zip(TRUE[name], noise[name], strict=True)] for name in TRUE}
    found = compared(ORACLE, {"random": noise, "true": TRUE, "near": near}, **HUNDRED)
    assert found["best"] == "true"
    assert found["behind"]["random"]["low"] > 0
    assert found["behind"]["near"] == pytest.approx({"difference": 0, "low": 0, "high": 0}, abs=1e-6)


def test_picks_are_the_lowest_and_overlaps_are_shares_of_them():
    assert picks(np.array([3.0, 1.0, 2.0, 9.0]), 0.5) == {1, 2}
    assert common({"a": {1, 2}, "b": {3}}, {"a": {2, 5}, "c": {3}}) == 0.5
    found = compared(ORACLE, {"true": TRUE}, **HUNDRED)["overlap"]
    assert found == {"names": ["oracle", "true"], "matrix": [[1, 1], [1, 1]]}


def test_an_audit_job_leaves_all_that_its_page_reads():
    execute(1, TRAIN)
    run = execute(2, AUDIT)
    found, result = read_json(run.audit), read_json(run.result)
    assert [(g["name"], len(g["drawn"])) for g in found["groups"]] == [("conv1", 5), ("conv2", 5)]
    assert set(found["criteria"]) == set(CRITERIA)
    assert "batch norm" in found["criteria"]["bn-scale"]["error"]
    assert result["after"] == read_json(Run.of(1).result)["after"]
    assert result["audit"]["l1"] == found["criteria"]["l1"]["mean"]["rho"]
    model, change = checkpoint.load(Run.of(1).model), found["groups"][0]["change"][0]
    assert change != 0
    assert sum(p.numel() for p in model.parameters()) == 126_698


def test_a_killed_audit_goes_on_and_ends_the_same():
    execute(1, TRAIN)
    undisturbed = execute(2, AUDIT)
    stopped = Run.of(3)
    with pytest.raises(toy.Stopped):
        execute(3, AUDIT, toy.StopsIn(stopped, "ablate", 5))
    with open(stopped.ablation, "a") as file:
        file.write('{"group": "conv1", "un')  # a line torn by the kill
    assert len(read_lines(stopped.ablation)) == 5
    assert read_json(execute(3, AUDIT).audit) == read_json(undisturbed.audit)


def test_many_images_are_prepared_anew_with_the_same_result(monkeypatch):
    execute(1, TRAIN)
    in_memory = execute(2, AUDIT)
    monkeypatch.setattr(kind, "RESIDENT", 0)
    assert read_json(execute(3, AUDIT).audit) == read_json(in_memory.audit)


class Lone(nn.Sequential):
    """One filter, which cannot be removed."""

    def __init__(self, **_):
        super().__init__(nn.Conv2d(1, 1, 3), nn.Flatten(), nn.Linear(676, 10))


def test_a_network_without_filters_to_choose_from_is_refused(monkeypatch):
    monkeypatch.setitem(models.MODELS, "lone", models.ModelCard("test_audit:Lone", "One filter.", "", 28, 1))
    execute(1, TRAIN.model_copy(update={"model": ModelSettings(name="lone")}))
    with pytest.raises(UserError, match="no filters to choose from"):
        execute(2, AUDIT)
