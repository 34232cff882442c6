"""A search of shares: the form that starts it, and the trade-offs that it found, each one click from a prune run."""

from typing import Any

import streamlit as st

from pages.ui import alt, cards, charts, files, forms, search_charts, state, words
from pages.ui.search_charts import Found
from pruning.errors import UserError
from pruning.jobs.store import Row
from pruning.run import Run
from pruning.spec import (
    Cost,
    CriterionName,
    PruneSettings,
    PruneSpec,
    SearchSettings,
    SearchSpec,
    Spread,
    TrainSettings,
)

COSTS = {Cost.PARAMS: "Parameters", Cost.MACS: "MACs", Cost.LATENCY: "Latency"}


def form(row: Row) -> None:
    """What to search for, and the button that starts it."""
    st.caption(
        "Optuna tries shares for every group, uniform ones first, and keeps those that no other setting beats in "
        "accuracy and cost. Accuracy is measured on validation images, before fine-tuning unless you ask for epochs."
    )
    try:
        wish = forms.form(SearchSettings(), "search", columns=4)
    except UserError as error:
        cards.problem(error)
        return
    if st.button("Start the search", type="primary", key="search-start"):
        title = f"Search of {wish.trials} settings, accuracy against {COSTS[wish.cost]}"
        cards.open_run(state.submit(SearchSpec(title=title, parent=row.id, search=wish))[0])


def show(row: Row) -> None:
    """The trials and the front; a chosen point's shares, and the prune run that it leads to."""
    raw, spec = state.record(Run.of(row.id).search), state.specification(row.id)
    if not raw or not raw["trials"] or not isinstance(spec, SearchSpec):
        return
    found = search_charts.found(raw)
    st.subheader("What the search found", anchor=False)
    st.markdown(search_charts.sentence(found))
    figure = search_charts.draw(found)
    st.plotly_chart(figure, key="search-front", config=charts.CONFIG, alt=alt.of(figure))
    files.chart(figure, found.rows(), f"run-{row.id}-search")
    choose(row, found, raw, spec)


def choose(row: Row, found: Found, raw: dict[str, Any], spec: SearchSpec) -> None:
    st.subheader("Prune with one of them", anchor=False)
    numbers = [n for n in raw["front"] if any(raw["trials"][n]["shares"].values())]
    if not numbers:
        st.info("No setting that removes something is among the best: try more trials, or more images.")
        return
    number = st.selectbox("Setting", numbers, index=len(numbers) // 2, format_func=found.label, key=f"search-{row.id}",
                          help="One of the settings that no other beats in accuracy and cost.")  # fmt: skip
    shares = {name: share for name, share in raw["trials"][number]["shares"].items() if share}
    table = [{"group": name, "share removed": words.percent(share, 0)} for name, share in shares.items()]
    with st.expander(f"Shares of {words.plural(len(shares), 'group')}"):
        st.dataframe(table, hide_index=True)
    if st.button("Prune and fine-tune with these shares", type="primary", key=f"search-prune-{row.id}"):
        wish = PruneSettings(criterion=CriterionName(spec.search.criterion), spread=Spread.GROUPS, shares=shares)
        title = f"Trial {number} of search {row.id}"
        job = PruneSpec(title=title, parent=spec.parent, pruning=wish, finetune=TrainSettings(epochs=2))
        cards.open_run(state.submit(job)[0])
