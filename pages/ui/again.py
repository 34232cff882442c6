"""What a failed run leads to: a copy with the advice taken, or the page it came from with its settings filled in."""

from typing import Any

import streamlit as st

from pages.ui import cards, forms, state
from pages.ui.explorer import setting
from pages.ui.wish import WAYS
from pruning.amounts import written
from pruning.jobs.store import Row
from pruning.spec import (
    AuditSpec,
    FinetuneSpec,
    MaskSpec,
    PruneSpec,
    ScanSpec,
    SearchSpec,
    Settings,
    Spec,
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
    if isinstance(spec, TrainSpec | PruneSpec | Studied) and st.button(
        "Change settings", type="secondary" if copy else "primary"
    ):
        refill(spec)


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
TABS = {"mask": "Masks", "scan": "Scan", "search": "Search", "audit": "Audit"}  # of Explore, by kind
FORMS = {
    "masking": "mask",
    "scan": "scan",
    "search": "search",
    "audit": "audit",
    "finetune": "mask-tune",
}  # prefix, by part


def refill(spec: TrainSpec | PruneSpec | Studied) -> None:
    """Open the page that a run came from, with the run's settings in its widgets."""
    if isinstance(spec, TrainSpec):
        trained(spec)
        st.switch_page("pages/train.py", query_params={})
    if isinstance(spec, PruneSpec):
        pruned(spec)
    else:
        fill(**{prefix: getattr(spec, part) for part, prefix in FORMS.items() if hasattr(spec, part)})
        st.session_state.update({"start": TABS[spec.kind], "mask-title": spec.title})
    st.switch_page("pages/explore.py", query_params={"run": str(spec.parent)})


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
                st.session_state[f"{prefix}-{name}"] = list(value) if isinstance(value, tuple) else value
