"""What a failed run leads to: a copy with the advice taken, or the page it came from with its settings filled in."""

from typing import Any

import streamlit as st

from pages.ui import cards, state
from pruning.jobs.store import Row
from pruning.spec import FinetuneSpec, PruneSettings, PruneSpec, Settings, Spec, TrainSettings, TrainSpec

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
    link = settings_link(spec)
    if link is not None and st.button("Change settings", type="secondary" if copy else "primary"):
        page, query = link
        clear(query)
        if isinstance(spec, TrainSpec):
            st.session_state["weights"] = spec.model.weights
        st.switch_page(page, query_params=query)


def changed(spec: Spec, change: dict[str, Any]) -> Spec | None:
    """The spec with its training settings changed; None when the advice does not fit it."""
    part = "finetune" if isinstance(spec, PruneSpec) else "training"
    if (
        not isinstance(spec, TrainSpec | PruneSpec | FinetuneSpec)
        or not change.keys() <= TrainSettings.model_fields.keys()
    ):
        return None
    return spec.model_copy(update={part: getattr(spec, part).model_copy(update=change)})


def settings_link(spec: Spec | None) -> tuple[str, dict[str, str]] | None:
    """Page and query that fill in the settings of a run; None when no page does."""
    if isinstance(spec, TrainSpec):
        own = {"data": spec.data.name, "folder": spec.data.folder, "model": spec.model.name}
        data = told(spec.data, "data", set(own) | {"name"})
        return "pages/train.py", {k: v for k, v in own.items() if v} | data | told(spec.training, "train")
    if isinstance(spec, PruneSpec):
        wish = spec.pruning
        own = {"run": str(spec.parent), "criterion": str(wish.criterion), "spread": str(wish.spread),
               "share": str(wish.share), "filters": str(wish.filters),
               "shares": ",".join(f"{name}:{round(100 * share)}" for name, share in wish.shares.items())}  # fmt: skip
        rest = told(wish, "prune", set(PruneSettings.model_fields) - {"floor", "rounding", "normalise"})
        return "pages/explore.py", {k: v for k, v in own.items() if v} | rest | told(spec.finetune, "tune")
    return None


def told(settings: Settings, prefix: str, without: set[str] | frozenset[str] = frozenset()) -> dict[str, str]:
    """A form's fields as its widgets know them in the link."""
    values = settings.model_dump(mode="json", exclude=set(without))
    return {f"{prefix}-{name}": str(value) for name, value in values.items() if not isinstance(value, dict)}


def clear(query: dict[str, str]) -> None:
    """Forget what the session remembers of these settings, so that the link decides."""
    for key in query:
        st.session_state.pop(key, None)
    if "run" in query:
        st.session_state.pop(f"shares-{query['run']}", None)
