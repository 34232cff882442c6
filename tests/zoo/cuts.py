"""Channels that are joined, split, sliced, padded, shuffled and moved about."""

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.case import Net, conv, net, whole

WRITTEN = "written in the network's code"


def cross_stage(m: Net, x: Tensor) -> Tensor:
    """CSP, Wang et al. 2020: half of the channels pass by."""
    a, b = m.a(x).chunk(2, 1)
    return m.c(torch.cat([a, m.b(b)], 1))


def res2net(m: Net, x: Tensor) -> Tensor:
    """Gao et al. 2019, section 3.1, with the width as an attribute."""
    parts = torch.split(m.a(x), m.width, 1)
    y1 = m.b1(parts[1])
    y2 = m.b2(y1 + parts[2])
    return m.c(torch.cat([parts[0], y1, y2, parts[3]], 1))


def dense_block(m: Net, x: Tensor) -> Tensor:
    found = [x]
    for norm, layer in ((m.n1, m.a), (m.n2, m.b)):
        found.append(layer(F.relu(norm(torch.cat(found, 1)))))
    return torch.cat(found, 1)


def ghost(m: Net, x: Tensor) -> Tensor:
    """GhostNet, Han et al. 2020: a cheap depthwise half, and no more channels than were asked for."""
    y = m.a(x)
    return torch.cat([y, m.b(y)], 1)[:, : m.wanted]


def shuffle(x: Tensor, groups: int) -> Tensor:
    n, c, h, w = x.shape
    return x.view(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)


def patch_merge(m: Net, x: Tensor) -> Tensor:
    """Swin's: four neighbours side by side."""
    x = x.permute(0, 2, 3, 1)
    x = torch.cat([x[:, i::2, j::2] for j in (0, 1) for i in (0, 1)], -1)
    return m.a(x).permute(0, 3, 1, 2)


def space_to_depth(m: Net, x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    return m.a(x.view(n, c, h // 2, 2, w // 2, 2).permute(0, 3, 5, 1, 2, 4).reshape(n, c * 4, h // 2, w // 2))


def write_into(m: Net, x: Tensor) -> Tensor:
    x = x.clone()
    x[:, :4] = 2
    return x


def shift(m: Net, x: Tensor) -> Tensor:
    """TSM, Lin et al. 2019: some channels move by one step."""
    fold = x.shape[1] // 4
    moved = torch.zeros_like(x)
    moved[:, :fold, 1:] = x[:, :fold, :-1]
    moved[:, fold:] = x[:, fold:]
    return moved


def skip(m: Net, x: Tensor, up: Tensor) -> Tensor:
    return m.b(torch.cat([x, up], 1))


UP = {"a": conv(8, 4), "b": conv(12, 6), "exact": {"conv": 8, "a": 4, "b": 6}}

CUTS = {
    "concat": net(lambda m, x: torch.cat([x, m.a(x)], 1), 12, a=conv(8, 4), exact={"conv": 8, "a": 4}),
    "concat-with-the-input": whole(
        lambda m, x: m.fc(m.b(m.n(torch.cat([x, m.a(x)], 1))).mean((2, 3))), a=conv(3, 6), n=nn.BatchNorm2d(9), b=conv(9, 4),
        fc=nn.Linear(4, 4), exact={"a": 6, "b": 4},
    ),
    "option-a-pad": net(
        lambda m, x: m.a(x) + F.pad(x, (0, 0, 0, 0, 4, 4)), 16, a=conv(8, 16), exact={"conv": 8}
    ),
    "option-a-cat": net(
        lambda m, x: m.a(x) + torch.cat([x, torch.zeros_like(x)], 1), 16, a=conv(8, 16), exact={"conv": 8}
    ),
    "option-a-strided": net(
        lambda m, x: m.a(x) + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 4, 4)), 16, a=conv(8, 16, stride=2), exact={"conv": 8}
    ),
    "option-a-shape": net(
        lambda m, x: m.a(x) + F.pad(x, (0, 0, 0, 0, 0, m.a.out_channels - x.shape[1])), 12, a=conv(8, 12)
    ),
    "channel-shuffle": net(lambda m, x: m.a(shuffle(x, 2)), 6, a=conv(8, 6), exact={"conv": 4, "a": 6}),
    "shuffle-module": net(lambda m, x: m.a(m.s(x)), 6, s=nn.ChannelShuffle(2), a=conv(8, 6), exact={"conv": 4, "a": 6}),
    "grouped-and-shuffled": net(
        lambda m, x: m.b(shuffle(m.a(x), 2)), 8, a=conv(8, 12, groups=2), b=conv(12, 8, groups=2),
        exact={"conv": 4, "a": 3, "b": 4},
    ),
    "hard-coded-shuffle": net(
        lambda m, x: m.a(x.view(-1, 2, 4, 8, 8).transpose(1, 2).reshape(-1, 8, 8, 8)), 6, a=conv(8, 6),
        alone={"conv": WRITTEN}, exact={"a": 6},
    ),
    "chunk": net(lambda m, x: torch.mul(*m.a(x).chunk(2, 1)), 6, a=conv(8, 12), exact={"conv": 8, "a": 6}),
    "chunk-of-three": net(lambda m, x: sum(m.a(x).chunk(3, 1)), 4, a=conv(8, 12), exact={"conv": 8, "a": 4}),
    "tensor-split": net(lambda m, x: torch.add(*m.a(x).tensor_split(2, 1)), 6, a=conv(8, 12), exact={"conv": 8, "a": 6}),
    "split-by-shape": net(
        lambda m, x: torch.mul(*m.a(x).split(m.a.out_channels // 2, 1)), 6, a=conv(8, 12), exact={"conv": 8, "a": 6}
    ),
    "split-equal-literal": net(
        lambda m, x: sum(m.a(x).split(4, 1)), 4, a=conv(8, 12), exact={"conv": 8}, alone={"a": WRITTEN}
    ),
    "split-equal-attribute": net(
        lambda m, x: sum(m.a(x).split(m.width, 1)), 4, a=conv(8, 12), width=4, exact={"conv": 8, "a": 4}
    ),
    "split-unequal-literal": net(
        lambda m, x: m.b(m.a(x).split([4, 8], 1)[1]), 6, a=conv(8, 12), b=conv(8, 6), exact={"conv": 8, "b": 6},
        alone={"a": WRITTEN},
    ),
    "split-unequal-attributes": net(
        lambda m, x: torch.cat([(p := m.a(x).split([m.left, m.right], 1))[0], m.b(p[1])], 1), 10, a=conv(8, 12), b=conv(8, 6),
        left=4, right=8, exact={"conv": 8, "a": 4, "a:2": 8, "b": 6},
    ),
    "split-unequal-list": net(
        lambda m, x: torch.cat([(p := m.a(x).split(m.parts, 1))[0], m.b(p[1])], 1), 10, a=conv(8, 12), b=conv(8, 6),
        parts=[4, 8], exact={"conv": 8, "a": 4, "a:2": 8, "b": 6},
    ),
    "half-by-shape": net(
        lambda m, x: x[:, : x.shape[1] // 2] * x[:, x.shape[1] // 2 :].sigmoid(), 4, exact={"conv": 4}
    ),
    "half-literal": net(lambda m, x: m.a(x[:, :4]), 6, a=conv(4, 6), exact={"a": 6}, alone={"conv": WRITTEN}),
    "half-attribute": net(
        lambda m, x: torch.cat([m.a(x[:, : m.half]), x[:, m.half :]], 1), 10, a=conv(4, 6), half=4, exact={"conv": None, "a": 6}
    ),
    "narrow-by-shape": net(lambda m, x: m.a(x.narrow(1, 0, x.shape[1] // 2)), 6, a=conv(4, 6), exact={"conv": 4, "a": 6}),
    "strided-slice": net(lambda m, x: m.a(x[:, ::2]), 6, a=conv(4, 6), exact={"conv": 4, "a": 6}),
    "one-channel": net(lambda m, x: m.a(x * x[:, :1]), 6, a=conv(8, 6), exact={"a": 6}, alone={"conv": "."}),
    "unbind-channels": net(lambda m, x: torch.stack(x.unbind(1)[:8], 1), 8, alone={"conv": "number|unbind|picked"}),
    "write-into-a-slice": net(write_into, 8, alone={"conv": f"{WRITTEN}|fixed size"}),
    "temporal-shift": net(shift, 8, exact={"conv": None}),
    "glu": net(lambda m, x: F.glu(m.a(x), 1), 6, a=conv(8, 12), exact={"conv": 8, "a": 6}),
    "pixel-shuffle": net(lambda m, x: m.a(m.s(x)), 4, s=nn.PixelShuffle(2), a=conv(2, 4), exact={"conv": 2, "a": 4}),
    "pixel-unshuffle": net(lambda m, x: m.a(m.s(x)), 4, s=nn.PixelUnshuffle(2), a=conv(32, 4), exact={"conv": 8, "a": 4}),
    "space-to-depth": net(space_to_depth, 4, a=conv(32, 4), exact={"conv": 8, "a": 4}),
    "patch-merge": net(patch_merge, 6, a=nn.Linear(32, 6), exact={"conv": 8, "a": 6}),
    "cross-stage-partial": net(cross_stage, 6, a=conv(8, 12), b=conv(6, 6), c=conv(12, 6), exact={"conv": 8, "b": 6, "c": 6}),
    "res2net": net(
        res2net, 6, a=conv(8, 12), b1=conv(3, 3), b2=conv(3, 3), c=conv(12, 6), width=3, exact={"conv": 8, "a": 3, "c": 6}
    ),
    "dense-block": net(
        dense_block, 16, n1=nn.BatchNorm2d(8), a=conv(8, 4), n2=nn.BatchNorm2d(12), b=conv(12, 4),
        exact={"conv": 8, "a": 4, "b": 4},
    ),
    "ghost": net(ghost, 12, a=conv(8, 6), b=conv(6, 6, groups=6), wanted=12, exact={"conv": 8, "a": 6}),
    "stack-sum": net(lambda m, x: torch.stack([x, m.a(x)]).sum(0), 8, a=conv(8, 8), exact={"conv": 8}),
    "flip-channels": net(lambda m, x: m.a(x.flip(1)) + x.flip(2), 8, a=conv(8, 8), exact={"conv": 8}),
    "roll-and-rotate": net(
        lambda m, x: m.a(torch.rot90(x, 1, (2, 3)).roll((1, 2), (2, 3))), 6, a=conv(8, 6), exact={"conv": 8, "a": 6}
    ),
    "roll-channels": net(lambda m, x: x + x.roll(1, 1), 8),
    "index-select": net(
        lambda m, x: m.a(x.index_select(1, m.order)), 6, a=conv(8, 6), order=torch.tensor([3, 1, 0, 2, 7, 6, 5, 4]),
        exact={"a": 6}, alone={"conv": "index|number|rule"},
    ),
    "gather-over-space": net(
        lambda m, x: x.flatten(2).gather(2, m.at.expand(*x.shape[:2], 3)), 8, at=torch.tensor([5, 0, 9]).view(1, 1, 3)
    ),
    "repeat": net(lambda m, x: m.a(x.repeat(1, 2, 1, 1)), 6, a=conv(16, 6), exact={"conv": 8, "a": 6}),
    "repeat-interleave": net(lambda m, x: m.a(x.repeat_interleave(2, 1)), 6, a=conv(16, 6), exact={"conv": 8, "a": 6}),
    "squeeze-unsqueeze": net(lambda m, x: m.a(x.mean((2, 3), keepdim=True).squeeze(-1).squeeze(-1)[:, :, None, None]), 6, a=conv(8, 6), exact={"conv": 8, "a": 6}),
    "squeeze-of-one": net(lambda m, x: x * m.a(x).squeeze(1).sigmoid().unsqueeze(1), 8, a=conv(8, 1), exact={"conv": 8}, alone={"a": "single"}),
    "flatten": net(lambda m, x: m.a(F.max_pool2d(x, 4).flatten(1)), 6, a=nn.Linear(32, 6), exact={"conv": 8, "a": 6}),
    "channels-last-flatten": net(lambda m, x: m.a(F.max_pool2d(x, 4).permute(0, 2, 3, 1).flatten(1)), 6, a=nn.Linear(32, 6), exact={"conv": 8, "a": 6}),
    "hard-coded-view": net(lambda m, x: m.a(x.view(-1, 8, 64).mean(2).view(-1, 8, 1, 1)), 6, a=conv(8, 6), exact={"a": 6}, alone={"conv": WRITTEN}),
    "view-by-attribute": net(lambda m, x: m.a(x.view(-1, m.width, 64).mean(2)), 6, a=nn.Linear(8, 6), width=8, exact={"conv": 8, "a": 6}),
    "hard-coded-expand": net(lambda m, x: x * torch.ones(1, 8, 1, 1), 8, alone={"conv": WRITTEN}),
    "unet-nearest": net(lambda m, x: skip(m, x, F.interpolate(m.a(F.max_pool2d(x, 2)), scale_factor=2)), 6, **UP),
    "unet-bilinear": net(lambda m, x: skip(m, x, F.interpolate(m.a(F.avg_pool2d(x, 2)), x.shape[2:], mode="bilinear")), 6, **UP),
    "unet-transposed": net(
        lambda m, x: skip(m, x, m.up(F.max_pool2d(x, 2))), 6, up=nn.ConvTranspose2d(8, 4, 2, 2), b=conv(12, 6),
        exact={"conv": 8, "up": 4, "b": 6},
    ),
    "unfold": net(lambda m, x: m.a(F.unfold(x, 2, stride=2).transpose(1, 2)).transpose(1, 2), 6, a=nn.Linear(32, 6)),
    "fold": net(lambda m, x: F.fold(m.a(x).flatten(2), (9, 9), 2), 2, a=conv(8, 8), exact={"conv": 8}),
    "maxout": net(lambda m, x: m.a(x).view(x.shape[0], 4, 3, 8, 8).max(2)[0], 4, a=conv(8, 12), exact={"conv": 8}, alone={"a": "."}),
    "maxout-by-shape": net(lambda m, x: m.a(x).unflatten(1, (-1, 3)).amax(2), 4, a=conv(8, 12), exact={"conv": 8}, alone={"a": "maximum"}),
    "region-align": net(
        lambda m, x: m.a(torchvision.ops.roi_align(x, m.boxes, 2)), 6, a=conv(8, 6), boxes=torch.tensor([[0.0, 1, 1, 6, 6]]), exact={"a": 6}
    ),
}  # fmt: skip
