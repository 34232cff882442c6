"""From a network and a wish to a plan: greedy order, sensitivity scanned anew, budgets on latency, and what is warned of."""

import numpy as np
import pytest
import torch
import toy
from torch import nn

from pruning import planning, trace
from pruning.contradictions import refuse_contradictions, refuse_idle
from pruning.errors import UserError
from pruning.ranking import remark
from pruning.run import Run, read_json
from pruning.spec import PruneSettings, PruneSpec, SweepSpec
from pruning.speed import GUESSES, within

DATA, CPU, RUN = toy.dataset(), torch.device("cpu"), Run.of(7)


def network() -> nn.Sequential:
    torch.manual_seed(1)
    convolutions = nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 12, 3), nn.ReLU(), nn.Conv2d(12, 6, 3)
    return nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(24, 3))


def made(model, report=None, run=RUN, **wish):
    channels = trace(model, torch.zeros(2, *DATA.input_shape))
    settings = PruneSettings(**wish)
    return planning.make(model, channels, settings, data=DATA, device=CPU, report=report or toy.Notes(), run=run)


def slow_greedy(model: nn.Sequential, norm: int, removed: dict[str, int]) -> dict[str, list[int]]:
    """Li et al. 2017, section 3.2, literally: filter after filter, kernel after kernel."""
    gone: dict[str, list[int]] = {}
    inputs: list[int] = []
    for name, n in removed.items():
        weight = dict(model.named_parameters())[f"{name}.weight"].detach()
        columns = [c for c in range(weight.shape[1]) if c not in inputs]
        scores = [sum(float(k.abs().pow(norm).sum()) for k in weight[f, columns]) for f in range(len(weight))]
        inputs = gone[name] = sorted(sorted(range(len(scores)), key=scores.__getitem__)[:n])
    return gone


@pytest.mark.parametrize(("criterion", "norm"), [("l1", 1), ("l2", 2), ("mean", 1), ("lamp", 2)])
def test_greedy_leaves_out_the_kernels_of_what_is_gone(criterion, norm):
    plan = made(network(), criterion=criterion, order="greedy", share=0.5)
    assert plan.removed() == slow_greedy(network(), norm, {"0": 4, "2": 6, "4": 3})


def test_greedy_picks_differ_where_a_removed_input_made_a_filter_look_strong():
    model = network()
    with torch.no_grad():
        model[0].weight[0] *= 1e-3  # goes first
        model[2].weight[5, 0] += 100  # all that is worth in filter 5 looks at it
        model[2].weight[5, 1:] *= 1e-3
    independent, greedy = (made(model, order=order, share=0.1).removed()["2"] for order in ("independent", "greedy"))
    assert 5 in greedy
    assert 5 not in independent


@pytest.mark.parametrize("wish", [{"spread": "percentile"}, {"max_params": 900}, {"spread": "per-layer", "filters": 2},
                                  {"spread": "groups", "shares": {"2": 0.5}}])  # fmt: skip
def test_greedy_changes_which_filters_go_but_not_how_many(wish):
    assert made(network(), order="greedy", **wish).kept() == made(network(), **wish).kept()


@pytest.mark.parametrize(("wish", "message"), [
    ({"order": "greedy", "spread": "global"}, "goes layer by layer"),
    ({"order": "greedy", "criterion": "taylor"}, "taylor is no norm of weights"),
    ({"max_latency": 1.0, "spread": "total", "filters": 3}, "does not read"),
    ({"max_params": 10, "spread": "groups", "shares": {"0": 0.1}}, "does not read"),
])  # fmt: skip
def test_contradictions_are_refused_before_anything_is_scored(wish, message):
    with pytest.raises(UserError, match=message):
        refuse_idle(PruneSpec(parent=1, pruning=PruneSettings(**wish)))
    with pytest.raises(UserError, match=message):
        made(network(), **wish)


def test_a_sweep_of_shares_has_no_budget():
    with pytest.raises(UserError, match="a budget finds its own"):
        refuse_idle(SweepSpec(parent=1, pruning=PruneSettings(max_macs=1000)))
    refuse_contradictions(PruneSettings(max_macs=1000, order="greedy"))


def test_raw_norms_over_all_layers_are_warned_of_in_the_timeline():
    report = toy.Notes()
    made(network(), report, spread="global", normalise="none")
    assert any(text.startswith("Un-normalised L1 norm scores") for text in report.events)
    assert not remark(PruneSettings(criterion="mean", spread="global", normalise="none"))


def test_sensitivity_scans_by_itself_and_keeps_the_scan(runs):
    run, report = Run(runs / "00007"), toy.Notes()
    plan = made(network(), report, run, spread="sensitivity", share=0.5)
    assert sum(plan.kept().values()) == 13
    assert set(read_json(run.scan)["groups"]) == {"0", "2", "4"}
    assert any("Scanned 3 groups" in text for text in report.events)


def clocked(most: float, noise=lambda _: 1.0, **wish):
    """A plan on a machine that takes a microsecond for every MAC, and how often it was asked."""
    model, asked = network(), []
    channels = trace(model, torch.zeros(2, *DATA.input_shape))
    scores = {g.name: np.arange(g.units) for g in channels.groups}

    def clock(plan):
        asked.append(plan)
        return plan.counts().macs / 1000 * noise(len(asked))

    settings = PruneSettings(max_latency=most, **wish)
    return within(clock, channels, scores, settings, None, toy.Notes()), len(asked)


@pytest.mark.parametrize("spread", ["uniform", "global", "isomorphic", "percentile"])
@pytest.mark.parametrize("most", [1.5, 4.0, 10.0])
def test_a_latency_budget_is_met_nearly_and_in_few_measurements(spread, most):
    plan, measurements = clocked(most, spread=spread)
    assert 0.75 * most < plan.counts().macs / 1000 <= most
    assert measurements <= GUESSES + 3 <= 8


def test_a_network_that_is_fast_enough_stays_whole():
    assert clocked(1e6)[0].keep == {}


def test_all_budgets_hold_together():
    plan, _ = clocked(4.0, max_params=600)
    assert plan.counts().params <= 600
    assert plan.counts().macs <= 4000


def test_a_network_that_was_over_when_measured_again_is_not_taken():
    steady, count = clocked(4.0)
    noisy, _ = clocked(4.0, lambda n: 1.0 if n != count else 2.0)
    assert noisy.counts().macs < steady.counts().macs


def test_a_latency_that_cannot_be_met_is_said():
    with pytest.raises(UserError, match=r"the smallest network that can be reached takes .* ms here, not 0.001"):
        clocked(0.001)
    with pytest.raises(UserError, match="latency varies too much"):
        clocked(4.0, lambda n: 1.0 if n <= GUESSES + 2 else 50.0)


def test_a_real_network_is_timed():
    report = toy.Notes()
    plan = made(network(), report, max_latency=1000.0, max_params=900)
    assert plan.counts().params <= 900
    assert any(text.startswith("Latency of at most 1000 ms is met") for text in report.events)
