"""What an audit's page says and draws, what can be taken away, and the form that starts one."""

import pytest
from streamlit.testing.v1 import AppTest
from test_audit import AUDIT, HUNDRED, ORACLE, RNG, TRAIN, TRUE, execute

from pages.ui import audit_charts
from pruning.audit import compared
from pruning.jobs import supervisor
from pruning.jobs.repair import repair
from pruning.jobs.store import Store
from pruning.report import FolderReport
from pruning.run import home

RECORD = {
    "images": 40, "loss": 0.4, "seed": 0, "score_images": 40, "share": 0.3, "resamples": 100, "left_out": {"c": "one"},
    "groups": [{"name": n, "drawn": list(e.units), "change": e.change.tolist()} for n, e in ORACLE.items()],
}  # fmt: skip


def recorded(scores):
    return RECORD | compared(ORACLE, scores, **HUNDRED)


def test_a_clear_winner_is_told_from_one_that_is_not():
    noise = {name: RNG.normal(size=len(values)).tolist() for name, values in TRUE.items()}
    clear, tied = recorded({"l1": TRUE, "random": noise}), recorded({"l1": TRUE, "l2": TRUE})
    assert "**L1 norm**" in audit_charts.sentence(clear)
    assert "Every other criterion is clearly behind" in audit_charts.sentence(clear)
    assert "No clear winner between it and *L2 norm*" in audit_charts.sentence(tied)
    assert "No criterion" in audit_charts.sentence(recorded({"bn-scale": "needs batch norm"}))


def test_the_table_keeps_criteria_that_order_nothing_with_the_reason():
    rows = audit_charts.rows(recorded({"bn-scale": "needs batch norm", "l1": {"b": TRUE["b"]}}))
    assert [(row["criterion"], row["groups"]) for row in rows] == [("L1 norm", "1 of 2"), ("BN scale", "0 of 2")]
    assert "a: It has nothing to judge" in rows[0]["note"]
    assert rows[1]["note"] == "needs batch norm"


def test_every_number_of_an_audit_can_be_taken_away():
    found = recorded({"l1": TRUE, "bn-scale": "needs batch norm"})
    rows = audit_charts.filter_rows(found)
    assert [(row["group"], row["filter"]) for row in rows[:2]] == [("a", 0), ("a", 1)]
    assert all(row["L1 norm"] == abs(row["change of loss"]) for row in rows)
    assert [row["group"] for row in audit_charts.layer_rows(found)] == ["a", "b"]
    assert audit_charts.overlap_rows(found)[1]["Oracle"] == 1


def test_figures_hold_every_criterion_with_its_interval():
    noise = {name: RNG.normal(size=len(values)).tolist() for name, values in TRUE.items()}
    found = recorded({"l1": TRUE, "random": noise, "bn-scale": "needs batch norm"})
    best, behind = audit_charts.intervals(found).data
    assert (best.y, behind.y) == (("L1 norm",), ("Random",))
    assert audit_charts.layers(found).data[0].z[0] == pytest.approx([1, 1])
    assert len(audit_charts.overlap(found).data[0].z) == 3


def test_the_page_of_an_audit_shows_it_and_the_form_starts_one(monkeypatch):
    monkeypatch.setattr(supervisor, "ensure", lambda: None)
    for number, spec in ((1, TRAIN), (2, AUDIT)):
        FolderReport(execute(number, spec)).status(state="succeeded")
    repair(Store(home()))
    shown = AppTest.from_function(page, default_timeout=60).run()
    assert not shown.exception
    assert "ablation oracle" in shown.markdown[0].value
    assert any("about" in caption.value for caption in shown.caption)
    shown.button[-1].click().run()
    assert Store(home()).row(3).kind == "audit"


def page():
    from pages.ui import audit, state

    audit.show(state.find(2))
    audit.form(state.find(1))
