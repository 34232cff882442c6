"""Help: the terms in one sentence each, with their papers; where things lie; what to copy into a report."""

import platform
from importlib.metadata import version

import streamlit as st

from pages.ui import cards
from pages.ui.terms import TERMS
from pruning.run import cache_home, data_home, home

PACKAGES = ("streamlit", "torch", "torchvision", "plotly", "pandas", "numpy", "pydantic", "safetensors")


def environment() -> str:
    """Versions and folders, as text to copy."""
    versions = [f"{name} {version(name)}" for name in PACKAGES]
    folders = [f"runs: {home()}", f"data: {data_home()}", f"cache: {cache_home()}"]
    return "\n".join([f"Python {platform.python_version()} on {platform.platform()}", ", ".join(versions), *folders])


cards.header("Help", "The terms that the pages use, where your files lie, and what to copy into a report.")
wanted = st.text_input("Find a term", key="term", placeholder="Taylor", type="search").lower()
names = [name for name, term in TERMS.items() if wanted in f"{name} {term.meaning}".lower()]
if names:
    with st.container(height=480 if len(names) > 12 else "content", border=len(names) > 12):
        cards.definitions(names)
else:
    st.info(f"No term fits “{wanted}”.")
st.subheader("Limits", anchor=False)
st.markdown(
    "- Pruning removes whole filters. Masks set single weights to zero instead: nothing gets smaller by them, and their runs say so.\n"
    "- An operation that the engine does not know keeps its channels whole, and Explore says so under *Protected layers*.\n"
    "- Latency is measured on this machine, one image at a time; other machines differ.\n"
    "- An accuracy is of one seed; sweeps and recipes repeat runs with others: do that before you draw conclusions from a point."
)
st.subheader("Environment", anchor=False)
st.code(environment(), language=None)
