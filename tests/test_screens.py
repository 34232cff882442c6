"""Every page in a real browser, light and dark, wide and narrow: pictures to look at, and what no page may show.

The pictures go to the folder that PRUNING_SHOTS names, `screenshots/` when it names none.
"""

import os
import re
from contextlib import suppress
from pathlib import Path

import axe_playwright_python
import browser
import prepared
import pytest
from playwright.sync_api import TimeoutError

pytestmark = pytest.mark.browser
AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
SHOTS = Path(os.environ.get("PRUNING_SHOTS") or browser.ROOT / "screenshots")
KINDS = {
    "train": prepared.TRAIN, "prune": prepared.PRUNE, "steps": prepared.STEPS, "finetune": prepared.FINETUNE,
    "mask": prepared.MASK, "scan": prepared.SCAN, "search": prepared.SEARCH, "audit": prepared.AUDIT,
    "sweep": prepared.SWEEP, "recipe": prepared.RECIPE, "failed": prepared.FAILED, "cancelled": prepared.CANCELLED,
    "unknown": 99,
}  # fmt: skip
FILLED = {page: page for page in browser.PAGES} | {f"run-{name}": f"runs?run={n}" for name, n in KINDS.items()}
EMPTY = ("home", "train", "explore", "runs", "compare", "export")
ALLOWED: dict[str, tuple[str, str]] = {}  # axe rule → what its element has in it, and why it can stay
OVER = "() => (e => e.scrollWidth - e.clientWidth)(document.querySelector('[data-testid=stMain]'))"
TALLEST = 6000  # pixels of a picture


@pytest.fixture(scope="module")
def tab(chromium):
    return browser.tab(chromium)


def violations(tab) -> list[str]:
    """What axe-core calls serious or critical, one line an element."""
    tab.add_script_tag(path=str(AXE))
    found = tab.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    serious = [rule for rule in found if rule["impact"] in ("serious", "critical")]
    return [
        f"{rule['id']}: {told(node)}" for rule in serious for node in rule["nodes"] if not allowed(rule["id"], node)
    ]


def allowed(rule: str, node: dict) -> bool:
    return rule in ALLOWED and ALLOWED[rule][0] in node["html"]


def told(node: dict) -> str:
    why = re.sub(r"\s+", " ", node.get("failureSummary", "")).removeprefix("Fix any of the following: ")
    return f"{node['html'][:120]} {why[:170]}"


def shoot(tab, name: str) -> list[str]:
    """A picture of the whole page at this width, once a theme; returns what is wider than the page."""
    tall = tab.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    tab.set_viewport_size({"width": tab.viewport_size["width"], "height": max(900, min(tall + 20, TALLEST))})
    SHOTS.mkdir(parents=True, exist_ok=True)
    for theme in ("dark", "light"):
        tab.emulate_media(color_scheme=theme)
        browser.settle(tab)
        tab.screenshot(path=str(SHOTS / f"{name}-{theme}.png"))
    with suppress(TimeoutError):  # charts and tables follow the window with a moment's delay
        tab.wait_for_function(f"({OVER})() <= 1", timeout=5000)
    over = tab.evaluate(OVER)
    return [f"{name} is {over} px wider than the window"] if over > 1 else []


def wrong(tab, name: str) -> list[str]:
    """What is wrong with the page that is open: one line for each thing."""
    found = [f"light: {line}" for line in violations(tab)] + shoot(tab, name)
    tab.set_viewport_size({"width": 700, "height": 900})
    browser.settle(tab)
    found += shoot(tab, f"{name}-700")
    tab.emulate_media(color_scheme="dark")
    tab.wait_for_timeout(400)  # colours fade over
    found += [f"dark, narrow: {line}" for line in violations(tab)]
    found += [*tab.told, *tab.get_by_test_id("stException").all_inner_texts()]
    tab.told.clear()
    tab.emulate_media(color_scheme="light")
    tab.set_viewport_size({"width": 1280, "height": 900})
    return found


@pytest.mark.parametrize("name", FILLED)
def test_a_page_is_readable_accessible_and_fits(name, dashboard, tab):
    browser.open_page(tab, dashboard.address, FILLED[name])
    assert wrong(tab, name) == []


@pytest.mark.parametrize("name", EMPTY)
def test_a_page_with_nothing_there_is_readable_accessible_and_fits(name, empty_dashboard, tab):
    browser.open_page(tab, empty_dashboard.address, name)
    assert wrong(tab, f"empty-{name}") == []
