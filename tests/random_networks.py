"""Random networks of random ops: a recipe is data drawn from a seed, `Network` runs it on 8 × 8 images.

An op is a small function of the step's tensor, a second tensor, its layers and a number that its choices are made by.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIDE, INPUTS, CLASSES = 8, 3, 3
WIDTHS = (4, 6, 8, 12)
ACTIVATIONS = (F.relu, F.gelu, torch.tanh, F.silu)
DROPS = (nn.Identity, nn.Dropout, nn.Dropout2d)


@dataclass(frozen=True)
class Step:
    op: str
    first: int  # places in the list of tensors so far; the network's input is 0
    second: int
    number: int  # 0 … 23: what the op has a choice of
    width: int  # channels of the result


@dataclass(frozen=True)
class Recipe:
    steps: tuple[Step, ...]
    head: str
    training: bool  # whether the network is handed over in train mode


Layers = nn.ModuleList
Run = Callable[[Tensor, Tensor, Layers, int], Tensor]  # (x, y, layers, number) → (N, width, 8, 8)
Build = Callable[[int, int, int], tuple[nn.Module, ...]]  # (x's channels, result's channels, number) → layers
Width = Callable[[int, int, int], int]  # (x's channels, y's channels, number) → result's channels; 0: does not fit


def same(c: int, d: int, n: int) -> int:
    return c


def alike(c: int, d: int, n: int) -> int:
    return c if c == d else 0


def chosen(c: int, d: int, n: int) -> int:
    return WIDTHS[n % 4]


def halved(c: int, d: int, n: int) -> int:
    return c // 2 if c % 2 == 0 else 0


def even(c: int, d: int, n: int) -> int:
    return 2 * halved(c, d, n)


def blocks(c: int, n: int) -> int:
    """A number of blocks that c channels can be cut into, from two on where that can be."""
    fits = [g for g in (2, 3, 4) if c % g == 0] or [1]
    return fits[n % len(fits)]


def grouped(c: int, d: int, n: int) -> int:
    return blocks(c, n) * (1 + n // 3 % 3)


def convolution(c: int, out: int, n: int) -> tuple[nn.Module, ...]:
    return (nn.Conv2d(c, out, 1 + n // 4 % 2 * 2, padding="same", bias=n % 3 > 0),)


def transposed(c: int, out: int, n: int) -> tuple[nn.Module, ...]:
    return (nn.ConvTranspose2d(c, out, 3, padding=1, groups=blocks(c, n)),)


def one(x: Tensor, y: Tensor, layers: Layers, n: int) -> Tensor:
    return layers[0](x)


def tokens(x: Tensor) -> Tensor:
    return x.flatten(2).transpose(1, 2)  # (N, C, H, W) → (N, H·W, C)


def image(t: Tensor, like: Tensor) -> Tensor:
    return t.transpose(1, 2).reshape(like.shape[0], -1, *like.shape[2:])


def pixels(x: Tensor, y: Tensor, layers: Layers, n: int) -> Tensor:
    return layers[0](x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def excite(x: Tensor, y: Tensor, layers: Layers, n: int) -> Tensor:
    down, up = layers
    return x * up(down(x.mean((2, 3), keepdim=True)).relu()).sigmoid()


def gate(x: Tensor, y: Tensor, layers: Layers, n: int) -> Tensor:
    return x * layers[0](x.mean((2, 3)))[:, :, None, None]


def siamese(x: Tensor, y: Tensor, layers: Layers, n: int) -> Tensor:
    return layers[0](x) - layers[0](y).relu()


def shuffle(x: Tensor, y: Tensor, layers: Layers, n: int) -> Tensor:
    c, h, w = x.shape[1:]
    return x.view(-1, 2, c // 2, h, w).transpose(1, 2).reshape(-1, c, h, w)


def correlate(x: Tensor, y: Tensor, layers: Layers, n: int) -> Tensor:
    """Every channel of x as a mixture of y's channels, by how alike they are."""
    match = torch.bmm(x.flatten(2), y.flatten(2).transpose(1, 2)) / SIDE**2  # (N, C, channels of y)
    return torch.bmm(match.softmax(-1) if n % 3 == 0 else match, y.flatten(2)).view_as(x)


class Attention(nn.Module):
    """Self-attention over pixels; its head size is written in, left to view, or with torch's fused product."""

    def __init__(self, c: int, n: int) -> None:
        super().__init__()
        self.heads, self.head_dim, self.way = 1 + n % 2, 2 + n // 2 % 3, n // 6 % 3
        self.qkv = nn.Linear(c, 3 * self.heads * self.head_dim)
        self.out = nn.Linear(self.heads * self.head_dim, c)

    def forward(self, x: Tensor) -> Tensor:
        t = tokens(x)
        last = self.head_dim if self.way == 0 else -1
        q, k, v = self.qkv(t).view(*t.shape[:2], 3, self.heads, last).permute(2, 0, 3, 1, 4)
        if self.way == 2:
            mixed = F.scaled_dot_product_attention(q, k, v)
        else:
            mixed = (q @ k.transpose(-2, -1) * 0.5).softmax(-1) @ v
        return x + image(self.out(mixed.transpose(1, 2).flatten(2)), x)


@dataclass(frozen=True)
class Op:
    run: Run
    width: Width = same
    layers: Build = lambda c, out, n: ()


OPS = {
    # one layer, or a few
    "convolution": Op(one, chosen, convolution),
    "grouped": Op(one, grouped, lambda c, out, n: (nn.Conv2d(c, out, 3, padding=1, groups=blocks(c, n)),)),
    "depthwise": Op(
        one, lambda c, d, n: c + c * (n % 2), lambda c, out, n: (nn.Conv2d(c, out, 3, groups=c, padding=1),)
    ),
    "transposed": Op(one, chosen, lambda c, out, n: (nn.ConvTranspose2d(c, out, 3, padding=1),)),
    "transposed grouped": Op(one, grouped, transposed),
    "linear of pixels": Op(pixels, chosen, lambda c, out, n: (nn.Linear(c, out),)),
    "linear of tokens": Op(
        lambda x, y, m, n: image(m[0](tokens(x)), x), chosen, lambda c, out, n: (nn.Linear(c, out),)
    ),
    "attention": Op(one, even, lambda c, out, n: (Attention(c, n),)),
    "squeeze-excite": Op(excite, layers=lambda c, out, n: (nn.Conv2d(c, c // 2, 1), nn.Conv2d(c // 2, c, 1))),
    "gate": Op(gate, layers=lambda c, out, n: (nn.Linear(c, c),)),
    "used twice": Op(lambda x, y, m, n: m[0](m[0](x).relu()), layers=lambda c, out, n: (nn.Conv2d(c, c, 1),)),
    "siamese": Op(siamese, alike, lambda c, out, n: (nn.Conv2d(c, c, 3, padding=1),)),
    "batch norm": Op(one, layers=lambda c, out, n: (nn.BatchNorm2d(c, affine=n % 5 > 0),)),
    "layer norm": Op(pixels, layers=lambda c, out, n: (nn.LayerNorm(c),)),
    "group norm": Op(one, layers=lambda c, out, n: (nn.GroupNorm(blocks(c, n) if n % 4 else 1, c),)),
    "instance norm": Op(one, layers=lambda c, out, n: (nn.InstanceNorm2d(c, affine=n % 2 > 0),)),
    "prelu": Op(one, layers=lambda c, out, n: (nn.PReLU(c),)),
    "dropout": Op(one, layers=lambda c, out, n: (DROPS[n % 3](),)),
    # each number on its own
    "activation": Op(lambda x, y, m, n: ACTIVATIONS[n % 4](x)),
    "sigmoid": Op(lambda x, *_: x.sigmoid()),
    "where": Op(lambda x, *_: torch.where(x > 0, x, 0.1 * x)),
    # sums and the largest over channels or over space
    "sum": Op(lambda x, *_: x + x.sum(1, keepdim=True)),
    "mean": Op(lambda x, *_: x - x.mean(1, keepdim=True)),
    "largest channel": Op(lambda x, *_: x - x.amax(1, keepdim=True)),
    "normalize": Op(lambda x, *_: F.normalize(x, dim=1)),
    "softmax": Op(lambda x, *_: x.flatten(2).softmax(-1).view_as(x)),
    "expand": Op(lambda x, *_: x * x.mean((2, 3), keepdim=True).expand_as(x)),
    "largest pixel": Op(lambda x, *_: x - x.amax((2, 3), keepdim=True)),
    # two tensors
    "add": Op(lambda x, y, *_: x + y, alike),
    "multiply": Op(lambda x, y, *_: x * y, alike),
    "stack": Op(lambda x, y, *_: torch.stack([x, y]).sum(0), alike),
    "concatenate": Op(lambda x, y, *_: torch.cat([x, y], 1), lambda c, d, n: c + d),
    "correlate": Op(correlate),
    # places
    "chunk": Op(lambda x, y, m, n: x.chunk(2, 1)[n % 2], halved),
    "half": Op(lambda x, y, m, n: x[:, : x.shape[1] // 2] if n % 2 else x[:, x.shape[1] // 2 :], halved),
    "every second": Op(lambda x, y, m, n: x[:, n % 2 :: 2], halved),
    "glu": Op(lambda x, *_: F.glu(x, 1), halved),
    "shuffle": Op(shuffle, even),
    "flip": Op(lambda x, *_: x.flip(1)),
    "roll": Op(lambda x, *_: x.roll(1, 2)),
    "pad": Op(lambda x, y, m, n: F.pad(x, (0, 0, 0, 0, 0, 1 + n % 2)), lambda c, d, n: c + 1 + n % 2),
    "pixel shuffle": Op(lambda x, *_: F.avg_pool2d(F.pixel_shuffle(x, 2), 2), lambda c, *_: 0 if c % 4 else c // 4),
    "pixel unshuffle": Op(lambda x, *_: F.pixel_unshuffle(F.interpolate(x, scale_factor=2), 2), lambda c, d, n: 4 * c),
}
HEADS: dict[str, Callable[[Tensor], Tensor]] = {  # (N, C, H, W) → (N, features)
    "mean": lambda x: x.mean((2, 3)),
    "largest": lambda x: x.amax((2, 3)),
    "flat": lambda x: F.adaptive_avg_pool2d(x, 4).flatten(1),
}


def drawn(seed: int) -> Recipe:
    """A convolution and three to nine steps, each of which mostly goes on from the last."""
    random = Random(seed)
    steps: list[Step] = []
    count = 1 + random.randint(3, 9)
    while len(steps) < count:
        step = next_step(random, [INPUTS, *(s.width for s in steps)])
        if 2 <= step.width <= 48:
            steps.append(step)
    return Recipe(tuple(steps), random.choice(list(HEADS)), random.random() < 0.5)


def next_step(random: Random, widths: list[int]) -> Step:
    op = random.choice(list(OPS)) if len(widths) > 1 else "convolution"
    last = len(widths) - 1
    first = last if random.random() < 0.5 else random.randint(0, last)
    second, number = random.randint(0, last), random.randrange(24)
    return Step(op, first, second, number, OPS[op].width(widths[first], widths[second], number))


class Network(nn.Module):
    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        widths = [INPUTS, *(step.width for step in recipe.steps)]
        built = (OPS[s.op].layers(widths[s.first], s.width, s.number) for s in recipe.steps)
        self.layers = nn.ModuleList(nn.ModuleList(layers) for layers in built)
        self.out = nn.Linear(widths[-1] * (16 if recipe.head == "flat" else 1), CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        tensors = [x]
        for step, layers in zip(self.recipe.steps, self.layers, strict=True):
            tensors.append(OPS[step.op].run(tensors[step.first], tensors[step.second], layers, step.number))
        return self.out(HEADS[self.recipe.head](tensors[-1]))


def network(seed: int) -> Network:
    """The network of a seed; its norms have statistics, scales and shifts as if it had been trained."""
    recipe = drawn(seed)
    torch.manual_seed(seed)
    model = Network(recipe).train(recipe.training)
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if tensor.ndim == 1 and tensor.is_floating_point():
            draw = nn.init.normal_ if name.endswith(("bias", "mean")) else nn.init.uniform_
            draw(tensor, *((0, 0.5) if draw is nn.init.normal_ else (0.5, 1.5)))
    return model
