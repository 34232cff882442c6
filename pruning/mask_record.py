"""What a mask run tells: zeros of every tensor, what removing the filters that are all zero would save, and pictures."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from pruning.channels.map import ChannelMap
from pruning.criteria.units import units_of
from pruning.masks import Masks, inputs, maskable, named
from pruning.plan import Plan
from pruning.spec import MaskSettings, MaskStructure

Record = dict[str, Any]
FILTERS = 64  # in a picture
PLANES = 3  # input channels of a filter in a picture
SIDE = 64  # rows and columns of a matrix in a picture


def table(model: nn.Module, masks: Masks, settings: MaskSettings) -> list[Record]:
    """A row for every conv or linear weight and whatever else is masked; a weight counts as zero when it is."""
    layers, parameters = maskable(model), dict(named(model))
    return [
        row(name, parameters[name], masks, layers.get(name), settings) for name in (*layers, *masks.keys() - layers)
    ]


def row(name: str, parameter: Tensor, masks: Masks, layer: nn.Module | None, settings: MaskSettings) -> Record:
    zeros, weights = int((parameter == 0).sum()), parameter.numel()
    counted = {"weights": weights, "zeros": zeros, "share": zeros / max(weights, 1)}
    note = remark(parameter, layer, settings) if name in masks else "not masked"
    return {"name": name, "shape": list(parameter.shape), **counted, "note": note}


def remark(parameter: Tensor, layer: nn.Module | None, settings: MaskSettings) -> str:
    """What stays of a layer whose inputs are no multiple of m."""
    if settings.structure is not MaskStructure.N_OF_M or settings.file or layer is None:
        return ""
    size = parameter.shape[inputs(layer)]
    rest = size % settings.m
    if rest == size:
        return f"whole: {size} inputs are fewer than {settings.m} neighbours"
    return f"the last {rest} of {size} inputs stay: they fill no {settings.m}" if rest else ""


def total(model: nn.Module, rows: list[Record]) -> Record:
    """Zeros over the table, as a share of its weights and of all parameters."""
    weights, zeros = (sum(r[key] for r in rows) for key in ("weights", "zeros"))
    params = sum(p.numel() for p in model.parameters())
    shares = {"share": zeros / max(weights, 1), "share_of_params": zeros / max(params, 1)}
    return {"weights": weights, "zeros": zeros, "params": params, **shares}


def removal(model: nn.Module, channels: ChannelMap) -> Plan:
    """The plan that removes every unit all of whose producing weights are zero; each group keeps one unit at least."""
    keep = {}
    for units in units_of(model, channels, {}, 0):
        alive = (units.filters != 0).any(1) if units.filters.shape[1] else torch.ones(units.count, dtype=torch.bool)
        kept = alive.nonzero().flatten().tolist() or [0]
        if len(kept) < units.count:
            keep[units.name] = tuple(kept)
    return Plan(channels, keep)


def pictures(model: nn.Module, masks: Masks) -> Record:
    """Weights and masks of the first masked convolution's filters, or of a corner of the first masked matrix; {}: none."""
    layers = {name: layer for name, layer in maskable(model).items() if name in masks and not masks[name].all()}
    filters = [name for name, layer in layers.items() if is_filters(layer, masks[name])]
    if filters:
        return of_filters(filters[0], dict(named(model))[filters[0]], masks, 1 - inputs(layers[filters[0]]))
    return of_matrix(name, dict(named(model))[name], masks) if (name := next(iter(layers), "")) else {}


def is_filters(layer: nn.Module, mask: Tensor) -> bool:
    return isinstance(layer, _ConvNd) and math.prod(mask.shape[2:]) > 1


def of_filters(name: str, parameter: Tensor, masks: Masks, axis: int) -> Record:
    """Each filter's first input channels side by side: (rows, channels · columns)."""
    weight, mask = (t.detach().cpu().movedim(axis, 0) for t in (parameter, masks[name]))
    pairs = zip(weight[:FILTERS], mask[:FILTERS], strict=True)
    tiles = [{"weight": plane(w), "mask": plane(m), "masked": not m.any()} for w, m in pairs]
    planes = {"planes": min(PLANES, weight.shape[1]), "inputs": weight.shape[1]}
    return {"name": name, "kind": "filters", "of": len(weight), **planes, "tiles": tiles}


def plane(values: Tensor) -> list[list[float]]:
    """One filter (inputs, rows, columns) → its first input channels beside each other."""
    flat = values.flatten(1, -2) if values.dim() > 2 else values.unsqueeze(1)  # (inputs, rows, columns)
    return rounded(torch.cat(list(flat[:PLANES]), -1))


def of_matrix(name: str, parameter: Tensor, masks: Masks) -> Record:
    weight, mask = (t.detach().cpu().flatten(1) for t in (parameter, masks[name]))
    tile = {"weight": rounded(weight[:SIDE, :SIDE]), "mask": rounded(mask[:SIDE, :SIDE]), "masked": False}
    return {"name": name, "kind": "matrix", "of": list(mask.shape), "tiles": [tile]}


def rounded(values: Tensor) -> list[list[float]]:
    return [[float(f"{value:.4g}") for value in line] for line in values.float().tolist()]
