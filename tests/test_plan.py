"""Plans one after the other, and the way back."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_allocate import CHANNELS, SCORES, channel_map
from torch import Tensor, nn

from pruning import allocate, prune, trace, undo
from pruning.channels.map import ChannelMap
from pruning.errors import UserError
from pruning.plan import Plan

SEEDS = st.tuples(*[st.integers(0, 2**32 - 1)] * 3)


class Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.conv2, self.bn2 = nn.Conv2d(6, channels, 3, padding=1), nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))))


class Net(nn.Module):
    """Two blocks with shortcuts, a branch beside them whose channels are concatenated, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.blocks = nn.Conv2d(1, 8, 3, padding=1), nn.Sequential(Block(8), Block(8))
        self.side, self.mix, self.head = nn.Conv2d(1, 5, 1), nn.Conv2d(13, 7, 1), nn.Linear(7 * 16, 3)

    def forward(self, x: Tensor) -> Tensor:
        both = torch.cat([self.blocks(self.conv(x)), self.side(x)], 1)
        return self.head(torch.relu(self.mix(both)).flatten(1))


def network() -> Net:
    torch.manual_seed(0)
    return Net().eval()


def traced(model: nn.Module) -> ChannelMap:
    return trace(model, torch.zeros(1, 1, 4, 4))


def at_random(channels: ChannelMap, seed: int, *, low: float = 0.0) -> Plan:
    """A random number of random units of every group stays."""
    random = np.random.default_rng(seed)
    sizes = {g.name: max(1, int(g.units * random.uniform(low, 1))) for g in channels.groups}
    chosen = {g.name: random.choice(g.units, sizes[g.name], replace=False) for g in channels.groups}
    return Plan(channels, {name: tuple(sorted(units.tolist())) for name, units in chosen.items()})


def same(one: nn.Module, other: nn.Module) -> bool:
    """Bit for bit, with the modules' own numbers."""
    mine, theirs = one.state_dict(), other.state_dict()
    return (
        repr(one) == repr(other)
        and mine.keys() == theirs.keys()
        and all(map(torch.equal, mine.values(), theirs.values()))
    )


def steps(seeds: tuple[int, ...]) -> tuple[nn.Module, list[nn.Module], list[Plan]]:
    """A network, what each of the plans leaves of the one before, and the plans."""
    dense, plans = network(), []
    left: list[nn.Module] = [dense]
    for seed in seeds:
        plans.append(at_random(traced(left[-1]), seed, low=0.3))
        left.append(prune(left[-1], plans[-1]))
    return dense, left[1:], plans


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_plans_in_a_row_are_one_plan_for_the_original_network(seeds: tuple[int, int, int]) -> None:
    dense, left, (first, second, third) = steps(seeds)
    assert same(prune(dense, first.then(second)), left[1])
    assert same(prune(dense, first.then(second).then(third)), left[2])
    assert first.then(second.then(third)) == first.then(second).then(third)
    assert first.then(second).counts().params == sum(p.numel() for p in left[1].parameters())


def test_a_group_down_to_one_unit_can_be_followed_by_other_cuts() -> None:
    dense = network()
    first = Plan(traced(dense), {"conv": (3,), "mix": (0, 2, 5)})
    once = prune(dense, first)
    second = Plan(traced(once), {"blocks.0.conv1": (1, 4), "mix": (1,)})
    assert "conv" not in second.kept()
    both = first.then(second)
    assert both.keep == {"conv": (3,), "blocks.0.conv1": (1, 4), "mix": (2,)}
    assert same(prune(dense, both), prune(once, second))


def test_plans_without_positions_go_by_the_names_of_groups() -> None:
    first = allocate(CHANNELS, SCORES, share=0.5)
    left = channel_map(**first.kept())
    both = first.then(Plan(left, {"b": (0, 3)}))
    assert (first.keep["b"], both.keep["b"], both.keep["a"]) == ((5, 6, 7, 8, 9), (5, 8), first.keep["a"])
    with pytest.raises(UserError, match="another network"):
        first.then(first)


def test_a_later_plan_for_another_network_is_refused_and_nothing_changed() -> None:
    dense = network()
    plan = at_random(traced(dense), 1)
    kept, other = dict(plan.keep), nn.Sequential(nn.Conv2d(1, 9, 3), nn.Flatten(), nn.Linear(36, 3))
    for wrong in (plan, at_random(traced(dense), 2), at_random(traced(other), 1)):
        with pytest.raises(UserError, match="another network") as caught:
            plan.then(wrong)
        assert "Trace the pruned network" in caught.value.do
    assert plan.keep == kept


def test_a_plan_of_as_many_units_at_other_places_is_refused() -> None:
    def pair(order: int) -> nn.Sequential:
        layers = [nn.Conv2d(1, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 1), nn.Flatten()]
        return nn.Sequential(*layers, *([nn.ReLU()] if order else []), nn.Linear(4 * 16, 3))

    first, later = (Plan(traced(pair(order)), {}) for order in (0, 1))
    with pytest.raises(UserError, match="another network"):
        first.then(later)


def test_channels_that_a_first_cut_made_free_cannot_be_parted_in_the_original_network() -> None:
    layers = [nn.Conv2d(1, 8, 1), nn.Conv2d(8, 8, 1, groups=4), nn.Flatten(), nn.Linear(8 * 16, 3)]
    dense = nn.Sequential(*layers)
    channels = traced(dense)  # the same positions in each of the four blocks
    assert [group.units for group in channels.groups] == [2, 2]
    first = Plan(channels, {group.name: (1,) for group in channels.groups})
    later = traced(once := prune(dense, first))  # now depthwise: four channels, each on its own
    with pytest.raises(UserError, match="only lose together"):
        first.then(Plan(later, {later.groups[0].name: (0, 2, 3)}))
    assert same(prune(dense, first.then(Plan(later, {}))), once)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_what_is_undone_and_pruned_again_is_the_same(seed: int) -> None:
    dense = network()
    plan = at_random(traced(dense), seed)
    small = prune(dense, plan)
    assert same(undo(small, dense, plan), dense)
    with torch.no_grad():
        for tensor in (*small.parameters(), *small.buffers()):
            tensor.add_(1)  # as if fine-tuned
    assert same(prune(undo(small, dense, plan), plan), small)


def test_undoing_leaves_removed_entries_as_they_were_and_its_arguments_alone() -> None:
    dense = network()
    plan = Plan(traced(dense), {"side": (1, 3)})
    small = prune(dense, plan)
    nn.init.zeros_(small.side.weight)
    before = copy.deepcopy(dense.state_dict()), copy.deepcopy(small.state_dict())
    whole = undo(small, dense, plan)
    assert torch.equal(whole.side.weight[[0, 2, 4]], dense.side.weight[[0, 2, 4]])
    assert not whole.side.weight[[1, 3]].any()
    nn.init.ones_(whole.side.weight)
    for model, state in zip((dense, small), before, strict=True):
        assert all(torch.equal(t, state[name]) for name, t in model.state_dict().items())


@pytest.mark.parametrize("wrong", ["dense as small", "small as dense", "another network"])
def test_networks_that_do_not_belong_to_the_plan_are_refused(wrong: str) -> None:
    dense = network()
    plan = Plan(traced(dense), {"side": (1, 3)})
    small = prune(dense, plan)
    other = nn.Sequential(nn.Linear(2, 2))
    given = {"dense as small": (dense, dense), "small as dense": (small, small), "another network": (other, dense)}[
        wrong
    ]
    with pytest.raises(UserError):
        undo(*given, plan)
