"""Sensitivity curves: how much accuracy each group alone costs, as a scan measured it. No torch."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pruning.channels.map import ChannelMap
from pruning.errors import UserError
from pruning.run import Run, read_json

Curve = Sequence[tuple[float, float]]  # (share removed, accuracy lost), from (0, 0) on
Curves = Mapping[str, Curve]
SLOPE = 1e-6  # of accuracy a unit's share: groups that lose equally much, nothing say, lose equal shares


def of_run(number: int, channels: ChannelMap) -> Curves:
    """The curves that a scan run measured; raises UserError when it scanned another network, or nothing."""
    scanned = read_json(Run.of(number).scan)
    if scanned is None:
        raise UserError(
            f"Run {number} has no sensitivity scan.", do="Give scan= the number of a scan, or 0 to scan anew."
        )
    if scanned["units"] != units_of(channels):
        raise UserError(f"Run {number} scanned another network: its groups differ.", do="Scan this network.")
    return curves(scanned)


def units_of(channels: ChannelMap) -> dict[str, int]:
    return {group.name: group.units for group in channels.groups}


def curves(scanned: Mapping[str, Any]) -> Curves:
    """`scan.json` → curves; losing a whole group, which nobody measures, costs all accuracy."""
    dense, units = scanned["dense"]["accuracy"], scanned["units"]
    return {
        name: (
            (0.0, 0.0),
            *((1 - kept / units[name], dense - accuracy) for _, kept, accuracy, *_ in points),
            (1.0, dense),
        )
        for name, points in scanned["groups"].items()
    }


def losses(curve: Curve, units: int) -> NDArray[np.float64]:
    """Accuracy lost when the 1 … `units` lowest go, rising: the monotone envelope between measured points. (units,)"""
    shares, lost = (np.array(column, float) for column in zip(*sorted(curve), strict=True))
    asked = np.arange(1, units + 1) / units
    found: NDArray[np.float64] = np.interp(asked, shares, np.maximum.accumulate(lost)) + SLOPE * asked
    return found
