"""An optimizer that follows the pruned network: kept entries bit-equal, and the same steps as the masked network's."""

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from pruning import Plan, allocate, prune, score, trace
from pruning.errors import UserError
from pruning.moments import follow
from pruning.surgery import masked, positions, select

OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, weight_decay=1e-3),
    "nesterov": lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, nesterov=True),
    "sgd-fused": lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, fused=True),
    "adam": lambda p: torch.optim.Adam(p, 0.01),
    "adam-fused": lambda p: torch.optim.Adam(p, 0.01, fused=True),
    "adam-foreach": lambda p: torch.optim.Adam(p, 0.01, foreach=True),
    "amsgrad": lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1, amsgrad=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, 0.01, momentum=0.9, centered=True),
    "adagrad": lambda p: torch.optim.Adagrad(p, 0.01),
    "adadelta": lambda p: torch.optim.Adadelta(p, 0.5),
    "adamax": lambda p: torch.optim.Adamax(p, 0.01),
    "nadam": lambda p: torch.optim.NAdam(p, 0.01),
    "radam": lambda p: torch.optim.RAdam(p, 0.01),
    "asgd": lambda p: torch.optim.ASGD(p, 0.01),
    "adafactor": lambda p: torch.optim.Adafactor(p, 0.01),
}


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 6, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(96, 3),
    ).double()


def train(model: nn.Module, optimizer: torch.optim.Optimizer, *, seed: int, steps: int = 4) -> None:
    random = torch.Generator().manual_seed(seed)
    weight = next(model.parameters())
    for _ in range(steps):
        images = torch.randn(16, 1, 8, 8, generator=random, dtype=torch.float64).to(weight)
        targets = torch.randint(3, (16,), generator=random).to(weight.device)
        optimizer.zero_grad()
        F.cross_entropy(model(images), targets).backward()
        optimizer.step()


def half(model: nn.Module) -> Plan:
    channels = trace(model, torch.empty(1, 1, 8, 8))
    return allocate(channels, score(model, channels, "l1"), share=0.5)


def trained(name: str = "adam", model: nn.Module | None = None) -> tuple[nn.Module, torch.optim.Optimizer]:
    model = network() if model is None else model
    optimizer = OPTIMIZERS[name](model.parameters())
    train(model, optimizer, seed=1)
    return model, optimizer


def halved(model: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[nn.Module, torch.optim.Optimizer]:
    """The network with half of its units, and the optimizer that followed."""
    plan = half(model)
    small = prune(model, plan)
    return small, follow(optimizer, model, small, plan)


def silence(model: nn.Module, optimizer: torch.optim.Optimizer, plan: Plan) -> None:
    """Zero the state of all removed entries."""
    for name, parameter in model.named_parameters():
        for state in optimizer.state[parameter].values():
            for d, kept in enumerate(positions(plan).get(name, ())):
                if isinstance(state, Tensor) and state.ndim and kept is not None:
                    gone = sorted(set(range(parameter.shape[d])) - set(kept.tolist()))
                    state.index_fill_(d, torch.tensor(gone), 0)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS.keys() - {"adafactor"}))
def test_the_state_of_kept_entries_is_bit_equal(name: str) -> None:
    model, optimizer = trained(name)
    plan = half(model)
    small = prune(model, plan)
    followed, cut = follow(optimizer, model, small, plan), positions(plan)
    for (key, dense), new in zip(model.named_parameters(), small.parameters(), strict=True):
        assert followed.state[new].keys() == optimizer.state[dense].keys()
        for field, value in optimizer.state[dense].items():
            kept = select(value, cut[key]) if isinstance(value, Tensor) and value.ndim and key in cut else value
            assert torch.equal(torch.as_tensor(followed.state[new][field]), torch.as_tensor(kept)), (key, field)


@pytest.mark.parametrize("name", ["sgd", "nesterov", "sgd-fused", "adam", "adam-fused", "amsgrad", "rmsprop"])
def test_the_pruned_network_takes_the_masked_networks_steps(name: str) -> None:
    model, optimizer = trained(name)
    plan = half(model)
    small, twin = prune(model, plan), masked(model, plan)
    followed = follow(optimizer, model, small, plan)
    beside = follow(optimizer, model, twin, Plan(plan.channels, {}))
    silence(twin, beside, plan)
    train(small, followed, seed=2)
    train(twin, beside, seed=2)
    started, wanted = prune(model, plan), prune(twin, plan)
    for before, ours, theirs in zip(started.parameters(), small.parameters(), wanted.parameters(), strict=True):
        assert (ours - theirs).abs().max() < 1e-11
        assert not torch.equal(before, ours)


def test_neither_the_given_optimizer_nor_the_given_network_changes() -> None:
    model, optimizer = trained("amsgrad")
    weights, state = copy.deepcopy(model.state_dict()), copy.deepcopy(optimizer.state_dict())
    small, followed = halved(model, optimizer)
    train(small, followed, seed=2)
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.state_dict().items())
    for number, values in optimizer.state_dict()["state"].items():
        assert all(torch.equal(values[field], old) for field, old in state["state"][number].items())


def test_groups_their_settings_and_their_order_are_kept() -> None:
    model = network()
    model[3].bias.requires_grad_(False)
    groups = [
        {"params": [model[6].weight, model[6].bias], "lr": 0.5},
        {"params": [model[3].bias, model[3].weight, model[0].weight], "weight_decay": 0.1, "name": "convs"},
    ]
    optimizer = torch.optim.SGD(groups, 0.1, momentum=0.9)
    train(model, optimizer, seed=1)
    small, followed = halved(model, optimizer)
    first, second = followed.param_groups
    assert [id(p) for p in first["params"]] == [id(small[6].weight), id(small[6].bias)]
    assert [id(p) for p in second["params"]] == [id(small[3].bias), id(small[3].weight), id(small[0].weight)]
    assert (first["lr"], second["lr"], second["weight_decay"], second["name"]) == (0.5, 0.1, 0.1, "convs")
    assert (type(followed), small[3].bias in followed.state) == (torch.optim.SGD, False)


def test_an_optimizer_that_has_not_stepped_follows_too() -> None:
    model = network()
    small, followed = halved(model, torch.optim.Adam(model.parameters(), 0.01))
    assert not followed.state
    train(small, followed, seed=1)
    assert followed.state[small[0].weight]["exp_avg"].shape == small[0].weight.shape


class Tied(nn.Module):
    """Two convolutions with the same weights."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.a, self.b = nn.Conv2d(1, 6, 3), nn.Conv2d(6, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.b.weight = self.a.weight
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        return self.head(F.relu(self.b(F.relu(self.a(x)))).mean((2, 3)))


def test_tied_parameters_follow_once() -> None:
    torch.manual_seed(0)
    model, optimizer = trained("sgd", Tied().double())
    small, followed = halved(model, optimizer)
    assert small.a.weight is small.b.weight
    assert len(followed.param_groups[0]["params"]) == len(list(small.parameters())) == 7
    assert followed.state[small.b.weight]["momentum_buffer"].shape == small.a.weight.shape
    train(small, followed, seed=2)


def test_parametrised_weights_follow() -> None:
    model = network()
    weight_norm(model[6])
    small, followed = halved(*trained("adam", model))
    train(small, followed, seed=2)


@pytest.mark.parametrize("name", ["adam", "adam-fused"])
def test_the_state_lies_in_memory_as_its_parameter_does(name: str) -> None:
    small, followed = halved(*trained(name, network().to(memory_format=torch.channels_last)))
    assert all(followed.state[p]["exp_avg"].stride() == p.stride() for p in small.parameters())


def test_means_over_a_dimension_are_cut_along_the_others() -> None:
    small, followed = halved(*trained("adafactor"))
    assert followed.state[small[6].weight]["col_var"].shape == (1, small[6].weight.shape[1])
    assert followed.state[small[3].weight]["row_var"].shape == (3, 4, 3, 1)
    train(small, followed, seed=2)


def test_a_scheduler_that_drives_the_given_optimizer_does_not_hold_the_new_one() -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    train(model, optimizer, seed=1)
    schedule.step()
    small, followed = halved(model, optimizer)
    again = torch.optim.lr_scheduler.StepLR(followed, 1, 0.5, last_epoch=schedule.last_epoch)
    dense, before = model[0].weight.clone(), small[0].weight.clone()
    train(small, followed, seed=2)
    assert torch.equal(dense, model[0].weight)
    assert not torch.equal(before, small[0].weight)
    assert again.get_last_lr()[0] < 0.1


def test_hooks_of_the_optimizer_still_fire() -> None:
    model, optimizer = trained("sgd")
    calls: list[torch.optim.Optimizer] = []
    optimizer.register_step_post_hook(lambda own, *_: calls.append(own))
    small, followed = halved(model, optimizer)
    train(small, followed, seed=2, steps=2)
    assert calls == [followed, followed]


def test_a_followed_optimizer_is_saved_and_read_back() -> None:
    small, followed = halved(*trained("adam"))
    other = copy.deepcopy(small)
    fresh = torch.optim.Adam(other.parameters(), 0.5)
    fresh.load_state_dict(copy.deepcopy(followed.state_dict()))
    train(small, followed, seed=2)
    train(other, fresh, seed=2)
    assert all(torch.equal(a, b) for a, b in zip(small.parameters(), other.parameters(), strict=True))


def test_following_twice_takes_the_entries_of_both_plans() -> None:
    model, optimizer = trained("adam")
    first = half(model)
    once = prune(model, first)
    second = half(once)
    twice = prune(once, second)
    followed = follow(follow(optimizer, model, once, first), once, twice, second)
    entries = np.array(first.keep["0"])[list(second.keep["0"])]
    dense = optimizer.state[model[0].weight]["exp_avg"]
    assert torch.equal(followed.state[twice[0].weight]["exp_avg"], dense[entries])


def test_an_optimizer_of_another_network_is_refused() -> None:
    model, optimizer = trained()
    plan = half(model)
    optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(7))]})
    with pytest.raises(UserError, match=r"holds a parameter of shape \(7,\) that is not the network's"):
        follow(optimizer, model, prune(model, plan), plan)


def test_a_small_network_of_another_plan_is_refused() -> None:
    model, optimizer = trained()
    plan = half(model)
    with pytest.raises(UserError, match=r"not what the plan makes .*: 0.weight should have shape \(4, 1, 3, 3\)"):
        follow(optimizer, model, copy.deepcopy(model), plan)


def test_state_that_is_not_kept_per_entry_is_refused() -> None:
    model = network()
    optimizer = torch.optim.LBFGS(model.parameters(), 0.1)
    images = torch.zeros(2, 1, 8, 8, dtype=torch.float64)

    def closure() -> Tensor:
        optimizer.zero_grad()
        total = model(images).square().sum()
        total.backward()
        return total

    optimizer.step(closure)
    plan = half(model)
    with pytest.raises(UserError, match="LBFGS keeps a state of shape"):
        follow(optimizer, model, prune(model, plan), plan)


def test_networks_on_two_devices_are_refused() -> None:
    model, optimizer = trained()
    plan = half(model)
    with pytest.raises(UserError, match=r"0\.weight lies on cpu in one network and on meta in the other"):
        follow(optimizer, model, prune(model, plan).to("meta"), plan)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", ["adam", "adam-fused"])
def test_state_stays_on_the_accelerator(name: str) -> None:
    model, optimizer = trained(name, network().cuda())
    small, followed = halved(model, optimizer)
    new, old = followed.state[small[0].weight], optimizer.state[model[0].weight]
    assert (new["exp_avg"].device, new["step"].device) == (old["exp_avg"].device, old["step"].device)
    assert new["exp_avg"].is_cuda
    train(small, followed, seed=2)
