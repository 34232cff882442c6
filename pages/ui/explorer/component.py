"""The live explorer as a Streamlit element: counts in the browser while a slider moves, told to Python on release."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit.components.v2 as components

from pages.ui.series import ACCENT, DENSE, STYLES

FOLDER = Path(__file__).parent
FORMULAS = ("words.js", "counts.js", "prediction.js", "latency.js")  # pure functions
ELEMENT = ("state.js", "rows.js", "chart.js", "tiles.js", "panel.js", "draw.js", "live.js")


def script(names: tuple[str, ...] = FORMULAS + ELEMENT) -> str:
    """The named files as one script; there is no build step."""
    return "\n".join((FOLDER / name).read_text() for name in names if (FOLDER / name).exists())


def style() -> str:
    colours = f"--kept: {ACCENT}; --removed: {DENSE}; --lost: {STYLES[2][0]};"
    return f":host {{ {colours} }}\n{(FOLDER / 'live.css').read_text()}"


MOUNT = components.component("explorer", html=(FOLDER / "live.html").read_text(), css=style(), js=script())


def explorer(data: dict[str, Any], *, key: str, on_change: Callable[[], None]) -> dict[str, Any] | None:
    """Show the element; returns what was asked for last: overall, kept, locked, group, revision. None before the first release."""
    found: dict[str, Any] | None = MOUNT(data=data, key=key, on_wish_change=on_change).get("wish")
    return found
