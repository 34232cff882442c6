"""Data for the live explorer, made from a traced network with first weights: what the page makes from run folders."""

import base64
import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from pruning.allocate import allocate
from pruning.channels.map import ChannelMap, Group
from pruning.limits import limits
from pruning.prediction import learned


def data_of(channels: ChannelMap, *, round_to: int = 1, with_scan: bool = True, **more: Any) -> dict[str, Any]:
    """Everything that the element takes, with random scores, and a made-up scan and latency."""
    random = np.random.default_rng(0)
    scores = {
        g.name: np.sort(random.gamma(2.0, 1.0, g.units).round(6))[random.permutation(g.units)] for g in channels.groups
    }
    told = limits(channels, round_to=round_to)
    raw = json.loads(channels.to_json())
    return {
        "key": "test",
        "revision": 0,
        "groups": [group(g) for g in channels.groups],
        "protected": [vars(p) for p in channels.protected],
        "base": [kept_at(channels, scores, share / 100, round_to) for share in range(100)],
        "fixed": "",
        "limits": [[told[g.name].least, told[g.name].most, told[g.name].multiple] for g in channels.groups],
        "terms": {name: raw[name] for name in ("params", "macs", "bytes")},
        "criterion": "L1 norm",
        "scores": [scores[g.name].tolist() for g in channels.groups],
        "prediction": scan(channels, random) if with_scan else None,
        "latency": latency(channels),
        "presets": [preset(channels, scores, share) for share in (30, 60)],
        "tiles": None,
        "start": {"overall": 0, "kept": {}, "locked": [], "group": channels.groups[0].name},
        "confirmed": None,
        **more,
    }  # fmt: skip


def group(one: Group) -> dict[str, Any]:
    return {"name": one.name, "units": one.units, "coupled": ", ".join(one.coupled), "layers": list(one.layers),
            "approximate": one.approximate, "closed": ""}  # fmt: skip


def kept_at(channels: ChannelMap, scores: Mapping[str, Any], share: float, round_to: int) -> list[int]:
    kept = allocate(channels, scores, share=share, round_to=round_to).kept()
    return [kept[g.name] for g in channels.groups]


def preset(channels: ChannelMap, scores: Mapping[str, Any], share: int) -> dict[str, Any]:
    kept = allocate(channels, scores, share=share / 100, spread="global").kept()
    return {
        "name": f"Global {share} %",
        "hint": "The lowest scores over all groups",
        "kept": [kept[g.name] for g in channels.groups],
    }


def scan(channels: ChannelMap, random: np.random.Generator) -> dict[str, Any]:
    """A made-up scan at nine shares, of networks that lose more the more weakly a group is held."""
    units, steps = {g.name: g.units for g in channels.groups}, np.arange(1, 10) / 10
    points = {
        name: [[float(s), kept := max(1, round(n * (1 - s))), 0.92 - weak * (1 - kept / n) ** 2, 0.0] for s in steps]
        for (name, n), weak in zip(units.items(), random.uniform(0.05, 0.6, len(units)).tolist(), strict=True)
    }
    raw = {"dense": {"accuracy": 0.92}, "images": 512, "units": units, "groups": points}
    return learned(raw, [], chance=0.1, source="scan 12, 512 validation images").to_json(list(units))


def latency(channels: ChannelMap) -> dict[str, Any]:
    """Made-up times: 1 ms, and another for every group, by multiples of 8."""
    units = [g.units for g in channels.groups]
    whole = [-(-n // 8) * 8 for n in units]
    table = {
        "units": units,
        "widths": [[0, [[i, 1]], 8] for i in range(len(units))],
        "terms": [[1.0, []], *([1 / n, [i]] for i, n in enumerate(whole))],
        "weights": [],
        "cache": 0,
    }
    return table | {
        "dense_ms": 1.0 + len(units),
        "batch": 32,
        "runtime": "torch",
        "device": "one thread of a processor",
    }


def tiles(index: int, units: int, side: int = 7) -> dict[str, Any]:
    """Random pictures of the first 256 units of a group, 16 in a row."""
    shown = min(units, 256)
    rows = -(-shown // 16)
    grey = np.random.default_rng(index).integers(0, 255, (rows * side, 16 * side), np.uint8)
    file = io.BytesIO()
    Image.fromarray(grey).save(file, "PNG")
    url = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    return {"group": index, "side": [side, side], "columns": 16, "url": url, "note": "Each to its own range."}
