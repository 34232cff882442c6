"""The explorer: criterion, spread and shares → the plan, its exact numbers and pictures, all without torch."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from pages.ui import cards, charts, forms, series, state, words
from pruning.allocate import from_settings
from pruning.channels.map import ChannelMap, Counts, Group
from pruning.errors import UserError
from pruning.jobs.store import Row
from pruning.plan import Plan
from pruning.spec import CriterionName, PruneSettings, PruneSpec, Spread, SweepSpec, TrainSettings

PAGE = 12  # groups whose sliders are shown at once
SPREADS = {
    Spread.UNIFORM: "Same share of every group",
    Spread.GROUPS: "Only chosen groups",
    Spread.GLOBAL: "Lowest scores anywhere",
    Spread.PER_LAYER: "n filters of every group",
    Spread.TOTAL: "n filters anywhere",
}
BY_SHARE = (Spread.UNIFORM, Spread.GLOBAL)
BY_GROUP = (Spread.UNIFORM, Spread.GROUPS)


def show(row: Row, whole: ChannelMap, scored: dict[str, Any]) -> None:
    """Everything under the choice of a run; called in a fragment, so that a slider redraws only this."""
    wish = controls(scored)
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
        wish = wish.model_copy(update={"shares": group_shares(row.id, whole, wish, scores)})
        protected(whole)
    plan = from_settings(whole, scores, wish)
    with numbers:
        tiles(whole.counts(), plan)
    with right:
        chosen = one_group(plan, scores, wish)
    with bars:
        kept(plan, chosen)
    actions(row, wish)


def controls(scored: dict[str, Any]) -> PruneSettings:
    """Criterion, spread and the overall wish; the rest of the settings folded."""
    names = [str(name) for name in CriterionName if name in scored] or [str(name) for name in CriterionName]
    start = PruneSettings(criterion=CriterionName(names[0]))
    first, second, third = st.columns([1, 1.4, 3], gap="medium", vertical_alignment="bottom")
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
    with st.expander("Floor, rounding and comparison between layers"):
        return forms.form(forms.checked(start, wish), "prune", only=["floor", "rounding", "normalise"])


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


def one_group(plan: Plan, scores: dict[str, Any], wish: PruneSettings) -> str:
    """Scores of the chosen group with the cut, and what is cut along with it; returns its name."""
    names = [group.name for group in plan.channels.groups]
    chosen = st.selectbox("Group", names, key="group", bind="query-params", help="The group whose filters are shown.")
    group = plan.channels.groups[names.index(chosen)]
    keep = plan.keep.get(chosen, range(group.units))
    if chosen in scores:
        curve = series.norms(chosen, wish.criterion, scores[chosen], keep)
        st.plotly_chart(charts.norms(curve), key="norms", config=charts.CONFIG)
    else:
        st.info(f"{series.CRITERIA[wish.criterion]} has nothing to judge {words.plain(chosen)} by, so it stays whole.")
    for line in facts(group, len(keep), wish.floor):
        st.caption(words.plain(line))
    if " more" in listed(group.layers) + listed(group.coupled):
        with st.expander(f"All {len(group.layers) + len(group.coupled)} coupled layers"):
            st.caption(words.plain(", ".join((*group.layers, *group.coupled))))
    return chosen


def facts(group: Group, keep: int, floor: int) -> list[str]:
    """What there is to know of a group, a line each."""
    stopped = (
        f", stopped at the floor of {words.plural(floor, 'filter')}"
        if keep == min(floor, group.units) < group.units
        else ""
    )
    lines = [f"Keeps {keep} of {group.units}{stopped}."]
    if group.approximate:
        lines.append(f"≈ Approximate: {cards.sentence(group.approximate)}")
    if len(group.layers) > 1:
        lines.append(f"Made by {listed(group.layers)}.")
    if group.coupled:
        lines.append(f"Cut along with it: {listed(group.coupled)}.")
    return lines


def listed(names: Sequence[str], most: int = 6) -> str:
    """The first names and how many more there are."""
    rest = len(names) - most
    return ", ".join(names) if rest < 2 else f"{', '.join(names[:most])} and {rest} more"


def group_shares(number: int, whole: ChannelMap, wish: PruneSettings, scores: Mapping[str, Any]) -> dict[str, float]:
    """One slider a group, where the spread has a say for single groups; only what differs from the overall share."""
    if wish.spread not in BY_GROUP:
        return {}
    overall = wish.share if wish.spread is Spread.UNIFORM else 0.0
    chosen: dict[str, float] = st.session_state.setdefault(f"shares-{number}-{wish.spread}", {})
    with st.expander(f"Share per group ({len(chosen)} set)" if chosen else "Share per group",
                     expanded=len(whole.groups) <= PAGE or wish.spread is Spread.GROUPS):  # fmt: skip
        sliders(number, page_of(whole.groups), overall, chosen, scores)
        if chosen and st.button("Back to the overall share" if overall else "Set all to 0 %"):
            chosen.clear()
            st.rerun(scope="fragment")
    return {name: share for name, share in chosen.items() if name in scores}


def page_of(groups: tuple[Group, ...]) -> tuple[Group, ...]:
    """The groups whose sliders are shown, PAGE at a time."""
    pages = [groups[i : i + PAGE] for i in range(0, len(groups), PAGE)]
    if len(pages) == 1:
        return groups
    names = [f"{i * PAGE + 1}–{i * PAGE + len(page)}" for i, page in enumerate(pages)]
    shown = st.segmented_control("Groups", names, default=names[0], required=True, key="page")
    return pages[names.index(shown or names[0])]


def sliders(
    number: int, groups: tuple[Group, ...], overall: float, chosen: dict[str, float], scores: Mapping[str, Any]
) -> None:
    for cell, group in zip(forms.grid(len(groups), 2), groups, strict=True):
        key = f"share-{number}-{group.name}"
        judged = group.name in scores
        st.session_state[key] = chosen.get(group.name, overall) if judged else 0.0
        cell.slider(f"{group.name} ({group.units})", 0.0, 0.99, step=0.01, format="percent", key=key, disabled=not judged,
                    on_change=remember, args=(chosen, group.name, key, overall))  # fmt: skip


def remember(chosen: dict[str, float], group: str, key: str, overall: float) -> None:
    """Keep a group's own share; back at the overall one, it follows that again."""
    chosen[group] = st.session_state[key]
    if chosen[group] == overall:
        del chosen[group]


def protected(whole: ChannelMap) -> None:
    if not whole.protected:
        return
    with st.expander(f"Protected layers ({len(whole.protected)})"):
        rows = [{"Layer": p.name, "Units": p.units, "Why": cards.sentence(p.reason)} for p in whole.protected]
        st.dataframe(rows, hide_index=True, column_config={"Units": st.column_config.NumberColumn(width=60)})


def actions(row: Row, wish: PruneSettings) -> None:
    """Prune with exactly these shares, or sweep criteria × shares."""
    if not row.state.is_finished:
        st.caption(
            f"Run {row.id} is not finished: scores are of the network as it starts, and a prune waits for its end."
        )
    once, many = st.tabs(["Prune and fine-tune", "Sweep"])
    with once:
        prune(row, wish)
    with many:
        sweep(row, wish)


def prune(row: Row, wish: PruneSettings) -> None:
    tuning = finetuning("tune")
    name = st.text_input("Title", key="prune-title", placeholder=plan_title(wish), persist_state="session")
    if st.button("Prune and fine-tune", type="primary"):
        spec = PruneSpec(title=name or plan_title(wish), parent=row.id, pruning=wish, finetune=tuning)
        cards.open_run(state.submit(spec)[0])


def plan_title(wish: PruneSettings) -> str:
    """'L1, 50 %' or 'Taylor, 7 filters anywhere'."""
    criterion = series.CRITERIA[wish.criterion]
    if wish.spread in BY_SHARE:
        own = f", {words.plural(len(wish.shares), 'group')} set by hand" if wish.shares else ""
        return f"{criterion}, {wish.share:.0%}{' globally' if wish.spread is Spread.GLOBAL else ''}{own}".replace(
            "%", " %"
        )
    if wish.spread is Spread.GROUPS:
        return f"{criterion}, {words.plural(len(wish.shares), 'group')}"
    where = "per group" if wish.spread is Spread.PER_LAYER else "anywhere"
    return f"{criterion}, {words.plural(wish.filters, 'filter')} {where}"


def finetuning(prefix: str) -> TrainSettings:
    return forms.form(
        TrainSettings(epochs=2), prefix, only=["epochs", "batch_size", "optimizer", "learning_rate"], columns=4
    )


def sweep(row: Row, wish: PruneSettings) -> None:
    """Every criterion × share as a run of its own."""
    left, right = st.columns(2)
    criteria = left.multiselect("Criteria", list(CriterionName), default=[wish.criterion], key="sweep-criteria",
                                format_func=lambda c: series.CRITERIA[c])  # fmt: skip
    tenths = [i / 10 for i in range(1, 10)]
    shares = right.multiselect(
        "Shares removed", tenths, default=tenths[::2], key="sweep-shares", format_func=lambda s: f"{s:.0%}"
    )
    tuning = finetuning("sweep")
    runs = len(criteria) * len(shares)
    if wish.shares and wish.spread in BY_SHARE:
        st.caption("Groups whose share you set by hand keep it in every run of the sweep.")
    if not st.button(f"Start {words.plural(runs, 'run')}", type="primary", disabled=not runs, key="sweep-start"):
        return
    if wish.spread not in BY_SHARE:
        raise UserError(
            "a sweep needs a spread by share", do="Choose “Same share of every group” or “Lowest scores anywhere”."
        )
    names = ", ".join(series.CRITERIA[c] for c in criteria)
    spec = SweepSpec(title=f"Sweep of {names}", parent=row.id, criteria=tuple(criteria), shares=tuple(shares),
                     pruning=wish, finetune=tuning)  # fmt: skip
    cards.open_run(state.submit(spec)[0])
