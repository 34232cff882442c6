"""Both networks on one image: their answers side by side, and a layer's feature maps with the filters that went."""

from typing import Any

import streamlit as st

from pages.ui import alt, cards, changes_charts, charts, files, forms, map_charts, setup, state, words
from pages.ui.changes_charts import Found
from pruning.data.photos import UNREADABLE, pixels
from pruning.errors import UserError
from pruning.run import Run
from pruning.spec import LookSpec

IMAGE = "changed-image"  # the widget's key, and the link's name
FILE = "changed-file"
UNITS = 54  # filters shown at a time: whole rows, see TILES_ACROSS in pruning/pictures.py
FORMS = ["png", "jpg", "jpeg", "webp", "bmp", "gif", "tif", "tiff"]
MEGABYTES = 20


def at_test_image(number: int, against: str, of: int) -> None:
    """Choose a test image and a layer; both are shown as soon as they are chosen."""
    left, right = st.columns(2)
    image = left.number_input("Test image", 0, max(0, of - 1) if of else None, key=IMAGE, bind="query-params",
                              help=LookSpec.model_fields["image"].description)  # fmt: skip
    with right:
        layer = layer_of(number, against)
    looked(LookSpec(parent=number, against=against, image=int(image), layer=layer))


def at_own_image(number: int, against: str) -> None:
    """Take a file, say at once when it is no image, and show what both networks make of it."""
    given = st.file_uploader("An image of your own", type=FORMS, key="changed-upload", max_upload_size=MEGABYTES,
                             help="Any size, grey or colour: it is made square by its centre and scaled, as the data set's images are.")  # fmt: skip
    if given is not None:
        try:
            st.session_state[FILE] = str(kept(given.name, given.getbuffer()))
        except UserError as error:
            st.session_state.pop(FILE, None)
            cards.problem(error)
    path = st.session_state.get(FILE)
    if not path:
        st.caption("It stays on this machine, and is shown here as the networks see it.")
        return
    left, right = st.columns(2, vertical_alignment="bottom")
    invert = forms.field(LookSpec(parent=number), "invert", "changed-invert", into=left)
    with right:
        layer = layer_of(number, against)
    looked(LookSpec(parent=number, against=against, file=path, invert=invert, layer=layer))


def kept(name: str, content: memoryview) -> Any:
    """Keep an image file under its content's hash. Raises UserError when it cannot be read as an image."""
    try:
        pixels(bytes(content), 8)
    except UNREADABLE as error:
        raise UserError(f"{name} cannot be read as an image.", do="Choose a PNG, JPEG or WebP file.") from error
    return setup.kept(name, content)


def layer_of(number: int, against: str) -> str:
    """A convolution by its name; empty, the first that lost filters, until one image was looked at."""
    known = layers(number, against)
    if not known:
        return ""
    first = next((one["name"] for one in known if one["kept"] < one["units"]), known[0]["name"])
    names = [one["name"] for one in known]
    chosen: str = st.selectbox("Layer", names, index=names.index(first), key="changed-layer", bind="query-params",
                               help=LookSpec.model_fields["layer"].description)  # fmt: skip
    return "" if chosen == first else chosen


def layers(number: int, against: str) -> list[dict[str, Any]]:
    """The layers whose feature maps can be compared, as the last look at any image told them."""
    for row in state.rows(kinds=["look"]):
        spec = state.specification(row.id) if row.parent == number else None
        found = state.record(Run.of(row.id).changes)
        if isinstance(spec, LookSpec) and spec.against == against and found and found.get("layers"):
            told: list[dict[str, Any]] = found["layers"]
            return told
    return []


def looked(spec: LookSpec) -> None:
    known = bool(layers(spec.parent, spec.against))
    row = state.request(spec)
    if not setup.answer(row, "Both networks look at the image"):
        return
    if not known and layers(spec.parent, spec.against):
        st.rerun()  # now that the layers are known, they can be chosen
    found = state.record(Run.of(row.id).changes)
    if found:
        answers(row.id, found, spec)
        feature_maps(row.id, found, spec)


def answers(number: int, found: Found, spec: LookSpec) -> None:
    """The image as the networks see it, its class, and the confidence of both."""
    left, right = st.columns([1, 3], gap="large")
    what = "Your image" if spec.file else f"Test image {spec.image}"
    with left:
        st.image(str(Run.of(number).pictures / "image.png"), width=168, alt=f"{what} as the networks see it")
        st.caption(f"{what}, {words.plain(found['class'])}" if found["class"] else f"{what}, as the networks see it")
    figure = changes_charts.answers(found)
    with right:
        st.plotly_chart(figure, key="changes-answers", config=charts.CONFIG, alt=alt.of(figure))
        files.chart(figure, changes_charts.answer_rows(found), f"run-{spec.parent}-answers-{named(spec)}")


def named(spec: LookSpec) -> str:
    return "own-image" if spec.file else f"image-{spec.image}"


def feature_maps(number: int, found: Found, spec: LookSpec) -> None:
    if not found.get("layers"):
        st.info("This network has no convolution whose feature maps could be compared.")
        return
    of = len(found["units"])
    drawn = min(of, 512)
    starts = list(range(0, drawn, UNITS))
    first = starts[0] if len(starts) == 1 else st.selectbox("Filters", starts, key=f"changed-from-{found['layer']}", width=200, format_func=lambda s: f"{s} to {min(s + UNITS, drawn) - 1}",
                                                            help="Which of the layer's filters are shown.")  # fmt: skip
    figure = map_charts.maps(found, Run.of(number).pictures / "maps.png", first, min(first + UNITS, drawn))
    st.plotly_chart(figure, key="changes-maps", config=charts.CONFIG, alt=alt.of(figure))
    st.caption(explained(found, drawn))
    files.chart(figure, map_charts.map_rows(found), f"run-{spec.parent}-maps-{found['layer']}-{named(spec)}")


def explained(found: Found, drawn: int) -> str:
    """How to read the maps."""
    height, width = found["size"]
    parts = [
        f"The layer's outputs for this image ({height} × {width}), before norm and activation; brighter is larger, on one scale for the filter. "
        "Crossed: the filter was removed, or all of its weights are masked.",
    ]
    if len(found["networks"]) == 3:
        parts.append("“Cut” is the network before with the same filters removed and no training since.")
    return " ".join([*parts, f"The first {drawn} of {len(found['units'])} filters are drawn."] if drawn < len(found["units"]) else parts)  # fmt: skip
