"""What pruning keeps of everything that it does not cut: one claim a test."""

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm, weight_norm
from torch.nn.utils.parametrize import is_parametrized

from pruning import Plan, allocate, prune, score, trace, verify
from pruning.surgery import masked


class Scaled(nn.Conv2d):
    """A convolution of the user's own kind, with a class attribute, an attribute and a method."""

    kind = "scaled"

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3)
        self.notes = {"paper": "mine"}

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * 2

    def scale(self) -> int:
        return 2


class Network(nn.Module):
    """Custom layers, tied weights, a buffer that is not saved, and plain attributes."""

    kept: Tensor
    passing: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.second = Scaled(1, 8), nn.BatchNorm2d(8), nn.Conv2d(8, 6, 3)
        self.a, self.b = nn.Linear(6, 6), nn.Linear(6, 6)
        self.b.weight = self.a.weight
        self.head = nn.Linear(6, 4)
        self.register_buffer("kept", torch.ones(1))
        self.register_buffer("passing", torch.full((8, 1, 1), 0.5), persistent=False)
        self.title, self.stages = "mine", [3, 1]

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.first(x))) * self.passing
        x = F.relu(self.second(x)).mean((2, 3))
        return self.head(F.relu(self.b(F.relu(self.a(x))))) * self.kept


def network() -> Network:
    torch.manual_seed(0)
    model = Network()
    nn.init.uniform_(model.norm.running_mean)
    return model.eval()


def half(model: nn.Module) -> Plan:
    channels = trace(model, torch.empty(1, 1, 8, 8))
    return allocate(channels, score(model, channels, "l1"), share=0.5)


def halved(model: nn.Module) -> nn.Module:
    plan = half(model)
    small = prune(model, plan)
    assert verify(model, small, plan) < 1e-12
    assert small.first.weight.shape[0] == 4
    return small


def test_requires_grad_is_kept() -> None:
    model = network()
    model.first.requires_grad_(False)
    model.norm.bias.requires_grad_(False)
    wanted = {name: p.requires_grad for name, p in model.named_parameters()}
    assert {name: p.requires_grad for name, p in halved(model).named_parameters()} == wanted


def test_a_mix_of_dtypes_is_kept() -> None:
    model = network()
    model.first.to(torch.bfloat16)
    model.head.to(torch.float64)
    model.second.half()
    small = prune(model, half(network()))
    assert [t.dtype for t in small.state_dict().values()] == [t.dtype for t in model.state_dict().values()]
    assert small.first.weight.shape[0] == 4


def test_the_device_is_kept() -> None:
    model = network().to("meta")
    assert {t.device.type for t in prune(model, half(network())).state_dict().values()} == {"meta"}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_layers_stay_on_the_accelerator() -> None:
    model = network()
    model.first.cuda()
    small = prune(model, half(network()))
    assert (small.first.weight.is_cuda, small.second.weight.is_cuda) == (True, False)


@pytest.mark.parametrize("training", [False, True])
def test_modes_are_kept_module_by_module(training: bool) -> None:
    model = network().train(training)
    model.norm.train(not training)
    assert [m.training for m in halved(model).modules()] == [m.training for m in model.modules()]


def test_forward_and_backward_hooks_fire() -> None:
    model, calls = network(), []
    model.first.register_forward_pre_hook(lambda *_: calls.append("before"))
    model.norm.register_forward_hook(lambda *_: calls.append("after"))
    model.second.register_full_backward_hook(lambda *_: calls.append("backward"))
    model.head.register_forward_hook(lambda *_, **__: calls.append("keywords"), with_kwargs=True)
    small = halved(model)
    calls.clear()
    small(torch.randn(2, 1, 8, 8)).sum().backward()
    assert calls == ["before", "after", "keywords", "backward"]


def test_a_hook_added_to_the_pruned_network_is_its_own() -> None:
    model, calls = network(), []
    small = halved(model)
    small.norm.register_forward_hook(lambda *_: calls.append(1))
    model(torch.randn(2, 1, 8, 8))
    assert not calls


@pytest.mark.parametrize("norm", [weight_norm, spectral_norm])
def test_a_parametrised_layer_that_is_left_alone_stays_so(norm) -> None:
    model = network()
    norm(model.head)
    small = halved(model)
    assert is_parametrized(small.head)
    assert not is_parametrized(small.first)
    before = small.head.weight.clone()
    with torch.no_grad():
        list(small.head.parametrizations.parameters())[-1].add_(0.1)
    assert not torch.equal(before, small.head.weight)
    assert small.head.weight.shape == (4, small.b.weight.shape[0])


def test_classes_and_attributes_are_kept() -> None:
    model = network()
    small = halved(model)
    assert (type(small), type(small.first)) == (Network, Scaled)
    assert (small.first.kind, small.first.scale(), small.first.notes) == ("scaled", 2, {"paper": "mine"})
    assert (small.title, small.stages, small.first.padding) == ("mine", [3, 1], (0, 0))
    assert small.stages is not model.stages
    assert (small.first.out_channels, small.second.in_channels, small.norm.num_features) == (4, 4, 4)


def test_tied_parameters_stay_tied() -> None:
    model = network()
    small = halved(model)
    assert small.a.weight is small.b.weight
    assert small.a.weight is not model.a.weight
    assert len(list(small.parameters())) == len(list(model.parameters()))


def test_buffers_that_are_not_saved_stay_so() -> None:
    small = halved(network())
    assert small.passing.shape == (4, 1, 1)
    assert "passing" not in small.state_dict()
    assert set(small.state_dict()) == set(network().state_dict())


def test_the_dense_network_stays_bit_for_bit_and_shares_nothing() -> None:
    model = network().train()
    wanted = copy.deepcopy(model)
    plan = half(model)
    small = prune(model, plan)
    verify(model, small, plan)
    masked(model, plan)
    places = {t.data_ptr() for t in (*model.parameters(), *model.buffers())}
    assert not places & {t.data_ptr() for t in (*small.parameters(), *small.buffers())}
    for (name, tensor), old in zip((*model.named_parameters(), *model.named_buffers()), (*wanted.parameters(), *wanted.buffers()), strict=True):  # fmt: skip
        assert torch.equal(tensor, old), name
    assert [m.training for m in model.modules()] == [m.training for m in wanted.modules()]
    assert all(p.grad is None for p in model.parameters())


def test_the_random_state_stays() -> None:
    model = network().train()
    before = torch.get_rng_state()
    plan = half(model)
    verify(model, prune(model, plan), plan)
    assert torch.equal(before, torch.get_rng_state())


def test_gradients_are_not_carried_over() -> None:
    model = network().train()
    model(torch.randn(4, 1, 8, 8)).sum().backward()
    small = prune(model, half(model))
    assert all(p.grad is None for p in small.parameters())
    assert all(p.grad is not None for p in model.parameters())


def test_a_pruned_network_is_pickled_whole(tmp_path: Path) -> None:
    small = halved(network())
    torch.save(small, tmp_path / "small.pt")
    again = torch.load(tmp_path / "small.pt", weights_only=False)
    x = torch.randn(2, 1, 8, 8)
    assert torch.equal(small(x), again(x))
