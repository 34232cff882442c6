"""See what changed: a run's network beside the one that it started from, on the same test images and on one's own."""

import io
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st
from PIL import Image

from pages.ui import alt, cards, changes_charts, charts, files, forms, looking, setup, state, words
from pages.ui.changes_charts import KINDS, Found
from pruning.data import DATASETS, card
from pruning.jobs.store import Row, State
from pruning.run import Run
from pruning.spec import ChangesSpec

VIEWS = ("Flipped answers", "Classes", "Feature maps", "Your own image")
ROWS_OF_FEATURES = VIEWS[:2]
CELL, ACROSS = 112, 10  # pixels of an image in the sheet of flips, and images in a row: see pruning/pictures.py
AT_FIRST, MORE = 12, 24  # flips shown, and how many more at a click
LARGE = 100_000  # numbers in one example, from which on a first comparison looks at fewer
CERTAIN = 0.05


def show(row: Row) -> None:
    """The section of a finished run that started from another network; nothing is computed until it is asked for."""
    if row.kind not in ("prune", "finetune", "mask") or row.state is not State.SUCCEEDED or row.parent is None:
        return
    st.subheader("See what changed", anchor=False)
    st.fragment(_section)(row.id, row.parent)


def _section(number: int, parent: int) -> None:
    about = examples(number)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        views = VIEWS if about["is_pictures"] else ROWS_OF_FEATURES
        view = st.segmented_control("What to see", views, default=views[0], required=True, key="changed", bind="query-params",
                                    help="Answers and classes need a comparison on test images; the other two look at one image.")  # fmt: skip
        against = older(number, parent)
    if view == VIEWS[2]:
        looking.at_test_image(number, against, about["test"])
    elif view == VIEWS[3]:
        looking.at_own_image(number, against)
    else:
        compared(number, against, view, about)


def examples(number: int) -> dict[str, Any]:
    """Whether the run's data are pictures, how many test examples there are (0: not known), and numbers in one."""
    root = state.root(number)
    known = card(setup.base(root[0])) if root else None
    is_pictures = root is None or DATASETS[root[0].name].image_size > 0
    return {"is_pictures": is_pictures, "test": known["test"] if known else 0, "size": math.prod(known["input_shape"]) if known else 0}  # fmt: skip


def older(number: int, parent: int) -> str:
    """Which network to compare with: asked only where the parent is not the first training."""
    first = state.first(number)
    if first in (None, parent):
        return "parent"
    names = {"parent": f"run {parent}, which it started from", "training": f"run {first}, the training"}
    chosen: str = st.selectbox("Compare with", list(names), width=280, format_func=lambda name: names[name], key="changed-against", bind="query-params",
                               help=ChangesSpec.model_fields["against"].description)  # fmt: skip
    return chosen


def compared(number: int, against: str, view: str, about: Mapping[str, Any]) -> None:
    made = newest(number, against)
    if made is None:
        offer(number, against, about)
    elif setup.answer(made, "Both networks look at the test images"):
        found = state.record(Run.of(made.id).changes)
        if found:
            numbers(found)
            flipped(made.id, found) if view == VIEWS[0] else classes(number, found)
            taken_away(number, found)
            with st.popover("Compare on other images", type="tertiary"):
                ask(number, against, about, "Compare", key="anew")


def newest(number: int, against: str) -> Row | None:
    """The last comparison that was asked for."""
    found = (row for row in state.rows(kinds=["changes"]) if row.parent == number)
    return next((r for r in found if isinstance(s := state.specification(r.id), ChangesSpec) and s.against == against), None)  # fmt: skip


def offer(number: int, against: str, about: Mapping[str, Any]) -> None:
    with st.container(border=True):
        st.markdown("Let both networks answer the same test images: which answers flipped, and for which classes?")
        ask(number, against, about, "Compare on the test images", key="first")


def ask(number: int, against: str, about: Mapping[str, Any], label: str, *, key: str) -> None:
    """How many images, and the button that starts the comparison."""
    most = 1000 if about["size"] < LARGE else 100
    start = ChangesSpec(parent=number, images=min(most, about["test"] or most))
    cells = st.columns(2)
    values = {name: forms.field(start, name, f"changes-{key}-{name}", into=cell)
              for name, cell in zip(("images", "seed"), cells, strict=True)}  # fmt: skip
    if st.button(label, type="primary", key=f"changes-{key}"):
        state.submit(start.model_copy(update={"against": against, **values}))
        st.rerun()


def numbers(found: Found) -> None:
    """How many answers flipped and which way, and what that does to the accuracy."""
    counts, (before, now) = found["counts"], found["accuracy"]
    cells = st.columns(4)
    for cell, (kind, help) in zip(cells, HELP.items(), strict=False):
        with cell:
            cards.tile(KINDS[kind], words.count(counts[kind]), help=help)
    with cells[3]:
        good = None if before == now else now > before
        cards.tile("Accuracy on these", words.percent(now), words.points(before, now), good=good)
    st.caption(words.plain(told(found)))


HELP = {
    "lost": "The network before was right, this one is wrong.",
    "gained": "The network before was wrong, this one is right.",
    "other": "Both are wrong, but answer differently.",
}


def told(found: Found) -> str:
    """What the numbers rest on, and whether the difference may be chance."""
    counts, runs = found["counts"], found["runs"]
    drawn = f"all {found['of']:,} test examples" if found["images"] == found["of"] else (
        f"{found['images']:,} of {found['of']:,} test examples (seed {found['seed']}, every class keeps its share)")  # fmt: skip
    alike = counts["right"] + counts["wrong"]
    same = (
        f"Run {runs[0]} and run {runs[1]} on {drawn}: the same answer to {words.percent(alike / found['images'], 1)}."
    )
    if not counts["lost"] + counts["gained"]:
        return f"{same} No answer became right or wrong."
    p, value = found["chance"], "p < 0.001" if found["chance"] < 0.001 else f"p = {found['chance']:.2g}"
    verdict = "more than chance on such images explains" if p < CERTAIN else "no more than chance on such images may explain"  # fmt: skip
    return f"{same} The difference in accuracy is {verdict} (McNemar's exact test on the flips, {value})."


def flipped(made: int, found: Found) -> None:
    """The flips of one kind, worst first, as pictures or as a table."""
    kinds = [kind for kind in KINDS if found["counts"][kind]]
    if not kinds:
        st.info("Every answer is the same: nothing flipped on these images.")
        return
    kind = st.segmented_control("Kind of flip", kinds, default=kinds[0], required=True, key=f"flips-{made}-{'-'.join(kinds)}", label_visibility="collapsed", help="Which flips are shown.",
                                format_func=lambda k: f"{KINDS[k]} · {found['counts'][k]:,}")  # fmt: skip
    flips = [(place, flip) for place, flip in enumerate(found["flips"]) if flip["kind"] == kind]
    sheet = Run.of(made).pictures / "flips.png"
    if not sheet.exists():
        rows = [row for row in changes_charts.flip_rows(found) if row.pop("kind") == KINDS[kind]]
        st.dataframe(rows, hide_index=True, alt=f"Answers that flipped, {KINDS[kind]}")
        return
    st.caption(
        f"Bold: the true class. First those whose confidence in it {'rose' if kind == 'gained' else 'fell'} most."
    )
    limit = st.session_state.setdefault(f"flips-shown-{made}-{kind}", AT_FIRST)
    with st.container(horizontal=True, gap="small"):
        for place, flip in flips[:limit]:
            one(made, found, place, flip)
    rest(made, kind, len(flips), found["counts"][kind], limit)


def one(made: int, found: Found, place: int, flip: Found) -> None:
    """A flipped image with its class and both answers; a click looks at its feature maps."""
    names = found["classes"]
    said = [f"{name} {names[c]} {words.percent(sure, 0)}".replace(" %", "\u00a0%") for name, (c, sure) in (("before:", flip["dense"]), ("now:", flip["pruned"]))]  # fmt: skip
    true = names[flip["class"]]
    with st.container(width=128, gap="xsmall"):
        st.image(tile(str(Run.of(made).pictures / "flips.png"), place), width=CELL,
                 alt=f"Test image {flip['image']}, {true}; {'; '.join(said)}")  # fmt: skip
        st.markdown(f"**{words.plain(true)}**")
        st.caption("  \n".join(words.plain(line) for line in said))
        st.button(f"Look inside {flip['image']}", key=f"inside-{place}", type="tertiary", on_click=look_inside, args=[flip["image"]],
                  help=f"Lost {words.percent(flip['lost'], 1)} of confidence in {words.plain(true)}. Shows the feature maps of test image {flip['image']}.")  # fmt: skip


def look_inside(image: int) -> None:
    """Go to the feature maps of a test image."""
    st.session_state["changed"] = VIEWS[2]
    st.session_state[looking.IMAGE] = image
    st.query_params[looking.IMAGE] = str(image)


def rest(made: int, kind: str, listed: int, of: int, limit: int) -> None:
    """How many more there are, and the button that shows them."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if limit < listed and st.button("Show more", key=f"more-{kind}"):
            st.session_state[f"flips-shown-{made}-{kind}"] = limit + MORE
            st.rerun(scope="fragment")
        st.caption(f"{min(limit, listed)} of {of:,} shown{f'; the first {listed} are kept' if listed < of else ''}.")


@st.cache_data(max_entries=1000, show_spinner=False)
def tile(sheet: str, place: int) -> bytes:
    """One image of the sheet of flips as a PNG; a comparison's sheet is written once."""
    left, top = place % ACROSS * CELL, place // ACROSS * CELL
    buffer = io.BytesIO()
    with Image.open(Path(sheet)) as whole:
        whole.crop((left, top, left + CELL, top + CELL)).save(buffer, "PNG")
    return buffer.getvalue()


def classes(number: int, found: Found) -> None:
    """Accuracy by class and confusion, as differences."""
    for figure, rows, name, said in (
        (changes_charts.by_class(found), changes_charts.class_rows(found), "classes", ""),
        (changes_charts.confusion(found), changes_charts.confusion_rows(found), "confusion", CONFUSION),
    ):
        st.plotly_chart(figure, key=f"changes-{name}", config=charts.CONFIG, alt=alt.of(figure))
        if said:
            st.caption(said)
        files.chart(figure, rows, f"run-{number}-changes-{name}")


CONFUSION = "Answers now less answers before. On the diagonal more is better, beside it fewer."


def taken_away(number: int, found: Found) -> None:
    with st.container(horizontal=True):
        for label, make, ending in (
            ("Flips as CSV", lambda: files.table(changes_charts.flip_rows(found)), "-flips.csv"),
            ("Everything as JSON", lambda: json.dumps(found, indent=1).encode(), "-changes.json"),
        ):
            st.download_button(label, make, f"run-{number}{ending}", key=f"changes{ending}", type="tertiary",
                               icon=":material/download:", on_click="ignore")  # fmt: skip
