"""Norms, activations, pools and everything that works on each channel by itself, or should."""

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops.misc import FrozenBatchNorm2d

from zoo.case import Net, conv, net, parameter, tokens, whole


def by_hand(m: Net, x: Tensor) -> Tensor:
    """Layer norm over channels, as ConvNeXt writes it."""
    mean = x.mean(1, keepdim=True)
    variance = (x - mean).pow(2).mean(1, keepdim=True)
    return m.a(m.w[:, None, None] * ((x - mean) / torch.sqrt(variance + 1e-6)) + m.b[:, None, None])


def root_mean_square(m: Net, x: Tensor) -> Tensor:
    return m.a(x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * m.w)


def global_response(m: Net, x: Tensor) -> Tensor:
    """GRN, Woo et al. 2023: a norm over space, compared with the mean over channels."""
    size = x.norm(dim=(2, 3), keepdim=True)
    return m.a(m.w * (x * size / (size.mean(1, keepdim=True) + 1e-6)) + x)


def in_place(m: Net, x: Tensor) -> Tensor:
    y = m.b(x)
    x = m.a(x)
    x.mul_(0.5).add_(y).clamp_(-2, 2)
    x += 1
    return F.hardswish(x, inplace=True)


def frozen(width: int) -> FrozenBatchNorm2d:
    norm = FrozenBatchNorm2d(width)
    for name in ("weight", "bias", "running_mean"):
        nn.init.normal_(getattr(norm, name))
    return norm


def masked_by_value(m: Net, x: Tensor) -> Tensor:
    x = m.a(x)
    x = torch.where(x > 0, x, 0.1 * x)
    return x.masked_fill(x > 1, 1.0)


def channels_last(m: Net, x: Tensor) -> Tensor:
    return m.a(m.n(x.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)


ONE = {"a": conv(8, 6), "exact": {"conv": 8, "a": 6}}
MEASURED = {"approximate": {"conv": 8}, "exact": {"a": 6}}


def each(function, **more):  # type: ignore[no-untyped-def]
    """A case whose function leaves every channel to itself, between two convolutions."""
    return net(lambda m, x: m.a(function(m, x)), 6, **(ONE | more))


NORMS = {
    "batch-norm-without-affine": each(lambda m, x: m.n(x), n=nn.BatchNorm2d(8, affine=False)),
    "batch-norm-without-statistics": each(lambda m, x: m.n(x), n=nn.BatchNorm2d(8, track_running_stats=False)),
    "batch-norm-of-neither": each(lambda m, x: m.n(x), n=nn.BatchNorm2d(8, affine=False, track_running_stats=False)),
    "batch-norm-1d": tokens(
        lambda m, x: m.n(F.relu(m.a(x)).mean(1)), 9, a=nn.Linear(12, 9), n=nn.BatchNorm1d(9), exact={"embed": 12, "a": 9}
    ),
    "frozen-batch-norm": each(lambda m, x: m.n(x), n=frozen(8)),
    "instance-norm": each(lambda m, x: m.n(x), n=nn.InstanceNorm2d(8, affine=True)),
    "instance-norm-without-affine": each(lambda m, x: m.n(x), n=nn.InstanceNorm2d(8)),
    "instance-norm-with-statistics": each(lambda m, x: m.n(x), n=nn.InstanceNorm2d(8, affine=True, track_running_stats=True)),
    "group-norm": net(lambda m, x: m.b(m.n(m.a(x))), 6, a=conv(8, 12), n=nn.GroupNorm(3, 12), b=conv(12, 6), approximate={"a": 4}, exact={"conv": 8, "b": 6}, whole={"conv": 8, "a": 3, "b": 6}),
    "group-norm-of-one-group": net(lambda m, x: m.b(m.n(m.a(x))), 6, a=conv(8, 12), n=nn.GroupNorm(1, 12), b=conv(12, 6), approximate={"a": 12}, exact={"conv": 8, "b": 6}),
    "layer-norm": tokens(lambda m, x: m.a(F.relu(m.n(x))), 9, n=nn.LayerNorm(12), a=nn.Linear(12, 9), approximate={"embed": 12}, exact={"a": 9}),
    "layer-norm-permuted": net(channels_last, 6, n=nn.LayerNorm(8), a=nn.Linear(8, 6), **MEASURED),
    "layer-norm-by-hand": net(by_hand, 6, w=parameter(8), b=parameter(8), a=conv(8, 6), **MEASURED),
    "layer-norm-over-everything": net(lambda m, x: m.a(m.n(x)), 6, n=nn.LayerNorm((8, 8, 8)), a=conv(8, 6), **MEASURED),
    "layer-norm-of-shape": net(lambda m, x: m.a(F.layer_norm(x, x.shape[1:])), 6, a=conv(8, 6), **MEASURED),
    "rms-norm": tokens(lambda m, x: m.a(m.n(x)), 9, n=nn.RMSNorm(12), a=nn.Linear(12, 9), approximate={"embed": 12}, exact={"a": 9}),
    "rms-norm-by-hand": tokens(root_mean_square, 9, w=parameter(12), a=nn.Linear(12, 9), approximate={"embed": 12}, exact={"a": 9}),
    "global-response-norm": net(global_response, 6, w=parameter(1, 8, 1, 1), a=conv(8, 6), **MEASURED),
    "local-response-norm": net(lambda m, x: m.a(m.n(x)), 6, n=nn.LocalResponseNorm(3), a=conv(8, 6), exact={"a": 6}, doubtful=("conv",)),
    "normalised-over-channels": net(lambda m, x: m.a(F.normalize(x, dim=1)), 6, a=conv(8, 6), exact={"a": 6}),
    "prelu": each(lambda m, x: m.p(x), p=nn.PReLU(8)),
    "prelu-of-one": each(lambda m, x: m.p(x), p=nn.PReLU()),
    "activations": each(lambda m, x: F.gelu(F.silu(F.mish(F.elu(F.leaky_relu(F.softplus(x)))))).tanh() + F.hardsigmoid(x) * F.selu(x)),
    "in-place": net(in_place, 8, a=conv(8, 8), b=conv(8, 8), exact={"conv": 8, "b": 8}),
    "in-place-activations": net(lambda m, x: m.s(x), 8, s=nn.Sequential(conv(8, 8), nn.ReLU6(True), conv(8, 8), nn.Hardswish(True)), exact={"conv": 8, "s.0": 8, "s.2": 8}),
    "dropout": each(lambda m, x: F.dropout(m.d(m.e(x)), 0.2, m.training), d=nn.Dropout2d(0.3), e=nn.Dropout(0.3)),
    "alpha-dropout": each(lambda m, x: m.e(m.d(x)), d=nn.AlphaDropout(0.3), e=nn.FeatureAlphaDropout(0.3)),
    "stochastic-depth": net(lambda m, x: x + m.d(m.a(x)), 8, a=conv(8, 8), d=torchvision.ops.StochasticDepth(0.5, "row"), exact={"conv": 8}),
    "drop-block": each(lambda m, x: m.d(x), d=torchvision.ops.DropBlock2d(0.2, 3)),
    "softmax-over-channels": net(lambda m, x: m.a(x.softmax(1)), 6, a=conv(8, 6), exact={"a": 6}, alone={"conv": "softmax"}),
    "softmax-over-space": each(lambda m, x: x * x.flatten(2).softmax(-1).view_as(x)),
    "log-softmax-over-channels": net(lambda m, x: m.a(x.log_softmax(1)), 6, a=conv(8, 6), exact={"a": 6}, alone={"conv": "softmax"}),
    "layer-scale": each(lambda m, x: x + m.g * x, g=parameter(8, 1, 1)),
    "layer-scale-viewed": each(lambda m, x: x + m.g.view(-1, 1, 1) * x, g=parameter(8)),
    "layer-scale-viewed-by-shape": each(lambda m, x: x + m.g.view(x.shape[1], 1, 1) * x, g=parameter(8)),
    "layer-scale-viewed-literally": net(lambda m, x: m.a(x + m.g.view(8, 1, 1) * x), 6, g=parameter(8), a=conv(8, 6), exact={"a": 6}, alone={"conv": "written in the network's code"}),
    "scalar-gate": each(lambda m, x: m.g * x, g=parameter(1)),
    "per-channel-buffer": each(lambda m, x: (x - m.mean) / m.std, mean=torch.rand(1, 8, 1, 1), std=torch.rand(1, 8, 1, 1) + 1),
    "coordinates": net(lambda m, x: m.a(torch.cat([x, m.grid.expand(x.shape[0], -1, -1, -1)], 1)), 6, grid=torch.rand(1, 2, 8, 8), a=conv(10, 6), exact={"conv": 8, "a": 6}),
    "where-and-masked-fill": net(masked_by_value, 6, a=conv(8, 6), exact={"conv": 8, "a": 6}),
    "squares": each(lambda m, x: x**2 + x * x.abs().sqrt() + 2**x),
    "lerp": each(lambda m, x: torch.lerp(x, m.b(x), 0.3), b=conv(8, 8)),
    "addcmul-addcdiv": each(lambda m, x: torch.addcmul(torch.addcdiv(x, x, x.abs() + 1), x, m.b(x), value=0.5), b=conv(8, 8)),
    "minimum-maximum": each(lambda m, x: torch.maximum(x, m.b(x)) + torch.minimum(x, x.flip(-1)), b=conv(8, 8)),
    "pools": each(lambda m, x: F.adaptive_max_pool2d(F.adaptive_avg_pool2d(F.avg_pool2d(x, 2), 3), 2) + F.lp_pool2d(F.max_pool2d(x, 2), 2, 2)),
    "unpool": each(lambda m, x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2)),
    "cumsum-over-space": each(lambda m, x: x.cumsum(2).cumprod(3).logsumexp(3, keepdim=True)),
    "cumsum-over-channels": net(lambda m, x: m.a(x.cumsum(1)), 6, a=conv(8, 6), exact={"a": 6}),
    "statistics-over-space": net(lambda m, x: m.a(torch.cat([x.mean((2, 3)), x.std((2, 3)), x.amax((2, 3)), x.var((2, 3))], 1)), 6, a=nn.Linear(32, 6), exact={"conv": 8, "a": 6}),
    "sort": net(lambda m, x: x.sort(1)[0], 8, alone={"conv": "in order"}),
    "topk": net(lambda m, x: m.a(x.topk(4, 1)[0]), 6, a=conv(4, 6), exact={"a": 6}, alone={"conv": "in order"}),
    "sort-over-space": each(lambda m, x: x.flatten(2).sort(2)[0][..., :16].unflatten(2, (4, 4))),
    "maximum-over-channels": net(lambda m, x: m.a(x * x.amax(1, keepdim=True)), 6, a=conv(8, 6), exact={"a": 6}, doubtful=("conv",)),
    "argmax-over-channels": net(lambda m, x: m.a(x) + x.argmax(1, keepdim=True), 6, a=conv(8, 6), exact={"a": 6}, doubtful=("conv",)),
    "mean-over-channels": net(lambda m, x: m.a(x - x.mean(1, keepdim=True)), 6, a=conv(8, 6), exact={"a": 6}, doubtful=("conv",)),
    "fourier-over-space": net(lambda m, x: m.a(torch.fft.ifft2(torch.fft.fft2(x) * 2).real), 6, a=conv(8, 6), exact={"a": 6}),
    "real-fourier-over-space": net(lambda m, x: m.a(torch.fft.irfft2(torch.fft.rfft2(x) * torch.view_as_complex(m.w), s=x.shape[2:])), 6, w=parameter(8, 8, 5, 2), a=conv(8, 6), exact={"a": 6}),
    "complex-view": net(lambda m, x: m.a(torch.view_as_real(torch.polar(x, x)).flatten(3)), 6, a=conv(8, 6), exact={"a": 6}),
    "spatial-transformer": net(lambda m, x: m.a(F.grid_sample(x, F.affine_grid(m.b(x.mean((2, 3))).view(-1, 2, 3), x.shape, align_corners=False), align_corners=False)), 6, b=nn.Linear(8, 6), a=conv(8, 6), exact={"a": 6}),
    "deformable": net(lambda m, x: m.a(x, m.b(x)), 6, a=torchvision.ops.DeformConv2d(8, 6, 3, padding=1), b=conv(8, 18)),
    "sync-free-batch-norm-of-input": whole(lambda m, x: m.b(F.relu(m.a(m.n(x)))).mean((2, 3)), n=nn.BatchNorm2d(3), a=conv(3, 8), b=conv(8, 4), exact={"a": 8}, alone={"b": "outputs"}),
}  # fmt: skip
