"""From times of networks cut at random to a table: factors ≥ 0 for products of layer widths, by least squares of the relative error."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np

from pruning.channels.map import ChannelMap, Linear
from pruning.latency import MISSED, Product, Table, Width, assembled, missed, width

MULTIPLE = 16  # channels that kernels compute at once (AVX-512, NCHW16c)
CACHES = tuple(2.0**n for n in range(18, 27))  # weights that may fit into the fast memory
WHOLE, REST = "", "·"  # the network itself among its layers, and what they leave of it
Features = list[tuple[Width, ...]]  # a layer's time is a sum of products of these widths
Fit = tuple[float, list[Product]]  # seconds that are left unexplained, and what explains the others


@dataclass(frozen=True)
class Layer:
    """A module whose weight tells how wide it is."""

    name: str
    kind: str  # layers of one kind, with the same dense shapes, are fitted together
    sizes: tuple[Linear, ...]  # outputs, then inputs where the weight has them
    form: str  # layers of one form differ in widths and positions only
    taps: int  # places of its kernel
    positions: int  # output elements for each output channel, of the whole batch


@dataclass
class Probe:
    """How long one network took, in seconds: its layers, and what they leave of the whole."""

    kept: Mapping[str, int]
    least: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Frame:
    """What widths are worked out from."""

    sizes: Sequence[int]
    missed: float

    def product(self, widths: Sequence[Width]) -> float:
        return prod(self.missed if one is MISSED else float(width(*one, self.sizes)) for one in widths)


def frame(channels: ChannelMap, kept: Mapping[str, int], cache: float) -> Frame:
    sizes = [kept.get(group.name, group.units) for group in channels.groups]
    return Frame(sizes, missed(channels.counts(kept).params, cache))


Fitter = Callable[[ChannelMap, Sequence[Layer], Sequence[Probe], Sequence[Frame], int], Fit]


def fitted(channels: ChannelMap, layers: Sequence[Layer], probes: Sequence[Probe], batch: int, fitter: Fitter) -> Table:
    """The table by the size of cache that explains the times best."""
    weights = [(float(factor), tuple((form, 1) for form in forms)) for factor, forms in channels.params]
    groups = {group.name: group.units for group in channels.groups}

    def at(cache: float) -> tuple[float, Table]:
        frames = [frame(channels, probe.kept, cache) for probe in probes]
        left, terms = fitter(channels, layers, probes, frames, batch)
        return left, assembled(groups, [(1e3 * factor, widths) for factor, widths in terms], weights, cache)

    return min((at(cache) for cache in CACHES), key=lambda found: found[0])[1]


def by_layer(
    channels: ChannelMap, layers: Sequence[Layer], probes: Sequence[Probe], frames: Sequence[Frame], batch: int
) -> Fit:
    """Every kind of layer by its own widths, then the rest."""
    kinds = dict.fromkeys(one.kind for one in layers)
    found = [fit_kind([one for one in layers if one.kind == kind], probes, frames) for kind in kinds]
    found.append(fit_rest(channels, layers, probes, frames, batch))
    return sum(left for left, _ in found), [term for _, made in found for term in made]


def by_sums(
    channels: ChannelMap, layers: Sequence[Layer], probes: Sequence[Probe], frames: Sequence[Frame], batch: int
) -> Fit:
    """The whole by sums over its layers: MACs of layers of one form, as they are and padded, activations and weights."""
    weights: list[Product] = [(float(factor), tuple((form, 1) for form in forms)) for factor, forms in channels.params]
    sums: list[list[Product]] = [
        [(1.0, ())],
        elements(layers),
        weights,
        [(f, (*widths, MISSED)) for f, widths in weights],
    ]
    for form in dict.fromkeys(one.form for one in layers):
        alike = [one for one in layers if one.form == form and len(one.sizes) > 1]
        for outs, ins in ((1, 1), (MULTIPLE, 1), (MULTIPLE, MULTIPLE)):
            sums.append(
                [(float(one.positions * one.taps), ((one.sizes[0], outs), (one.sizes[1], ins))) for one in alike]
            )
    return fit_sums(sums, frames, [probe.least[WHOLE] for probe in probes])


def features(sizes: Sequence[Linear]) -> Features:
    """What a layer's time may be made of: nothing, each width, and their products, as they are, padded, or from memory."""
    plain, padded = [[(form, multiple) for form in sizes] for multiple in (1, MULTIPLE)]
    found: Features = [(), *((w,) for w in plain), *((w,) for w in padded)]
    if len(sizes) > 1:
        found += [tuple(plain), tuple(padded), (padded[0], plain[1]), (plain[0], padded[1]), (*plain, MISSED)]
    return list(dict.fromkeys(tuple(w for w in widths if w[0][1]) for widths in found))


def fit_kind(layers: Sequence[Layer], probes: Sequence[Probe], frames: Sequence[Frame]) -> Fit:
    every = [features(one.sizes) for one in layers]
    most = max(map(len, every))
    rows, times = [], []
    for one, found in zip(layers, every, strict=True):
        for probe, framed in zip(probes, frames, strict=True):
            rows.append([framed.product(widths) for widths in found] + [0.0] * (most - len(found)))
            times.append(probe.least.get(one.name, 0.0))
    factors, left = non_negative(rows, times)
    return left, [(f, widths) for found in every for f, widths in zip(factors, found, strict=False) if f]


def fit_rest(
    channels: ChannelMap, layers: Sequence[Layer], probes: Sequence[Probe], frames: Sequence[Frame], batch: int
) -> Fit:
    """Activations, sums, pools and Python: a constant, and so much for each element and each MAC."""
    work = [(float(factor * batch), tuple((form, 1) for form in forms)) for factor, forms in channels.macs]
    return fit_sums([[(1.0, ())], elements(layers), work], frames, [probe.least[REST] for probe in probes])


def elements(layers: Sequence[Layer]) -> list[Product]:
    return [(float(one.positions), ((one.sizes[0], 1),)) for one in layers]


def fit_sums(sums: Sequence[Sequence[Product]], frames: Sequence[Frame], times: Sequence[float]) -> Fit:
    """One factor for each sum of products."""
    rows = [[sum(f * framed.product(widths) for f, widths in one) for one in sums] for framed in frames]
    factors, left = non_negative(rows, times)
    return left, [
        (factor * f, widths) for factor, one in zip(factors, sums, strict=True) for f, widths in one if factor
    ]


def non_negative(rows: Sequence[Sequence[float]], times: Sequence[float]) -> tuple[list[float], float]:
    """Factors ≥ 0 by least squares of the relative error, and the time left unexplained: the mean time × the root mean square error."""
    from scipy.optimize import nnls

    matrix, target = np.array(rows), np.array(times)
    scale = np.maximum(matrix.max(axis=0), 1e-30)
    weights = 1 / np.maximum(target, 1e-3 * target.max() + 1e-9)
    factors, _ = nnls(matrix / scale * weights[:, None], target * weights)
    left = float(target.mean() * np.sqrt(np.mean(((matrix @ (factors / scale) - target) * weights) ** 2)))
    return [float(f) for f in factors / scale], left
