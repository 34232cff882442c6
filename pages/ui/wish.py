"""What Explore asks for: criterion, spread, a share or a budget, and what limits them."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from pages.ui import cards, criteria, forms, live, state, words
from pruning.channels.map import ChannelMap
from pruning.curves import Curves, of_run
from pruning.jobs.store import Row, State
from pruning.plan import Plan
from pruning.spec import (
    BY_SHARE,
    RANKED,
    WEIGHT_NORMS,
    Blocks,
    Order,
    PruneSettings,
    ScanSettings,
    ScanSpec,
    Spread,
)

BUDGET = "By budget"
WAYS = ("By share", BUDGET)
ONE_BY_ONE = (Spread.UNIFORM, Spread.GROUPS, Spread.PER_LAYER, Spread.PERCENTILE)  # each group has a number of its own


def choose(whole: ChannelMap, blocks: Blocks, cells: Sequence[Any]) -> PruneSettings:
    """Criterion, spread and the overall wish; the rest of the settings folded."""
    start, (first, second, last) = PruneSettings(blocks=blocks, filters=1), cells
    criterion = criteria.choose(first)
    spread = Spread(forms.field(start, "spread", "spread", into=second))
    criteria.about(criterion)
    asked = amount(start, spread, whole, last)
    with st.expander("Scores, protected layers, limits and rounding"):
        return limiting(forms.checked(start, {"criterion": criterion, "spread": spread, **asked}), whole)


def amount(start: PruneSettings, spread: Spread, whole: ChannelMap, last: Any) -> dict[str, Any]:
    """How much goes: a share, what the network may cost, or a number of filters."""
    if spread is Spread.GROUPS:
        st.caption("Set the share of each group below; groups left at 0 % stay whole.")
        return {}
    if spread not in BY_SHARE:
        return {"filters": forms.field(start, "filters", "filters")}
    way = last.segmented_control("How much", WAYS, default=WAYS[0], required=True, key="by", bind="query-params",
                                 help="A share of the filters, or the smallest share with which the network costs at most what you say.")  # fmt: skip
    return budget(start, whole) if way == BUDGET else {}  # the live element has the share


def budget(start: PruneSettings, whole: ChannelMap) -> dict[str, Any]:
    """What the network may cost; starts at half of its parameters."""
    start, names = (
        start.model_copy(update={"max_params": whole.counts().params // 2}),
        ("max_params", "max_macs", "max_latency"),
    )
    found = {n: forms.field(start, n, f"prune-{n}", into=cell) for n, cell in zip(names, forms.grid(3, 3), strict=True)}
    if found["max_latency"]:
        st.caption("The job measures the latency, and removes more than is shown here where that is needed to meet it.")
    elif not any(found.values()):
        st.caption("No budget yet, so nothing is removed: fill in one of the three.")
    return found | {"share": 0.0}


def limiting(wish: PruneSettings, whole: ChannelMap) -> PruneSettings:
    """How scores are made and compared, layers left whole, bounds and multiples."""
    layers = [layer for group in whole.groups for layer in group.layers]
    values = {"protect": forms.field(wish, "protect", "prune-protect", options=layers)}
    for names in (("floor", "ceiling", "keep_at_least"), ("round_to", "round_mode", "rounding"), scoring(wish)):
        for name, cell in zip(names, forms.grid(len(names), 3), strict=True):
            values[name] = forms.field(wish, name, f"prune-{name}", into=cell)
    return forms.checked(wish, values)


def scoring(wish: PruneSettings) -> list[str]:
    """The settings of scores that this criterion and this spread read."""
    can_be_greedy = wish.criterion in WEIGHT_NORMS and wish.spread in ONE_BY_ONE and not wish.has_budget
    reads = {
        "normalise": wish.spread in RANKED,
        "order": can_be_greedy,
        "score_at": criteria.looks_at_activations(wish.criterion),
    }
    return [name for name, is_read in reads.items() if is_read]


def remarks(wish: PruneSettings, plan: Plan) -> None:
    """What a budget came to, and where the job's picks may be others."""
    if wish.has_budget:
        st.caption(found(wish, plan))
    if wish.order is Order.GREEDY:
        st.caption("Greedy: the job scores layer after layer, so it may pick other filters than those shown here; "
                   "how many go, and the numbers above, are exact.")  # fmt: skip


def found(wish: PruneSettings, plan: Plan) -> str:
    """'The budget is met with 31.2 % of the filters removed: 49,980 of at most 50,000 parameters.'"""
    now, units = plan.counts(), sum(group.units for group in plan.channels.groups)
    share = words.percent(1 - sum(plan.kept().values()) / units, 1)
    met = [
        f"{words.count(have)} of at most {words.count(most)} {what}"
        for have, most, what in ((now.params, wish.max_params, "parameters"), (now.macs, wish.max_macs, "MACs"))
        if most
    ]
    if not met:
        return "How much goes for this latency is known when the job has measured it."
    start = "With" if wish.max_latency else "The budget is met with"
    return f"{start} {share} of the filters removed: {', '.join(met)}."


def curves(row: Row, whole: ChannelMap, wish: PruneSettings) -> tuple[int, Curves] | None:
    """The newest scan of this network and its curves; None while there is none, with what leads to one."""
    scans = [scan for scan in state.rows(kinds=["scan"]) if scan.parent == row.id and fits(scan, wish)]
    done = [scan for scan in scans if scan.state is State.SUCCEEDED]
    if done:
        cards.link(done[0], "scan", f"By the accuracies of scan {done[0].id}, each group cut alone")
        return done[0].id, of_run(done[0].id, whole)
    under_way = [scan for scan in scans if not scan.state.is_finished]
    if under_way:
        live.wait(under_way[0], "Scanning how much accuracy each group costs")
    else:
        offer(row, wish)
    return None


def fits(scan: Row, wish: PruneSettings) -> bool:
    spec = state.specification(scan.id)
    return isinstance(spec, ScanSpec) and spec.scan.blocks is wish.blocks


def offer(row: Row, wish: PruneSettings) -> None:
    with st.container(border=True):
        st.markdown("This spread needs a **sensitivity scan**: it measures how much accuracy each group costs when it alone is cut, "
                    "on validation images. It runs once for a network.")  # fmt: skip
        if st.button("Scan sensitivity", type="primary", key="scan-now", disabled=row.state is not State.SUCCEEDED):
            scan = ScanSettings(criterion=wish.criterion, blocks=wish.blocks)
            state.submit(ScanSpec(title=f"Sensitivity of run {row.id}", parent=row.id, scan=scan))
            st.rerun()
