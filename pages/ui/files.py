"""Things to take away: charts as HTML, PNG, SVG and CSV, a run as one ZIP, a single file of a run."""

import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import plotly.io
import streamlit as st
from choreographer.browsers import Chromium

from pages.ui import words
from pruning import export
from pruning.errors import UserError
from pruning.jobs.store import Row
from pruning.run import Run

NO_BROWSER = "PNG and SVG need Chromium on the server; HTML, CSV and the chart's camera work."
Deferred = Callable[[], bytes]
SHOWN = "charts-shown"  # file name → figure and table, of the page as it is now
Drawn = tuple[go.Figure, list[dict[str, Any]], str, str]  # figure, its table, file name, title


@st.cache_resource(show_spinner=False)
def has_browser() -> bool:
    """Whether the server has a Chromium that can draw images."""
    return Chromium.find_browser(skip_local=False) is not None


def html(figure: go.Figure) -> bytes:
    """The chart as one file that opens without a network."""
    return str(figure.to_html(include_plotlyjs=True, full_html=True)).encode()


def image(figure: go.Figure, form: str) -> bytes:
    """The chart as `png` (twice the pixels) or `svg`, 900 × 520."""
    drawn = alone(figure).to_image(form, width=900, height=520, scale=2 if form == "png" else 1)
    return drawn  # type: ignore[no-any-return]


def alone(figure: go.Figure) -> go.Figure:
    """The figure as it stands without a page around it."""
    changed = go.Figure(figure).update_layout(
        title={"x": 0.03, "font": {"size": 17}}, font={"size": 14}, margin={"l": 50, "r": 50, "t": 80, "b": 50}
    )
    return changed.update_xaxes(showgrid=False)  # as the page's theme has it


def table(rows: Sequence[dict[str, Any]]) -> bytes:
    """CSV; a minus is the one of ASCII, so that programs read a number."""
    return pd.DataFrame(list(rows)).to_csv(index=False).replace(words.MINUS, "-").encode()


def chart(figure: go.Figure, rows: Sequence[dict[str, Any]], name: str, *, label: str = "Download chart") -> None:
    """The four files of a chart behind one button; each is made when it is asked for. `everything` takes it along."""
    st.session_state.setdefault(SHOWN, {})[name] = (figure, rows)
    forms: dict[str, Deferred] = {"html": lambda: html(figure), "csv": lambda: table(rows)}
    if has_browser():
        forms |= {"png": lambda: image(figure, "png"), "svg": lambda: image(figure, "svg")}
    with st.popover(label, type="tertiary", icon=":material/download:"):
        with st.container(horizontal=True):
            for form, make in forms.items():
                st.download_button(form.upper(), make, f"{name}.{form}", key=f"{name}-{form}", on_click="ignore")
        if not has_browser():
            st.caption(NO_BROWSER)


def begin() -> None:
    """Forget the charts of the page before; called ahead of every page."""
    st.session_state[SHOWN] = {}


def everything() -> None:
    """One button for all charts of the page, where there are several; the files are made when it is pressed."""
    shown: dict[str, tuple[go.Figure, list[dict[str, Any]]]] = st.session_state.get(SHOWN, {})
    if len(shown) > 1:
        forms = "HTML, CSV, PNG and SVG" if has_browser() else "HTML and CSV"
        st.download_button(
            f"All {len(shown)} charts (ZIP)",
            lambda: zipped(shown),
            "charts.zip",
            key="all-charts",
            type="tertiary",
            icon=":material/folder_zip:",
            on_click="ignore",
            help=f"Every chart of this page as {forms}, as it stands now.",
        )


def zipped(shown: Mapping[str, tuple[go.Figure, Sequence[dict[str, Any]]]]) -> bytes:
    """Charts as NAME.html, NAME.csv, and where there is a browser NAME.png and NAME.svg."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, (figure, rows) in shown.items():
            archive.writestr(f"{name}.html", html(figure))
            archive.writestr(f"{name}.csv", table(rows))
        for name, drawn in images(shown).items() if has_browser() else ():
            archive.writestr(name, drawn)
    return buffer.getvalue()


def images(shown: Mapping[str, tuple[go.Figure, Any]]) -> dict[str, bytes]:
    """NAME.png and NAME.svg of every chart; one browser draws them all."""
    with tempfile.TemporaryDirectory() as folder:
        names = [f"{name}.{form}" for form in ("png", "svg") for name in shown]
        files = [Path(folder) / name.replace("/", "-") for name in names]
        figures = [alone(figure) for figure, _ in shown.values()] * 2
        scales = [2] * len(shown) + [1] * len(shown)
        plotly.io.write_images(
            figures, files, format=[f.suffix[1:] for f in files], width=900, height=520, scale=scales
        )
        return {file.name: file.read_bytes() for file in files}


def bundle(run: Run, charts: Sequence[Drawn] = ()) -> bytes:
    """The run's ZIP with its charts as HTML and CSV; raises UserError when there is no such run."""
    buffer = io.BytesIO(export.bundle(run))
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        for figure, rows, name, _ in charts:
            archive.writestr(f"run-{run.number}/charts/{name}.html", html(figure))
            archive.writestr(f"run-{run.number}/charts/{name}.csv", table(rows))
    return buffer.getvalue()


def exported(number: int, form: str, name: str) -> bytes:
    """A file that only the engine can write, made by its command line; raises UserError with its words."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / name
        command = [sys.executable, "-m", "pruning", "export", str(number), "--format", form, "--to", str(target)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=Path(__file__).parents[2])
        if done.returncode or not target.exists():
            raise UserError(done.stderr.strip() or f"run {number} could not be exported as {form}")
        return target.read_bytes()


INNER = ("control.json", "status.json", "folders.json")


def listing(row: Row) -> None:
    """Every file of the run but the machinery's own, to download one by one."""
    found = [p for p in sorted(Run.of(row.id).path.iterdir()) if p.is_file() and not p.name.startswith(".")]
    with st.container(gap=None):
        for path in found:
            size = path.stat().st_size
            if size and path.name not in INNER:
                label = f"{words.plain(path.name)} · {words.size(size)}"
                st.download_button(label, path.read_bytes, path.name, key=f"file-{path.name}", type="tertiary",
                                   icon=":material/download:", on_click="ignore")  # fmt: skip
