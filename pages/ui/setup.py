"""What Train shows of a choice before it starts: the images, the network's size, the time it will take."""

import hashlib
from pathlib import Path
from typing import Any

import streamlit as st

from models import MODELS, ModelCard
from pages.ui import cards, live, state, words
from pruning.data import DATASETS, card
from pruning.jobs.store import Row, State
from pruning.run import Run, home, write_atomic
from pruning.spec import DataSettings, InspectSpec, ModelSettings, PrepareSpec, TrainSpec

SAMPLE = "fashion-mnist-sample"


def show_data(settings: DataSettings) -> bool:
    """Sample grid and class counts, or a button that prepares them; False when the images cannot be had."""
    about = DATASETS[settings.name]
    st.caption(words.plain(f"{about.doc} Licence: {about.licence}."))
    if settings.name == "imagefolder" and not settings.folder:
        st.info(
            "Name the folder that holds train/CLASS/* and test/CLASS/*, for example train/cats/1.jpg and test/dogs/7.jpg."
        )
        return False
    found = card(base(settings))
    if found is None:
        return prepare(base(settings))
    images(found)
    return True


def base(settings: DataSettings) -> DataSettings:
    """Only what decides which images there are: split and limit leave sample grid and network as they are."""
    return DataSettings(name=settings.name, folder=settings.folder, image_size=settings.image_size)


def images(found: dict[str, Any]) -> None:
    """How many examples of what, the sample grid, the classes with their counts."""
    examples = (
        f"{words.count(found['train'] + found['validation'])} training and {words.count(found['test'])} test examples"
    )
    st.markdown(f"{examples} of {len(found['classes'])} classes, {shape(found['input_shape'])}")
    for note in found["notes"]:
        st.caption(words.plain(note))
    if found["grid"]:
        st.image(found["grid"], width="stretch" if len(found["classes"]) > 5 else 110 * len(found["classes"]),
                 alt=f"Examples, one column a class: {', '.join(found['classes'])}")  # fmt: skip
    with st.expander("Classes"):
        table = class_table(found)
        most = max((row["training"] for row in table), default=1)
        bar = st.column_config.ProgressColumn("Training examples", format="%d", min_value=0, max_value=most)
        st.dataframe(table, hide_index=True, column_config={"class": "Class", "training": bar, "test": "Test"})


def class_table(found: dict[str, Any]) -> list[dict[str, Any]]:
    counts = found["counts"]
    parts = zip(found["classes"], counts["train"], counts["validation"], counts["test"], strict=True)
    return [{"class": name, "training": train + held, "test": test} for name, train, held, test in parts]


def shape(input_shape: list[int]) -> str:
    """[3, 32, 32] → '32 × 32 pixels in colour'."""
    if len(input_shape) == 1:
        return f"{input_shape[0]} features"
    channels, height, width = input_shape
    return f"{height} × {width} pixels, {'grey' if channels == 1 else 'colour'}"


def prepare(settings: DataSettings) -> bool:
    """The button that downloads and decodes the images, and what came of it; False when it failed."""
    spec = PrepareSpec(data=settings)
    row = state.requested(spec)
    if row is None:
        st.markdown("It has not been prepared yet.")
        if st.button("Prepare", type="primary", help="Downloads what is missing and decodes it, once."):
            state.submit(spec)
            st.rerun()
    elif answer(row, "Preparing the images"):
        st.rerun()
    elif row.state is State.FAILED:
        if settings.name != "imagefolder":
            instead(f"Use {SAMPLE}", data=SAMPLE)
        return False
    return True


def answer(row: Row, doing: str) -> bool:
    """True when a small request has been answered; until then its progress, or what went wrong and a button."""
    if row.state is State.SUCCEEDED:
        return True
    if row.state.is_finished:
        cards.problem(row.error or {"what": "The request was stopped", "do": "Try again."})
        if st.button("Try again", key=f"again-{row.id}"):
            state.store().retry(row.id)
            st.rerun()
    else:
        live.wait(row, doing)
    return False


def show_network(data: DataSettings, model: ModelSettings) -> dict[str, Any] | None:
    """Parameters, MACs and torchinfo of the network for these images; None until known, {} when they do not fit."""
    data = base(data)
    if card(data) is None:
        st.caption("Its size is shown once the images are here.")
        return None
    row = state.request(InspectSpec(data=data, model=model))
    if not answer(row, "Reading the network"):
        if row.state is State.FAILED:
            ways_on(data, MODELS[model.name])
            return {}
        return None
    made = state.result(row.id) or {}
    size = made["after"]
    for column, (name, value) in zip(st.columns(3), (("Parameters", words.count(size["params"])), ("MACs", words.short(size["macs"])),
                                     ("Size", words.size(size["bytes"]))), strict=True):  # fmt: skip
        with column:
            cards.tile(
                name, value, help="Conv and linear weights once per output position." if name == "MACs" else None
            )
    structure(row.id)
    return made


def ways_on(data: DataSettings, network: ModelCard) -> None:
    """Buttons that make network and images fit each other, where their cards say how."""
    about = DATASETS[data.name]
    side = data.image_size or about.image_size
    if bool(side) != bool(network.image_size):
        fit = next(name for name, other in MODELS.items() if bool(other.image_size) == bool(side))
        instead(f"Use {fit}", model=fit)
    elif side < network.minimum or side % network.multiple:
        instead(f"Set image size to {network.image_size}", **{"data-image_size": network.image_size})


def instead(label: str, **changes: Any) -> None:
    """A button that changes settings of this page; `changes` are by the keys of their widgets."""
    st.button(label, key=f"instead-{label}", on_click=lambda: st.session_state.update(changes))


def structure(number: int) -> None:
    """How much of the network can be pruned, and torchinfo's table."""
    whole, run = state.channels(number), Run.of(number)
    if whole is not None:
        units = sum(group.units for group in whole.groups)
        st.caption(f"{words.plural(units, 'filter')} in {words.plural(len(whole.groups), 'group')} can be pruned; "
                   f"{words.plural(len(whole.protected), 'layer')} protected.")  # fmt: skip
    with st.expander("torchinfo"):
        st.code(state.text(run.summary_before) or state.text(run.summary_after), language=None)
        st.caption(words.TORCHINFO)


def estimate(spec: TrainSpec, measured: dict[str, Any] | None) -> str:
    """'about 2 min on this machine', from the small request's own timing."""
    if measured == {}:
        return "This combination cannot be trained; the reason stands above."
    per_image = (measured or {}).get("seconds_per_image")
    found = card(base(spec.data))
    if per_image is None or found is None:
        return "The time it takes is shown once network and images are known."
    images = (spec.data.limit or found["train"] + found["validation"]) * (1 - spec.data.validation)
    return f"{words.roughly(per_image * images * spec.training.epochs).capitalize()} on this machine."


def kept(name: str, content: memoryview) -> Path:
    """Keep an upload under its content's hash: a file that a waiting run points to is never replaced by another."""
    path = home() / "uploads" / f"{hashlib.sha256(content).hexdigest()[:12]}-{Path(name).name}"
    if not path.exists():
        write_atomic(path, bytes(content))
    return path


def checkpoint() -> str:
    """Path of the weights to start from, empty for a fresh start."""
    with st.expander("Start from a checkpoint", expanded=st.query_params.get("open") == "checkpoint"):
        given = st.file_uploader("Checkpoint file", type=["safetensors", "pt", "pth", "th"], key="upload",
                                 help="Weights for the network chosen above. Set epochs to 0 to only evaluate it.")  # fmt: skip
        if given is not None:
            st.session_state["weights"] = str(kept(given.name, given.getbuffer()))
        return str(st.text_input("or its path on this machine", key="weights", persist_state="session",
                                 help="A checkpoint that lies on the machine that the dashboard runs on."))  # fmt: skip
