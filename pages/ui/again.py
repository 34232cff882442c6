"""What a run leads to: a copy with an error's advice taken, or the page it came from with its settings filled in."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import streamlit as st

from pages.ui import cards, forms, state, tuning
from pages.ui.explorer import setting
from pages.ui.wish import WAYS
from pruning.amounts import written
from pruning.errors import UserError
from pruning.jobs import command
from pruning.jobs.store import Row
from pruning.run import Run
from pruning.spec import (
    AuditSpec,
    FinetuneSpec,
    MaskSpec,
    PruneSpec,
    RecipeSpec,
    ScanSpec,
    SearchSpec,
    Settings,
    Spec,
    SweepSpec,
    TrainSettings,
    TrainSpec,
)

PARTS = {"learning_rate": "learning rate", "batch_size": "batch"}


def offer(row: Row) -> None:
    """The primary button: a copy with what the error's record advises; always the way to change the settings."""
    spec = state.specification(row.id)
    change: dict[str, Any] = (row.error or {}).get("change") or {}
    copy = changed(spec, change) if spec is not None and change else None
    if copy is not None:
        said = ", ".join(f"{PARTS.get(name, name)} {value:g}" for name, value in change.items())
        if st.button(f"Start a copy with {said}", type="primary", help="A new run; this one stays as it is."):
            cards.open_run(state.submit(copy)[0])
    if spec is not None:
        ask(row, spec, "Change settings", "Fill these settings in again, to change them; nothing starts yet, and this run stays as it is.",
            type="secondary" if copy else "primary")  # fmt: skip


def clone(row: Row) -> None:
    """The button that opens the page which a run came from, with all that was asked for filled in."""
    if (spec := state.specification(row.id)) is not None:
        ask(row, spec, "Clone", "Fill these settings in on the page that such runs start from, to change them or not; nothing starts yet.",
            icon=":material/content_copy:", type="tertiary")  # fmt: skip


def ask(row: Row, spec: Spec, label: str, says: str, **look: Any) -> None:
    why = closed(spec)
    if st.button(label, key=f"clone-{row.id}", help=f"{says} {why}".strip(), disabled=bool(why), **look):
        refill(spec)


def closed(spec: Spec) -> str:
    """Why the page that a run came from cannot show its settings now; empty where it can."""
    parent = getattr(spec, "parent", None)
    above = state.find(parent)
    if parent is None:
        return ""
    if above is None:
        return f"Not possible: run {parent}, which it starts from, is not there any more."
    return (
        ""
        if Run.of(parent).channels.exists()
        else f"Not possible: run {parent}, which it starts from, has no network yet."
    )


def changed(spec: Spec, change: dict[str, Any]) -> Spec | None:
    """The spec with its training settings changed; None when the advice does not fit it."""
    part = "finetune" if isinstance(spec, PruneSpec) else "training"
    if (
        not isinstance(spec, TrainSpec | PruneSpec | FinetuneSpec)
        or not change.keys() <= TrainSettings.model_fields.keys()
    ):
        return None
    return spec.model_copy(update={part: getattr(spec, part).model_copy(update=change)})


Studied = MaskSpec | ScanSpec | SearchSpec | AuditSpec
TABS = {"mask": "Masks", "scan": "Scan", "search": "Search", "audit": "Audit", "sweep": "Sweep"}  # of Explore, by kind
FORMS = {
    "masking": "mask",
    "scan": "scan",
    "search": "search",
    "audit": "audit",
    "finetune": "mask-tune",
}  # prefix, by part


def refill(spec: Spec) -> None:
    """Open the page that a run came from, with the run's settings in its widgets."""
    match spec:
        case TrainSpec():
            trained(spec)
            st.switch_page("pages/train.py", query_params={})
        case RecipeSpec():
            repeated(spec)
            st.switch_page("pages/recipes.py", query_params={})
        case FinetuneSpec():
            tune_on(spec)
            return
        case PruneSpec():
            pruned(spec)
        case SweepSpec():
            swept(spec)
        case MaskSpec() | ScanSpec() | SearchSpec() | AuditSpec():
            fill(**{prefix: getattr(spec, part) for part, prefix in FORMS.items() if hasattr(spec, part)})
            st.session_state.update({"start": TABS[spec.kind], "mask-title": spec.title})
    left_out(spec)
    st.switch_page("pages/explore.py", query_params={"run": str(getattr(spec, "parent", ""))})


HIDDEN = {  # options without a field on Explore, by kind
    "prune": ("pruning.seed", "pruning.score_images", "pruning.scan"),
    "sweep": ("pruning.seed", "pruning.score_images", "pruning.scan"),
    "search": ("finetune.",),
}


def left_out(spec: Spec) -> None:
    """Say which settings, given on the command line, the page has no field for."""
    hidden = HIDDEN.get(spec.kind, ())
    told = [command.said(name, value) for name, value in command.changed(spec) if hidden and name.startswith(hidden)]
    if told:
        st.toast(f"Not taken over, as this page has no field for it: {', '.join(told)}.", duration="infinite")


@st.dialog("Train a network on")
def tune_on(spec: FinetuneSpec) -> None:
    """The settings of a fine-tuning, which no page has, and the button that starts it."""
    st.caption(f"Starts from the network of run {spec.parent}.")
    title = st.text_input("Title", spec.title, key="clone-title", help="What lists call the run.")
    try:
        main = forms.form(spec.training, "clone", only=tuning.MAIN, columns=2)
        with st.expander("More settings"):
            ready = forms.form(main, "clone", only=tuning.MORE, columns=2)
    except UserError as error:
        cards.problem(error)
        return
    if st.button("Start", type="primary", help="Queues it as a new run."):
        cards.open_run(state.submit(spec.model_copy(update={"title": title, "training": ready}))[0])


def repeated(spec: RecipeSpec) -> None:
    """The options of a recipe's card."""
    own = {"seeds": len(spec.seeds), "control": spec.control, "folder": spec.data.folder, "weights": spec.weights}
    st.session_state.update({f"{name}-{spec.name}": value for name, value in own.items()})
    which = "Short version" if spec.short else "Run"
    st.toast(f"The options of its card are filled in; “{which}” starts it.")


def swept(spec: SweepSpec) -> None:
    pruned(PruneSpec(parent=spec.parent, pruning=spec.pruning))
    fill(sweep=spec.finetune, **{"sweep-schedule": spec.schedule})
    own = {"criteria": plain(spec.criteria), "shares": list(spec.shares), "seeds": list(spec.seeds),
           "recalibrate_images": spec.pruning.recalibrate_images}  # fmt: skip
    st.session_state.update({"start": TABS["sweep"]} | {f"sweep-{name}": value for name, value in own.items()})


def trained(spec: TrainSpec) -> None:
    fill(train=spec.training, data=spec.data)
    own = {"data": spec.data.name, "folder": spec.data.folder, "model": spec.model.name,
           "pretrained": spec.model.pretrained, "weights": spec.model.weights, "title": spec.title}  # fmt: skip
    st.session_state.update(own)


def pruned(spec: PruneSpec) -> None:
    wish = spec.pruning
    fill(prune=wish, tune=spec.finetune, **{"tune-schedule": spec.schedule})
    st.session_state.update({"criterion": wish.criterion, "spread": wish.spread,
                             "filters": wish.filters, "blocks": wish.blocks, "tune-recalibrate_images": wish.recalibrate_images,
                             "by": WAYS[wish.has_budget],
                             "prune-title": spec.title})  # fmt: skip
    whole = state.channels(spec.parent, wish.blocks)
    if whole is not None:
        setting.put(spec.parent, wish, whole)


def fill(**parts: Settings) -> None:
    """Hand the fields of each form to its widgets: keys are the form's prefix and the field's name."""
    for prefix, settings in parts.items():
        for name, value in settings.model_dump().items():
            if forms.is_amount(type(settings).model_fields[name]):
                st.session_state[f"{prefix}-{name}"] = written(value)
            elif not isinstance(value, dict):
                st.session_state[f"{prefix}-{name}"] = plain(value) if isinstance(value, tuple) else value


def plain(values: Iterable[Any]) -> list[Any]:
    """A list whose names are texts, as the widgets for several choices have them."""
    return [str(value) if isinstance(value, StrEnum) else value for value in values]
