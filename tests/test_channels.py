"""The tracer on single constructs and on whole networks: exact, or left alone with a reason; never wrong."""

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

from pruning import allocate, prune, score, trace
from pruning.channels.map import ChannelMap
from pruning.equivalence import verify
from pruning.errors import UserError
from pruning.plan import Plan


def randomise(network: nn.Module) -> nn.Module:
    """Give batch norms statistics and affines as after training: fresh ones hide mistakes."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._NormBase) and module.running_mean is not None:
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
    return network


def random_plan(network: nn.Module, channels: ChannelMap, seed: int) -> Plan:
    """A different share of every group: equal ones hide mistakes."""
    generator = torch.Generator().manual_seed(seed)
    shares = {g.name: float(torch.rand((), generator=generator)) * 0.9 for g in channels.groups}
    return allocate(channels, score(network, channels, "l2"), shares=shares)


def proven(network: nn.Module, shape: tuple[int, ...]) -> ChannelMap:
    """Trace, prune by a random plan, and hold every claim against the real network."""
    randomise(network)
    channels = trace(network, torch.empty(1, *shape))
    plan = random_plan(network, channels, 1)
    small = prune(network, plan)
    assert verify(network, small, plan) < 1e-12
    assert plan.counts() == trace(small, torch.empty(1, *shape)).counts()
    assert plan.counts().params == sum(p.numel() for p in small.parameters())
    return channels


class Net(nn.Module):
    """conv(3→8), then `middle`, then global pool and a classifier."""

    def __init__(self, middle: nn.Module, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.bn = nn.BatchNorm2d(8)
        self.middle = middle
        self.fc = nn.Linear(width, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.middle(F.relu(self.bn(self.conv(x)))).mean((2, 3)))


class Call(nn.Module):
    """A function as a module, with layers of its own."""

    def __init__(self, function: object, **layers: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


def conv(i: int, o: int, **more: int) -> nn.Conv2d:
    return nn.Conv2d(i, o, 3, padding=1, **more)


def test_concat_with_the_networks_input() -> None:
    network = nn.Sequential(Call(lambda m, x: torch.cat([x, m.a(x)], 1), a=conv(3, 6)), nn.BatchNorm2d(9), conv(9, 4))
    assert [g.units for g in proven(network, (3, 8, 8)).groups] == [6]


def test_what_is_left_alone_says_why() -> None:
    network = Net(Call(lambda m, x: x.cov() if x.dim() == 2 else torch.linalg.inv(x[:, :, :8])), 8)
    reasons = {p.name: p.reason for p in trace(network, torch.empty(1, 3, 8, 8)).protected}
    assert reasons["conv"] == "the operation aten::linalg_inv_ex has no rule yet"
    assert reasons["fc"] == "it makes the network's outputs"


def test_layer_norm_is_marked_approximate_and_only_measured() -> None:
    network = nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 3))
    channels = trace(network, torch.empty(1, 6))
    plan = allocate(channels, score(network, channels, "l1"), share=0.5)
    assert "layer norm" in channels.groups[0].approximate
    assert verify(network, prune(network, plan), plan) > 0


def test_a_network_that_cannot_run_on_the_input_is_told_in_one_sentence() -> None:
    with pytest.raises(UserError, match=r"cannot run on an input of shape \(1, 4, 8, 8\)"):
        trace(Net(conv(8, 8), 8), torch.empty(1, 4, 8, 8))


def test_tracing_changes_nothing() -> None:
    network = Net(conv(8, 8), 8).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    trace(network, torch.empty(1, 3, 8, 8))
    assert network.training
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_a_module_under_two_names_keeps_its_weights() -> None:
    network = Net(conv(8, 8), 8)
    network.again = nn.ModuleList([network.conv, network.middle])
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    proven(network, (3, 8, 8))
    assert all(torch.equal(before[n], t) for n, t in network.state_dict().items() if "bn" not in n)


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.conv = nn.Embedding(9, 6), nn.Conv2d(3, 8, 3)
        self.fc = nn.Linear(14, 4)

    def forward(self, image: Tensor, word: Tensor) -> Tensor:
        return self.fc(torch.cat([self.conv(image).mean((2, 3)), self.words(word)], 1))


def test_several_inputs_of_several_types_are_traced_and_verified() -> None:
    network, inputs = TwoInputs(), (torch.randn(2, 3, 8, 8), torch.tensor([1, 5]))
    channels = trace(network, inputs)
    plan = random_plan(network, channels, 3)
    assert {g.name for g in channels.groups} == {"words", "conv"}
    assert verify(network, prune(network, plan), plan, inputs) < 1e-12
    with pytest.raises(UserError, match="takes several inputs"):
        verify(network, prune(network, plan), plan)


class Odd(Exception):
    pass


def raises(error: Exception) -> None:
    raise error


class Loose(nn.Module):
    """A table that is neither a parameter nor a buffer, which a cut would not follow."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(3, 8), nn.Linear(8, 6), nn.Linear(6, 4)
        self.table, self.order = torch.rand(6), torch.tensor([1, 0])

    def forward(self, x: Tensor) -> Tensor:
        return self.c(torch.addcmul(x.new_zeros(6), self.b(self.a(x[self.order])), self.table))


def test_what_meets_a_loose_tensor_is_left_alone() -> None:
    network = Loose().double()
    network.table = network.table.double()
    channels = trace(network, torch.empty(2, 3))
    plan = random_plan(network, channels, 1)
    assert [g.name for g in channels.groups] == ["a"]
    assert verify(network, prune(network, plan), plan) < 1e-12


CANNOT = {
    "an error of its own": (Call(lambda m, x: raises(Odd("no"))), "cannot run on an input of shape .*: no"),
    "a missing key": (Call(lambda m, x: {}["width"]), "cannot run on an input of shape .*: 'width'"),
    "a number of its data": (Call(lambda m, x: x * float(x.mean())), "depends on the values of its data"),
    "a word": (Call(lambda m, x: "cat"), "output is a str that holds no tensor"),
}


@pytest.mark.parametrize("why", CANNOT)
def test_what_cannot_be_traced_is_told_in_one_sentence_and_nothing_changes(why: str) -> None:
    network, sentence = CANNOT[why]
    before = {name: dict(vars(module)) for name, module in network.named_modules()}
    with pytest.raises(UserError, match=sentence) as raised:
        trace(network, torch.empty(1, 3))
    assert raised.value.do
    assert "\n" not in str(raised.value)
    assert {name: dict(vars(module)) for name, module in network.named_modules()} == before


def test_blocks_are_cut_inside_or_whole() -> None:
    with pytest.raises(UserError, match="blocks='half' is not one of inside, whole"):
        trace(Net(conv(8, 8), 8), torch.empty(1, 3, 8, 8), blocks="half")


class Keeps(nn.Module):
    """Its widths are written down, in numbers of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.a, self.b = nn.Conv2d(3, 12, 3), nn.Conv2d(5, 6, 3), nn.Conv2d(7, 6, 3)
        self.parts, self.width = [5, 7], 6
        self.fc = nn.Linear(6 * 16, 4)

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.conv(x).split(self.parts, 1)
        return self.fc((self.a(a) + self.b(b)).view(-1, self.width * 16))


def test_numbers_that_a_module_keeps_follow_the_cut() -> None:
    network = Keeps()
    channels = trace(network, torch.empty(1, 3, 8, 8))
    assert {g.name: g.units for g in channels.groups} == {"conv": 5, "conv:2": 7, "a": 6}
    plan = Plan(channels, {"conv": (0, 4), "conv:2": (1, 2, 3), "a": (0, 2, 3, 5)})
    small = prune(network, plan)
    assert (small.parts, small.width, network.parts, network.width) == ([2, 3], 4, [5, 7], 6)
    assert verify(network, small, plan) < 1e-12


def test_inputs_may_be_given_by_name() -> None:
    network, inputs = TwoInputs(), {"word": torch.tensor([1, 5]), "image": torch.randn(2, 3, 8, 8)}
    channels = trace(network, inputs)
    plan = random_plan(network, channels, 3)
    assert verify(network, prune(network, plan), plan, inputs) < 1e-12


def test_a_threshold_on_a_width_is_seen() -> None:
    branch = Call(lambda m, x: x if x.shape[1] > 4 else 2 * x)
    assert {p.name: p.reason for p in trace(Net(branch, 8), torch.empty(1, 3, 8, 8)).protected}["conv"]


def test_layers_with_a_computed_weight_say_so() -> None:
    network = Net(nn.utils.parametrizations.weight_norm(conv(8, 8)), 8)
    reasons = {p.name: p.reason for p in proven(network, (3, 8, 8)).protected}
    assert "weight norm divides by" in reasons["middle"]


def test_steps_that_depend_on_values_are_told() -> None:
    network = Net(Call(lambda m, x: x if x.mean() > 0 else -x), 8)
    with pytest.raises(UserError, match="depends on the values of its data"):
        trace(network, torch.empty(1, 3, 8, 8))


FAMILIES = [
    "alexnet", "vgg11", "vgg11_bn", "resnet18", "resnet50", "mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large",
    "densenet121", "squeezenet1_0", "squeezenet1_1", "googlenet", "resnext50_32x4d", "efficientnet_b0", "mnasnet0_5",
    "regnet_y_400mf", "shufflenet_v2_x0_5",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_torchvision_networks_are_pruned_exactly(name: str) -> None:
    torch.manual_seed(0)
    more = {"init_weights": False} if name == "googlenet" else {}
    channels = proven(torchvision.models.get_model(name, num_classes=10, **more), (3, 64, 64))
    half = channels.counts({g.name: g.units - g.units // 2 for g in channels.groups})
    assert half.params < 0.6 * channels.counts().params


def test_googlenet_trains_after_pruning_with_its_auxiliary_heads() -> None:
    network = torchvision.models.googlenet(num_classes=10, init_weights=False)
    channels = trace(network, torch.empty(1, 3, 64, 64))
    small = prune(network, random_plan(network, channels, 2)).train()
    output = small(torch.randn(2, 3, 64, 64))
    (output.logits.sum() + output.aux_logits1.sum() + output.aux_logits2.sum()).backward()
    assert output.logits.shape == (2, 10)


def test_a_trace_in_inference_mode_is_the_same() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3))
    with torch.inference_mode():
        inside = trace(network, torch.zeros(2, 3, 8, 8))
    assert inside == trace(network, torch.zeros(2, 3, 8, 8))
