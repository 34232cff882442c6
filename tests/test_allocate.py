"""From scores and wishes to plans: rounding, floors, spreads, and wishes that cannot be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruning.allocate import allocate, from_settings, ladder, whole
from pruning.channels.map import ChannelMap, Group
from pruning.errors import UserError
from pruning.plan import Plan
from pruning.ranking import remark
from pruning.spec import PruneSettings


def channel_map(**units: int) -> ChannelMap:
    """Groups of so many units; a parameter count of Σ units keeps the formulas simple."""
    groups = tuple(Group(name, n, (name,), ()) for name, n in units.items())
    terms = tuple((1, ((0, ((g, 1),)),)) for g in range(len(groups)))
    return ChannelMap(groups, (), terms, terms, terms)


CHANNELS = channel_map(a=4, b=10)
SCORES = {"a": [4.0, 1.0, 3.0, 2.0], "b": np.arange(10.0)}


def test_a_share_removes_the_lowest_of_every_group_rounded_up() -> None:
    plan = allocate(CHANNELS, SCORES, share=0.3)
    assert plan.keep == {"a": (0, 2), "b": tuple(range(3, 10))}


def test_shares_alone_leave_other_groups_whole() -> None:
    assert allocate(CHANNELS, SCORES, shares={"a": 0.5}).keep == {"a": (0, 2)}


def test_shares_override_the_overall_share() -> None:
    assert allocate(CHANNELS, SCORES, share=0.5, shares={"a": 0.0}).kept() == {"a": 4, "b": 5}


@pytest.mark.parametrize("spread", ["global", "isomorphic", "percentile"])
def test_a_group_with_a_share_of_its_own_leaves_the_others_as_they_were(spread) -> None:
    others = allocate(CHANNELS, SCORES, share=0.5, spread=spread).kept()
    assert allocate(CHANNELS, SCORES, share=0.5, spread=spread, shares={"a": 0.25}).kept() == others | {"a": 3}


@given(st.integers(0, 99), st.sampled_from(["uniform", "global", "isomorphic", "percentile"]), st.sampled_from([1, 4]))
def test_the_ladder_holds_the_plan_of_every_share(percent, spread, multiple) -> None:
    wish = PruneSettings(spread=spread, share=percent / 100, round_to=multiple, floor=2)
    assert ladder(CHANNELS, SCORES, wish)[percent] == from_settings(CHANNELS, SCORES, wish).kept()


def test_global_compares_normalised_scores_over_all_groups() -> None:
    plan = allocate(
        CHANNELS, {"a": [0.1, 0.2, 0.3, 0.4], "b": [1.0] * 10}, share=0.25, spread="global", normalise="max"
    )
    assert plan.kept() == {"a": 1, "b": 9}


def test_total_removes_exactly_so_many() -> None:
    plan = allocate(CHANNELS, SCORES, filters=7, spread="total")
    assert sum(map(len, plan.removed().values())) == 7


@pytest.mark.parametrize(
    "wish", [{"share": 0.99}, {"filters": 50}, {"share": 0.99, "spread": "global"}, {"filters": 99, "spread": "total"}]
)
def test_no_group_falls_below_the_floor(wish: dict[str, object]) -> None:
    assert allocate(CHANNELS, SCORES, floor=2, **wish).kept() == {"a": 2, "b": 2}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"share": 1.0}, r"share=1.0 is not in \[0, 1\)"),
        ({"shares": {"a": -0.1}}, r"share of a=-0.1 is not in"),
        ({"shares": {"c": 0.1}}, "group='c' is not one of a, b"),
        ({"filters": -1}, "filters=-1"),
        ({"share": "half"}, "share='half' is not in"),
        ({"share": 0.5, "spread": "foo"}, "spread='foo' is not one of uniform"),
        ({}, "spread='groups' does not go with what was given"),
        ({"share": 0.5, "spread": "total"}, "spread='total' does not go with what was given"),
        ({"shares": {"a": 0.3}, "spread": "global"}, "spread='global' does not go with what was given"),
    ],
)
def test_an_impossible_wish_is_told_in_a_sentence(wish: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        allocate(CHANNELS, SCORES, **wish)  # type: ignore[arg-type]


def test_rounding_means_what_was_typed() -> None:
    assert [whole(0.55, 100, r) for r in ("ceil", "round", "floor")] == [55, 55, 55]
    assert [whole(0.4, 256, r) for r in ("ceil", "round", "floor")] == [103, 102, 102]


@given(st.floats(0, 0.999), st.sampled_from(["uniform", "global"]), st.integers(1, 4))
def test_every_share_gives_a_plan_that_survives_json(share: float, spread: str, floor: int) -> None:
    plan = allocate(CHANNELS, SCORES, share=share, spread=spread, floor=floor)
    assert Plan.from_json(plan.to_json(), CHANNELS) == plan
    assert min(plan.kept().values()) >= min(floor, 4)
    assert plan.counts().params == sum(plan.kept().values())


def test_a_plan_for_another_network_is_refused() -> None:
    with pytest.raises(UserError, match="another network"):
        Plan.from_json(allocate(CHANNELS, SCORES, share=0.5).to_json(), channel_map(a=4, b=11))


def test_a_channel_map_survives_json() -> None:
    assert ChannelMap.from_json(CHANNELS.to_json()) == CHANNELS


def test_a_form_with_default_settings_removes_half() -> None:
    assert from_settings(CHANNELS, SCORES, PruneSettings()).kept() == {"a": 2, "b": 5}


def test_groups_without_scores_stay_whole_unless_they_are_named() -> None:
    only_b = {"b": SCORES["b"]}
    assert allocate(CHANNELS, only_b, share=0.5).kept() == {"a": 4, "b": 5}
    with pytest.raises(UserError, match="no scores for a"):
        allocate(CHANNELS, only_b, shares={"a": 0.5})


@given(st.lists(st.floats(0, 9), min_size=1, max_size=30), st.integers(0, 19))
def test_percentile_removes_what_is_below_the_quantile_of_its_group(scores: list[float], part: int) -> None:
    share = part / 20
    below = [u for u, s in enumerate(scores) if s < np.quantile(scores, share)]
    removed = allocate(channel_map(a=len(scores)), {"a": scores}, share=share, spread="percentile").removed()
    assert removed.get("a", []) == below


def test_equal_scores_all_stay_at_a_percentile() -> None:
    plan = allocate(CHANNELS, {"a": [1.0] * 4, "b": [0.0] + [1.0] * 9}, share=0.5, spread="percentile")
    assert plan.removed() == {"b": [0]}


FLAT, STEEP = [(0.0, 0.0), (0.5, 0.0), (1.0, 0.8)], [(0.0, 0.0), (0.5, 0.4), (1.0, 0.8)]


def test_sensitivity_takes_from_the_group_that_loses_less() -> None:
    plan = allocate(CHANNELS, SCORES, share=0.5, spread="sensitivity", curves={"a": STEEP, "b": FLAT})
    assert plan.removed() == {"a": [1], "b": [0, 1, 2, 3, 4, 5]}


def test_groups_that_lose_equally_much_lose_equal_shares() -> None:
    for curve in (FLAT, STEEP, [(0.0, 0.0), (0.3, -0.1), (0.6, 0.1), (0.8, 0.05), (1.0, 0.8)]):
        plan = allocate(CHANNELS, SCORES, share=0.5, spread="sensitivity", curves={"a": curve, "b": curve})
        assert plan.kept() == {"a": 2, "b": 5}


def test_sensitivity_needs_curves_of_every_group() -> None:
    with pytest.raises(UserError, match="does not go with what was given"):
        allocate(CHANNELS, SCORES, share=0.5, spread="sensitivity")
    with pytest.raises(UserError, match="the scan knows nothing of b"):
        allocate(CHANNELS, SCORES, share=0.5, spread="sensitivity", curves={"a": FLAT})


@pytest.mark.parametrize(("spread", "normalise", "criterion", "warns"),
    [("global", "none", "l1", True), ("total", "none", "fpgm", True), ("global", "l2", "l1", False),
     ("uniform", "none", "l1", False), ("global", "none", "taylor", False), ("global", "none", "lamp", False)])  # fmt: skip
def test_raw_norms_of_different_layers_are_warned_of(spread, normalise, criterion, warns) -> None:
    assert ("Un-normalised" in remark(PruneSettings(spread=spread, normalise=normalise, criterion=criterion))) == warns
