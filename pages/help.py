"""Help: how a first network is made, what the numbers do not say, the keys, and what to copy into a report."""

import platform
from importlib.metadata import version

import streamlit as st

from pages.ui import cards
from pruning.run import cache_home, data_home, home

PACKAGES = ("streamlit", "torch", "torchvision", "plotly", "pandas", "numpy", "pydantic", "safetensors")
STEPS = """
1. **Train** a network, or open a checkpoint; *Try the example* on Home does it with images that are bundled.
2. **Explore** it: move a slider and see parameters, MACs and bars move, before anything is cut.
3. **Prune and fine-tune**: a worker cuts the filters out, checks that the smaller network is the same function, and trains it on.
4. **Compare** what came out, and **export** the winner.
"""
LIMITS = """
- Pruning removes whole filters. Masks set single weights to zero instead: nothing gets smaller by them, and their runs say so.
- An operation that the engine does not know keeps its channels whole, and Explore names it with the reason.
- Latency is measured on this machine; other machines differ.
- An accuracy is of one seed; sweeps and recipes repeat runs with others: do that before you draw conclusions from a point.
"""
KEYS = """
| Key | What it does |
|:--|:--|
| Tab, Shift Tab | to the next control, and back |
| ← → | moves a slider by one step |
| Enter | takes what was typed into a field |
| Escape | closes a menu or a popover |
| Double click on a chart | shows all of it again |
"""


def environment() -> str:
    """Versions and folders, as text to copy."""
    versions = [f"{name} {version(name)}" for name in PACKAGES]
    folders = [f"runs: {home()}", f"data: {data_home()}", f"cache: {cache_home()}"]
    return "\n".join([f"Python {platform.python_version()} on {platform.platform()}", ", ".join(versions), *folders])


cards.header(
    "Help", "How a first smaller network is made, what its numbers do not say, and what to copy into a report."
)
left, right = st.columns([3, 2], gap="large")
with left:
    st.subheader("From images to a smaller network", anchor=False)
    st.markdown(STEPS)
    st.page_link("pages/glossary.py", label="Every term in one sentence, with its paper", icon=":material/dictionary:")
    st.subheader("Limits", anchor=False)
    st.markdown(LIMITS)
with right:
    st.subheader("Keys", anchor=False)
    st.markdown(KEYS)
st.subheader("For a report", anchor=False)
st.caption("Versions and folders; the button at the upper right of the box copies them.")
st.code(environment(), language=None, wrap_lines=True)
