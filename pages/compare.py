"""Compare: accuracy against what a network costs, over sweeps, recipes and single runs; how they learned, differ and were cut."""

import streamlit as st

from pages.ui import cards, chosen, compared, example, results, sections, tradeoffs
from pages.ui.compared import Entry, Key

AXES = {"params": "Parameters", "macs": "MACs", "bytes": "Size", "latency": "Latency"}
HELP = {
    "axes": "What a network costs: one chart for each.",
    "colour": "What has a colour and a marker of its own. By criterion and by sweep, runs that differ in nothing but their "
    "seeds are one point with an error bar: their mean and standard deviation. Training curves have the same colours.",
    "front": "A line through the points that no other beats in accuracy and cost; each has a ring.",
    "log": "Every step to the right is a factor: for networks of very different cost.",
}


def tradeoff(key: Key, entries: tuple[Entry, ...]) -> str:
    """The charts; returns what was chosen to have the colours."""
    st.subheader("Accuracy against cost", anchor=False)
    st.caption("The further up and to the left, the better. A click on a point opens its run.")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        axes = st.segmented_control("Accuracy against", list(AXES), default=["params", "macs"], selection_mode="multi",
                                    format_func=lambda a: AXES[a], key="axes", bind="query-params", help=HELP["axes"])  # fmt: skip
        by = st.segmented_control("Colour", list(tradeoffs.COLOURS), default="criterion", required=True, key="colour", bind="query-params",
                                  format_func=lambda c: tradeoffs.COLOURS[c], help=HELP["colour"])  # fmt: skip
        with st.container(width="content", gap=None):
            with_front = st.toggle("Pareto front", True, key="front", bind="query-params", help=HELP["front"])
            log = st.toggle("Log cost", key="logcost", bind="query-params", help=HELP["log"])
    shown = [axis for axis in AXES if axis in axes] or ["params"]
    made = {axis: tradeoffs.drawn(key, axis, by, with_front, log, entries) for axis in shown}
    for pair in (shown[:2], shown[2:]):
        for column, axis in zip(st.columns(max(1, len(pair)), gap="medium"), pair, strict=False):
            with column:
                chart(made[axis], axis)
    remarks(entries, made, with_front=with_front)
    return by


def chart(drawn: tradeoffs.Drawn, axis: str) -> None:
    if drawn[0].points:
        tradeoffs.place(drawn, f"accuracy-{axis}", key=f"tradeoff-{axis}")
    else:
        st.info(f"**None of these runs has a {AXES[axis].lower()} to draw.** Latency is measured when a run ends.")


def remarks(entries: tuple[Entry, ...], made: dict[str, tradeoffs.Drawn], *, with_front: bool) -> None:
    """What the charts do not say themselves."""
    images = sorted({e.images for e in entries})
    if with_front and len(images) > 1:
        st.caption(f"No front is drawn: accuracies on different images ({', '.join(images)}) do not compare.")
    for record, _ in list(made.values())[:1]:
        if record.front:
            st.caption(tradeoffs.beaten_by_none(record))
        if any(p.count > 1 for p in record.points):
            st.caption("Error bars: standard deviation over runs that differ in nothing but their seeds.")


cards.header("Compare", "Choose the winner: accuracy against what the network costs.", "Baseline", "Sweep", "Criterion",
             "Parameters", "MACs", "Size", "Accuracy", "Latency", "Pareto front", "Moving average")  # fmt: skip
rows = chosen.known()
if not chosen.offered(rows):
    if cards.empty(
        f"Curves of accuracy against parameters and MACs will be here, once a run is finished. {example.LINE}",
        example.BUTTON,
        key="fill",
    ):
        example.start()
elif numbers := chosen.choose(rows):
    members = list({row.id: row for n in numbers for row in chosen.members(rows[n], rows)}.values())
    key, entries = compared.key_of(members), compared.gather(members)
    colours = tradeoff(key, entries)
    results.show(entries)
    sections.show(key, entries, colours)
else:
    st.info("Choose at least one run.")
