"""Each criterion against a slow literal reference on a tiny network: loops, one example at a time, the whole Hessian."""

import pytest
import torch
from tiny import DATA, SINGLES, Tiny, mean_loss, network, scores, watched
from torch import Tensor, nn
from torch.nn import functional as F

from pruning import trace
from pruning.criteria import hessian, thinet
from pruning.criteria.saliency import saliency

close = torch.testing.assert_close


@pytest.fixture(name="network")
def tiny() -> Tiny:
    return network()


def flat(network: Tiny) -> Tensor:
    return network.conv1.weight.detach().flatten(1)


def test_norms_are_the_sums_they_claim(network: Tiny) -> None:
    close(scores(network, "l1")["conv1"], flat(network).abs().sum(1))
    close(scores(network, "l2")["conv1"], flat(network).norm(dim=1))
    close(scores(network, "mean")["conv1"], flat(network).abs().mean(1))
    close(scores(network, "bn-scale")["conv1"], network.bn.weight.detach().abs())


def test_geometric_median_is_the_sum_of_distances(network: Tiny) -> None:
    filters = flat(network)
    close(scores(network, "fpgm")["conv1"], torch.stack([sum((f - g).norm() for g in filters) for f in filters]))


def test_lamp_divides_by_what_is_not_smaller(network: Tiny) -> None:
    squares = flat(network).double().square().sum(1).tolist()
    expected = [s / sum(v for v in squares if v >= s) for s in squares]
    close(scores(network, "lamp")["conv1"], torch.tensor(expected, dtype=torch.float64), rtol=1e-5, atol=0)
    tied = saliency(nn.Linear(2, 2, bias=False), "lamp")["weight"]
    assert tied.max() == 1


@pytest.mark.parametrize("at", ["layer", "norm"])
def test_taylor_is_the_papers_formula(network: Tiny, at: str) -> None:
    """Molchanov 2017, eq. 8, one example at a time with an explicit activation."""
    pairs = list(watched(network, at))
    products = torch.stack([(a * g).flatten(1) for a, g in pairs])  # (N, C, positions)
    close(scores(network, "taylor", at=at)["conv1"], products.mean(2).abs().mean(0))
    close(scores(network, "taylor-signed", at=at)["conv1"], products.sum(2).mean(0).abs())
    close(scores(network, "taylor-element", at=at)["conv1"], products.abs().mean((0, 2)))


def test_signed_taylor_is_known_from_the_weights_gradients(network: Tiny) -> None:
    conv = network.conv1
    weight, bias = torch.autograd.grad(mean_loss(network), (conv.weight, conv.bias))
    expected = ((conv.weight * weight).flatten(1).sum(1) + conv.bias * bias).abs().detach()
    close(scores(network, "taylor-signed")["conv1"], expected)


def test_gate_taylor_is_the_batch_norms_gate_one_example_at_a_time(network: Tiny) -> None:
    total, norm = torch.zeros(6), network.bn
    for x, y in SINGLES:
        scale, shift = torch.autograd.grad(F.cross_entropy(network(x), y), (norm.weight, norm.bias))
        total += (norm.weight * scale + norm.bias * shift).detach() ** 2
    close(scores(network, "taylor-gate")["conv1"], total / 16)


@pytest.mark.parametrize("at", ["layer", "norm"])
def test_activations_are_those_that_a_relu_passes(network: Tiny, at: str) -> None:
    maps = torch.stack([a for a, _ in watched(network, at)])  # (N, C, H, W)
    close(scores(network, "activation", at=at)["conv1"], F.relu(maps).mean((0, 2, 3)))
    close(scores(network, "apoz", at=at)["conv1"], 1 - (F.relu(maps) == 0).float().mean((0, 2, 3)))
    ranks = [[float(torch.linalg.matrix_rank(F.relu(one))) for one in example] for example in maps]
    close(scores(network, "hrank", at=at)["conv1"], torch.tensor(ranks).mean(0))


def gradient(network: Tiny, create_graph: bool = False) -> Tensor:
    found = torch.autograd.grad(mean_loss(network), list(network.parameters()), create_graph=create_graph)
    return torch.cat([g.flatten() for g in found])


def curvature(network: Tiny) -> Tensor:
    """The whole Hessian, a row at a time."""
    slopes, parameters = gradient(network, create_graph=True), list(network.parameters())
    rows = [torch.autograd.grad(s, parameters, retain_graph=True, materialize_grads=True) for s in slopes]
    return torch.stack([torch.cat([part.flatten() for part in row]) for row in rows])


def flattened(found: dict[str, Tensor]) -> Tensor:
    return torch.cat([value.flatten() for value in found.values()])


def weights(network: Tiny) -> Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()])


def test_snip_is_gradient_times_weight(network: Tiny) -> None:
    close(flattened(saliency(network, "snip", data=DATA)), (gradient(network) * weights(network)).abs())


def test_grasp_is_weight_times_hessian_times_gradient(network: Tiny) -> None:
    expected = weights(network) * (curvature(network) @ gradient(network))
    close(flattened(saliency(network, "grasp", data=DATA)), expected, rtol=1e-4, atol=1e-6)


def test_grasp_keeps_what_carries_gradient_flow(network: Tiny) -> None:
    """Shrinking a weight by ε changes the squared norm of the gradient by −2ε times its score."""
    worth = saliency(network.double(), "grasp", data=[(x.double(), y) for x, y in DATA])
    before = gradient(network).norm() ** 2
    with torch.no_grad():
        network.fc.weight[0, 1] *= 1 - 1e-6
    slope = (gradient(network).norm() ** 2 - before) / 1e-6
    close(worth["fc.weight"][0, 1], -slope / 2, rtol=1e-3, atol=1e-9)


def test_fisher_squares_the_gradients_of_single_examples(network: Tiny) -> None:
    total = torch.zeros(len(weights(network)))
    for x, y in SINGLES:
        found = torch.autograd.grad(F.cross_entropy(network(x), y), list(network.parameters()))
        total += torch.cat([g.flatten() for g in found]) ** 2
    close(flattened(saliency(network, "fisher", data=DATA)), total / 16 / 2 * weights(network) ** 2)


def test_hutchinsons_diagonal_is_that_of_its_vectors_and_comes_near_the_exact_one(network: Tiny) -> None:
    whole, parameters = curvature(network), dict(network.named_parameters())
    probes = [flattened(hessian.signs(parameters, 5, number)) for number in range(hessian.PROBES)]
    estimate = torch.stack([v * (whole @ v) for v in probes]).mean(0)
    close(flattened(saliency(network, "hessian", data=DATA, seed=5)), estimate / 2 * weights(network) ** 2)
    many = flattened(hessian.saliency(network, DATA, 0, probes=300)).sum()
    close(many, (whole.diagonal() / 2 * weights(network) ** 2).sum(), rtol=0.1, atol=0.01)


def test_synflow_is_the_flow_through_positive_weights(network: Tiny) -> None:
    positive = network.double()
    with torch.no_grad():
        for tensor in positive.parameters():
            tensor.abs_()
        positive.bn.running_mean.zero_(), positive.bn2.running_mean.zero_()
    flow = positive(torch.ones(1, 2, 8, 8, dtype=torch.float64)).sum()
    (slope,) = torch.autograd.grad(flow, positive.conv1.weight)
    close(saliency(network, "synflow", input_shape=(2, 8, 8))["conv1.weight"], (slope * positive.conv1.weight).detach())


def test_saliencies_of_a_filter_are_those_of_its_weights_and_bias(network: Tiny) -> None:
    for criterion in ("snip", "fisher", "grasp", "hessian", "synflow"):
        worth = saliency(network, criterion, data=DATA)
        expected = worth["conv1.weight"].flatten(1).sum(1) + worth["conv1.bias"]
        close(scores(network, criterion)["conv1"], expected)


def test_thinets_gram_is_what_channels_add_to_the_layer_behind(network: Tiny) -> None:
    network.conv2 = nn.Conv2d(6, 4, 3, stride=2, padding=1, dilation=2)
    x, generator = torch.randn(3, 6, 7, 9), torch.Generator()
    found = thinet.of_conv(network.conv2, x, generator.manual_seed(0))
    example, position, output = thinet.draw(generator.manual_seed(0), 3, 3 * 4, 4, x.device)
    bias = network.conv2.bias[:, None]
    alone = [(network.conv2(x * (torch.arange(6) == c)[:, None, None]).flatten(2) - bias) for c in range(6)]
    close(found, torch.stack([one[example, output, position] for one in alone], 1))


def test_thinet_picks_the_least_loss_each_time() -> None:
    added = torch.randn(40, 5, generator=torch.Generator().manual_seed(0)).double()  # (samples, channels)
    gone: list[int] = []
    while len(gone) < 5:
        left = [c for c in range(5) if c not in gone]
        gone.append(min(left, key=lambda c: float(added[:, [*gone, c]].sum(1).square().sum())))
    assert thinet.order(added.T @ added) == gone


def test_thinet_sees_channels_through_flatten_and_groups() -> None:
    torch.manual_seed(0)
    grouped = nn.Sequential(
        nn.Conv2d(2, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3, groups=2), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16, 3)
    ).eval()
    assert trace(grouped, torch.empty(1, 2, 8, 8)).groups
    found = scores(grouped, "thinet")
    assert all(sorted(s.tolist()) == pytest.approx([(i + 1) / len(s) for i in range(len(s))]) for s in found.values())


def test_weights_are_scored_one_by_one_without_data(network: Tiny) -> None:
    close(saliency(network, "l1")["fc.weight"], network.fc.weight.detach().abs())
    close(saliency(network, "l2")["fc.weight"], network.fc.weight.detach() ** 2)
    drawn, again = (saliency(network, "random", seed=4)["fc.weight"] for _ in range(2))
    assert torch.equal(drawn, again)
    assert drawn.shape == network.fc.weight.shape
