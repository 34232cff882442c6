"""An audit of criteria: the form that starts one, with the time it takes, and what it found."""

import json
from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.ui import alt, audit_charts, cards, charts, files, forms, setup, state, words
from pages.ui.series import CRITERIA
from pruning.channels.map import ChannelMap
from pruning.criterion_cards import CARDS
from pruning.data import card
from pruning.errors import UserError
from pruning.jobs.store import Row
from pruning.run import Run
from pruning.spec import AuditSettings, AuditSpec

FORWARD = 1 / 2  # of a training step's time: a third where both are float32, more where training was in bf16
NOISY = 0.7  # below this, the oracle's two halves differ so much that more images would help


def form(row: Row) -> None:
    """What to audit, how long it takes, and the button that starts it."""
    st.caption(
        "Which criterion is right for this network and these images? Filters are removed one at a time to see what each "
        "really costs (the ablation oracle), and every criterion is compared with that."
    )
    try:
        wish = wished(has_blocks=state.has_blocks(row.id))
    except UserError as error:
        cards.problem(error)
        return
    st.caption(foretold(row.id, state.channels(row.id, wish.blocks), wish))
    if st.button("Start the audit", type="primary", key="audit-start", disabled=not wish.criteria):
        title = f"Audit of {words.plural(len(wish.criteria), 'criterion').replace('criterions', 'criteria')}"
        cards.open_run(state.submit(AuditSpec(title=title, parent=row.id, audit=wish))[0])


def wished(*, has_blocks: bool) -> AuditSettings:
    """The settings; raises UserError when one is not allowed."""
    names = list(CRITERIA)
    chosen = st.multiselect("Criteria", names, default=names, key="audit-criteria", format_func=lambda n: CRITERIA[n])
    start, first = AuditSettings(), ("units", "images", "share")
    values = {
        n: forms.field(start, n, f"audit-{n}", into=cell) for n, cell in zip(first, forms.grid(3, 3), strict=True)
    }
    rest = ("score_images", "score_at", "resamples", "seed", *["blocks"] * has_blocks)
    with st.expander("More settings"):
        values |= {
            n: forms.field(start, n, f"audit-{n}", into=c) for n, c in zip(rest, forms.grid(len(rest), 4), strict=True)
        }
    if not chosen:
        raise UserError("An audit of no criterion says nothing.", do="Choose at least one.")
    return forms.checked(start, values | {"criteria": tuple(chosen)})


def foretold(number: int, whole: ChannelMap | None, wish: AuditSettings) -> str:
    """'96 filters are removed one at a time, …: about 20 s here', as far as it is known."""
    groups = [group.units for group in whole.groups if group.units > 1] if whole is not None else []
    filters = sum(min(units, wish.units) for units in groups)
    what = (
        f"{words.plural(filters, 'filter')} of {words.plural(len(groups), 'group')} "
        f"will be removed, one at a time, on {words.plural(wish.images, 'image')} each"
    )
    each = seconds_per_image(number)
    if each is None:
        return f"{what}. The job says how long that takes once it has removed the first."
    seconds = each * (FORWARD * wish.images * (filters + 1) + wish.score_images * steps(wish))
    return f"{what}: {words.roughly(seconds)} here, by the time that training took."


def steps(wish: AuditSettings) -> int:
    """Training steps an image that scoring takes, roughly: one for each criterion that looks at data."""
    return sum(CARDS[name].needs_data for name in wish.criteria)


def seconds_per_image(number: int) -> float | None:
    """Of a training step, from the run's own epochs or those of the run it comes from; None when none are known."""
    records, spec, root = state.metrics(number), state.specification(number), state.root(number)
    if not records:
        return seconds_per_image(spec.parent) if spec is not None and hasattr(spec, "parent") else None
    found = card(setup.base(root[0])) if root else None
    if root is None or found is None:
        return None
    images = (root[0].limit or found["train"] + found["validation"]) * (1 - root[0].validation)
    return float(min(record["seconds"] for record in records) / images)


def show(row: Row) -> None:
    """What the audit found: the sentence, the intervals, the layers, the overlaps, the table, the files."""
    found = state.record(Run.of(row.id).audit)
    if not found:
        return
    st.subheader("Which criterion is right for this network", anchor=False)
    st.markdown(audit_charts.sentence(found))
    st.caption(measured(found))
    if not found["best"]:
        table(found)
        return
    drawn(audit_charts.intervals(found), audit_charts.rows(found), f"run-{row.id}-audit")
    drawn(audit_charts.layers(found), audit_charts.layer_rows(found), f"run-{row.id}-audit-groups")
    if any(told.get("reasons") for told in found["criteria"].values()):
        st.caption("Empty: the criterion orders nothing there; the table says why.")
    drawn(audit_charts.overlap(found), audit_charts.overlap_rows(found), f"run-{row.id}-audit-overlap")
    share = words.percent(found["share"], 0)
    st.caption(
        f"In percent of the {share} of each group that a criterion would remove first; chance alone gives {share}."
    )
    table(found)
    download(found, f"run-{row.id}-audit")


def measured(found: Mapping[str, Any]) -> str:
    """What the numbers rest on, and what the intervals do not cover."""
    filters = sum(len(group["drawn"]) for group in found["groups"])
    halves = [value for value in found["halves"].values() if value is not None]
    parts = [
        f"The oracle: |change of the loss| without each of {words.plural(filters, 'filter')}, "
        f"on {words.plural(found['images'], 'validation image')} (loss {found['loss']:.3g}), seed {found['seed']}.",
        "ρ is Spearman's: 1 is the same order, 0 none, −1 the reverse. "
        f"Intervals: 95 %, from {found['resamples']:,} bootstrap resamples of the filters; another training may differ more.",
    ]
    if halves:
        mean = sum(halves) / len(halves)
        alike = audit_charts.rho(mean)
        advice = "" if mean >= NOISY else ": more validation images would make it steadier"
        parts.append(f"Measured on two halves of the images, the oracle agrees with itself by ρ = {alike}{advice}.")
    if found["left_out"]:
        left = "; ".join(f"{words.plain(name)}: {why}" for name, why in found["left_out"].items())
        parts.append(f"Left alone: {left}.")
    return " ".join(parts)


def drawn(figure: Any, rows: list[dict[str, Any]], name: str) -> None:
    st.plotly_chart(figure, key=name, config=charts.CONFIG, alt=alt.of(figure))
    files.chart(figure, rows, name)


def table(found: Mapping[str, Any]) -> None:
    number = st.column_config.NumberColumn(format="%.2f")
    numbers = ("ρ", "low", "high", "ρ, all filters", "ρ, raw scores")
    st.dataframe(
        audit_charts.rows(found),
        hide_index=True,
        column_config=dict.fromkeys(numbers, number) | {"note": st.column_config.TextColumn("note", width="large")},
        placeholder="–",
        height="content",
    )
    st.caption(
        "ρ is the mean over groups, low to high its interval. Behind the best: difference of ρ and its interval, on the same "
        "filters. All filters: over the filters of all groups at once, each group's scores divided by their L2 norm, as the "
        "lowest anywhere are found by default; raw: by the scores as they are."
    )


def download(found: Mapping[str, Any], name: str) -> None:
    """The whole record, and one line a filter that was removed."""
    with st.container(horizontal=True):
        for label, make, ending in (
            ("Everything as JSON", lambda: json.dumps(found, indent=1).encode(), ".json"),
            ("Every removed filter as CSV", lambda: files.table(audit_charts.filter_rows(found)), "-filters.csv"),
        ):
            st.download_button(label, make, f"{name}{ending}", key=f"{name}{ending}", type="tertiary",
                               icon=":material/download:", on_click="ignore")  # fmt: skip
