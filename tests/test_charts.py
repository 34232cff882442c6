"""Charts in two steps: run files → plain records (compared with ==), records → figures and files to take away."""

import io
import zipfile

import pytest
from streamlit.testing.v1 import AppTest

from pages.ui import before_after, charts, files, names, results, series, tradeoff_chart
from pages.ui.series import Bars, Norms, Point, Series, Tradeoff
from pages.ui.terms import TERMS
from pruning.channels.map import ChannelMap, Group
from pruning.plan import Plan
from pruning.run import Run
from pruning.spec import CriterionName, Curve, MaskStructure, Rewind, Spread, When

NETWORK = ChannelMap((Group("conv1", 3, ("conv1",), ()), Group("conv2", 4, ("conv2",), ())), (), (), (), ())
EPOCH = {"train_loss": 2, "validation_loss": 1, "train_accuracy": 0.5, "validation_accuracy": 0.25}
TRADE = Tradeoff(
    "Accuracy", "parameters", (Series("L1", (Point(2, 50.0, 0.8, "half"),)),), (Point(1, 100.0, 0.9, "dense"),)
)


def test_runs_of_one_size_become_their_mean_with_its_spread():
    points = [Point(2, 50.0, 0.8, "half"), Point(5, 50.0, 0.9, "half"), Point(3, 10.0, 0.5, "tenth")]
    assert series.averaged(points) == (
        Point(3, 10.0, 0.5, "tenth"),
        Point(2, 50.0, pytest.approx(0.85), "half, mean of 2 runs", pytest.approx(0.0707, abs=1e-4), 2, runs=(2, 5)),
    )


def test_bars_count_kept_and_removed_units():
    plan = Plan(NETWORK, {"conv2": (1, 3)})
    assert series.bars(plan) == Bars(("conv1", "conv2"), (3, 2), (0, 2), ("", ""))


def test_norms_are_sorted_and_keep_their_unit_numbers():
    found = series.norms("conv1", "l1", [0.2, 0.9, 0.5], keep=[1, 2])
    assert found == Norms("conv1", "l1", (0.9, 0.5, 0.2), (1, 2, 0), (True, True, False))


def test_learning_curves_are_numbered_through_and_in_percent():
    loss, accuracy = series.learning([EPOCH, EPOCH])
    assert (loss.epochs, loss.validation) == ((1, 2), (1.0, 1.0))
    assert accuracy.training == (50.0, 50.0)


def test_live_curves_have_at_most_the_points_asked_for():
    assert all(len(series.thinned(one).epochs) <= 500 for one in series.learning([EPOCH] * 1234))


def test_a_tradeoff_has_one_csv_row_a_point():
    assert TRADE.rows()[-1] == {
        "series": "baseline",
        "run": 1,
        "what": "dense",
        "criterion": "",
        "share removed, %": None,
        "parameters": 100.0,
        "test accuracy, %": 90.0,
        "standard deviation, pp": 0.0,
        "runs": 1,
        "on the Pareto front": False,
    }
    assert len(TRADE.rows()) == 2


@pytest.mark.parametrize(
    "figure",
    [
        tradeoff_chart.draw(TRADE),
        charts.bars(Bars(("conv1",), (2,), (1,), ("",))),
        charts.norms(Norms("conv1", "l1", (2.0, 1.0), (1, 0), (True, False))),
        charts.learning(series.learning([EPOCH])[0]),
    ],
)
def test_a_figure_has_a_title_and_a_named_axis(figure):
    assert figure.layout.title.text
    assert figure.layout.xaxis.title.text


def test_a_criterion_keeps_its_look_wherever_it_stands():
    alone = Tradeoff("t", "MACs", (Series("Taylor", TRADE.series[0].points),))
    second = Tradeoff("t", "MACs", (*TRADE.series, *alone.series))
    assert tradeoff_chart.draw(alone).data[0].line == tradeoff_chart.draw(second).data[1].line


def test_what_is_removed_is_hollow():
    kept, removed = charts.norms(Norms("conv1", "l1", (2.0, 1.0), (1, 0), (True, False))).data
    assert (kept.marker.symbol, removed.marker.symbol) == (None, "circle-open")


def test_a_chart_can_be_taken_away_as_page_and_table():
    assert b"plotly" in files.html(tradeoff_chart.draw(TRADE))
    assert (
        files.table(TRADE.rows()).splitlines()[0].startswith(b'series,run,what,criterion,"share removed, %",parameters')
    )
    assert results.for_csv([{"Δ accuracy": "−1.00 pp", "title": "Half"}]) == [
        {"change of accuracy, pp": "-1.00", "title": "Half"}
    ]


@pytest.mark.browser
def test_a_chart_can_be_taken_away_as_picture():
    assert files.image(tradeoff_chart.draw(TRADE), "png").startswith(b"\x89PNG")
    assert b"<svg" in files.image(tradeoff_chart.draw(TRADE), "svg")


def test_the_zip_of_a_run_leaves_out_its_resume_points():
    run = Run.of(7)
    run.checkpoints.mkdir(parents=True)
    (run.checkpoints / "last.pt").write_bytes(b"big")
    run.spec.write_text('{"kind": "train"}')
    drawn = (tradeoff_chart.draw(TRADE), TRADE.rows(), "accuracy", "Accuracy")
    names = zipfile.ZipFile(io.BytesIO(files.bundle(run, [drawn]))).namelist()
    inside = ("README.txt", "spec.json", "charts/accuracy.html", "charts/accuracy.csv")
    assert names == [f"run-7/{name}" for name in inside]


def every_setting() -> None:
    import streamlit as st

    from pages.ui import forms
    from pruning.spec import DataSettings, ModelSettings, PruneSettings, TrainSettings

    for start in (DataSettings(), ModelSettings(), TrainSettings(), PruneSettings()):
        made = forms.form(start, type(start).__name__, fixed={"shares": {}} if hasattr(start, "shares") else None)
        st.text(str(made == start))


def test_a_form_shows_every_setting_and_starts_at_its_defaults():
    app = AppTest.from_function(every_setting, default_timeout=30).run()
    assert not app.exception
    assert [text.value for text in app.text] == ["True"] * 4


def one_setting() -> None:
    import streamlit as st

    from pages.ui import forms
    from pruning.errors import UserError
    from pruning.spec import TrainSettings

    try:
        st.text(forms.form(TrainSettings(), "train", only=["learning_rate"]).learning_rate)
    except UserError as error:
        st.error(str(error))


def test_a_form_says_in_words_what_is_not_allowed():
    app = AppTest.from_function(one_setting, default_timeout=30).run()
    app.number_input[0].set_value(0.0).run()
    assert app.error[0].value.startswith("learning_rate=0.0 is not allowed: it should be greater than 0")


@pytest.mark.parametrize("choice", [CriterionName, Spread, When, Curve, Rewind, MaskStructure])
def test_every_choice_is_a_term_of_the_glossary(choice):
    assert [member for member in choice if names.of(member) not in TERMS] == []


def test_no_two_criteria_look_alike_in_a_chart():
    alone = [Series(title, TRADE.series[0].points) for title in series.CRITERIA.values()]
    drawn = tradeoff_chart.draw(Tradeoff("t", "MACs", tuple(alone))).data
    assert len({(line.line.color, line.line.dash, line.marker.symbol) for line in drawn}) == len(CriterionName)


def test_curves_say_where_each_stage_begins():
    records = [EPOCH | {"stage": stage} for stage in ("step1", "step1", "step2", "finetune")]
    loss, _ = series.learning(records)
    assert loss.stages == ((1, "step1"), (3, "step2"), (4, "finetune"))
    assert [note.text for note in charts.learning(loss).layout.annotations] == ["step 1", "step 2", "fine-tuning"]
    assert series.learning(records[:2])[0].stages == ()


def test_the_steps_of_a_schedule_stand_in_a_table():
    step = {"removed": 344, "params": 1_173_370, "macs": 2_562_144, "cut_accuracy": 0.79, "validation_accuracy": 0.81}
    assert "| 1 | 344 | 1,173,370 | 2,562,144 | 79.00\u00a0% | 81.00\u00a0% |" in before_after.steps({"steps": [step]})


def test_what_stands_between_before_and_after_is_named_by_what_was_done():
    size = {"params": 10, "macs": 20, "bytes": 40}
    made = {"before": size, "pruned": size, "after": size}
    assert "| | Before | Right after surgery | After | Change |" in before_after.stages(made)
    assert "| | Before | Right after masking | After | Change |" in before_after.stages(made, "Right after masking")
