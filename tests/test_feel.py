"""What a reader relies on, in a real browser: files open, inputs outlive a refresh, links lead there, torch stays out."""

import io
import zipfile
from pathlib import Path

import browser
import pandas as pd
import plotly.graph_objects as go
import prepared
import psutil
import pytest
from PIL import Image
from playwright.sync_api import expect

from pages.ui import alt, files, glossary
from pages.ui.terms import PARTS, TERMS

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def page(chromium):
    page = browser.tab(chromium)
    yield page
    assert page.told == []
    page.context.close()


def taken(page, name: str, *, exact: bool = False) -> bytes:
    with page.expect_download(timeout=browser.MINUTE) as event:
        page.get_by_role("button", name=name, exact=exact).first.click()
    return Path(event.value.path()).read_bytes()


@pytest.mark.browser
def test_all_charts_of_a_page_come_as_one_archive_that_opens(dashboard, page):
    browser.open_page(page, dashboard.address, f"runs?run={prepared.PRUNE}")
    with zipfile.ZipFile(io.BytesIO(taken(page, "charts (ZIP)"))) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
        assert len([name for name in names if name.endswith(".html")]) == 3
        assert pd.read_csv(archive.open(f"run-{prepared.PRUNE}-loss.csv")).columns[0] == "epoch"
        for name in (name for name in names if name.endswith(".png")):
            assert Image.open(archive.open(name)).size == (1800, 1040)


@pytest.mark.browser
def test_a_chart_and_a_run_download_as_files_that_open(dashboard, page):
    browser.open_page(page, dashboard.address, f"runs?run={prepared.TRAIN}")
    page.get_by_role("button", name="Download chart").first.click()
    assert b"epoch" in taken(page, "CSV", exact=True)
    assert taken(page, "PNG", exact=True).startswith(PNG)
    browser.open_page(page, dashboard.address, f"export?run={prepared.PRUNE}")
    assert zipfile.ZipFile(io.BytesIO(taken(page, "Download ZIP"))).testzip() is None


@pytest.mark.browser
def test_a_refresh_keeps_what_was_typed(dashboard, page):
    browser.open_page(page, dashboard.address, "train")
    field = page.get_by_role("spinbutton", name="Epochs").first
    field.fill("7")
    field.press("Enter")
    page.wait_for_url("**train-epochs=7**", timeout=browser.MINUTE)
    page.reload()
    expect(page.get_by_role("spinbutton", name="Epochs").first).to_have_value("7", timeout=browser.MINUTE)


@pytest.mark.browser
def test_a_link_to_a_term_shows_it(dashboard, page):
    browser.open_page(page, dashboard.address, "glossary?term=Taylor")
    expect(page.get_by_role("heading", name="Taylor", exact=True)).to_be_visible(timeout=browser.MINUTE)


@pytest.mark.browser
def test_the_server_has_shown_pages_and_not_loaded_torch(dashboard, page):
    browser.open_page(page, dashboard.address, f"explore?run={prepared.TRAIN}")
    maps = {Path(part.path).name for part in psutil.Process(dashboard.process).memory_maps()}
    assert not [name for name in maps if name.startswith(("libtorch", "libc10"))]
    assert any(name.startswith("libpython") or "numpy" in name or "multiarray" in name for name in maps)


def test_a_chart_says_in_words_what_it_shows():
    figure = go.Figure(go.Scatter(x=[1], y=[2], name="<b>conv1</b>"))
    figure.update_layout(title="Loss", xaxis_title="epoch", yaxis_title="cross-entropy")
    assert alt.of(figure) == "Loss: cross-entropy against epoch. Shown: conv1."


def test_charts_without_a_browser_are_html_and_csv(monkeypatch):
    monkeypatch.setattr(files, "has_browser", lambda: False)
    archive = zipfile.ZipFile(io.BytesIO(files.zipped({"loss": (go.Figure(), [{"epoch": 1, "loss": 0.5}])})))
    assert archive.namelist() == ["loss.html", "loss.csv"]
    assert archive.read("loss.csv") == b"epoch,loss\n1,0.5\n"


def test_the_glossary_finds_by_name_meaning_and_paper():
    assert glossary.exact(PARTS, "taylor") == "Taylor"
    assert "Criterion" in glossary.found(PARTS, "scores a filter")["Networks and their parts"]
    assert "Sensitivity" in glossary.found(PARTS, "Li et al.")["How much goes, and where"]
    assert glossary.found(PARTS, "no such term") == {}


def test_every_paper_of_a_term_has_a_link():
    assert [name for name, term in TERMS.items() if term.paper and not term.link] == []
