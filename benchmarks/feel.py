"""How the dashboard answers, in Chromium: the first page after a start, a key press to its number, page to page. Writes feel.md.

python -m benchmarks.feel [--keys 60] [--visits 5]
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from playwright.sync_api import Browser, Page

from benchmarks.tables import machine, table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
import browser
import prepared
from conftest import end_processes

from pruning.spec import DataSettings, ModelSettings, PruneSpec, TrainSettings, TrainSpec

SMALL = TrainSettings(epochs=2)
DATA = DataSettings(limit=200)
RUNS = (
    TrainSpec(data=DATA, model=ModelSettings(name="resnet56-cifar"), training=SMALL),
    PruneSpec(parent=1, finetune=SMALL),
)
HEADER = ("what", "n", "p50, ms", "p95, ms")
HEAD = """# How the dashboard answers

Milliseconds in Chromium {version}, headless without GPU, 1280 × 900; {machine}; load when it began: {load}. A load above the number of cores
means that browser and server waited for other work. *First page*: from the start of `streamlit run` (what `make run` does when all is
installed) to Home drawn and at rest. *Key to number*: from an arrow key on one of {sliders} sliders of Explore, with {charts} charts on the
page, to the next task after the frame that shows the new parameters. *Key to the engine's number*: to the sentence with the plan's exact numbers,
which the server writes 250 ms after the last key. *Page to page*: from a click in the menu to the page at rest, less the {quiet} ms that
rest is waited for. The web process held {memory} MB at the end, torch not loaded: {free}. Made by `python -m benchmarks.feel`.
"""
QUIET = 150  # milliseconds without a change count as rest
PROBE = """selector => {
  window.times = [];
  const root = [...document.querySelectorAll('*')].map(e => e.shadowRoot?.querySelector('.explorer')).find(Boolean)
    ?? document.querySelector('.explorer');
  const shown = root.querySelector('[data-number=params] dd');
  let pressed = null;
  document.addEventListener('keydown', event => { pressed = event.timeStamp; }, true);
  new MutationObserver(() => {
    const since = pressed;
    pressed = null;
    if (since !== null) requestAnimationFrame(() => setTimeout(() => window.times.push(performance.now() - since)));
  }).observe(shown, {childList: true, characterData: true, subtree: true});
}"""


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--keys", type=int, default=60, help="key presses")
    reader.add_argument("--visits", type=int, default=5, help="visits of every page, and starts of the server")
    asked = reader.parse_args()
    load = f"{os.getloadavg()[0]:.2f}"
    with TemporaryDirectory() as place, browser.chromium() as opened:
        folder = Path(place) / "runs"
        prepared.make(folder, *RUNS)
        rows = [timed("First page", [first(folder, opened) for _ in range(asked.visits)])]
        with browser.serve(folder) as served:
            page = browser.tab(opened)
            facts, found = keys(page, served.address, asked.keys)
            rows += [*found, *visits(page, asked.visits)]
            facts |= process(served.process)
        end_processes(folder)
        head = HEAD.format(version=opened.version, machine=machine(), load=load, quiet=QUIET, **facts)
    text = head + "\n" + table(HEADER, rows) + "\n"
    (Path(__file__).parent / "feel.md").write_text(text)
    print(text)


def first(folder: Path, opened: Browser) -> float:
    """Milliseconds from the start of the server to Home at rest, in a browser that is open."""
    began = time.perf_counter()
    with browser.serve(folder) as served:
        page = browser.tab(opened)
        browser.open_page(page, served.address, "home")
        took = 1000 * (time.perf_counter() - began) - QUIET
        page.context.close()
    return took


def keys(page: Page, address: str, count: int) -> tuple[dict[str, object], list[Sequence[str]]]:
    """What is on the page, and a row for the live number and for the engine's."""
    browser.open_page(page, address, "explore?run=1")
    page.get_by_text("Charts to take away").click()
    page.locator(".js-plotly-plot").first.wait_for(timeout=browser.MINUTE)
    browser.settle(page)
    slider = page.get_by_role("slider", name="units removed").first
    page.evaluate(PROBE)
    for i in range(count):
        slider.press("ArrowLeft" if i % 8 < 4 else "ArrowRight")
        time.sleep(0.05)
    live = page.evaluate("window.times")
    exact = [engines(page, i) for i in range(max(5, count // 6))]
    facts = {"sliders": page.get_by_role("slider").count(), "charts": page.locator(".js-plotly-plot").count()}
    return facts, [timed("Key to number, Explore", live), timed("Key to the engine's number, Explore", exact)]


def engines(page: Page, i: int) -> float:
    """Milliseconds from a key press to the engine's sentence."""
    line = page.get_by_text("The engine's plan").first
    before = line.inner_text()
    began = time.perf_counter()
    page.get_by_role("slider", name="units removed").first.press("ArrowLeft" if i % 8 < 4 else "ArrowRight")
    page.wait_for_function("([e, before]) => e.innerText !== before", arg=[line.element_handle(), before], polling=10)
    return 1000 * (time.perf_counter() - began)


def visits(page: Page, count: int) -> Iterator[Sequence[str]]:
    """A row a page."""
    took: dict[str, list[float]] = {}
    for _ in range(count):
        for name in ("Train", "Explore", "Recipes", "Runs", "Compare", "Export", "Glossary", "Help", "Home"):
            began = time.perf_counter()
            browser.go(page, name)
            took.setdefault(name, []).append(1000 * (time.perf_counter() - began) - QUIET)
    return (timed(f"Page to page: {name}", values) for name, values in took.items())


def process(number: int) -> dict[str, str]:
    """Memory of the web process, and whether it stayed free of torch."""
    found = psutil.Process(number)
    loaded = any("libtorch" in part.path for part in found.memory_maps())
    return {"memory": f"{found.memory_info().rss / 1e6:.0f}", "free": "no" if loaded else "yes"}


def timed(what: str, values: Sequence[float]) -> Sequence[str]:
    ordered = sorted(values)
    high = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return what, str(len(values)), f"{statistics.median(values):.0f}", f"{high:.0f}"


if __name__ == "__main__":
    main()
