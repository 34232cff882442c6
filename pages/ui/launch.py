"""What Explore starts from a run: a prune with exactly what is on the page, a sweep, masks, a scan, a search, an audit."""

import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from pages.ui import audit, cards, forms, masks, search, series, state, tuning, words
from pruning.errors import UserError
from pruning.jobs.store import Row, State
from pruning.plan import Plan
from pruning.spec import (
    BY_SHARE,
    Blocks,
    Order,
    PruneSettings,
    PruneSpec,
    Rewind,
    ScanSettings,
    ScanSpec,
    Spread,
    SweepSpec,
    When,
)

OVER = {
    Spread.GLOBAL: " globally",
    Spread.ISOMORPHIC: " among alike groups",
    Spread.PERCENTILE: " percentile",
    Spread.SENSITIVITY: " by sensitivity",
}
TENTHS = [i / 10 for i in range(1, 10)]
BESIDES = 5.0  # seconds of a run without epochs: start, scores, check, latency
SEEDS = list(range(10))
SHARES = [i / 20 for i in range(1, 20)]
PRUNE = "Prune and fine-tune"


def actions(row: Row, wish: PruneSettings, plan: Plan) -> None:
    """A tab for each; of the last ones only the one looked at is drawn, so that a slider answers at once."""
    if not row.state.is_finished:
        st.caption(
            f"Run {row.id} is not finished: scores are of the network as it starts, and what is started here waits for its end."
        )
    rest: dict[str, Callable[[Row], None]] = {
        "Masks": masks.form,
        "Scan": partial(scan, wish=wish),
        "Search": search.form,
        "Audit": audit.form,
    }
    once, many, *others = st.tabs([PRUNE, "Sweep", *rest], key="start", on_change="rerun")
    with once:
        prune(row, wish, plan)
    with many:
        sweep(row, wish)
    for tab, form in zip(others, rest.values(), strict=True):
        if tab.open:
            with tab:
                form(row)


def prune(row: Row, wish: PruneSettings, plan: Plan) -> None:
    ready = tuning.after_cut("tune", wish, row.id)
    told = plan_title(wish) + (tuning.in_title(ready.schedule) if ready else "")
    name = st.text_input("Title", key="prune-title", placeholder=told, persist_state="session",
                         help="What lists call the run; empty: what it does.") or told  # fmt: skip
    removes = bool(plan.removed()) or bool(wish.max_latency)
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(PRUNE, type="primary", disabled=ready is None or not removes)
        control = st.toggle("Also train the same architecture from scratch", key="tune-control",
                            help="A second run, the control of Liu et al. 2019: fresh weights in the pruned architecture, trained as the first is fine-tuned. Is it as good, pruning found the architecture, not the weights.")  # fmt: skip
        st.caption(estimate(row, ready, 1 + control) if removes else "Nothing would be removed: raise a share first.")
    if pressed and ready is not None:
        spec = PruneSpec(title=name, parent=row.id, pruning=ready.pruning, schedule=ready.schedule, finetune=ready.finetune)  # fmt: skip
        cards.open_run(state.submit(*([spec, from_scratch(spec)] if control else [spec]))[0])


def from_scratch(spec: PruneSpec) -> PruneSpec:
    """The control: the same architecture with fresh weights, trained equally long."""
    schedule = spec.schedule.model_copy(update={"rewind": Rewind.SCRATCH})
    return spec.model_copy(update={"title": f"{spec.title}, from scratch", "schedule": schedule})


def plan_title(wish: PruneSettings) -> str:
    """'L1 norm, 50 %' or 'Taylor, 7 filters anywhere'."""
    how = f"{', greedy' * (wish.order is Order.GREEDY)}{', whole blocks' * (wish.blocks is Blocks.WHOLE)}"
    return f"{series.CRITERIA[wish.criterion]}, {amount(wish)}{how}"


def amount(wish: PruneSettings) -> str:
    """How much goes, in words."""
    if wish.has_budget:
        return f"at most {budget(wish)}{OVER.get(wish.spread, '')}"
    if wish.spread in BY_SHARE:
        own = f", {words.plural(len(wish.shares), 'group')} set by hand" if wish.shares else ""
        return f"{words.percent(wish.share, 0)}{OVER.get(wish.spread, '')}{own}"
    if wish.spread is Spread.GROUPS:
        return words.plural(len(wish.shares), "group")
    return f"{words.plural(wish.filters, 'filter')} {'per group' if wish.spread is Spread.PER_LAYER else 'anywhere'}"


def budget(wish: PruneSettings) -> str:
    parts = (
        f"{words.short(wish.max_params)} parameters" * bool(wish.max_params),
        f"{words.short(wish.max_macs)} MACs" * bool(wish.max_macs),
        f"{wish.max_latency:g} ms" * bool(wish.max_latency),
    )
    return ", ".join(filter(None, parts))


def sweep(row: Row, wish: PruneSettings) -> None:
    """Every criterion × share × seed as a run of its own."""
    left, middle, right = st.columns([5, 8, 4])
    criteria = left.multiselect("Criteria", list(series.CRITERIA), default=[str(wish.criterion)], key="sweep-criteria",
                                format_func=lambda c: series.CRITERIA[c], help=SweepSpec.model_fields["criteria"].description)  # fmt: skip
    removed = middle.multiselect("Shares removed", offered(TENTHS, "sweep-shares"), default=TENTHS[::2], key="sweep-shares",
                                 format_func=lambda s: words.percent(s, 0), help=SweepSpec.model_fields["shares"].description)  # fmt: skip
    seeds = right.multiselect("Seeds", offered(SEEDS, "sweep-seeds"), key="sweep-seeds", placeholder="As set below",
                              help=SweepSpec.model_fields["seeds"].description)  # fmt: skip
    ready = tuning.after_cut("sweep", wish, row.id)
    fits = wish.spread in BY_SHARE and not wish.has_budget
    if not fits:
        st.caption("A sweep tries shares: choose a spread that reads one above, and “By share”, not “By budget”.")
    elif wish.shares:
        st.caption("Groups whose share you set by hand keep it in every run of the sweep.")
    runs = len(criteria) * len(removed) * max(1, len(seeds))
    start = f"Start {words.plural(runs, 'run')}"
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(start, type="primary", disabled=not (runs and fits and ready), key="sweep-start")
        st.caption(estimate(row, ready, runs))
    if not pressed or ready is None:
        return
    names = " · ".join(series.CRITERIA[c] for c in criteria)
    spec = SweepSpec.model_validate({"title": f"Sweep of {names}", "parent": row.id, "criteria": criteria, "shares": removed, "seeds": seeds,
                                     "pruning": ready.pruning, "schedule": ready.schedule, "finetune": ready.finetune})  # fmt: skip
    cards.open_run(state.submit(spec)[0])


def estimate(row: Row, ready: tuning.Ready | None, runs: int) -> str:
    """'About 4 min here, at the pace of run 1.'; nothing where that run has no epochs, or units go while it trains."""
    paces = [record["seconds"] for record in state.metrics(row.id)]
    if not paces or not runs or ready is None or ready.schedule.when is not When.CUT:
        return ""
    steps = ready.schedule.steps
    epochs = ready.finetune.epochs + (steps * ready.schedule.epochs if steps > 1 else 0)
    seconds = runs * (BESIDES + epochs * statistics.median(paces))
    return f"{words.roughly(seconds).capitalize()} here, at the pace of run {row.id}."


def offered(usual: list[Any], key: str) -> list[Any]:
    """The usual choices, and those that a cloned run brings along."""
    return sorted({*usual, *st.session_state.get(key, ())})


def scan(row: Row, wish: PruneSettings) -> None:
    """How much accuracy each group alone costs, share by share."""
    st.caption(
        "Each group alone is cut at several shares, and the accuracy is measured on validation images: "
        "it shows which layers are sensitive, and the spread “Equal cost in accuracy” reads it."
    )
    start, (first, second, third, last) = ScanSettings(criterion=wish.criterion, blocks=wish.blocks), forms.grid(4, 4)
    values = {"criterion": forms.field(start, "criterion", "scan-criterion", into=first)}
    values["shares"] = second.multiselect("Shares", offered(SHARES, "scan-shares"), default=list(start.shares), key="scan-shares", help=ScanSettings.model_fields["shares"].description,
                                          format_func=lambda s: words.percent(s, 0))  # fmt: skip
    values |= {name: forms.field(start, name, f"scan-{name}", into=cell) for name, cell in (("images", second), ("precision", third), ("seed", last))}  # fmt: skip
    try:
        ready = forms.checked(start, values)
    except UserError as error:
        cards.problem(error)
        return
    if st.button("Start the scan", type="primary", key="scan-start", disabled=row.state is State.FAILED):
        spec = ScanSpec(title=f"Scan by {series.CRITERIA[ready.criterion]}", parent=row.id, scan=ready)
        cards.open_run(state.submit(spec)[0])
