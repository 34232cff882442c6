"""The dashboard as a user starts it, and a real Chromium to look at it with."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
MINUTE = 60_000  # milliseconds
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PAGES = ("home", "train", "explore", "recipes", "runs", "compare", "export", "help", "glossary")


@dataclass(frozen=True)
class Served:
    address: str
    process: int


@contextmanager
def serve(runs: Path, script: str = "app.py") -> Iterator[Served]:
    """The dashboard, or a script of tests, on a free port of this machine, with its runs in `runs`."""
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", script, "--server.headless", "true", "--server.port", str(port)]  # fmt: skip
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    process = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | {"PRUNING_HOME": str(runs), "PYTHONPATH": paths}, **quiet
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/_stcore/health")
        yield Served(f"http://127.0.0.1:{port}", process.pid)
    finally:
        process.terminate()
        process.wait(20)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_for(address: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise TimeoutError(address)


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = next(filter(None, map(shutil.which, BROWSERS)), None)
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


def tab(browser: Browser, *, width: int = 1280, dark: bool = False) -> Page:
    """A fresh page that tells its console's errors in `page.told`."""
    page = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", accept_downloads=True
    ).new_page()
    told: list[str] = []
    page.told = told  # type: ignore[attr-defined]
    page.on("console", lambda message: told.append(said(message)) if is_news(message) else None)
    page.on("pageerror", lambda error: told.append(str(error)))
    return page


def is_news(message: ConsoleMessage) -> bool:
    """Errors; but on a page's own link Streamlit looks for its server below the page first, and does not find it."""
    return message.type == "error" and "/_stcore/" not in message.location.get("url", "")


def said(message: ConsoleMessage) -> str:
    return f"{message.text} ({message.location.get('url', '')})"


def settle(page: Page, quiet: int = 150) -> None:
    """Wait until the script has run, no skeleton is left, and nothing in the page has changed for `quiet` ms."""
    expect(page.get_by_test_id("stMainBlockContainer").get_by_role("heading").first).to_be_visible(timeout=MINUTE)
    page.wait_for_function(SETTLED, arg=quiet, timeout=MINUTE, polling=50)


SETTLED = """quiet => {
    const app = document.querySelector('[data-testid="stApp"]');
    const busy = app?.getAttribute('data-test-script-state') !== 'notRunning'
        || document.querySelector('[data-testid="stSkeleton"], [data-stale="true"]') !== null;
    const main = document.querySelector('[data-testid="stMainBlockContainer"]');
    const shape = busy ? null : main.innerText.length + '/' + main.querySelectorAll('*').length + '/' + main.scrollHeight;
    const before = window.__settled ?? {};
    if (shape === null || before.shape !== shape) {
        window.__settled = {shape, since: performance.now()};
        return false;
    }
    return performance.now() - before.since >= quiet;
}"""


def open_page(page: Page, address: str, where: str) -> None:
    page.goto(f"{address}/{'' if where == 'home' else where}")
    settle(page)


def go(page: Page, where: str) -> None:
    """Go to a page of the app by its menu, as a user does: much faster than loading the app anew."""
    page.evaluate("window.__settled = undefined")
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=where, exact=True).click()
    settle(page)
