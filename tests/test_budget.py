"""Budgets on parameters and MACs: never over, as near as single units go, and told when they cannot be met."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_allocate import CHANNELS, SCORES

from pruning.allocate import allocate, from_settings, limits_of
from pruning.budget import next_size
from pruning.channels.map import ChannelMap, Group
from pruning.errors import UserError
from pruning.spec import BY_SHARE, PruneSettings, Spread

SIZES = {"a": 16, "b": 40, "c": 7}
RANDOM = np.random.default_rng(0)
CHAIN_SCORES = {name: RANDOM.random(n).round(1).tolist() for name, n in SIZES.items()}
CURVES = {"a": [(0, 0), (0.5, 0.2), (1, 0.9)], "b": [(0, 0), (0.5, 0.01), (1, 0.9)], "c": [(0, 0), (1, 0.9)]}


def chain() -> ChannelMap:
    """3 inputs → a → b → c → 10 classes: 3a + ab + bc + 10c parameters, four times the MACs on what comes before b."""
    groups = tuple(Group(name, n, (name,), ()) for name, n in SIZES.items())
    a, b, c = (((0, ((g, 1),)),) for g in range(3))
    params = ((3, a), (1, (*a, *b)), (1, (*b, *c)), (10, c))
    macs = ((12, a), (4, (*a, *b)), (1, (*b, *c)), (10, c))
    return ChannelMap(groups, (), params, macs, params)


CHAIN = chain()
DENSE = CHAIN.counts()
Wishes = st.fixed_dictionaries(
    {"spread": st.sampled_from(BY_SHARE), "floor": st.integers(1, 3), "round_to": st.sampled_from([1, 1, 4])}
)
Part = st.floats(0.15, 1.1)


def plan_within(params: float = 0, macs: float = 0, **wish):
    settings = PruneSettings(max_params=int(params * DENSE.params), max_macs=int(macs * DENSE.macs), **wish)
    return from_settings(CHAIN, CHAIN_SCORES, settings, CURVES), settings


@given(Part, Part, Wishes)
def test_a_budget_is_never_exceeded_and_no_unit_of_what_is_cut_could_stay(params, macs, wish):
    try:
        plan, settings = plan_within(params, macs, **wish)
    except UserError:
        return
    assert plan.counts().params <= settings.max_params
    assert plan.counts().macs <= settings.max_macs
    kept, allowed = plan.kept(), limits_of(CHAIN, settings)
    more = {n: min(SIZES[n], next_size(k, allowed[n])) for n, k in kept.items()}
    counts = CHAIN.counts(more)
    assert more == kept or counts.params > settings.max_params or counts.macs > settings.max_macs


@given(Part, Part, Wishes)
def test_a_larger_budget_gives_no_smaller_network(one, other, wish):
    low, high = sorted((one, other))
    try:
        smaller, _ = plan_within(low, **wish)
    except UserError:
        return
    assert smaller.counts().params <= plan_within(high, **wish)[0].counts().params


def test_a_budget_finds_the_share_by_itself():
    assert plan_within(0.5, share=0.1)[0] == plan_within(0.5, share=0.9)[0]
    assert allocate(CHANNELS, SCORES, max_params=7).counts().params == 7
    assert allocate(CHANNELS, SCORES, max_params=14).keep == {}


def test_units_left_over_are_given_back_one_by_one():
    equal = allocate(CHAIN, CHAIN_SCORES, share=0.5).kept()
    exact = CHAIN.counts(equal).params
    room = CHAIN.counts(equal | {"c": equal["c"] + 1}).params
    assert allocate(CHAIN, CHAIN_SCORES, max_params=exact).kept() == equal
    assert exact < allocate(CHAIN, CHAIN_SCORES, max_params=room).counts().params <= room


def test_shares_of_single_groups_stay_as_they_are_within_a_budget():
    plan = plan_within(0.5, shares={"a": 0.25})[0]
    assert plan.kept()["a"] == 12
    assert plan.counts().params <= DENSE.params / 2


def test_a_budget_that_cannot_be_met_names_the_smallest_network_and_what_binds():
    message = r"smallest network that can be reached has 104 parameters, not 63: b, c keep 2, and a stays whole"
    with pytest.raises(UserError, match=message) as told:
        plan_within(63.9 / DENSE.params, floor=2, protect=["a"])
    assert "Raise the budget" in told.value.do


@pytest.mark.parametrize("spread", [s for s in Spread if s not in BY_SHARE])
def test_a_budget_needs_a_spread_that_reads_a_share(spread):
    with pytest.raises(UserError, match="reads no share that a budget could find"):
        plan_within(0.5, spread=spread, filters=1, shares={"a": 0.1})
