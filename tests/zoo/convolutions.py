"""Convolutions of every kind, gates beside them, and weights that come from somewhere else."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from zoo.case import Net, conv, net, parameter, tokens, whole

WRITTEN = "written in the network's code"
OVER = "sum|mean|statistics"


def inverted_residual(m: Net, x: Tensor) -> Tensor:
    y = F.relu6(m.b1(m.expand(x)))
    return x + m.b3(m.project(F.relu6(m.b2(m.depthwise(y)))))


def squeeze_linear(m: Net, x: Tensor) -> Tensor:
    gate = m.b(F.relu(m.a(x.mean((2, 3))))).sigmoid()
    return x * gate.view(x.shape[0], x.shape[1], 1, 1)


def channel_attention(m: Net, x: Tensor) -> Tensor:
    """CBAM, Woo et al. 2018, section 3: one MLP for the mean and the maximum."""
    pooled = (F.adaptive_avg_pool2d(x, 1), F.adaptive_max_pool2d(x, 1))
    return x * sum(m.b(F.relu(m.a(p))) for p in pooled).sigmoid()


def spatial_attention(m: Net, x: Tensor) -> Tensor:
    return x * m.a(torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)).sigmoid()


def efficient_attention(m: Net, x: Tensor) -> Tensor:
    """ECA, Wang et al. 2020: a convolution along the channels."""
    pooled = x.mean((2, 3)).unsqueeze(1)
    return x * m.a(pooled).transpose(1, 2).unsqueeze(-1).sigmoid()


def standardised(m: Net, x: Tensor) -> Tensor:
    """Weight standardisation, Qiao et al. 2019."""
    variance, mean = torch.var_mean(m.a.weight, (1, 2, 3), keepdim=True)
    return F.conv2d(x, (m.a.weight - mean) / (variance + 1e-5).sqrt(), m.a.bias, padding=1)


def selective_kernels(m: Net, x: Tensor) -> Tensor:
    """SK, Li et al. 2019: a softmax over branches, not over channels."""
    branches = torch.stack([m.a(x), m.b(x)], 1)
    gate = m.d(F.relu(m.c(branches.sum(1).mean((2, 3), keepdim=True))))
    gate = gate.view(x.shape[0], 2, branches.shape[2], 1, 1).softmax(1)
    return (branches * gate).sum(1)


CONVOLUTIONS = {
    "residual": net(lambda m, x: x + m.a(x), 8, a=conv(8, 8), exact={"conv": 8}),
    "depthwise": net(lambda m, x: m.a(x), 8, a=conv(8, 8, groups=8), exact={"conv": 8}),
    "depthwise-multiplier": net(lambda m, x: m.a(x), 16, a=conv(8, 16, groups=8), exact={"conv": 8}),
    "grouped": net(
        lambda m, x: m.a(x), 12, a=conv(8, 12, groups=4), exact={"conv": 2, "a": 3}, whole={"conv": 4}
    ),
    "grouped-twice": net(
        lambda m, x: m.c(m.b(m.a(x))), 8, a=conv(8, 12, groups=2), b=conv(12, 12, groups=4), c=conv(12, 8, 1),
        exact={"conv": 4, "a": None, "b": 3, "c": 8}, whole={"conv": 2, "c": 8},
    ),
    "transposed": net(lambda m, x: m.a(x), 6, a=nn.ConvTranspose2d(8, 6, 2, 2), exact={"conv": 8, "a": 6}),
    "grouped-transposed": net(
        lambda m, x: m.a(x), 8, a=nn.ConvTranspose2d(8, 8, 2, 2, groups=2), exact={"conv": 4, "a": 4}, whole={"conv": 2}
    ),
    "depthwise-transposed": net(
        lambda m, x: m.a(x), 8, a=nn.ConvTranspose2d(8, 8, 2, 2, groups=8), exact={"conv": 8}
    ),
    "dilated-strided-same": net(
        lambda m, x: m.b(m.a(x)), 6, a=nn.Conv2d(8, 6, 3, padding="same", dilation=2), b=conv(6, 6, stride=2),
        exact={"conv": 8, "a": 6, "b": 6},
    ),
    "pad-modes": net(
        lambda m, x: m.c(m.b(m.a(x))), 6,
        a=conv(8, 6, padding_mode="reflect"), b=conv(6, 6, padding_mode="replicate"), c=conv(6, 6, padding_mode="circular"),
        exact={"conv": 8, "a": 6, "c": 6}, alone={"b": "written in the network's code"},
    ),
    "inverted-residual": net(
        inverted_residual, 8, expand=conv(8, 12, 1), b1=nn.BatchNorm2d(12), depthwise=conv(12, 12, groups=12),
        b2=nn.BatchNorm2d(12), project=conv(12, 8, 1), b3=nn.BatchNorm2d(8), exact={"conv": 8, "expand": 12},
    ),
    "squeeze-excite": net(
        lambda m, x: x * m.b(F.relu(m.a(x.mean((2, 3), keepdim=True)))).sigmoid(), 8, a=conv(8, 4, 1), b=conv(4, 8, 1),
        exact={"conv": 8, "a": 4},
    ),
    "squeeze-excite-linear": net(
        squeeze_linear, 8, a=nn.Linear(8, 4), b=nn.Linear(4, 8), exact={"conv": 8, "a": 4}
    ),
    "channel-attention": net(channel_attention, 8, a=conv(8, 4, 1), b=conv(4, 8, 1), exact={"conv": 8, "a": 4}),
    "spatial-attention": net(spatial_attention, 8, a=conv(2, 1, 7), doubtful=("conv",)),
    "efficient-attention": net(
        efficient_attention, 8, a=nn.Conv1d(1, 1, 3, padding=1), alone={"conv": "spatial|neighbour|convolution"}
    ),
    "selective-kernels": net(
        selective_kernels, 6, a=conv(8, 6), b=conv(8, 6), c=conv(6, 4, 1), d=conv(4, 12, 1),
        exact={"conv": 8, "a": 6, "c": 4},
    ),
    "weight-norm-beside": net(
        lambda m, x: m.b(m.a(x)), 6, a=conv(8, 8), b=parametrizations.weight_norm(conv(8, 6)), exact={"conv": 8}
    ),
    "weight-norm": net(
        lambda m, x: m.b(m.a(x)), 6, a=parametrizations.weight_norm(conv(8, 8)), b=conv(8, 6),
        exact={"conv": 8, "b": 6},
    ),
    "spectral-norm": net(
        lambda m, x: m.b(m.a(x)), 6, a=parametrizations.spectral_norm(conv(8, 8)), b=conv(8, 6), exact={"b": 6}
    ),
    "weight-standardised": net(standardised, 6, a=conv(8, 6), exact={"a": 6}, doubtful=("conv",)),
    "functional-weight": net(
        lambda m, x: F.conv2d(x, m.w, padding=1), 6, w=parameter(6, 8, 3, 3), exact={"conv": 8, "w": 6}
    ),
    "functional-linear": tokens(
        lambda m, x: F.linear(F.relu(F.linear(x, m.w, m.b)), m.v), 8, w=parameter(10, 12), b=parameter(10),
        v=parameter(8, 10), exact={"embed": 12, "w": 10, "v": 8},
    ),
    "matmul-with-a-parameter": tokens(lambda m, x: x @ m.w + m.b, 8, w=parameter(12, 8), b=parameter(8), exact={"embed": 12, "w": 8}),
    "tied-convolution": net(lambda m, x: m.a(F.relu(m.a(x))), 8, a=conv(8, 8), exact={"conv": 8}),
    "tied-decoder": tokens(
        lambda m, x: F.linear(F.relu(m.a(x)), m.a.weight.t()), a=nn.Linear(12, 9), exact={"embed": 12, "a": 9}
    ),
    "tied-embedding": whole(
        lambda m, x: F.linear(m.a(m.words(x)), m.words.weight), words=nn.Embedding(9, 6), a=nn.Linear(6, 6),
        inputs=lambda n: (torch.arange(n * 4).view(n, 4) % 9,), exact={"words": 6},
    ),
    "conv1d": whole(
        lambda m, x: m.fc(m.b(F.relu(m.n(m.a(x)))).mean(2)), a=nn.Conv1d(3, 8, 3), n=nn.BatchNorm1d(8), b=nn.Conv1d(8, 6, 3),
        fc=nn.Linear(6, 4), inputs=lambda n: (torch.randn(n, 3, 12),), exact={"a": 8, "b": 6},
    ),
    "conv3d": whole(
        lambda m, x: m.fc(F.max_pool3d(m.b(F.relu(m.n(m.a(x)))), 2).flatten(1)), a=nn.Conv3d(2, 6, 3, padding=1),
        n=nn.BatchNorm3d(6), b=nn.Conv3d(6, 4, 1), fc=nn.Linear(32, 3), inputs=lambda n: (torch.randn(n, 2, 4, 4, 4),),
        exact={"a": 6, "b": 4},
    ),
    "conv-transpose1d": whole(
        lambda m, x: m.b(F.relu(m.a(x))), a=nn.ConvTranspose1d(3, 8, 3, 2), b=nn.Conv1d(8, 2, 3),
        inputs=lambda n: (torch.randn(n, 3, 7),), exact={"a": 8}, alone={"b": "outputs"},
    ),
    "frozen-backbone": net(
        lambda m, x: m.b(m.a(x)), 6, a=conv(8, 8).requires_grad_(False), b=conv(8, 6), exact={"conv": 8, "a": 8, "b": 6}
    ),
}  # fmt: skip
