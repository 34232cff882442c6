"""What Explore starts: one prune with exactly the shares on the page, or a sweep of criteria × shares."""

import streamlit as st

from pages.ui import cards, forms, series, state, words
from pruning.errors import UserError
from pruning.jobs.store import Row
from pruning.plan import Plan
from pruning.spec import BY_SHARE, Blocks, CriterionName, PruneSettings, PruneSpec, Spread, SweepSpec, TrainSettings

OVER = {Spread.GLOBAL: " globally", Spread.ISOMORPHIC: " among alike groups"}
TENTHS = [i / 10 for i in range(1, 10)]


def actions(row: Row, wish: PruneSettings, plan: Plan) -> None:
    """Prune with exactly these shares, or sweep criteria × shares."""
    if not row.state.is_finished:
        st.caption(
            f"Run {row.id} is not finished: scores are of the network as it starts, and a prune waits for its end."
        )
    once, many = st.tabs(["Prune and fine-tune", "Sweep"])
    with once:
        prune(row, wish, plan)
    with many:
        sweep(row, wish)


def prune(row: Row, wish: PruneSettings, plan: Plan) -> None:
    ready = after_cut("tune", wish)
    name = st.text_input("Title", key="prune-title", placeholder=plan_title(wish), persist_state="session")
    removes = bool(plan.removed())
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button("Prune and fine-tune", type="primary", disabled=ready is None or not removes)
        if not removes:
            st.caption("Nothing would be removed: raise a share first.")
    if pressed and ready is not None:
        spec = PruneSpec(title=name or plan_title(wish), parent=row.id, pruning=ready[0], finetune=ready[1])
        cards.open_run(state.submit(spec)[0])


def plan_title(wish: PruneSettings) -> str:
    """'L1, 50 %' or 'Taylor, 7 filters anywhere'."""
    criterion = series.CRITERIA[wish.criterion]
    blocks = ", whole blocks" if wish.blocks is Blocks.WHOLE else ""
    if wish.spread in BY_SHARE:
        own = f", {words.plural(len(wish.shares), 'group')} set by hand" if wish.shares else ""
        return f"{criterion}, {words.percent(wish.share, 0)}{OVER.get(wish.spread, '')}{own}{blocks}"
    if wish.spread is Spread.GROUPS:
        return f"{criterion}, {words.plural(len(wish.shares), 'group')}{blocks}"
    where = "per group" if wish.spread is Spread.PER_LAYER else "anywhere"
    return f"{criterion}, {words.plural(wish.filters, 'filter')} {where}{blocks}"


def after_cut(prefix: str, wish: PruneSettings) -> tuple[PruneSettings, TrainSettings] | None:
    """The wish with its recalibration, and the fine-tuning; None, with the reason in words, when a setting is not allowed."""
    first, *rest = forms.grid(5, 5)
    start, names = TrainSettings(epochs=2), ("epochs", "batch_size", "optimizer", "learning_rate")
    images = forms.field(wish, "recalibrate_images", f"{prefix}-recalibrate_images", into=first)
    tuning = {n: forms.field(start, n, f"{prefix}-{n}", into=cell) for n, cell in zip(names, rest, strict=True)}
    try:
        return forms.checked(wish, {"recalibrate_images": images}), forms.checked(start, tuning)
    except UserError as error:
        cards.problem(error)
        return None


def sweep(row: Row, wish: PruneSettings) -> None:
    """Every criterion × share as a run of its own."""
    left, right = st.columns(2)
    criteria = left.multiselect("Criteria", list(CriterionName), default=[wish.criterion], key="sweep-criteria",
                                format_func=lambda c: series.CRITERIA[c])  # fmt: skip
    shares = right.multiselect("Shares removed", TENTHS, default=TENTHS[::2], key="sweep-shares",
                               format_func=lambda s: words.percent(s, 0))  # fmt: skip
    ready = after_cut("sweep", wish)
    fits = wish.spread in BY_SHARE
    if not fits:
        st.caption(
            "A sweep needs a spread by share: “Same share of every group”, “Lowest scores anywhere” or “Lowest among alike groups”."
        )
    elif wish.shares:
        st.caption("Groups whose share you set by hand keep it in every run of the sweep.")
    runs = len(criteria) * len(shares)
    start = f"Start {words.plural(runs, 'run')}"
    if not st.button(start, type="primary", disabled=not (runs and fits and ready), key="sweep-start") or ready is None:
        return
    names = ", ".join(series.CRITERIA[c] for c in criteria)
    spec = SweepSpec(title=f"Sweep of {names}", parent=row.id, criteria=tuple(criteria), shares=tuple(shares),
                     pruning=ready[0], finetune=ready[1])  # fmt: skip
    cards.open_run(state.submit(spec)[0])
