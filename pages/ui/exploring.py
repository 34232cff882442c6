"""The explorer: criterion, spread and shares → the plan, its exact numbers and pictures, all without torch."""

from collections.abc import Mapping, Sequence

import streamlit as st

from pages.ui import cards, charts, criteria, forms, launch, remarks, series, shares, state, wish, words
from pages.ui.shares import PAGE
from pruning.allocate import from_settings, limits_of
from pruning.channels.map import ChannelMap, Counts, Group
from pruning.jobs.store import Row
from pruning.limits import Limits
from pruning.plan import Plan
from pruning.protect import REASON, protected
from pruning.ranking import remark
from pruning.spec import Blocks, PruneSettings, Spread


def show(row: Row) -> None:
    """Everything under the choice of a run; called in a fragment, so that a slider redraws only this."""
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
    """The plan for a wish, with its numbers and pictures, and what can be started with it."""
    mine, scan = protected(whole, asked.protect), None
    if warning := remark(asked):
        st.warning(words.plain(warning))
    if asked.spread is Spread.SENSITIVITY and (scan := wish.curves(row, whole, asked)) is None:
        return
    numbers, (left, right) = st.container(), st.columns(2, gap="large")
    bars = left.container()
    with left:
        own = shares.choose(row.id, whole, asked, closed(whole, scores, mine))
        asked = asked.model_copy(update={"shares": own, "scan": scan[0] if scan else 0})
        remarks.left_alone(whole, mine)
    plan = from_settings(whole, scores, asked, scan[1] if scan else None)
    with numbers:
        tiles(whole.counts(), plan)
        wish.remarks(asked, plan)
    with right:
        chosen = one_group(plan, scores, asked, bounds(plan, asked, mine))
    with bars:
        kept(plan, chosen)
    launch.actions(row, asked, plan)


def closed(whole: ChannelMap, scores: criteria.Scores, mine: Mapping[str, str]) -> dict[str, str]:
    """Groups that no wish reaches, and why."""
    unscored = {g.name: "not scored" for g in whole.groups if g.name not in scores}
    return unscored | dict.fromkeys(mine, REASON)


def tiles(dense: Counts, plan: Plan) -> None:
    """Parameters, MACs, size and filters now, with their signed change against the dense network."""
    now, kept = plan.counts(), plan.kept()
    units = sum(group.units for group in plan.channels.groups)
    columns = st.columns(4)
    for column, (name, key, text) in zip(columns, cards.COSTS, strict=False):
        with column:
            cards.cost(name, getattr(dense, key), getattr(now, key), text)
    with columns[3]:
        cards.cost("Filters", units, sum(kept.values()), words.count)
    st.caption("Exact, from the network's structure. MACs: conv and linear weights once per output position.")


def kept(plan: Plan, chosen: str) -> None:
    """Bars of all groups; a network with many scrolls."""
    many = len(plan.channels.groups) > PAGE
    with st.container(height=420 if many else "content", border=False):
        st.plotly_chart(charts.bars(series.bars(plan), selected=chosen), key="bars", config=charts.CONFIG)
    remarks.approximate(plan.channels.groups)


def one_group(plan: Plan, scores: criteria.Scores, asked: PruneSettings, why: Mapping[str, str]) -> str:
    """Scores of the chosen group with the cut, and what is cut along with it; returns its name."""
    groups = {group.name: group for group in plan.channels.groups}
    chosen = st.selectbox("Group", list(groups), key="group", format_func=lambda n: remarks.name(groups[n]) if n in groups else n,
                          bind="query-params", help="The group whose filters are shown.")  # fmt: skip
    group = groups[chosen]
    keep = plan.keep.get(chosen, range(group.units))
    if chosen in scores:
        curve = series.norms(chosen, asked.criterion, scores[chosen], keep)
        st.plotly_chart(charts.norms(curve), key="norms", config=charts.CONFIG)
    else:
        st.info(f"{series.CRITERIA[asked.criterion]} has nothing to judge {words.plain(chosen)} by, so it stays whole.")
    for line in facts(group, len(keep), why[chosen]):
        st.caption(words.plain(line))
    if " more" in listed(group.layers) + listed(group.coupled):
        with st.expander(f"All {len(group.layers) + len(group.coupled)} coupled layers"):
            st.caption(words.plain(", ".join((*group.layers, *group.coupled))))
    return chosen


def facts(group: Group, keep: int, why: str) -> list[str]:
    """What there is to know of a group, a line each; `why` it keeps so many, where a limit is the reason."""
    lines = [f"Keeps {keep} of {group.units}{f': {why}' if why else ''}."]
    if group.approximate:
        lines.append(remarks.because(group.approximate))
    if len(group.layers) > 1:
        lines.append(f"Made by {listed(group.layers)}.")
    if group.coupled:
        lines.append(f"Cut along with it: {listed(group.coupled)}.")
    return lines


def bounds(plan: Plan, asked: PruneSettings, mine: Mapping[str, str]) -> dict[str, str]:
    """Per group, why it keeps so many where a limit is the reason; `mine`: group → pattern that protects it."""
    told = limits_of(plan.channels, asked)
    own = {name: f"{REASON} ({pattern})" for name, pattern in mine.items()}
    return {name: own.get(name) or stopped(keep, told[name]) for name, keep in plan.kept().items()}


def stopped(keep: int, limit: Limits) -> str:
    """Which limits a number of units meets."""
    if limit.least >= limit.units:
        return "it has to keep all"
    met = {
        "the least it may keep": keep == limit.least,
        "the most it may keep": keep == limit.most < limit.units,
        f"a multiple of {limit.multiple}": limit.multiple > 1 and keep < limit.units,
    }
    return ", ".join(text for text, is_met in met.items() if is_met)


def listed(names: Sequence[str], most: int = 6) -> str:
    """The first names and how many more there are."""
    rest = len(names) - most
    return ", ".join(names) if rest < 2 else f"{', '.join(names[:most])} and {rest} more"
