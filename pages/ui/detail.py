"""One run's page: what it is doing or did, before and after, layers, timeline, log and files."""

import time
from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.ui import (
    again,
    alt,
    asked,
    audit,
    before_after,
    cards,
    changes,
    charts,
    files,
    lineage,
    live,
    masks,
    notes,
    overview,
    predictions,
    recipes,
    remarks,
    scan,
    search,
    series,
    state,
    tradeoffs,
    trash,
    words,
)
from pruning import proof
from pruning.jobs.command import command
from pruning.jobs.store import NETWORK, TREES, Row, State
from pruning.run import Run

Measured = dict[str, Any]
VIEWS: dict[str, Callable[[Row], None]] = {
    "audit": audit.show,
    "mask": masks.show,
    "recipe": recipes.outcome,
    "scan": scan.show,
    "search": search.show,
}  # kind → what only runs of this kind have to show
GROWING: dict[str, Callable[[Row], None]] = {"scan": scan.watch}  # kind → what it has found so far, while it works


def unknown(number: str) -> None:
    """The link names no run: say so, and lead on."""
    cards.header("Runs", "One run's page.")
    st.warning(
        f"**Run {words.plain(number)} does not exist, or was deleted.**  \nThe link may come from another folder of runs."
    )
    with st.container(horizontal=True):
        if st.button("All runs", type="primary"):
            st.switch_page("pages/runs.py", query_params={})
        st.page_link("pages/home.py", label="Home")


def show(row: Row) -> None:
    head(row)
    if row.state is State.FAILED:
        failed(row)
    if row.kind in TREES:
        tree(row)
    elif not row.state.is_finished:
        live.watch(row)
        if row.kind in GROWING:
            GROWING[row.kind](row)
        descendants(row)
    else:
        ended(row)
    after(row)


def head(row: Row) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title(words.plain(cards.title(row)), anchor=False, width="content")
        cards.badge(row.state)
        notes.star(row)
        notes.edit(row)
    took = words.duration((row.ended or time.time()) - row.started) if row.started else ""
    facts = [f"Run {row.id}", cards.KINDS[row.kind], state.network(row.id), f"started {words.ago(row.started)}" if row.started else "never started" if row.state.is_finished else "",
             f"took {took}" if row.ended and took else "", f"attempt {row.attempt}" if row.attempt > 1 else ""]  # fmt: skip
    st.caption(words.plain(" · ".join(fact for fact in facts if fact)))
    notes.shown(row)
    with st.container(horizontal=True, vertical_alignment="center"):
        actions(row)
    trash.complaint()


def actions(row: Row) -> None:
    """The buttons that make sense in the state that the run is in."""
    if not row.state.is_finished and st.button(
        "Cancel", disabled=row.state is State.CANCELLING, help="Stop it; Resume goes on from its last checkpoint."
    ):
        state.store().cancel(row.id)
        st.rerun()
    if row.state is State.CANCELLED and st.button("Resume", help="Goes on from its last checkpoint."):
        retry(row)
    if row.kind in NETWORK and Run.of(row.id).channels.exists():
        st.page_link("pages/explore.py", label="Explore its filters", query_params={"run": str(row.id)})
    if Run.of(row.id).model.exists():
        st.page_link("pages/export.py", label="Export", query_params={"run": str(row.id)})
    if row.state is not State.FAILED:  # there, “Change settings” does that
        again.clone(row)
    shell(row)
    for name, number in (("Parent", row.parent), ("Tree", row.sweep)):
        other = state.find(number)
        if other is not None:
            said = cards.KINDS[other.kind] if name == "Tree" else name
            cards.link(other, name, f"{said}: run {other.id}")
    trash.button(row)
    if st.button("All runs", type="tertiary", help="The list of all runs."):
        st.switch_page("pages/runs.py", query_params={})


def shell(row: Row) -> None:
    """The command that asks for the same run."""
    spec = state.specification(row.id)
    if spec is None:
        return
    with st.popover("Command", icon=":material/terminal:", type="tertiary", help="The same run from a shell."):
        st.caption(
            "The same run from a shell, in the project's folder with its environment (. .venv/bin/activate); only what is not as by default is named."
        )
        st.code(command(spec), language="bash", wrap_lines=True)


def retry(row: Row) -> None:
    state.store().retry(row.id)
    st.rerun()


def failed(row: Row) -> None:
    cards.problem(row.error or {"what": "The run failed, and left no word why", "do": "Look at its log below."})
    with st.container(horizontal=True, vertical_alignment="center"):
        again.offer(row)
        if st.button("Retry unchanged", help="Goes on from its last checkpoint; what is finished is not done again."):
            retry(row)


def ended(row: Row) -> None:
    """Before and after, then curves and layers."""
    made = state.result(row.id)
    if made and made.get("after") and row.kind in NETWORK:
        cards.differences(made.get("before"), made["after"])
        st.caption(said(row, made))
    if made and made.get("before") and row.kind in NETWORK:
        st.subheader("Before and after", anchor=False)
        st.markdown(before_after.stages(made, f"Right after {'masking' if row.kind == 'mask' else 'surgery'}"))
    predictions.beside(row)
    if made and len(made.get("steps") or ()) > 1:
        st.subheader("Steps", anchor=False)
        st.markdown(before_after.steps(made))
    if row.kind in VIEWS:
        VIEWS[row.kind](row)
    changes.show(row)
    descendants(row)
    learning(row)
    layers(row)


def said(row: Row, made: Measured) -> str:
    """One line under the tiles: what the numbers mean and how they were made sure."""
    parts = ["MACs: conv and linear weights once per output position"]
    if made["after"].get("latency"):
        timing = made["after"]["latency"]
        parts.append(f"latency: median of one image on the {timing['device'].upper()}, {cards.spread(timing)}; "
                     "it differs from one measurement to the next")  # fmt: skip
    if made.get("verified") is not None:
        parts.append(proof.in_words(state.plan(row.id), made["verified"]).replace("-", "‑"))
    return " · ".join(parts)


def descendants(row: Row) -> None:
    """What was pruned or tuned from this run's network."""
    children = [child for child in state.store().children(row.id) if child.kind in cards.KINDS]
    if children:
        st.subheader("Runs that start from this one", anchor=False)
        overview.table(children, overview.SHORT, key="children")


def learning(row: Row) -> None:
    records = state.metrics(row.id)
    if not records:
        return
    st.subheader("Learning curves", anchor=False)
    for column, record in zip(st.columns(2), series.learning(records), strict=True):
        with column:
            figure = charts.learning(record)
            st.plotly_chart(figure, key=f"learning-{record.title}", config=charts.CONFIG, alt=alt.of(figure))
            files.chart(figure, record.rows(), f"run-{row.id}-{record.title.lower()}")


def layers(row: Row) -> None:
    plan, run = state.plan(row.id), Run.of(row.id)
    before, after = state.text(run.summary_before), state.text(run.summary_after)
    if plan is None and not before:
        return
    st.subheader("Layers", anchor=False)
    if plan is not None:
        figure, record = charts.bars(series.bars(plan)), series.bars(plan)
        st.plotly_chart(figure, key="layers", config=charts.CONFIG, alt=alt.of(figure))
        remarks.approximate(plan.channels.groups)
        files.chart(figure, record.rows(), f"run-{row.id}-kept")
    if row.kind != "prune":
        with st.expander("torchinfo"):
            st.code(after or before, language=None)
            st.caption(words.TORCHINFO)
        return
    with st.expander("torchinfo before and after"):
        for tab, text in zip(st.tabs(["After", "Before"]), (after, before), strict=True):
            tab.code(text, language=None)
        st.caption(words.TORCHINFO)


def after(row: Row) -> None:
    """Lineage, timeline, log and files, folded where they are long."""
    run = Run.of(row.id)
    lineage.show(row)
    if row.state.is_finished and (state.events(row.id) or row.state is not State.SUCCEEDED):
        with st.expander("Timeline", expanded=row.state is not State.SUCCEEDED):
            live.timeline(row.id)
    with st.expander("Settings"):
        asked.settings(row)
    log = state.text(run.log, last=20_000)
    if log:
        with st.expander("Log"):
            st.code(log, language=None, height=320)
    if row.state.is_finished:
        with st.expander("Files"):
            files.listing(row)


def tree(row: Row) -> None:
    """The runs of a sweep or a recipe, how many have ended, and their curves."""
    children = state.store().children(row.id)
    if not row.state.is_finished:
        live.tree(row)
    if row.kind in VIEWS:
        VIEWS[row.kind](row)
    record = tradeoffs.of([c.id for c in children], "params")
    if record.series:
        tradeoffs.show(record, f"{row.kind}-{row.id}", key=row.kind)
    st.subheader(f"Runs of this {row.kind}", anchor=False)
    overview.table(children, overview.SHORT if row.kind == "sweep" else overview.MIXED, key="children")
