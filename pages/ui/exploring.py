"""Explore's page: criterion, spread and the live element → the plan and what can be started with it, all without torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from pages.ui import (
    alt,
    cards,
    charts,
    criteria,
    evaluate,
    files,
    forms,
    latency,
    launch,
    predictions,
    remarks,
    series,
    state,
    wish,
    words,
)
from pages.ui.explorer import presets, setting, table
from pages.ui.explorer.component import explorer
from pages.ui.explorer.setting import Setting
from pruning.allocate import from_settings
from pruning.channels.map import ChannelMap
from pruning.curves import Curves
from pruning.jobs.store import Row
from pruning.plan import Plan
from pruning.prediction import Predictor
from pruning.protect import REASON, protected
from pruning.ranking import remark
from pruning.spec import Blocks, PruneSettings, Spread


def show(row: Row) -> None:
    """Everything under the choice of a run; called in a fragment, so that a release redraws only this."""
    has_blocks = state.has_blocks(row.id)
    *cells, last = st.columns([3, 3, 1.5, 2.5] if has_blocks else [3, 3, 3.2], gap="small", vertical_alignment="bottom")
    blocks = Blocks(forms.field(PruneSettings(), "blocks", "blocks", into=cells[2])) if has_blocks else Blocks.INSIDE
    whole, scored = state.channels(row.id, blocks), state.scores(row.id, blocks)
    if whole is None:
        return
    if not whole.groups:
        what = "nothing in this network can be pruned"
        cards.problem({"what": what, "do": "Choose another run; the reasons stand below."})
        remarks.left_alone(whole, {})
        return
    asked = wish.choose(whole, blocks, (cells[0], cells[1], last))
    scores = criteria.scores(row, whole, asked, scored)
    if scores is not None:
        plan_for(row, whole, scores, asked)


def plan_for(row: Row, whole: ChannelMap, scores: criteria.Scores, asked: PruneSettings) -> None:
    """The live element for a wish, the plan that is set in it, and what can be started with that."""
    mine, scan = protected(whole, asked.protect), None
    if warning := remark(asked):
        st.warning(words.plain(warning))
    if asked.spread is Spread.SENSITIVITY and (scan := wish.curves(row, whole, asked)) is None:
        return
    shut = closed(whole, scores, mine)
    chosen = setting.current(row.id, whole, asked.blocks)
    setting.link(chosen)
    asked = setting.asked(asked.model_copy(update={"scan": scan[0] if scan else 0}), chosen, whole, shut)
    curves = scan[1] if scan else None
    plan, predictor = from_settings(whole, scores, asked, curves), predictions.of(row, whole, asked)
    times = latency.choose(row, whole, asked.blocks)
    live(Present(row, plan, scores, asked, curves, chosen, shut, predictor, times))
    st.caption(numbers(plan))
    evaluate.now(row, asked, plan, predictor)
    wish.remarks(asked, plan)
    if beside := latency.beside_budget(asked.max_latency, times, plan.kept()):
        st.caption(beside)
    take_away(row, plan, scores, asked, chosen.group)
    predictions.show(row, predictor)
    stepping(plan, times, chosen.group)
    remarks.approximate(whole.groups)
    launch.actions(row, asked, plan)


@dataclass(frozen=True)
class Present:
    """What is set on the page, and what is known of the network."""

    row: Row
    plan: Plan
    scores: criteria.Scores
    asked: PruneSettings
    curves: Curves | None
    chosen: Setting
    closed: Mapping[str, str]  # groups that no wish reaches, and why
    predictor: Predictor | None
    times: dict[str, Any] | None  # the latency table, as the element reads it


def closed(whole: ChannelMap, scores: criteria.Scores, mine: Mapping[str, str]) -> dict[str, str]:
    """Groups that no wish reaches, and why."""
    unscored = {g.name: "not scored" for g in whole.groups if g.name not in scores}
    return unscored | {name: f"{REASON} ({pattern})" for name, pattern in mine.items()}


def live(now: Present) -> None:
    """The element, with all that it counts by itself."""
    row, whole, asked = now.row, now.plan.channels, now.asked
    place, group = setting.key(row.id, asked.blocks), now.chosen.group or whole.groups[0].name
    scored = state.scores(row.id, asked.blocks) | {str(asked.criterion): now.scores}
    data = {
        **table.network(whole, now.closed),
        "key": place,
        "revision": now.chosen.revision,
        "base": table.rows(whole, now.scores, asked, now.curves),
        "fixed": table.fixed(asked),
        "limits": table.limits(whole, asked),
        "criterion": table.criterion(asked),
        "scores": table.scored(whole, now.scores, group),
        "prediction": now.predictor.to_json([g.name for g in whole.groups]) if now.predictor else None,
        "latency": now.times,
        "presets": presets.presets(row, whole, scored, asked, now.predictor),
        "tiles": table.sheet(row.id, asked.blocks, whole, group),
        "start": now.chosen.message() | {"group": group},
        "confirmed": table.confirmed(now.plan),
    }
    explorer(data, key=setting.element(place), on_change=nothing)


def nothing() -> None:
    """The element's word is read when the page is drawn."""


def numbers(plan: Plan) -> str:
    """The engine's numbers in a line: what the element shows, for those who cannot see it."""
    dense, now, kept = plan.channels.counts(), plan.counts(), plan.kept()
    units = sum(group.units for group in plan.channels.groups)
    told = [f"{words.count(now.params)} parameters ({words.change(dense.params, now.params)})",
            f"{words.short(now.macs)} MACs ({words.change(dense.macs, now.macs)})",
            f"{words.size(now.bytes)}", f"{words.count(sum(kept.values()))} of {words.count(units)} filters"]  # fmt: skip
    return f"The engine's plan: {', '.join(told)}. MACs: conv and linear weights once per output position."


def take_away(row: Row, plan: Plan, scores: criteria.Scores, asked: PruneSettings, group: str) -> None:
    """The element's pictures as charts, drawn only when they are asked for."""
    folded = st.expander("Charts to take away", key="take-away", on_change="rerun")
    if not folded.open:
        return
    group = group or plan.channels.groups[0].name
    record, keep = series.bars(plan), plan.keep.get(group, range(len(scores.get(group, ()))))
    with folded:
        left, right = st.columns(2, gap="large")
        with left:
            draw(charts.bars(record, selected=group), record.rows(), f"run-{row.id}-plan", "bars")
        if group in scores:
            curve = series.norms(group, asked.criterion, scores[group], keep)
            with right:
                draw(charts.norms(curve), curve.rows(), f"run-{row.id}-{group}-scores", "norms")


def stepping(plan: Plan, times: dict[str, Any] | None, group: str) -> None:
    """Where the latency of the group looked at steps, drawn only when it is asked for."""
    if times is None:
        return
    folded = st.expander("Latency and the widths it steps at", key="stepping", on_change="rerun")
    if folded.open:
        with folded:
            latency.steps(plan.channels, times, group or plan.channels.groups[0].name, plan.kept())


def draw(figure: Any, rows: list[dict[str, Any]], name: str, key: str) -> None:
    st.plotly_chart(figure, key=key, config=charts.CONFIG, alt=alt.of(figure))
    files.chart(figure, rows, name)
