"""The explorer: criterion, spread and shares → the plan, its exact numbers and pictures, all without torch."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from pages.ui import cards, charts, forms, launch, remarks, series, shares, state, words
from pages.ui.shares import PAGE
from pruning.allocate import from_settings, limits_of
from pruning.channels.map import ChannelMap, Counts, Group
from pruning.jobs.store import Row
from pruning.limits import Limits
from pruning.plan import Plan
from pruning.protect import REASON, protected
from pruning.spec import BY_SHARE, Blocks, CriterionName, PruneSettings, Spread

SPREADS = {
    Spread.UNIFORM: "Same share of every group",
    Spread.GROUPS: "Only chosen groups",
    Spread.GLOBAL: "Lowest scores anywhere",
    Spread.ISOMORPHIC: "Lowest among alike groups",
    Spread.PER_LAYER: "n filters of every group",
    Spread.TOTAL: "n filters anywhere",
}
BLOCKS = {Blocks.INSIDE: "Smaller", Blocks.WHOLE: "Fewer"}


def show(row: Row) -> None:
    """Everything under the choice of a run; called in a fragment, so that a slider redraws only this."""
    *cells, last = st.columns(
        [1, 1.7, 1, 2.6] if state.has_blocks(row.id) else [1, 1.4, 3], gap="medium", vertical_alignment="bottom"
    )
    blocks = choose_blocks(cells[2]) if len(cells) > 2 else Blocks.INSIDE
    whole, scored = state.channels(row.id, blocks), state.scores(row.id, blocks)
    if whole is None:
        return
    if not whole.groups:
        what = "nothing in this network can be pruned"
        cards.problem({"what": what, "do": "Choose another run; the reasons stand below."})
        remarks.left_alone(whole, {})
        return
    plan_for(row, whole, scored, controls(scored, whole, blocks, (cells[0], cells[1], last)))


def choose_blocks(into: Any) -> Blocks:
    """How attention heads and conv groups are cut; only where the network has some."""
    info = PruneSettings.model_fields["blocks"]
    return Blocks(into.selectbox(info.title or "", list(BLOCKS), format_func=lambda b: BLOCKS[Blocks(b)], key="blocks",
                                 help=info.description, bind="query-params"))  # fmt: skip


def plan_for(row: Row, whole: ChannelMap, scored: dict[str, Any], wish: PruneSettings) -> None:
    """The plan for a wish, with its numbers and pictures, and what can be started with it."""
    mine = protected(whole, wish.protect)
    scores = scored.get(wish.criterion) or {"error": "the run has not scored it"}
    if "error" in scores:
        criterion = series.CRITERIA[wish.criterion]
        cards.problem(
            {"what": f"{criterion} cannot score this network: {scores['error']}", "do": "Choose another criterion."}
        )
        return
    numbers, (left, right) = st.container(), st.columns(2, gap="large")
    bars = left.container()
    with left:
        wish = wish.model_copy(update={"shares": shares.choose(row.id, whole, wish, closed(whole, scores, mine))})
        remarks.left_alone(whole, mine)
    plan = from_settings(whole, scores, wish)
    with numbers:
        tiles(whole.counts(), plan)
    with right:
        chosen = one_group(plan, scores, wish, bounds(plan, wish, mine))
    with bars:
        kept(plan, chosen)
    launch.actions(row, wish, plan)


def closed(whole: ChannelMap, scores: dict[str, Any], mine: Mapping[str, str]) -> dict[str, str]:
    """Groups that no wish reaches, and why."""
    unscored = {g.name: "not scored" for g in whole.groups if g.name not in scores}
    return unscored | dict.fromkeys(mine, REASON)


def controls(scored: dict[str, Any], whole: ChannelMap, blocks: Blocks, cells: Sequence[Any]) -> PruneSettings:
    """Criterion, spread and the overall wish; the rest of the settings folded."""
    names = [str(name) for name in CriterionName if name in scored] or [str(name) for name in CriterionName]
    start = PruneSettings(criterion=CriterionName(names[0]), filters=1, blocks=blocks)
    first, second, third = cells
    criterion = forms.field(start, "criterion", "criterion", options=names, into=first)
    spread = Spread(second.selectbox("Spread", list(SPREADS), format_func=lambda s: SPREADS[Spread(s)], key="spread",
                                     help="How the wish is spread over the groups.", bind="query-params"))  # fmt: skip
    wish: dict[str, Any] = {"criterion": criterion, "spread": spread}
    if spread in BY_SHARE:
        wish["share"] = forms.field(start, "share", "share", into=third)
    elif spread is not Spread.GROUPS:
        wish["filters"] = forms.field(start, "filters", "filters", into=third)
    else:
        third.caption("Set the share of each group below; groups left at 0 % stay whole.")
    with st.expander("Protected layers, limits and rounding"):
        return limiting(forms.checked(start, wish), whole)


def limiting(wish: PruneSettings, whole: ChannelMap) -> PruneSettings:
    """What keeps groups from being cut as asked: layers left whole, bounds and multiples."""
    layers = [layer for group in whole.groups for layer in group.layers]
    values = {"protect": forms.field(wish, "protect", "prune-protect", options=layers)}
    for names in (("floor", "ceiling", "keep_at_least"), ("round_to", "round_mode", "rounding", "normalise")):
        for name, cell in zip(names, forms.grid(len(names), len(names)), strict=True):
            values[name] = forms.field(wish, name, f"prune-{name}", into=cell)
    return forms.checked(wish, values)


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


def one_group(plan: Plan, scores: dict[str, Any], wish: PruneSettings, why: Mapping[str, str]) -> str:
    """Scores of the chosen group with the cut, and what is cut along with it; returns its name."""
    groups = {group.name: group for group in plan.channels.groups}
    chosen = st.selectbox("Group", list(groups), key="group", format_func=lambda n: remarks.name(groups[n]) if n in groups else n,
                          bind="query-params", help="The group whose filters are shown.")  # fmt: skip
    group = groups[chosen]
    keep = plan.keep.get(chosen, range(group.units))
    if chosen in scores:
        curve = series.norms(chosen, wish.criterion, scores[chosen], keep)
        st.plotly_chart(charts.norms(curve), key="norms", config=charts.CONFIG)
    else:
        st.info(f"{series.CRITERIA[wish.criterion]} has nothing to judge {words.plain(chosen)} by, so it stays whole.")
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


def bounds(plan: Plan, wish: PruneSettings, mine: Mapping[str, str]) -> dict[str, str]:
    """Per group, why it keeps so many where a limit is the reason; `mine`: group → pattern that protects it."""
    told = limits_of(plan.channels, wish)
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
