"""Things to take away: charts as HTML, PNG, SVG and CSV, a run as one ZIP, a single file of a run."""

import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from choreographer.browsers import Chromium

from pages.ui import words
from pruning.errors import UserError
from pruning.jobs.store import Row
from pruning.run import Run

NO_BROWSER = "PNG and SVG need Chromium on the server; HTML, CSV and the chart's camera work."
Deferred = Callable[[], bytes]


@st.cache_resource(show_spinner=False)
def has_browser() -> bool:
    """Whether the server has a Chromium that can draw images."""
    return Chromium.find_browser(skip_local=False) is not None


def html(figure: go.Figure) -> bytes:
    """The chart as one file that opens without a network."""
    return str(figure.to_html(include_plotlyjs=True, full_html=True)).encode()


def image(figure: go.Figure, form: str) -> bytes:
    """The chart as `png` (twice the pixels) or `svg`, 900 × 520."""
    return figure.to_image(form, width=900, height=520, scale=2 if form == "png" else 1)  # type: ignore[no-any-return]


def table(rows: Sequence[dict[str, Any]]) -> bytes:
    return pd.DataFrame(list(rows)).to_csv(index=False).encode()


def chart(figure: go.Figure, rows: Sequence[dict[str, Any]], name: str, *, label: str = "Download chart") -> None:
    """The four files of a chart behind one button; each is made when it is asked for."""
    forms: dict[str, Deferred] = {"html": lambda: html(figure), "csv": lambda: table(rows)}
    if has_browser():
        forms |= {"png": lambda: image(figure, "png"), "svg": lambda: image(figure, "svg")}
    with st.popover(label, type="tertiary", icon=":material/download:"):
        with st.container(horizontal=True):
            for form, make in forms.items():
                st.download_button(form.upper(), make, f"{name}.{form}", key=f"{name}-{form}", on_click="ignore")
        if not has_browser():
            st.caption(NO_BROWSER)


def bundle(run: Run) -> bytes:
    """The run's folder as a ZIP, without its resume points."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(run.path.rglob("*")):
            inside = path.relative_to(run.path)
            if path.is_file() and inside.parts[0] != run.checkpoints.name and not path.name.startswith("."):
                archive.write(path, Path(f"run-{run.number}") / inside)
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


def listing(row: Row) -> None:
    """Every file of the run, to download one by one."""
    for path in sorted(Run.of(row.id).path.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"`{path.name}`", width=240)
                st.caption(words.size(path.stat().st_size), width=90)
                st.download_button(
                    "Download", path.read_bytes, path.name, key=f"file-{path.name}", type="tertiary", on_click="ignore"
                )
