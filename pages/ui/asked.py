"""What a run was asked for: every setting by its title, in words."""

from enum import StrEnum
from typing import Any

import streamlit as st

from pages.ui import cards, names, state, words
from pruning.jobs.store import Row
from pruning.spec import Settings


def settings(row: Row) -> None:
    """Every setting of the run with its title, part by part."""
    spec = state.specification(row.id)
    if spec is None:
        return
    given = {name: getattr(spec, name) for name in type(spec).model_fields if name not in ("kind", "title", "parent")}
    parts = {PARTS.get(name, name): told(part) for name, part in given.items() if isinstance(part, Settings)}
    own = [line(type(spec), name, value) for name, value in given.items() if not isinstance(value, Settings)]
    columns = st.columns(3)
    for number, (title, lines) in enumerate({cards.KINDS[row.kind]: own, **parts}.items() if own else parts.items()):
        columns[number % 3].markdown("\n".join([f"| {title} | |", "|:--|:--|", *lines]))


def told(part: Settings) -> list[str]:
    return [line(type(part), name, getattr(part, name)) for name in type(part).model_fields]


def line(model: type[Settings], name: str, value: Any) -> str:
    return f"| {model.model_fields[name].title or name} | {words.plain(setting(value))} |"


PARTS = {
    "data": "Data",
    "model": "Network",
    "training": "Training",
    "pruning": "Pruning",
    "schedule": "Schedule",
    "finetune": "Fine-tuning",
    "masking": "Masks",
    "scan": "Scan",
    "search": "Search",
    "audit": "Audit",
}


def setting(value: Any) -> str:
    """A setting's value in words."""
    match value:
        case bool():
            return "yes" if value else "no"
        case dict():
            return ", ".join(f"{name} {setting((wish,))}" for name, wish in value.items()) or "–"
        case tuple():
            between = "; " if value and isinstance(value[0], StrEnum) else ", "
            return between.join(words.percent(v, 0) if isinstance(v, float) else setting(v) for v in value) or "–"
        case str():
            return names.of(value) or "–"
    return f"{value:g}" if isinstance(value, float) else str(value)
