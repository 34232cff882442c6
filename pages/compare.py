"""Compare: accuracy against what a network costs, over sweeps, recipes and single runs."""

import pandas as pd
import streamlit as st

from pages.ui import cards, example, files, state, tradeoffs
from pruning.jobs.store import NETWORK, TREES, Row, State

COLUMNS = {
    "run": st.column_config.NumberColumn("Run", width=50),
    "title": st.column_config.TextColumn("Title", width=230),
    "accuracy": st.column_config.NumberColumn("Accuracy", format="%.2f %%", help="On the test images."),
    "Δ accuracy": st.column_config.TextColumn(alignment="right"),
    "parameters": st.column_config.NumberColumn("Parameters", format="localized"),
    "Δ parameters": st.column_config.TextColumn(alignment="right"),
    "MACs": st.column_config.NumberColumn("MACs", format="localized"),
    "Δ MACs": st.column_config.TextColumn(alignment="right"),
    "model": st.column_config.TextColumn("Network", width=150),
    "latency": st.column_config.NumberColumn("Latency", format="%.2f ms"),
}


AXES = {"params": "Parameters", "macs": "MACs", "bytes": "Size", "latency": "Latency"}


def family(runs: dict[str, Row]) -> list[str]:
    """The newest sweep or recipe, or else the newest run, with all single runs of its network and data set."""
    first = next((row for row in runs.values() if row.kind in TREES), next(iter(runs.values())))
    alike = [n for n, row in runs.items() if row.kind in NETWORK and state.network(row.id) == state.network(first.id)]
    return [str(first.id)] if first.kind in TREES else alike[:20]


def candidates() -> dict[str, Row]:
    """Finished runs with a network, sweeps and recipes with a finished run, newest first, without those runs."""
    found = [row for row in state.rows((*NETWORK, *TREES)) if row.sweep is None]
    return {str(row.id): row for row in found if any(state.result(n) for n in members(row))}


def members(row: Row) -> list[int]:
    if row.kind in TREES:
        children = state.store().children(row.id)
        return [child.id for child in children if child.state is State.SUCCEEDED and child.kind in NETWORK]
    return [row.id] if row.state is State.SUCCEEDED else []


def compare(rows: list[Row]) -> None:
    numbers = list(dict.fromkeys(number for row in rows for number in members(row)))
    axes = st.segmented_control("Accuracy against", list(AXES), default=["params", "macs"], selection_mode="multi",
                                format_func=lambda a: AXES[a], key="axes", bind="query-params")  # fmt: skip
    shown = [axis for axis in AXES if axis in axes][:2] or ["params"]
    records = {axis: tradeoffs.of(numbers, axis) for axis in shown}
    if any(record.series or record.baselines for record in records.values()):
        for column, (axis, record) in zip(st.columns(len(shown), gap="medium"), records.items(), strict=True):
            with column:
                tradeoffs.show(record, f"accuracy-{axis}", key=axis)
    if len(axes) > 2:
        st.caption("Two charts stand side by side: the first two of those chosen.")
    table = tradeoffs.tabulate(numbers)
    st.subheader("The runs", anchor=False)
    st.dataframe(pd.DataFrame(table), hide_index=True, column_config=COLUMNS)
    st.caption("Differences are to each run's parent. MACs: conv and linear weights once per output position.")
    st.download_button(
        "Download table",
        lambda: files.table(tradeoffs.for_csv(table)),
        "runs.csv",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
    )


cards.header("Compare", "Choose the winner: accuracy against what the network costs.",
             "Baseline", "Sweep", "Criterion", "Parameters", "MACs", "Accuracy", "Latency")  # fmt: skip
runs = candidates()
if not runs:
    if cards.empty(
        f"Curves of accuracy against parameters and MACs will be here, once a run is finished. {example.LINE}",
        example.BUTTON,
        key="fill",
    ):
        example.start()
else:
    chosen = st.multiselect("Runs, sweeps and recipes", list(runs), default=family(runs), format_func=lambda n: f"{n} · {cards.title(runs[n])}",
                            key="compare", persist_state="session")  # fmt: skip
    if chosen:
        compare([runs[n] for n in chosen])
    else:
        st.info("Choose at least one run.")
