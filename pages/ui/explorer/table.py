"""What the live element counts with: every group with its limits and scores, and what each overall share keeps."""

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from pages.ui.series import CRITERIA
from pruning.allocate import Scores, from_settings, ladder, limits_of
from pruning.channels.map import ChannelMap
from pruning.curves import Curves
from pruning.plan import Plan
from pruning.run import Run
from pruning.spec import BY_SHARE, Blocks, PruneSettings, Spread

MOST_SCORES = (
    20_000  # units whose scores all go to the browser at once; of a larger network, those of the group looked at
)
ACROSS = 32  # pictures in a row of the sheet


def rows(whole: ChannelMap, scores: Scores, wish: PruneSettings, curves: Curves | None) -> list[list[int]]:
    """Units kept by each group, for every overall share in percent; one row where a budget or a number sets how much goes."""
    found = (
        ladder(whole, scores, wish.model_copy(update={"shares": {}}), curves)
        if moves(wish)
        else [from_settings(whole, scores, wish, curves).kept()]
    )
    return [[kept.get(group.name, group.units) for group in whole.groups] for kept in found]


def moves(wish: PruneSettings) -> bool:
    """Whether there is an overall share to move."""
    return wish.spread in BY_SHARE and not wish.has_budget


def fixed(wish: PruneSettings) -> str:
    """Why there is no overall share to move."""
    if wish.has_budget:
        return "The budget sets how much goes; groups set by hand keep what you give them."
    if wish.spread is Spread.GROUPS:
        return "Only groups that you set below lose filters."
    return "" if moves(wish) else "The number of filters above sets how much goes."


def network(whole: ChannelMap, closed: Mapping[str, str]) -> dict[str, Any]:
    """What stays the same for a network: groups, protected layers, formulas."""
    groups = [
        {"name": g.name, "units": g.units, "coupled": ", ".join(g.coupled), "layers": list(g.layers),
         "approximate": g.approximate, "closed": closed.get(g.name, "")}
        for g in whole.groups
    ]  # fmt: skip
    return {
        "groups": groups,
        "protected": [vars(layer) for layer in whole.protected],
        "terms": {"params": whole.params, "macs": whole.macs, "bytes": whole.bytes},
    }


def limits(whole: ChannelMap, wish: PruneSettings) -> list[list[int]]:
    told = limits_of(whole, wish)
    return [[told[g.name].least, told[g.name].most, told[g.name].multiple] for g in whole.groups]


def scored(whole: ChannelMap, scores: Scores, group: str) -> list[Sequence[float] | None]:
    """Scores of every group; of a large network those of one group alone."""
    many = sum(g.units for g in whole.groups) > MOST_SCORES
    return [None if many and g.name != group else scores.get(g.name) for g in whole.groups]


def confirmed(plan: Plan) -> dict[str, Any]:
    """The engine's own numbers for what is set."""
    kept, counts = plan.kept(), plan.counts()
    return {"kept": list(kept.values()), "params": counts.params, "macs": counts.macs, "bytes": counts.bytes}


def criterion(wish: PruneSettings) -> str:
    return CRITERIA[wish.criterion]


def sheet(number: int, blocks: Blocks, whole: ChannelMap, group: str) -> dict[str, Any] | None:
    """All pictures of a group's filters in one PNG, in unit order; None where the run kept none."""
    path = Run.of(number).filters
    if not path.exists():
        return None
    known = Blocks.WHOLE if blocks is Blocks.WHOLE and Run.of(number).channels_whole.exists() else Blocks.INSIDE
    url, side = _sheet(str(path), path.stat().st_mtime_ns, f"{known}/{group}")
    return {"group": whole.index(group), "side": side, "columns": ACROSS, "url": url, "note": NOTE} if url else None


NOTE = (
    "The weights of each unit: their mean over the inputs, or folded into a square; "
    "dark is negative, light positive, on one scale for the group."
)


@st.cache_data(max_entries=300, show_spinner=False)
def _sheet(path: str, stamp: int, name: str) -> tuple[str, list[int]]:
    with np.load(Path(path)) as pictures:
        if name not in pictures.files:
            return "", []
        tiles = pictures[name]
    buffer = io.BytesIO()
    Image.fromarray(arranged(tiles)).save(buffer, "png")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}", list(tiles.shape[1:3])


def arranged(tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(units, h, w, …) → one picture of ACROSS tiles in a row."""
    missing = -len(tiles) % ACROSS
    whole = np.concatenate([tiles, np.full((missing, *tiles.shape[1:]), 128, np.uint8)])
    across = whole.reshape(-1, ACROSS, *tiles.shape[1:]).swapaxes(1, 2)  # (rows, h, ACROSS, w, …)
    rows, h, columns, w, *colours = across.shape
    return across.reshape(rows * h, columns * w, *colours)
