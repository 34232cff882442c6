"""labels.svg: where the units of one group sit, from conv through batch norm and view to linear. Drawn from a real trace.

python -m docs.labels
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from pruning import Plan, prune, trace
from pruning.channels.map import ChannelMap

PICTURE = Path(__file__).with_name("labels.svg")
COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#CC79A7")  # Okabe & Ito: also told apart by who sees fewer colours
PITCH, SIDE, GAP = 24, 22, 8
CUT = 2  # the unit that goes
FIXED = -1
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .small { font-size: 12px; fill: #57606a }
  .name { font-weight: 600 }
  .number { font-size: 12px; fill: #111; text-anchor: middle }
  .fixed { fill: #c9ced6 }
  .body { opacity: .5 }
  .gone { fill: none; stroke-width: 2; stroke-dasharray: 4 3 }
  .gone + .number { fill: #24292f }
  .flow { fill: none; stroke: #6e7781; stroke-width: 2; marker-end: url(#head) }
  .head { fill: #6e7781 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9da7b3 } .number { fill: #111 } .fixed { fill: #8b949e }
    .gone + .number { fill: #e6edf3 }
  }
"""


class Tiny(nn.Module):
    """Images of 2 × 2 with two channels, three classes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(4)
        self.fc = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x))  # (N, 4, 2, 2)
        return self.fc(x.view(len(x), -1))  # (N, 3)


def picture() -> str:
    network = Tiny()
    channels = trace(network, torch.empty(1, 2, 2, 2))
    (group,) = channels.groups
    plan = Plan(channels, {group.name: tuple(u for u in range(group.units) if u != CUT)})
    rows, columns = units(network, channels, "conv.weight")
    outputs, inputs = units(network, channels, "fc.weight")
    parts = [
        *matrix("conv.weight", (52, 96), rows, columns),
        *note(52, 218, "4 filters of 2 channels"),
        *vectors(network, channels, (216, 96)),
        *matrix("after bn: (N, 4, 2, 2)", (640, 96), units(network, channels, "bn.weight")[0], [FIXED] * 4, top=False),
        *note(640, 218, "4 channels × 4 positions"),
        *note(402, 268, "view(N, −1): 16 features, four of each channel", name=True),
        *line(402, 280, inputs),
        *matrix("", (370, 366), outputs, inputs),
        *note(402, 326, "fc.weight", name=True),
        *note(402, 460, "3 classes × 16 inputs"),
        *(flow(path) for path in FLOWS),
        *story(network, channels, plan),
    ]
    head = '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="5" markerHeight="5" orient="auto"><path class="head" d="M0 0L8 4L0 8z"/></marker>'
    return "\n".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 480" role="img" aria-labelledby="title">',
            '<title id="title">The units of one group in every tensor that holds them, and what goes when unit 2 is cut</title>',
            f"<style>{STYLE}</style>",
            f"<defs>{head}</defs>",
            *parts,
            "</svg>\n",
        ]
    )


FLOWS = ("M146 143H206", "M530 143H630", "M757 226V276", "M590 306V330")


def units(network: nn.Module, channels: ChannelMap, name: str) -> list[list[int]]:
    """For the first two dimensions of a tensor, the unit of each index. A step's outputs have the units of what comes next."""
    shape = network.state_dict()[name].shape
    dims = channels.units.get(name, (None,) * len(shape))
    return [[FIXED] * n if d is None else d.tolist() for d, n in zip(dims, shape, strict=True)][:2]


def vectors(network: nn.Module, channels: ChannelMap, at: tuple[int, int]) -> Iterable[str]:
    """What a batch norm holds for each channel, side by side."""
    x, y = at
    yield from note(x, y - 56, "bn", name=True)
    for i, name in enumerate(("weight", "bias", "running_mean", "running_var")):
        (own,) = units(network, channels, f"bn.{name}")
        yield from note(x + 94 * i, y - 10, name)
        yield from (cell(x + 94 * i, y + PITCH * row, unit) for row, unit in enumerate(own))


def matrix(
    name: str, at: tuple[int, int], rows: Sequence[int], columns: Sequence[int], *, top: bool = True
) -> Iterable[str]:
    """A tensor's cells, with the unit of each row at the left and of each column above."""
    x, y = at
    yield from note(x, y - 56, name, name=True)
    yield from (cell(x, y + PITCH * i, unit) for i, unit in enumerate(rows))
    left = x + PITCH + GAP
    if top:
        yield from line(left, y - PITCH - GAP, columns)
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            yield cell(left + PITCH * j, y + PITCH * i, max(row, column), body=True)


def line(x: int, y: int, row: Iterable[int]) -> Iterable[str]:
    return (cell(x + PITCH * i, y, unit) for i, unit in enumerate(row))


def cell(x: int, y: int, unit: int, *, body: bool = False) -> str:
    """A square in its unit's colour, with its number; an empty frame where the cut unit was."""
    if unit == CUT:
        return frame(x, y) if body else frame(x, y) + number(x, y, unit)
    look = 'class="fixed"' if unit == FIXED else f'fill="{COLOURS[unit]}"'
    square = f'<rect x="{x}" y="{y}" width="{SIDE}" height="{SIDE}" rx="3" {look}/>'
    return f'<g class="body">{square}</g>' if body else square + number(x, y, unit)


def frame(x: int, y: int) -> str:
    side = SIDE - 2
    return f'<rect class="gone" x="{x + 1}" y="{y + 1}" width="{side}" height="{side}" rx="3" stroke="{COLOURS[CUT]}"/>'


def number(x: int, y: int, unit: int) -> str:
    return f'<text class="number" x="{x + 11}" y="{y + 15}">{"–" if unit == FIXED else unit}</text>'


def note(x: int, y: int, words: str, *, name: bool = False) -> Iterable[str]:
    return [f'<text class="{"name" if name else "small"}" x="{x}" y="{y}">{words}</text>'] if words else []


def flow(path: str) -> str:
    return f'<path class="flow" d="{path}"/>'


def story(network: nn.Module, channels: ChannelMap, plan: Plan) -> Iterable[str]:
    """The group in words, and what cutting the unit leaves, measured on the cut network."""
    (group,) = channels.groups
    small, before, after = prune(network, plan), channels.counts(), plan.counts()
    shapes = {name: (p.shape, small.get_parameter(name).shape) for name, p in network.named_parameters()}
    told = (f"{n} {shape(shapes[n][0])} → {shape(shapes[n][1])}" for n in ("conv.weight", "bn.weight", "fc.weight"))
    yield from note(28, 268, f"Group {group.name}: {group.units} units", name=True)
    yield from note(28, 288, f"made by {', '.join(group.layers)}; cut along {', '.join(group.coupled)}")
    yield from note(28, 308, "– fixed: the network's input and output")
    yield from note(28, 350, f"Unit {CUT} cut", name=True)
    for i, words in enumerate(told):
        yield from note(28, 370 + 20 * i, words)
    yield from note(28, 430, f"parameters {before.params} → {after.params}, MACs {before.macs} → {after.macs}")


def shape(sizes: Iterable[int]) -> str:
    return f"({', '.join(map(str, sizes))})"


if __name__ == "__main__":
    PICTURE.write_text(picture())
