"""Specs → widgets: label, help, bounds, step and choices all come from the pydantic field; values survive page and refresh."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from types import UnionType
from typing import Any, TypeVar

import streamlit as st
from annotated_types import Ge, Gt, Le, Lt
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from pages.ui import names
from pruning.amounts import written
from pruning.errors import UserError
from pruning.spec import Settings, explain

Chosen = TypeVar("Chosen", bound=Settings)
Options = Mapping[str, Sequence[str]]


def form(
    start: Chosen,
    prefix: str,
    *,
    only: Sequence[str] | None = None,
    options: Options | None = None,
    columns: int = 3,
    fixed: Mapping[str, Any] | None = None,
) -> Chosen:
    """Widgets for the fields of `start` (its values are the defaults) → the validated settings. Raises UserError."""
    names = list(only) if only is not None else [n for n in type(start).model_fields if n not in (fixed or {})]
    cells = grid(len(names), columns)
    values = {
        name: field(start, name, f"{prefix}-{name}", options=(options or {}).get(name), into=cell)
        for name, cell in zip(names, cells, strict=True)
    }
    return checked(start, {**values, **(fixed or {})})


def grid(cells: int, columns: int) -> list[Any]:
    """Row after row of columns, so that labels of a row stand on one line."""
    found: list[Any] = []
    while len(found) < cells:
        found += st.columns(columns, vertical_alignment="bottom")
    return found[:cells]


def checked(start: Chosen, values: Mapping[str, Any]) -> Chosen:
    """`start` with `values`; raises UserError in words when they break the rules of a field."""
    try:
        return type(start).model_validate(start.model_dump() | dict(values))
    except ValidationError as error:
        raise UserError(explain(error), do="Change the setting named above.") from error


def field(start: Settings, name: str, key: str, *, options: Sequence[str] | None = None, into: Any = st) -> Any:
    """One widget for the field `name`, starting at the value it has in `start`."""
    info, value = type(start).model_fields[name], getattr(start, name)
    common = {"label": info.title or name, "help": info.description, "key": key, "bind": "query-params"}
    return _widget(info, value, options)(into, value, info, common, options)


Widget = Callable[[Any, Any, FieldInfo, dict[str, Any], Sequence[str] | None], Any]


def is_amount(info: FieldInfo) -> bool:
    """A number for every group or numbers by name, written as text."""
    return isinstance(info.annotation, UnionType)


def _widget(info: FieldInfo, value: Any, options: Sequence[str] | None) -> Widget:
    if is_amount(info):
        return _amount
    if isinstance(value, tuple):
        return _several
    if isinstance(value, StrEnum) or options is not None:
        return _choice
    if isinstance(value, bool):
        return _switch
    if isinstance(value, int | float):
        return _share if _is_share(info) else _number
    return _text


def _choice(into: Any, value: Any, info: FieldInfo, common: dict[str, Any], options: Sequence[str] | None) -> Any:
    names: list[Any] = list(options) if options is not None else list(type(value).__members__.values())
    return into.selectbox(options=names, index=names.index(value) if value in names else 0, format_func=said, **common)


def _switch(into: Any, value: bool, info: FieldInfo, common: dict[str, Any], options: Sequence[str] | None) -> Any:
    return into.toggle(value=value, **common)


def _number(into: Any, value: float, info: FieldInfo, common: dict[str, Any], options: Sequence[str] | None) -> Any:
    kind = type(value)
    step = kind(_extra(info, "step") or (1 if kind is int else _step(value)))
    # No bounds for the browser: it would show a number beyond them and keep it to itself. `checked` says what is allowed.
    return into.number_input(value=value, step=step, format=_extra(info, "format"), **common)


def _share(into: Any, value: float, info: FieldInfo, common: dict[str, Any], options: Sequence[str] | None) -> Any:
    low, high = bounds(info)
    return into.slider(
        min_value=float(low or 0),
        max_value=float(high or 0.99),
        value=value,
        step=_extra(info, "step"),
        format="percent",
        **common,
    )


def _text(into: Any, value: str, info: FieldInfo, common: dict[str, Any], options: Sequence[str] | None) -> Any:
    return into.text_input(value=value, **common)


def _amount(into: Any, value: Any, info: FieldInfo, common: dict[str, Any], options: Sequence[str] | None) -> Any:
    return into.text_input(value=written(value), **common)


def _several(into: Any, value: Any, info: FieldInfo, common: dict[str, Any], options: Sequence[str] | None) -> Any:
    """Any of the options, and what else is typed where it is not a choice of few."""
    known = list(
        type(value[0]) if value and isinstance(value[0], StrEnum) else dict.fromkeys((*(options or ()), *value))
    )
    closed = bool(known) and isinstance(known[0], StrEnum)
    return into.multiselect(
        options=known, default=list(value), accept_new_options=not closed, select_all=False, format_func=said, **common
    )


def said(choice: Any) -> Any:
    """A choice by the name that users read."""
    return names.of(choice) if isinstance(choice, StrEnum) else choice


def _extra(info: FieldInfo, name: str) -> Any:
    return info.json_schema_extra.get(name) if isinstance(info.json_schema_extra, dict) else None


def _is_share(info: FieldInfo) -> bool:
    """Both ends within 0..1 and a step: a slider says more than a number field, where one asks for it often."""
    low, high = bounds(info)
    return (
        low is not None
        and high is not None
        and high <= 1
        and _extra(info, "step") is not None
        and _extra(info, "slider") is not False
    )


def _step(value: float) -> float:
    """A tenth of the value, as a power of ten."""
    return float(f"1e{int(f'{value:e}'.split('e')[1]) - 1}") if value else 1e-4


def bounds(info: FieldInfo) -> tuple[float | None, float | None]:
    """Smallest and largest value a widget may offer; an open end stays one step away."""
    step = _extra(info, "step") or 0
    low: float | None = None
    high: float | None = None
    for rule in info.metadata:
        match rule:
            case Ge():
                low = float(rule.ge)  # type: ignore[arg-type]
            case Gt():
                low = float(rule.gt) + step  # type: ignore[arg-type]
            case Le():
                high = float(rule.le)  # type: ignore[arg-type]
            case Lt():
                high = float(rule.lt) - step  # type: ignore[arg-type]
    return low, high
