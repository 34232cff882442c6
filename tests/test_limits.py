"""Floors, ceilings, multiples, protected layers and classes of alike groups: what a plan may and may not do."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_allocate import CHANNELS, SCORES, channel_map

import models
from pruning import allocate, trace
from pruning.allocate import from_settings
from pruning.channels.map import ChannelMap, Group, Protected
from pruning.contradictions import refuse_idle
from pruning.errors import UserError
from pruning.limits import Limits
from pruning.ranking import classes
from pruning.spec import PruneSettings, PruneSpec, RoundMode, Spread, SweepSpec

WIDE = channel_map(a=64, b=20, c=6)
RANDOM = np.random.default_rng(0)
WIDE_SCORES = {group.name: RANDOM.random(group.units) for group in WIDE.groups}
WISHES = {
    "uniform": st.fixed_dictionaries({"spread": st.just("uniform"), "share": st.floats(0, 0.999)}),
    "global": st.fixed_dictionaries({"spread": st.just("global"), "share": st.floats(0, 0.999)}),
    "isomorphic": st.fixed_dictionaries({"spread": st.just("isomorphic"), "share": st.floats(0, 0.999)}),
    "per-layer": st.fixed_dictionaries({"spread": st.just("per-layer"), "filters": st.integers(0, 100)}),
    "total": st.fixed_dictionaries({"spread": st.just("total"), "filters": st.integers(0, 100)}),
    "groups": st.fixed_dictionaries({"shares": st.dictionaries(st.sampled_from("abc"), st.floats(0, 0.999))}),
}
LIMITS = st.fixed_dictionaries(
    {
        "floor": st.one_of(st.integers(1, 4), st.dictionaries(st.sampled_from("abc"), st.integers(1, 4))),
        "ceiling": st.one_of(st.none(), st.integers(18, 70), st.just({"a": 32})),
        "keep_at_least": st.floats(0, 0.25),
        "round_to": st.sampled_from([1, 2, 8, 16]),
        "round_mode": st.sampled_from(list(RoundMode)),
        "protect": st.lists(st.sampled_from("abc"), max_size=2),
        "normalise": st.sampled_from(["l2", "mean", "max", "none"]),
    }
)


@given(st.one_of(*WISHES.values()), LIMITS)
def test_no_plan_breaks_its_limits(wish: dict, limits: dict) -> None:
    floor, ceiling = limits["floor"], limits["ceiling"]
    for name, kept in allocate(WIDE, WIDE_SCORES, **wish, **limits).kept().items():
        units = WIDE.groups[WIDE.index(name)].units
        if name in limits["protect"]:
            assert kept == units
            continue
        least = floor.get(name, 1) if isinstance(floor, dict) else min(floor, units)
        most = ceiling.get(name, units) if isinstance(ceiling, dict) else min(ceiling or units, units)
        assert max(least, limits["keep_at_least"] * units - 1e-6) <= kept <= most
        assert kept == units or units < limits["round_to"] or kept % limits["round_to"] == 0


@given(st.sampled_from(["uniform", "global", "isomorphic"]), st.floats(0, 0.999), st.floats(0, 0.999), LIMITS)
def test_a_larger_share_never_brings_a_unit_back(spread: str, one: float, other: float, limits: dict) -> None:
    low, high = (allocate(WIDE, WIDE_SCORES, share=s, spread=spread, **limits) for s in sorted((one, other)))
    for name, gone in low.removed().items():
        assert set(gone) <= set(high.removed()[name])


@given(st.integers(1, 70), st.integers(0, 70), st.integers(1, 16), st.sampled_from(list(RoundMode)))
def test_rounding_takes_the_next_multiple_or_the_whole_group(units: int, asked: int, to: int, mode: RoundMode) -> None:
    allowed = sorted({*range(to, units + 1, to), units})
    wanted = min(max(asked, 1), units)
    above, below = min(n for n in allowed if n >= wanted), max((n for n in allowed if n <= wanted), default=None)
    if below is None:
        below = above
    nearest = above if above - wanted <= wanted - below else below
    kept = Limits(units, 1, units, to, mode).kept(asked)
    assert kept == {RoundMode.UP: above, RoundMode.DOWN: below, RoundMode.NEAREST: nearest}[mode]


@pytest.mark.parametrize(("mode", "kept"), [("nearest", 24), ("up", 24), ("down", 16)])
def test_of_two_multiples_that_are_equally_near_the_larger_is_kept(mode: str, kept: int) -> None:
    plan = allocate(WIDE, WIDE_SCORES, filters={"a": 44}, round_to=8, round_mode=mode)
    assert plan.kept() == {"a": kept, "b": 20, "c": 6}


def test_a_group_smaller_than_the_multiple_is_not_rounded() -> None:
    assert allocate(WIDE, WIDE_SCORES, share=0.5, round_to=8).kept() == {"a": 32, "b": 8, "c": 3}


def test_a_ceiling_cuts_on_its_own_and_counts_towards_a_global_share() -> None:
    assert allocate(WIDE, WIDE_SCORES, ceiling={"a": 10}).kept() == {"a": 10, "b": 20, "c": 6}
    assert sum(allocate(WIDE, WIDE_SCORES, share=0.7, spread="global", ceiling={"a": 10}).kept().values()) == 27


def test_no_layer_collapses_when_a_share_always_stays() -> None:
    low = {"a": np.full(64, 1e-9), "b": np.ones(20), "c": np.ones(6)}
    wish = {"share": 0.7, "spread": "global", "normalise": "none"}
    assert allocate(WIDE, low, **wish).kept()["a"] == 1
    assert allocate(WIDE, low, **wish, keep_at_least=0.1).kept()["a"] == 7


def test_a_global_share_counts_over_what_is_not_protected() -> None:
    kept = allocate(WIDE, WIDE_SCORES, share=0.5, spread="global", protect=["a"]).kept()
    assert (kept["a"], kept["b"] + kept["c"]) == (64, 13)


def coupled_map() -> ChannelMap:
    groups = (
        Group("stem.conv", 8, ("stem.conv", "layer1.0.conv2"), ("stem.bn", "layer4.0.conv1 inputs")),
        Group("layer1.0.conv1", 8, ("layer1.0.conv1",), ("layer1.0.bn1",)),
    )
    return ChannelMap(groups, (Protected("fc", 10, "its channels are the network's outputs"),), (), (), ())


@pytest.mark.parametrize(
    ("pattern", "whole"),
    [
        ("layer1.0.conv1", {"layer1.0.conv1"}),
        ("layer1.*", {"stem.conv", "layer1.0.conv1"}),
        ("layer4.*", {"stem.conv"}),
        ("stem.bn", {"stem.conv"}),
        ("*.bn?", {"layer1.0.conv1"}),
        ("fc", set()),
    ],
)
def test_a_pattern_protects_every_group_it_touches(pattern: str, whole: set[str]) -> None:
    channels = coupled_map()
    scores = {group.name: range(group.units) for group in channels.groups}
    plan = allocate(channels, scores, share=0.5, shares={"layer1.0.conv1": 0.8}, protect=[pattern])
    assert {name for name, kept in plan.kept().items() if kept == 8} == whole


@pytest.mark.parametrize(
    ("wish", "message", "do"),
    [
        ({"protect": ["layer1.0.conv9"]}, "protect='layer1.0.conv9' matches no layer", "layer1.0.conv"),
        ({"protect": ["zzz*"]}, "protect='zzz.*' matches no layer", "Layers are called fc"),
    ],
)
def test_a_name_that_protects_nothing_is_told_with_close_ones(wish: dict, message: str, do: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        allocate(coupled_map(), {}, share=0.5, **wish)
    assert do in caught.value.do


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"floor": 3, "ceiling": 2}, "a cannot keep 3 units at least and 2 at most"),
        ({"floor": {"a": 5}}, "floor of a=5 is more than its 4 units"),
        ({"keep_at_least": 0.5, "ceiling": {"b": 4}}, "b cannot keep 5 units at least and 4 at most"),
        (
            {"round_to": 4, "floor": {"b": 5}, "ceiling": {"b": 7}},
            "b cannot keep a multiple of 4: none lies from 5 to 7",
        ),
        ({"floor": {"c": 2}}, "group='c' is not one of a, b"),
        ({"ceiling": {"c": 2}}, "group='c' is not one of a, b"),
        ({"floor": 0}, "floor=0 is not a whole number"),
        ({"ceiling": {"a": 0}}, "ceiling of a=0 is not a whole number"),
        ({"ceiling": 2.5}, "ceiling=2.5 is not a whole number"),
        ({"round_to": 0}, "round_to=0 is not a whole number"),
        ({"rounding": "off"}, "rounding='off' is not one of ceil, round, floor"),
        ({"normalise": "l9"}, "normalise='l9' is not one of l2, mean, max, none"),
        ({"round_mode": "sideways"}, "round_mode='sideways' is not one of nearest, up, down"),
        ({"keep_at_least": 1}, r"keep_at_least=1 is not in \[0, 1\)"),
        ({"keep_at_least": -0.1}, r"keep_at_least=-0.1 is not in"),
        ({"spread": "groups", "shares": {"a": 0.3}}, "spread='groups' does not go with"),
    ],
)
def test_limits_that_cannot_be_are_told_in_a_sentence(wish: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        allocate(CHANNELS, SCORES, share=0.5, **wish)


def test_scores_of_another_network_are_refused() -> None:
    with pytest.raises(UserError, match="3 scores of a, which has 4 units"):
        allocate(CHANNELS, {"a": [1.0, 2.0, 3.0]}, share=0.5)


def test_alike_groups_are_ranked_among_themselves() -> None:
    groups = *(Group(n, 10, (n,), (f"{n}.bn",)) for n in "ab"), Group("fc", 10, ("fc",), ())
    channels = ChannelMap(groups, (), (), (), ())
    scores = {"a": np.full(10, 9.0), "b": np.arange(10.0) / 10, "fc": np.full(10, 1e-6)}
    plan = allocate(channels, scores, share=0.5, spread=Spread.ISOMORPHIC, normalise="none")
    assert classes(channels, scores) == [["a", "b"], ["fc"]]
    assert plan.kept() == {"a": 9, "b": 1, "fc": 5}


def test_a_form_with_every_limit_makes_the_same_plan_as_the_call() -> None:
    limits = {"floor": {"a": 2}, "keep_at_least": 0.2, "round_to": 8, "round_mode": "up", "protect": ("c",)}
    wish = PruneSettings.model_validate({"share": 0.8, "spread": "isomorphic", "ceiling": "a=0,b=16", **limits})
    assert from_settings(WIDE, WIDE_SCORES, wish) == allocate(
        WIDE, WIDE_SCORES, share=0.8, spread="isomorphic", ceiling={"b": 16}, **limits
    )


def test_a_job_may_sweep_the_isomorphic_spread_and_cut_by_a_ceiling_alone() -> None:
    refuse_idle(SweepSpec(parent=1, pruning=PruneSettings(spread=Spread.ISOMORPHIC)))
    refuse_idle(PruneSpec(parent=1, pruning=PruneSettings(spread=Spread.GROUPS, ceiling={"a": 10})))
    assert from_settings(WIDE, WIDE_SCORES, PruneSettings(spread=Spread.GROUPS, ceiling={"a": 10})).kept()["a"] == 10


def test_isomorphic_classes_of_resnet50_part_the_inner_convolutions_from_the_streams() -> None:
    channels = trace(models.build("resnet50", image_size=64), torch.empty(1, 3, 64, 64))
    found = classes(channels, [group.name for group in channels.groups])
    inner = next(names for names in found if "layer1.0.conv1" in names)
    assert {name.split(".")[-1] for name in inner} == {"conv1", "conv2"}
    assert len(inner) == 32
    assert sum(map(len, found)) == len(channels.groups)
