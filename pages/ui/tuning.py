"""What follows a cut: recalibration, the schedule of the cuts, fine-tuning; a row of the most common, the rest folded."""

from dataclasses import dataclass

import streamlit as st

from pages.ui import cards, forms
from pruning.errors import UserError
from pruning.jobs import known
from pruning.spec import PruneSettings, Rewind, ScheduleSettings, TrainSettings, When

MAIN = ("epochs", "batch_size", "optimizer", "learning_rate")
MORE = tuple(name for name in TrainSettings.model_fields if name not in (*MAIN, "early_epoch"))


@dataclass(frozen=True)
class Ready:
    pruning: PruneSettings
    schedule: ScheduleSettings
    finetune: TrainSettings


def after_cut(prefix: str, wish: PruneSettings, parent: int) -> Ready | None:
    """The wish with its recalibration, the schedule and the fine-tuning; None, with the reason in words, when a setting is not allowed."""
    first, *rest = forms.grid(5, 5)
    start = TrainSettings(epochs=2)
    images = forms.field(wish, "recalibrate_images", f"{prefix}-recalibrate_images", into=first)
    tuning = {n: forms.field(start, n, f"{prefix}-{n}", into=cell) for n, cell in zip(MAIN, rest, strict=True)}
    try:
        with st.expander("Schedule: steps, masks while training, rewinding"):
            planned = schedule(f"{prefix}-schedule")
            known.check_rewind(parent, planned)
        with st.expander("More settings of the fine-tuning"):
            more = forms.form(start, prefix, only=MORE, columns=4)
        return Ready(forms.checked(wish, {"recalibrate_images": images}), planned, forms.checked(more, tuning))
    except UserError as error:
        cards.problem(error)
        return None


def schedule(prefix: str) -> ScheduleSettings:
    """When units go, in how many steps, and from which weights training goes on. Raises UserError."""
    start, cells = ScheduleSettings(), forms.grid(3, 3)
    values = {n: forms.field(start, n, f"{prefix}-{n}", into=c) for n, c in zip(("when", "steps"), cells, strict=False)}
    names = [name for name, is_read in reads(values["when"], values["steps"]).items() if is_read]
    cells += forms.grid(3, 3) if len(names) > 1 else []
    values |= {n: forms.field(start, n, f"{prefix}-{n}", into=c) for n, c in zip(names, cells[2:], strict=False)}
    return forms.checked(start, values)


def reads(when: When, steps: int) -> dict[str, bool]:
    """Which of the other fields count."""
    grows = when is When.TRAINING or (when is When.CUT and steps > 1)
    return {
        "curve": grows,
        "epochs": grows or when is When.REGULARISED,
        "penalty": when is When.REGULARISED,
        "rewind": True,
    }


def in_title(planned: ScheduleSettings) -> str:
    """', 3 steps, initial weights', or nothing for one cut."""
    parts = {
        f"{planned.steps} steps": planned.when is When.CUT and planned.steps > 1,
        "masked while training": planned.when is When.TRAINING,
        "growing penalty": planned.when is When.REGULARISED,
        f"{planned.rewind} weights": planned.rewind in (Rewind.INITIAL, Rewind.EARLY),
        "from scratch": planned.rewind is Rewind.SCRATCH,
    }
    return "".join(f", {part}" for part, is_so in parts.items() if is_so)
