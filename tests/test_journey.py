"""The newcomer's journey in a real browser: example → explore → prune → compare → download → the same accuracy elsewhere."""

import re
import subprocess
import sys
import time
from pathlib import Path

import browser
import pytest
from browser import MINUTE, ROOT
from conftest import end_processes
from playwright.sync_api import Locator, Page, expect

from pruning.jobs.store import Store
from pruning.run import Run, home, read_json

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ACCURACY = """
import sys, torch, pruning
from pruning import data
from pruning.evaluate import evaluate
from pruning.spec import DataSettings
images = data.load(DataSettings(name="fashion-mnist-sample"))
print(evaluate(pruning.load(sys.argv[1]), images.test_x, images.test_y, images, torch.device("cpu"))["accuracy"])
"""


@pytest.fixture
def server(runs):
    """The dashboard as a user starts it, with nothing in it."""
    with browser.serve(runs) as served:
        yield served.address
    end_processes(runs)


@pytest.fixture
def page():
    with browser.chromium() as opened:
        yield browser.tab(opened)


def menu(page: Page, name: str) -> None:
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible(timeout=MINUTE)


def done(page: Page) -> None:
    expect(page.get_by_test_id("stMainBlockContainer").get_by_text("Done", exact=True)).to_be_visible(
        timeout=4 * MINUTE
    )


def settled(page: Page) -> None:
    """Wait for the example's second run as well, and for the sidebar to see that it ended."""
    deadline = time.monotonic() + 240
    while not all(row.state.is_finished for row in Store(home()).rows()) and time.monotonic() < deadline:
        time.sleep(0.3)
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0, timeout=MINUTE)


def explore(page: Page) -> None:
    """Move the overall share from 50 % to 99 % and see the engine confirm the parameters."""
    menu(page, "Explore")
    overall(page).press("End")
    expect(page.get_by_text(re.compile(r"The engine's plan: [\d,]+ parameters \(−100"))).to_be_visible(timeout=MINUTE)
    expect(page.get_by_text("the engine agrees")).to_be_visible(timeout=MINUTE)


def overall(page: Page) -> Locator:
    """The slider of the overall share."""
    knob = page.get_by_role("slider", name="Overall share removed")
    expect(knob).to_be_visible(timeout=MINUTE)
    return knob


def choose(page: Page, label: str, title: str) -> None:
    box = page.get_by_role("combobox", name=label).first
    box.click()
    box.fill(title)
    page.get_by_role("option", name=title).first.click()


def ask(page: Page) -> None:
    """A criterion by its title, a budget instead of a share, and a costly criterion whose scores are made when asked for."""
    choose(page, "Criterion", "Taylor, signed")
    expect(page.get_by_text("positive and negative parts cancel")).to_be_visible(timeout=MINUTE)
    page.get_by_role("radio", name="By budget").click()
    expect(page.get_by_text("The budget is met with")).to_be_visible(timeout=MINUTE)
    planned = page.get_by_text("The engine's plan").inner_text().split(": ")[1].split(" ")[0]
    assert int(planned.replace(",", "")) <= 1_040_549  # half of the example's network
    choose(page, "Criterion", "ThiNet")
    page.get_by_role("button", name="Score now").click()
    expect(page.get_by_text("The budget is met with")).to_be_visible(timeout=2 * MINUTE)


def prune(page: Page) -> int:
    """Prune what Explore shows, without fine-tuning; returns the number of the run."""
    page.get_by_role("spinbutton", name="Epochs").first.fill("0")
    page.get_by_role("spinbutton", name="Epochs").first.press("Enter")
    page.get_by_role("button", name="Prune and fine-tune", exact=True).click()
    page.wait_for_url(re.compile(r"/runs\?run=\d+"), timeout=MINUTE)
    done(page)
    return int(page.url.split("run=")[1])


def download(page: Page, folder: Path) -> Path:
    menu(page, "Export")
    with page.expect_download() as event:
        page.get_by_role("button", name="Download .safetensors").click()
    path = folder / event.value.suggested_filename
    event.value.save_as(path)
    return path


def accuracy_elsewhere(path: Path) -> float:
    """Test accuracy of a saved network in a fresh Python process."""
    made = subprocess.run(
        [sys.executable, "-c", ACCURACY, str(path)], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert made.returncode == 0, made.stderr
    return float(made.stdout)


def test_from_first_start_to_a_smaller_network_in_another_process(server, page, tmp_path):
    page.goto(server)
    page.get_by_role("button", name="Try the example").click()
    expect(page.get_by_role("progressbar").first).to_be_visible(timeout=MINUTE)
    done(page)
    settled(page)
    explore(page)
    ask(page)
    number = prune(page)
    menu(page, "Compare")
    expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=MINUTE)
    path = download(page, tmp_path)
    told = read_json(Run.of(number).result)["after"]["test_accuracy"]
    assert path.name == f"run-{number}.safetensors"
    assert accuracy_elsewhere(path) == pytest.approx(told, abs=1e-9)


def hurry(page: Page, delay: float) -> None:
    """Move the overall share by keys and clicks, `delay` seconds apart."""
    knob = overall(page)
    box = knob.bounding_box()
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft"):
        knob.press(key)
        time.sleep(delay)
    for part in (0.3, 0.6, 0.45):
        page.mouse.click(box["x"] + part * box["width"], box["y"] + box["height"] / 2)
        time.sleep(delay)


def test_only_a_slider_that_was_touched_counts_as_set_by_hand(server, page):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(server)
    page.get_by_role("button", name="Try the example").click()
    done(page)
    settled(page)
    menu(page, "Explore")
    for delay in (0, 0.08, 0.25, 0.5):
        hurry(page, delay)
        time.sleep(2)
        assert "kept=" not in page.url
    page.get_by_role("slider").nth(1).press("ArrowRight")
    page.wait_for_url(re.compile(r"kept=\w+"), timeout=MINUTE)
    assert all(url.startswith((server, "data:", "blob:")) for url in asked)  # nothing leaves this machine


def test_a_link_opened_first_on_a_fresh_server_runs_inside_the_app(server, page):
    page.goto(f"{server}/compare")
    expect(page.get_by_role("heading", name="Compare", exact=True)).to_be_visible(timeout=MINUTE)
    expect(page.get_by_test_id("stSidebarNav").get_by_role("link", name="Explore")).to_be_visible(timeout=MINUTE)
