"""A page that polls a running job leaves alone what its reader is at: a zoom, an open popover, half-typed text."""

import shutil
import time

import browser
import prepared
import pytest
from conftest import end_processes
from playwright.sync_api import expect

from pruning.jobs.store import State, Store
from pruning.spec import TrainSettings, TrainSpec

pytestmark = pytest.mark.browser
LABELS = "e => [...e.querySelectorAll('svg.marks text')].map(t => t.textContent).sort().join(' ')"
LONG = TrainSpec(data=prepared.DATA, training=TrainSettings(epochs=1000))


@pytest.fixture(scope="module")
def working(prepared_runs, tmp_path_factory):
    """A dashboard whose newest run trains all the while; the number of that run."""
    folder = tmp_path_factory.mktemp("working") / "runs"
    shutil.copytree(prepared_runs, folder)
    store = Store(folder)
    number = store.submit(LONG)
    with browser.serve(folder) as served:
        yield f"{served.address}/runs?run={number}", store, number
    end_processes(folder)


@pytest.fixture
def page(chromium, working):
    address, store, number = working
    page = browser.tab(chromium)
    page.goto(address)
    expect(page.get_by_test_id("stVegaLiteChart").locator("svg.marks").nth(1)).to_be_visible(timeout=browser.MINUTE)
    yield page
    assert store.row(number).state is State.RUNNING
    assert page.told == []


def polls(page, count: int) -> None:
    """Wait until the number of the epoch that is shown has changed so often."""
    line = page.get_by_text("for the epoch").first
    for _ in range(count):
        expect(line).not_to_have_text(line.inner_text(), timeout=browser.MINUTE)


def test_a_zoomed_curve_stays_as_it_is_while_new_epochs_come(page):
    chart = page.get_by_test_id("stVegaLiteChart").first
    whole = chart.evaluate(LABELS)
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -600)
    page.keyboard.up("Control")
    time.sleep(1)
    zoomed = chart.evaluate(LABELS)
    polls(page, 5)
    assert zoomed != whole
    assert chart.evaluate(LABELS) == zoomed


def test_an_open_popover_stays_open_and_half_typed_text_stays_while_new_epochs_come(page):
    page.get_by_test_id("stMainBlockContainer").get_by_test_id("stPopoverButton").first.click()
    field = page.get_by_test_id("stPopoverBody").get_by_role("textbox").first
    field.fill("half a na")
    polls(page, 5)
    expect(field).to_have_value("half a na")
    expect(field).to_be_focused()
