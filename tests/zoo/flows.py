"""Networks whose Python is the construct: inputs and outputs of all kinds, branches, loops, sharing, heads in training only."""

from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from zoo.case import Net, Whole, conv, net, whole

Pair = namedtuple("Pair", ["classes", "boxes"])


@dataclass
class Outputs:
    classes: Tensor
    boxes: Tensor


class Swish(torch.autograd.Function):
    """A memory-saving activation with a backward of its own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x.sigmoid()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gate = x.sigmoid()
        return gradient * (gate + x * gate * (1 - gate))


def two_heads(m: Whole, x: Tensor) -> tuple[Tensor, Tensor]:
    x = F.relu(m.b(F.relu(m.a(x)))).mean((2, 3))
    return m.c(x), m.d(x)


def image_and_word(m: Whole, image: Tensor, word: Tensor) -> Tensor:
    return m.fc(torch.cat([m.a(image).mean((2, 3)), m.words(word)], 1))


def auxiliary(m: Whole, x: Tensor) -> Any:
    x = F.relu(m.a(x))
    y = m.c(F.relu(m.b(x)).mean((2, 3)))
    return (y, m.aux(F.relu(m.side(x)).mean((2, 3)))) if m.training else y


def repeated(m: Net, x: Tensor) -> Tensor:
    for _ in range(m.times):
        x = F.relu(m.a(x)) + x
    return x


def pyramid(m: Whole, x: Tensor) -> Any:
    """FPN, Lin et al. 2017, over two levels."""
    x1 = F.relu(m.a(x))
    x2 = m.l2(F.relu(m.b(F.max_pool2d(x1, 2))))
    x1 = m.l1(x1) + F.interpolate(x2, size=x1.shape[-2:])
    return OrderedDict(fine=m.out(x1).mean((2, 3)), coarse=m.out(x2).mean((2, 3)))


def by_shape(m: Net, x: Tensor) -> Tensor:
    return m.a(x) if x.shape[-1] > 4 else m.b(x)


def in_threes(x: Tensor) -> Tensor:
    assert x.shape[1] % 6 == 0, "the width must be a multiple of six"
    return x


def siamese(m: Whole, left: Tensor, right: Tensor) -> Tensor:
    a, b = (m.b(F.relu(m.a(x))).mean((2, 3)) for x in (left, right))
    return m.fc((a - b).abs())


def pair(batch: int) -> tuple[Tensor, ...]:
    return torch.randn(batch, 3, 8, 8), torch.arange(batch) % 9


def two_images(batch: int) -> tuple[Tensor, ...]:
    return torch.randn(batch, 3, 8, 8), torch.randn(batch, 3, 8, 8)


def named(batch: int) -> tuple[Any, ...]:
    image, word = pair(batch)
    return ({"image": image, "word": word},)


def heads() -> dict[str, Any]:
    return {
        "a": conv(3, 8),
        "b": conv(8, 6),
        "c": nn.Linear(6, 4),
        "d": nn.Linear(6, 2),
        "exact": {"a": 8, "b": 6},
        "alone": {"c": "outputs", "d": "outputs"},
    }


WORDS = {"a": conv(3, 8), "words": nn.Embedding(9, 6), "fc": nn.Linear(14, 4), "exact": {"a": 8, "words": 6}}
LEVELS = {"a": conv(3, 8), "b": conv(8, 10), "l1": conv(8, 6, 1), "l2": conv(10, 6, 1), "out": conv(6, 4)}

FLOWS = {
    "two-inputs": whole(image_and_word, **WORDS, inputs=pair),
    "dict-input": whole(lambda m, x: image_and_word(m, x["image"], x["word"]), **WORDS, inputs=named),
    "siamese": whole(siamese, a=conv(3, 8), b=conv(8, 6), fc=nn.Linear(6, 2), inputs=two_images, exact={"a": 8, "b": 6}),
    "two-outputs": whole(two_heads, **heads()),
    "list-output": whole(lambda m, x: list(two_heads(m, x)), **heads()),
    "dict-output": whole(lambda m, x: dict(zip(("classes", "boxes"), two_heads(m, x), strict=True)), **heads()),
    "nested-output": whole(lambda m, x: {"heads": [two_heads(m, x)], "nothing": None}, **heads()),
    "namedtuple-output": whole(lambda m, x: Pair(*two_heads(m, x)), **heads()),
    "dataclass-output": whole(lambda m, x: Outputs(*two_heads(m, x)), **heads()),
    "feature-output": whole(lambda m, x: ((y := F.relu(m.a(x))), m.b(y).mean((2, 3))), a=conv(3, 8), b=conv(8, 6), alone={"a": "outputs", "b": "outputs"}),
    "feature-pyramid": whole(pyramid, **LEVELS, exact={"a": 8, "b": 10, "l2": 6}, alone={"out": "outputs"}),
    "auxiliary-head": whole(auxiliary, a=conv(3, 8), b=conv(8, 6), c=nn.Linear(6, 4), side=conv(8, 5), aux=nn.Linear(5, 4), exact={"a": 8, "b": 6, "side": 5}, alone={"aux": "outputs"}),
    "branch-on-shape": net(by_shape, 6, a=conv(8, 6), b=conv(8, 6), exact={"conv": 8}, alone={"b": "never uses"}),
    "branch-on-attribute": net(lambda m, x: m.b(m.a(x)) if m.deep else m.b(x), 6, a=conv(8, 8), b=conv(8, 6), deep=True, exact={"conv": 8, "a": 8, "b": 6}),
    "threshold-on-a-width": net(lambda m, x: m.a(x if x.shape[1] > 4 else 2 * x), 6, a=conv(8, 6), alone={"conv": "written in the network's code"}),
    "width-in-arithmetic": net(lambda m, x: m.a(x / x.shape[1] ** 0.5), 6, a=conv(8, 6), exact={"a": 6}, alone={"conv": "written in the network's code|depends on"}),
    "width-in-a-whole-number": net(lambda m, x: m.a(x * x.shape[1]), 6, a=conv(8, 6), exact={"a": 6}, alone={"conv": "written in the network's code|depends on"}),
    "loop-over-one-layer": net(repeated, 8, a=conv(8, 8), times=3, exact={"conv": 8}),
    "layers-in-a-list": net(lambda m, x: sum(f(x) for f in m.branches), 6, branches=nn.ModuleList([conv(8, 6), conv(8, 6, 1)]), exact={"conv": 8, "branches.0": 6}),
    "layers-in-a-dict": net(lambda m, x: m.branches["b"](m.branches["a"](x)), 6, branches=nn.ModuleDict({"a": conv(8, 7), "b": conv(7, 6)}), exact={"conv": 8, "branches.a": 7, "branches.b": 6}),
    "parameters-in-a-list": net(lambda m, x: sum(F.conv2d(x, w) for w in m.w), 6, w=nn.ParameterList([torch.ones(6, 8, 1, 1), torch.ones(6, 8, 3, 3)[:, :, :1, :1].clone()])),
    "one-module-twice": net(lambda m, x: m.n(m.b(m.n(m.a(x)))), 8, n=nn.BatchNorm2d(8), a=conv(8, 8), b=conv(8, 8), exact={"conv": 8, "a": 8}),
    "layer-never-used": net(lambda m, x: m.a(x), 6, a=conv(8, 6), b=conv(8, 4), exact={"conv": 8, "a": 6}, alone={"b": "never uses"}),
    "checkpointed": net(lambda m, x: checkpoint(m.a, x, use_reentrant=False), 6, a=nn.Sequential(conv(8, 7), nn.ReLU(), conv(7, 6)), exact={"conv": 8, "a.0": 7, "a.2": 6}),
    "own-backward": net(lambda m, x: m.a(Swish.apply(x)), 6, a=conv(8, 6), exact={"conv": 8, "a": 6}),
    "vectorised-map": net(lambda m, x: m.a(torch.vmap(lambda y: y * y.mean())(x)), 6, a=conv(8, 6), exact={"a": 6}),
    "identity-and-empty": net(lambda m, x: m.a(nn.Identity()(m.s(x))), 6, s=nn.Sequential(), a=conv(8, 6), exact={"conv": 8, "a": 6}),
    "assertion-on-a-width": net(lambda m, x: in_threes(m.a(x)), 6, a=conv(8, 6), exact={"conv": 8}, alone={"a": "written in the network's code"}),
    "noise": net(lambda m, x: m.a(x + 0 * torch.randn_like(x) + 0 * torch.rand(x.shape, dtype=x.dtype)), 6, a=conv(8, 6), exact={"conv": 8, "a": 6}),
    "detached-and-cast": net(lambda m, x: m.a(x.detach().contiguous().clone().to(m.a.weight.dtype).contiguous(memory_format=torch.channels_last)), 6, a=conv(8, 6), exact={"conv": 8, "a": 6}),
}  # fmt: skip
