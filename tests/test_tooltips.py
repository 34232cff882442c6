"""Every setting says what it means: each field of a spec, and each control on each page."""

import prepared
import pytest
from conftest import end_processes
from pydantic import BaseModel
from test_pages import PAGES, opened

from pruning import requests, settings, spec, studies, wishes

CONTROLS = (
    "checkbox", "color_picker", "date_input", "file_uploader", "multiselect", "number_input", "select_slider", "selectbox",
    "slider", "text_area", "text_input", "time_input", "toggle",
)  # fmt: skip
OWN = {"kind", "title"}  # what every spec has and no form shows


def fields() -> list[tuple[str, str, str | None]]:
    """(class, field, what its tooltip says) of every pydantic setting."""
    found = {c for module in (requests, settings, spec, studies, wishes) for c in vars(module).values()
             if isinstance(c, type) and issubclass(c, BaseModel)}  # fmt: skip
    return sorted(
        (c.__name__, name, info.description)
        for c in found
        for name, info in c.model_fields.items()
        if not is_part(info.annotation) and name not in OWN
    )


def is_part(annotation: object) -> bool:
    """Settings inside of settings: a form of their own."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def test_every_setting_has_its_sentence():
    assert [f"{owner}.{name}" for owner, name, told in fields() if not told] == []
    assert len(fields()) > 100


def untold(app) -> list[str]:
    """Labels of the controls without a tooltip."""
    return [f"{kind} {e.label}" for kind in CONTROLS for e in app.get(kind) if not e.proto.help and not is_quiet(e)]


def is_quiet(element) -> bool:
    """A control that cannot be used: its label says why."""
    return bool(getattr(element.proto, "disabled", False))


@pytest.fixture
def full(prepared_runs, monkeypatch):
    monkeypatch.setenv("PRUNING_HOME", str(prepared_runs))
    yield
    end_processes(prepared_runs)


@pytest.mark.parametrize("page", [*PAGES, "glossary"])
@pytest.mark.usefixtures("full")
def test_every_control_of_a_page_has_a_tooltip(page):
    app = opened(page)
    assert not app.exception
    assert untold(app) == []


@pytest.mark.parametrize("number", [*range(prepared.TRAIN, prepared.SWEEP + 1), prepared.FAILED, prepared.RECIPE])
@pytest.mark.usefixtures("full")
def test_every_control_of_a_runs_page_has_a_tooltip(number):
    app = opened("runs", run=str(number))
    assert not app.exception
    assert untold(app) == []
