"""How long the live explorer takes from pointer to paint, in Chromium with a real mouse at 60 Hz. Writes live.md.

python -m benchmarks.live [network …] [--moves 300]
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import Page

from benchmarks.tables import machine, table

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from browser import chromium, serve  # noqa: E402  the page under test is that of the tests

NETWORKS = ("scnnb", "resnet50", "resnet152", "vit_b_16", "densenet201")
SLIDERS = (("overall", "Overall share removed, percent"), ("one group", ""))
HEADER = ("network", "groups", "slider", "n", "p50, ms", "p95, ms", "next frame p95, ms", "processor time a move, ms", "reruns while moving")  # fmt: skip
HEAD = """# The live explorer, from pointer to paint

Milliseconds in Chromium {version}, headless without GPU, on a page of 1280 × 900; {machine}; load when it began and ended: {load}. A real mouse (DevTools protocol) drags a slider back and forth
at 60 Hz. *p50, p95*: from the time stamp of the mouse event to the first task after the frame that shows its numbers (the event waits for that frame, up to
16.7 ms, which is counted). *next frame*: to the beginning of the frame after that. *processor time*: of the page's main thread for all that
a move sets off, script, style, layout and paint, which other processes hardly lengthen. A load above the number
of cores means that the browser waited for others: then the waits say more about them. Made by `python -m benchmarks.live`.
"""
PROBE = """() => {
  window.times = [];
  const root = [...document.querySelectorAll('*')].map((e) => e.shadowRoot?.querySelector('.explorer')).find(Boolean);
  let waiting = null;
  root.addEventListener('pointermove', (event) => { waiting = { event: event.timeStamp }; }, true);
  root.addEventListener('input', () => {
    const one = waiting;
    waiting = null;
    if (!one) return;
    requestAnimationFrame(() => { // after the element's own, which was asked for before
      const after = new MessageChannel();
      after.port1.onmessage = () => { one.painted = performance.now(); };
      after.port2.postMessage(0);
      requestAnimationFrame(() => { one.next = performance.now(); window.times.push(one); });
    });
  });
}"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    parser.add_argument("--moves", type=int, default=300)
    asked = parser.parse_args()
    began = load()
    with chromium() as opened, TemporaryDirectory() as runs, serve(Path(runs), "tests/live_app.py") as served:
        rows = [row for name in asked.networks for row in measured(opened, served.address, name, asked.moves)]
        head = HEAD.format(version=opened.version, machine=machine(), load=f"{began:.1f}, {load():.1f}")
    text = head + "\n" + table(HEADER, rows) + "\n"
    (Path(__file__).parent / "live.md").write_text(text)
    print(text)


def load() -> float:
    """Processes that want a core, over the last minute."""
    return os.getloadavg()[0]


def measured(opened: Any, address: str, name: str, moves: int) -> Iterator[Sequence[str]]:
    """A row for each slider."""
    for what, label in SLIDERS:
        page = opened.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{address}/?network={name}")
        page.locator(".explorer .row.selected").wait_for(timeout=120_000)
        page.wait_for_timeout(1500)
        groups = page.locator(".row").count()
        slider = page.get_by_label(label, exact=True) if label else page.locator(".row .slide input").nth(3 % groups)
        yield name, str(groups), what, *row(page, slider, moves)
        page.close()


def row(page: Page, slider: Any, moves: int) -> Sequence[str]:
    page.evaluate(PROBE)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = busy(session)
    drag(page, slider.bounding_box(), moves)
    each = 1000 * (busy(session) - before) / moves
    ran = page.get_by_text("runs: ").inner_text()
    page.mouse.up()
    times = page.evaluate("window.times.filter((one) => one.painted)")
    painted, following = ([one[key] - one["event"] for one in times] for key in ("painted", "next"))
    return (str(len(times)), *spread(painted), spread(following)[1], f"{each:.1f}", str(int(ran.split()[-1]) - 1))


def busy(session: Any) -> float:
    """Seconds of processor time that the main thread's tasks have taken."""
    metrics = {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}
    return float(metrics["TaskDuration"])


def drag(page: Page, box: dict[str, float], moves: int) -> None:
    """Back and forth over the slider, a move every 60th of a second, without letting go."""
    middle, width = box["y"] + box["height"] / 2, box["width"] - 16
    page.mouse.move(box["x"] + 8, middle)
    page.mouse.down()
    began = time.perf_counter()
    for i in range(moves):
        place = abs((i * 2 / 150) % 2 - 1)
        page.mouse.move(box["x"] + 8 + width * (1 - place), middle)
        time.sleep(max(0.0, began + (i + 1) / 60 - time.perf_counter()))


def spread(values: list[float]) -> tuple[str, str]:
    ordered = sorted(values)
    return f"{statistics.median(ordered):.1f}", f"{ordered[int(0.95 * (len(ordered) - 1))]:.1f}"


if __name__ == "__main__":
    main()
