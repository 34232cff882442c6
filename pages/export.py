"""Export: take a network away, with the line that loads it, its charts and its whole run."""

import streamlit as st

from pages.ui import cards, charts, example, files, one_run, series, state, words
from pruning.errors import UserError
from pruning.jobs.store import Row
from pruning.run import Run


def network(row: Row) -> None:
    """The files of the network and how to load them."""
    st.subheader("Network", anchor=False)
    path, name = Run.of(row.id).model, f"run-{row.id}"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "Download .safetensors", path.read_bytes, f"{name}.safetensors", type="primary", on_click="ignore"
        )
        if st.button("Make a state dict (.pt)", help="For torch.load(…, weights_only=True). Takes a few seconds."):
            try:
                with st.spinner("Writing and checking the state dict …"):
                    st.session_state[f"pt-{row.id}"] = files.exported(row.id, "state-dict", f"{name}.pt")
            except UserError as error:
                cards.problem(error)
        if f"pt-{row.id}" in st.session_state:
            st.download_button("Download .pt", st.session_state[f"pt-{row.id}"], f"{name}.pt", on_click="ignore")
        st.caption(words.size(path.stat().st_size))
    st.caption("The .safetensors builds its own network when it is loaded. A state dict holds weights alone: a pruned one "
               "fits only a network that was pruned the same way.")  # fmt: skip
    st.code(f'import pruning\n\nmodel = pruning.load("{name}.safetensors")', language=None, wrap_lines=True)
    st.caption("Runs in any process that can import this project; no trace of the original network is needed.")


def drawn(row: Row) -> list[files.Drawn]:
    """The run's charts: figure, table, file name, title."""
    found: list[files.Drawn] = [
        (charts.learning(r), r.rows(), f"run-{row.id}-{r.title.lower()}", r.title)
        for r in series.learning(state.metrics(row.id))
    ]
    plan = state.plan(row.id)
    if plan is not None:
        record = series.bars(plan)
        found.append((charts.bars(record), record.rows(), f"run-{row.id}-kept", "Filters kept"))
    return found


def pictures(row: Row) -> None:
    """The run's charts, each as HTML, PNG, SVG and CSV."""
    st.subheader("Charts", anchor=False)
    if not files.has_browser():
        st.caption(files.NO_BROWSER)
    with st.container(horizontal=True):
        for figure, rows, name, title in drawn(row):
            files.chart(figure, rows, name, label=title)


def whole(row: Row) -> None:
    st.subheader("Whole run", anchor=False)
    run = Run.of(row.id)
    st.download_button("Download ZIP", lambda: files.bundle(run, drawn(row)), f"run-{row.id}.zip", on_click="ignore")
    st.caption("A README, settings, network, plan, result, curves, charts (HTML, CSV), torchinfo, log and timeline.")


cards.header("Export", "Take the network away, with the line that loads it.", "Checkpoint", "Size", "Masked check")
runs = [row for row in state.finished() if Run.of(row.id).model.exists()]
if not runs:
    if cards.empty(f"Files of every finished network will be here. {example.LINE}", example.BUTTON, key="fill"):
        example.start()
else:
    chosen = one_run.choose(runs, runs[0], "export")
    made = state.result(chosen.id) or {}
    if made.get("after"):
        cards.differences(made.get("before"), made["after"])
    network(chosen)
    pictures(chosen)
    whole(chosen)
