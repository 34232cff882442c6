"""Train: choose images, a network and settings; the run goes on in the background."""

from typing import Any

import streamlit as st

from models import MODELS
from pages.ui import cards, forms, setup, state
from pruning.data import DATASETS
from pruning.errors import UserError
from pruning.spec import DataSettings, ModelSettings, TrainSettings, TrainSpec

MAIN = ["epochs", "batch_size", "optimizer", "learning_rate", "schedule", "seed"]
TUNING = ["distill", "temperature"]  # read by fine-tuning alone
MORE = [name for name in TrainSettings.model_fields if name not in (*MAIN, *TUNING)]


def data() -> tuple[DataSettings, bool]:
    """Which images, with a few of them and the classes; and whether they can be had."""
    st.subheader("Data", anchor=False)
    name = forms.field(DataSettings(), "name", "data", options=list(DATASETS))
    folder = forms.field(DataSettings(), "folder", "folder").strip() if name == "imagefolder" else ""
    with st.expander("More about the data"):
        start = DataSettings(name=name, folder=folder)
        rest = forms.form(start, "data", only=["image_size", "limit", "validation", "split_seed"], columns=2)
    return rest, setup.show_data(rest)


def model() -> ModelSettings:
    """Which network, with its size for these images."""
    st.subheader("Network", anchor=False)
    name = forms.field(ModelSettings(), "name", "model", options=list(MODELS))
    card = MODELS[name]
    st.caption(card.doc + (f" {card.paper}." if card.paper else ""))
    pretrained = card.has_weights and forms.field(ModelSettings(), "pretrained", "pretrained")
    return ModelSettings(name=name, pretrained=pretrained, weights=setup.checkpoint())


def training() -> TrainSettings | None:
    """How to train it; None, with the reason in words, when a setting is not allowed."""
    st.subheader("Training", anchor=False)
    try:
        main = forms.form(TrainSettings(), "train", only=MAIN, columns=6)
        with st.expander("More settings"):
            return forms.form(main, "train", only=MORE, columns=4)
    except UserError as error:
        cards.problem(error)
        return None


def start(chosen: TrainSpec, measured: dict[str, Any] | None, *, ready: bool) -> None:
    """The estimate, a title and the button; `ready`: images and settings are as they should be."""
    st.divider()
    title, button, estimate = st.columns([3, 1, 2], vertical_alignment="bottom")
    name = title.text_input(
        "Title",
        key="title",
        placeholder=f"{chosen.model.name} on {chosen.data.name}",
        persist_state="session",
        help="What lists call the run; empty: network and data set.",
    )
    spec = chosen.model_copy(update={"title": name or f"{chosen.model.name} on {chosen.data.name}"})
    if button.button("Start training", type="primary", width="stretch", disabled=measured == {} or not ready):
        cards.open_run(state.submit(spec)[0])
    estimate.caption(setup.estimate(chosen, measured) if ready else "What keeps it from starting stands above.")


cards.header("Train", "Make a baseline: choose images, a network and how to train it. It runs in the background.",
             "Validation", "Parameters", "MACs", "Checkpoint")  # fmt: skip
try:
    left, right = st.columns(2, gap="large")
    with left:
        images, there = data()
    with right:
        chosen = model()
        measured = setup.show_network(images, chosen)
    settings = training()
    spec = TrainSpec(data=images, model=chosen, training=settings or TrainSettings())
    start(spec, measured, ready=there and settings is not None)
except UserError as error:
    cards.problem(error)
