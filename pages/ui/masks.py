"""Masks: the form that starts a mask run, and what it found: zeros, and beside them what removing would save."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.ui import alt, cards, charts, files, forms, mask_charts, names, state, tuning, words
from pruning.criterion_cards import WEIGHTWISE
from pruning.errors import UserError
from pruning.jobs.store import Row
from pruning.refusals import refuse_masks
from pruning.run import Run
from pruning.spec import CriterionName, MaskScope, MaskSettings, MaskSpec, MaskStructure, TrainSettings

READS = {  # what each structure reads, beside criterion and layers
    MaskStructure.UNSTRUCTURED: ("amount", "scope"),
    MaskStructure.STRUCTURED: ("amount", "dimension"),
    MaskStructure.N_OF_M: ("n", "m"),
}
Measured = Mapping[str, Any]


def form(row: Row) -> None:
    """What to mask, the fine-tuning under the masks, and the button that starts it."""
    st.caption(
        "Masked weights are zero and stay zero while fine-tuning; the network does not get smaller. "
        "The run also says what removing would save, and measures accuracy when more and when less is masked."
    )
    try:
        wish, tune = wished(row), tuned()
    except UserError as error:
        cards.problem(error)
        return
    name = st.text_input("Title", key="mask-title", placeholder=title(wish), persist_state="session") or title(wish)
    if st.button("Mask and fine-tune", type="primary", key="mask-start"):
        cards.open_run(state.submit(MaskSpec(title=name, parent=row.id, masking=wish, finetune=tune))[0])


def wished(row: Row) -> MaskSettings:
    """The settings that the chosen structure reads. Raises UserError."""
    start, cells = MaskSettings(), forms.grid(4, 4)
    structure = forms.field(start, "structure", "mask-structure", into=cells[0])
    criterion = forms.field(start, "criterion", "mask-criterion", options=WEIGHTWISE, into=cells[1])
    own = READS[structure]
    values = {n: forms.field(start, n, f"mask-{n}", into=c) for n, c in zip(own, cells[2:], strict=True)}
    layers = forms.field(start, "layers", "mask-layers", options=known_layers(row))
    norm = structure is MaskStructure.STRUCTURED and criterion is CriterionName.L1
    rest = ("norm", "images", "seed", "file") if norm else ("images", "seed", "file")
    with st.expander("More settings of the masks"):
        more = forms.form(start, "mask", only=rest, columns=4)
    wish = forms.checked(more, values | {"structure": structure, "criterion": criterion, "layers": layers})
    refuse_masks(wish)
    return wish


def known_layers(row: Row) -> list[str]:
    """Layers to choose from; patterns can be typed."""
    whole = state.channels(row.id)
    made = [layer for group in whole.groups for layer in group.layers] if whole else []
    return sorted({*made, *(layer.name for layer in whole.protected)} if whole else made)


def tuned() -> TrainSettings:
    start = TrainSettings(epochs=2)
    cells = forms.grid(4, 4)
    values = {n: forms.field(start, n, f"mask-tune-{n}", into=c) for n, c in zip(tuning.MAIN, cells, strict=True)}
    with st.expander("More settings of the fine-tuning"):
        more = forms.form(start, "mask-tune", only=tuning.MORE, columns=4)
    return forms.checked(more, values)


def title(wish: MaskSettings) -> str:
    """'Masks: L1, 40 % of the filters in conv1'."""
    where = f" in {', '.join(wish.layers)}" if wish.layers else ""
    if wish.file:
        return "Masks from a file"
    if wish.structure is MaskStructure.N_OF_M:
        return f"Masks: {names.of(wish.criterion)}, {wish.n} of every {wish.m} stay{where}"
    what = "weights"
    if wish.structure is MaskStructure.STRUCTURED:
        what = "input channels" if wish.dimension else "filters"
    over = " over all layers" if wish.scope is MaskScope.GLOBAL else ""
    return f"Masks: {names.of(wish.criterion)}, {words.percent(wish.amount, 0)} of the {what}{where}{over}"


def show(row: Row) -> None:
    """Both views side by side, the curve, the pictures, the table."""
    found = state.record(Run.of(row.id).masks)
    if not found:
        return
    st.subheader("Masked, beside removed", anchor=False)
    left, right = st.columns(2, gap="large")
    with left:
        masked(found)
    with right:
        removed(found)
    st.caption(
        "Untuned and fine-tuned: validation accuracy, with its change from the network before masking. A masked filter still adds its bias, and what batch norm makes of it; "
        "a removed one adds nothing, so the two networks answer differently."
    )
    curve(row, found)
    pictures(row, found)
    table(row, found)


def masked(found: Measured) -> None:
    st.markdown("**Masked** · weights are zero, the network keeps its size")
    total = found["total"]
    share = f"{words.percent(total['share_of_params'], 3)} of all"
    view(found, "masked", ("Zero weights", words.count(total["zeros"]), share))


def removed(found: Measured) -> None:
    gone = found["removed"]
    st.markdown("**Removed** · filters that are all zero, cut out")
    if gone["filters"]:
        of = f"of {words.count(gone['units'])}"
        view(found, "removed", ("Filters removed", words.count(gone["filters"]), of))
    else:
        st.info(gone["reason"] or f"0 of {words.plural(gone['units'], 'filter')} are all zero: nothing gets smaller.")


def view(found: Measured, name: str, first: tuple[str, str, str]) -> None:
    """What goes and what it saves on the left, the accuracies on the right."""
    left, right = st.columns(2)
    with left:
        cards.tile(*first)
        costs(found["dense"], found[name], "params", "Parameters")
        costs(found["dense"], found[name], "macs", "MACs")
    with right:
        accuracy("Untuned", found["dense"], found[name])
        accuracy("Fine-tuned", found["dense"], found.get("tuned", {}).get(name, {}))


def accuracy(name: str, dense: Measured, now: Measured) -> None:
    """Nothing where nothing was measured: filters that came back while fine-tuning, or no fine-tuning."""
    before, value = dense["validation_accuracy"], now.get("validation_accuracy")
    if value is not None:
        cards.tile(name, words.percent(value), words.points(before, value), good=better(before, value))


def better(before: float, after: float) -> bool | None:
    return None if before == after else after > before


def costs(dense: Measured, now: Measured, key: str, name: str) -> None:
    """A size to two more digits than elsewhere: what a mask leaves alone, and removing cuts."""
    same = now[key] == dense[key]
    change = words.signed(100 * (now[key] / dense[key] - 1), 2, "%")
    cards.tile(name, words.count(now[key]) if key == "params" else words.short(now[key]), "unchanged" if same else change,
               good=None if same else now[key] < dense[key])  # fmt: skip


def curve(row: Row, found: Measured) -> None:
    record = mask_charts.sparsity(found)
    figure = mask_charts.curve(record)
    st.plotly_chart(figure, key="mask-curve", config=charts.CONFIG, alt=alt.of(figure))
    told = found["curve"]
    if told["points"] and told["images"] < told["of"]:
        st.caption(f"The curve is measured on {told['images']:,} of {told['of']:,} validation images, this run's own points on all.")  # fmt: skip
    files.chart(figure, record.rows(), f"run-{row.id}-sparsity")


def pictures(row: Row, found: Measured) -> None:
    shown = found["pictures"]
    if not shown:
        return
    figure = mask_charts.pictures(shown)
    st.plotly_chart(figure, key="mask-pictures", config=charts.CONFIG, alt=alt.of(figure))
    if shown["kind"] == "filters" and shown["inputs"] > 1:
        st.caption(f"Each picture: the filter's first {shown['planes']} of {words.plural(shown['inputs'], 'input channel')}, side by side.")  # fmt: skip
    files.chart(figure, mask_charts.weight_rows(shown), f"run-{row.id}-masks")


def table(row: Row, found: Measured) -> None:
    st.subheader("Zeros by tensor", anchor=False)
    rows = mask_charts.table(found)
    number = st.column_config.NumberColumn(format="localized")
    percent = st.column_config.NumberColumn(format="%.3f")
    st.dataframe(rows, hide_index=True, column_config={"weights": number, "zero": number, "zero, %": percent})
    st.download_button("Table as CSV", lambda: files.table(rows), f"run-{row.id}-zeros.csv", key="mask-table",
                       type="tertiary", icon=":material/download:", on_click="ignore")  # fmt: skip
