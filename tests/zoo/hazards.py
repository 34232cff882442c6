"""Constructs that look harmless and tempt a tracer into a wrong cut: what is not zero, what depends on a place or a width."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize
from torch.nn.utils import prune as masks
from torchvision.ops.misc import FrozenBatchNorm2d

from zoo.case import Net, conv, net, parameter, tokens, whole


def summed(change, **more):  # type: ignore[no-untyped-def]
    """A sum over channels of something that is not zero where x is: no cut of `conv` is exact."""
    return net(lambda m, x: m.a(x) * change(m, x).sum(1, keepdim=True), 6, a=conv(8, 6), exact={"a": 6}, doubtful=("conv",), **more)  # fmt: skip


def among(function, **more):  # type: ignore[no-untyped-def]
    """Something between two convolutions that knows which channel is which, or how many there are."""
    return net(lambda m, x: m.a(function(m, x)), 6, **({"a": conv(8, 6), "exact": {"a": 6}, "alone": {"conv": "."}} | more))  # fmt: skip


def scrambled(m: Net, x: Tensor) -> Tensor:
    """A view where a transposition was meant: channels and places are mixed."""
    n, c, h, w = x.shape
    return m.a(x.reshape(n, h * w, c)).transpose(1, 2)


def numbered(m: Net, x: Tensor) -> Tensor:
    return x * torch.arange(x.shape[1], dtype=x.dtype, device=x.device).view(1, -1, 1, 1)


def moving_centre(m: Net, x: Tensor) -> Tensor:
    if m.training:
        m.centre.mul_(0.9).add_(0.1 * x.detach().mean((0, 2, 3), keepdim=True))
    return x - m.centre


def uneven(m: Net, x: Tensor) -> Tensor:
    first, second = m.b(x).chunk(2, 1)
    return torch.cat([first, second.sigmoid()], 1)


def low_rank(m: Net, x: Tensor) -> Tensor:
    """LoRA, Hu et al. 2021: a frozen layer and two thin ones beside it."""
    return m.frozen(x) + m.up(m.down(x)) * 0.5


class Symmetric(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return weight.triu() + weight.triu(1).transpose(-1, -2)


def symmetric() -> nn.Linear:
    layer = nn.Linear(12, 12)
    parametrize.register_parametrization(layer, "weight", Symmetric())
    return layer


def masked() -> nn.Module:
    with torch.no_grad():  # a weight with a history cannot be copied
        return masks.random_unstructured(conv(8, 8), "weight", 0.3)


def hooked() -> nn.Module:
    layer = conv(8, 6)
    layer.register_forward_pre_hook(lambda _, inputs: (inputs[0] * 2,))
    layer.register_forward_hook(lambda _m, _x, y: y.flip(1))
    return layer


def frozen() -> nn.Module:
    norm = FrozenBatchNorm2d(8)
    norm.bias.uniform_(0.5, 1)
    return norm


HAZARDS = {
    "sum-of-cosines": summed(lambda m, x: x.cos()),
    "sum-of-sigmoids": summed(lambda m, x: F.hardsigmoid(x)),
    "sum-of-soft-plus": summed(lambda m, x: F.softplus(x)),
    "sum-after-a-shift": summed(lambda m, x: (x - m.mean) / m.std, mean=torch.rand(1, 8, 1, 1), std=torch.rand(1, 8, 1, 1) + 1),
    "sum-after-a-frozen-norm": summed(lambda m, x: m.n(x), n=frozen()),
    "sum-after-a-padding": summed(lambda m, x: F.pad(x, (1, 1, 1, 1), value=1.0)[..., 1:, :-1][..., :8, :8]),
    "sum-after-filling": summed(lambda m, x: x.masked_fill(x <= 0, 1.0)),
    "sum-after-a-choice": summed(lambda m, x: torch.where(x > 0, x, torch.ones_like(x))),
    "sum-after-a-clamp": summed(lambda m, x: x.clamp(min=0.25)),
    "sum-of-comparisons": summed(lambda m, x: (x <= 0).to(x.dtype)),
    "sum-after-a-convolution": net(lambda m, x: m.b(x).sum(1, keepdim=True), 1, b=conv(8, 6), exact={"conv": 8, "b": 6}),
    "sum-after-a-norm": net(lambda m, x: F.relu(m.n(m.b(x))).sum(1, keepdim=True), 1, b=conv(8, 6), n=nn.BatchNorm2d(6), exact={"conv": 8, "b": 6}),
    "mean-of-everything": among(lambda m, x: x - x.mean((1, 2, 3), keepdim=True), alone={}, doubtful=("conv",)),
    "mean-by-hand": among(lambda m, x: x - x.sum(1, keepdim=True) / x.shape[1], alone={}, doubtful=("conv",)),
    "width-as-a-power": among(lambda m, x: x ** (x.shape[1] // 4)),
    "width-in-full-like": among(lambda m, x: x + torch.full_like(x, x.shape[1])),
    "softmax-over-everything": among(lambda m, x: x.flatten(1).softmax(1).view_as(x), alone={"conv": "softmax"}),
    "numbered-channels": among(numbered),
    "random-order": among(lambda m, x: x[:, torch.randperm(x.shape[1], device=x.device)] if m.training else x),
    "scrambled-view": net(scrambled, 6, a=nn.Linear(8, 6), exact={"a": 6}, alone={"conv": "."}),
    "strided-view": among(lambda m, x: x.as_strided(x.shape, x.stride()), alone={}),
    "uneven-chunks": net(lambda m, x: m.a(uneven(m, x)), 6, b=conv(8, 7), a=conv(7, 6), exact={"conv": 8, "a": 6}, alone={"b": "."}),
    "neighbour-differences": among(lambda m, x: x[:, 1:] - x[:, :-1], a=conv(7, 6)),
    "all-but-the-last": among(lambda m, x: x[:, :-1], a=conv(7, 6)),
    "negative-slice": among(lambda m, x: x[:, -4:], a=conv(4, 6)),
    "list-index": among(lambda m, x: x[:, [0, 3, 1]], a=conv(3, 6)),
    "windows-of-channels": net(lambda m, x: m.a(x.unfold(1, 2, 2).amax(-1)), 6, a=conv(4, 6), exact={"a": 6}),
    "pooled-channels": among(lambda m, x: F.avg_pool1d(x.flatten(2).transpose(1, 2), 2).transpose(1, 2).unflatten(2, (8, 8)), a=conv(4, 6)),
    "resized-channels": among(lambda m, x: F.interpolate(x.flatten(2).transpose(1, 2), 5).transpose(1, 2).unflatten(2, (8, 8)), a=conv(5, 6)),
    "fourier-over-channels": among(lambda m, x: torch.fft.fft(x, dim=1).real),
    "median-of-channels": net(lambda m, x: m.a(x * x.median(1, keepdim=True)[0]), 6, a=conv(8, 6), exact={"a": 6}, alone={"conv": "."}),
    "scattered": among(lambda m, x: torch.zeros_like(x).scatter(1, m.at.expand_as(x), x), at=torch.randperm(8).view(1, 8, 1, 1)),
    "boolean-buffer": net(lambda m, x: m.a(x * m.on), 6, on=(torch.arange(8) % 3 > 0).view(1, 8, 1, 1), a=conv(8, 6), exact={"conv": 8, "a": 6}),
    "channel-list-of-groups": net(lambda m, x: m.b(F.group_norm(m.a(x), m.a.out_channels // 4)), 6, a=conv(8, 12), b=conv(12, 6), exact={"conv": 8, "a": 3, "b": 6}),
    "groups-by-width": net(lambda m, x: F.conv2d(x, m.w, padding=1, groups=x.shape[1]), 8, w=parameter(8, 1, 3, 3), exact={"conv": 8}),
    "triangle-of-channels": net(lambda m, x: m.a(torch.tril(x.flatten(2) @ x.flatten(2).transpose(1, 2)) @ x.flatten(2)), 6, a=nn.Conv1d(8, 6, 1), exact={"a": 6}),
    "identity-minus-gram": net(lambda m, x: m.a((torch.eye(x.shape[1], dtype=x.dtype) - x.flatten(2) @ x.flatten(2).transpose(1, 2)) @ x.flatten(2)), 6, a=nn.Conv1d(8, 6, 1), exact={"a": 6}),
    "transposed-twin": net(lambda m, x: F.conv_transpose2d(F.relu(m.a(x)), m.a.weight, padding=1), 8, a=conv(8, 6), exact={"conv": 8, "a": 6}),
    "slimmable-slice": net(lambda m, x: F.conv2d(x, m.w[:6, : x.shape[1]], padding=1), 6, w=parameter(10, 12, 3, 3)),
    "moving-centre": net(lambda m, x: m.a(moving_centre(m, x)), 6, centre=torch.rand(1, 8, 1, 1), a=conv(8, 6), exact={"conv": 8, "a": 6}),
    "unflatten-module": net(lambda m, x: m.a(m.u(x).sum(1)), 6, u=nn.Unflatten(1, (2, 4)), a=conv(4, 6), exact={"a": 6}),
    "hooks-around-a-layer": net(lambda m, x: m.b(m.a(x)), 6, a=hooked(), b=conv(6, 6), exact={"conv": 8, "a": 6, "b": 6}),
    "torch-prune-masks": net(lambda m, x: m.b(m.a(x)), 6, a=masked(), b=conv(8, 6), exact={"conv": 8, "b": 6}),
    "low-rank": tokens(low_rank, 12, frozen=nn.Linear(12, 12).requires_grad_(False), down=nn.Linear(12, 3, bias=False), up=nn.Linear(3, 12, bias=False), exact={"embed": 12, "frozen": 12, "down": 3}),
    "symmetric-weight": tokens(lambda m, x: m.s(x), 12, s=symmetric()),
    "embedding-with-a-largest-norm": whole(lambda m, x: m.fc(F.relu(m.words(x).mean(1))), words=nn.Embedding(9, 6, max_norm=0.5), fc=nn.Linear(6, 3), inputs=lambda n: (torch.arange(n * 4).view(n, 4) % 9,)),
    "output-is-the-input": whole(lambda m, x: (x, m.b(F.relu(m.a(x)))), a=conv(3, 8), b=conv(8, 4), exact={"a": 8}, alone={"b": "outputs"}),
    "output-in-place": whole(lambda m, x: m.b(F.relu(m.a(x))).mul_(2).squeeze(), a=conv(3, 8), b=conv(8, 4), exact={"a": 8}, alone={"b": "outputs"}),
    "output-in-slices": whole(lambda m, x: m.b(F.relu(m.a(x))).unbind(1), a=conv(3, 8), b=conv(8, 4), exact={"a": 8}, alone={"b": "outputs|picked"}),
}  # fmt: skip
