"""Explore: see what each share costs and saves, before anything is cut."""

import streamlit as st

from pages.ui import cards, example, exploring, live, one_run, state
from pruning.errors import UserError
from pruning.jobs.store import State


@st.fragment
def explore(number: int) -> None:
    row = state.find(number)
    try:
        if row is not None:
            exploring.show(row)
    except UserError as error:
        cards.problem(error)


cards.header("Explore", "See what each share costs and saves, before anything is cut.",
             "Group", "Criterion", "Share", "Spread", "Budget", "Percentile", "Sensitivity", "Predicted accuracy", "Evaluate now", "Greedy", "Blocks", "Protected", "Approximate",
             "Schedule", "Rewinding", "Lottery ticket", "Distillation", "MACs")  # fmt: skip
runs = state.explorable()
if not runs:
    what = "Sliders, exact sizes and the scores of every filter will be here, once a network has been trained or is being trained."
    if cards.empty(f"{what} {example.LINE}", example.BUTTON, key="fill"):
        example.start()
else:
    whole = [row for row in runs if row.kind == "train"]
    done = [row for row in whole if row.state is State.SUCCEEDED]
    chosen = one_run.choose(runs, (done or whole or runs)[0], "explore")
    explore(chosen.id)
    live.ended(chosen)
