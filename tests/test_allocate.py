"""From scores and wishes to plans: rounding, floors, spreads, and wishes that cannot be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruning.allocate import allocate, from_settings, whole
from pruning.channels.map import ChannelMap, Group
from pruning.errors import UserError
from pruning.plan import Plan
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
