"""Home: start something, or see what goes on."""

import streamlit as st

from pages.ui import cards, example, overview, state

cards.header("Espalier", "Train a network, see which filters matter, prune it by moving sliders, take the smaller one away.",
             "Pruning", "Filter", "Fine-tuning", "Checkpoint")  # fmt: skip


def starts(primary: bool) -> None:
    with st.container(horizontal=True, gap="small"):
        if st.button(example.BUTTON, type="primary" if primary else "secondary", help=example.LINE):
            example.start()
        if st.button("Train a network"):
            st.switch_page("pages/train.py")
        if st.button("Open a checkpoint", help="Start from weights that you have: .safetensors, .pt, .pth or .th."):
            st.switch_page("pages/train.py", query_params={"open": "checkpoint"})


def first_start() -> None:
    starts(primary=True)
    st.markdown(example.LINE)
    steps = {
        "Train": "Choose images and a network; a worker trains it in the background.",
        "Explore": "Move a slider: parameters, MACs and size follow at once, exactly.",
        "Prune": "The filters are cut out for real, checked, and the rest is fine-tuned.",
        "Compare": "Accuracy against parameters, for every criterion and share.",
        "Export": "The smaller network as a file that loads with one line.",
    }
    for column, (name, line) in zip(st.columns(len(steps)), steps.items(), strict=True):
        column.markdown(f"**{name}**  \n{line}")


runs = [row for row in state.rows() if row.sweep is None]
if not runs:
    first_start()
else:
    starts(primary=False)
    overview.best()
    overview.recent(runs)
