"""Compare: which runs a link names, what belongs to one point, the front, and the sections below."""

from itertools import count

import pytest
from conftest import ROOT
from streamlit.testing.v1 import AppTest

from pages.ui import chosen, compared, differing, kept_map, overlaid, parallel, tradeoff_chart, tradeoffs
from pages.ui.series import Point, Series, Tradeoff, front
from pruning.channels.map import ChannelMap, Group
from pruning.jobs.store import State, Store
from pruning.plan import Plan
from pruning.run import Run, append_line, home, write_atomic, write_json
from pruning.spec import (
    DataSettings,
    FinetuneSpec,
    ModelSettings,
    PruneSettings,
    PruneSpec,
    SweepSpec,
    TrainSettings,
    TrainSpec,
)

IRIS = TrainSpec(title="Iris", data=DataSettings(name="iris"), model=ModelSettings(name="iris-mlp"))
CLOTHES = TrainSpec(title="Clothes", data=DataSettings(name="fashion-mnist-sample"), model=ModelSettings(name="scnnb"))
WHOLE = ChannelMap((Group("one", 8, ("one",), ()), Group("two", 4, ("two",), ())), (), (), (), ())
SECTIONS = ("Training curves", "Settings", "Kept filters", "Parallel coordinates")


def finish(number: int, accuracy: float, params: int, plan: dict | None = None) -> int:
    """Give a queued run the files of one that ended well."""
    run, after = Run.of(number), {"params": params, "macs": 2 * params, "bytes": 4 * params, "test_accuracy": accuracy}
    write_json(run.result, {"before": None, "after": after})
    for epoch in (1, 2):
        losses = {
            "train_loss": 2 / epoch,
            "validation_loss": 1 / epoch,
            "train_accuracy": 0.5,
            "validation_accuracy": 0.4,
        }
        append_line(run.metrics, {"stage": "train", "epoch": epoch} | losses)
    if plan is None:
        write_atomic(run.channels, WHOLE.to_json())
    else:
        write_atomic(run.plan, Plan(WHOLE, plan).to_json())
    Store(home()).move(number, State.QUEUED, State.SUCCEEDED, attempt=0, changes={"ended": 1.0})
    return number


@pytest.fixture
def made(ended):
    """Training 1; sweep 2 of one share with two seeds (runs 3 and 4); a training on other images, 5; a prune of half, 6."""
    store = Store(home())
    finish(store.submit(IRIS), 0.9, 100)
    sweep = SweepSpec(title="Seeds", parent=1, shares=(0.3,), seeds=(0, 1), finetune=TrainSettings(epochs=1))
    store.submit(sweep)
    finish(3, 0.8, 60, {"one": (0, 1, 2, 3)})
    finish(4, 0.7, 60, {"one": (0, 1, 2, 4)})
    finish(store.submit(CLOTHES), 0.6, 1000)
    finish(store.submit(PruneSpec(title="Half", parent=1, pruning=PruneSettings(share=0.5))), 0.85, 50, {"two": (0,)})


def entries(*numbers: int):
    return compared.gather([Store(home()).row(n) for n in numbers])


def opened(**link: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=90)
    for name, value in link.items():
        app.query_params[name] = value
    return app.switch_page("pages/compare.py").run()


def test_the_front_holds_what_no_other_point_beats():
    points = [Point(n, x, y) for n, (x, y) in zip(count(1), ((30, 0.7), (10, 0.5), (20, 0.4), (10, 0.45), (40, 0.7)))]
    assert [p.run for p in front(points)] == [2, 1]


def test_runs_that_differ_only_in_seeds_are_one_point_with_an_error_bar(made):
    (curve,) = tradeoffs.record(entries(3, 4), "params").series
    (point,) = curve.points
    assert (point.y, point.spread) == (pytest.approx(0.75), pytest.approx(0.0707, abs=1e-4))
    assert (point.numbers, point.note) == ((3, 4), "L1 norm, 30 % removed, mean of 2 runs")


def test_by_run_and_by_seed_every_run_is_a_point_of_its_own(made):
    by_run, by_seed = (tradeoffs.record(entries(3, 4), "macs", by).series for by in ("run", "seed"))
    assert [s.name for s in by_seed] == ["seed 0", "seed 1"]
    assert [p.numbers for s in by_run for p in s.points] == [(3,), (4,)]


def test_there_is_no_front_over_several_data_sets(made):
    assert tradeoffs.record(entries(3, 4), "params", with_front=True).front
    assert not tradeoffs.record(entries(3, 4, 5), "params", with_front=True).front


def test_many_series_make_a_chart_taller_and_leave_the_plot_its_height():
    def plot(names: int) -> float:
        series = tuple(Series(f"run {n} of a long name", (Point(n, n, 0.5),)) for n in range(names))
        layout = tradeoff_chart.draw(Tradeoff("t", "MACs", series)).layout
        return layout.height - layout.margin.b

    assert plot(1) == plot(7) == plot(40)


def test_a_moving_average_begins_at_the_first_value_and_forgets_it():
    smooth = overlaid.moving_average([4.0, 2.0, 2.0], 0.5)
    assert smooth == pytest.approx((4.0, (4 * 0.25 + 2 * 0.5) / 0.75, 16 / 7))
    assert overlaid.moving_average([4.0, 2.0], 0.0) == (4.0, 2.0)


def test_curves_have_a_row_for_every_run_epoch_and_part(made):
    record = overlaid.overlay(entries(3, 4), "loss", ("validation", "training"), "seed", 0.5)
    assert len(record.rows()) == 8
    assert record.rows()[1] | {"smoothed": 0} == {
        "run": 3, "what": "3 · L1 norm, 30 % removed, seed 0", "data": "validation", "epoch": 2, "cross-entropy": 0.5, "smoothed": 0,
    }  # fmt: skip


def test_the_table_of_settings_holds_what_differs_and_only_that(made):
    rows = differing.table(entries(3, 4))
    assert {row["setting"]: (row["3"], row["4"]) for row in rows} == {
        "Pruning · Seed": ("0", "1"),
        "Fine-tuning · Seed": ("0", "1"),
    }
    assert len(differing.table(entries(3, 4), everything=True)) > 20


def test_kept_filters_are_counted_against_the_first_network(made):
    again = Store(home()).submit(FinetuneSpec(parent=3))
    finish(again, 0.8, 60, {})
    record, others, unknown = kept_map.gather(entries(1, 3, 6, again, 5))
    assert (record.runs, record.units, others, unknown) == ((1, 3, 6, again, 5), (8, 4), [], [])
    assert record.kept == ((8, 4), (4, 4), (8, 1), (4, 4), (8, 4))


def test_runs_of_another_network_stand_in_no_row_of_the_map(made):
    other = ChannelMap((Group("one", 9, ("one",), ()),), (), (), (), ())
    write_atomic(Run.of(5).channels, other.to_json())
    record, others, _ = kept_map.gather(entries(1, 3, 5))
    assert (record.runs, [entry.run for entry in others]) == ((1, 3), [5])


def test_settings_that_change_together_are_one_axis(made):
    axes = {axis.title: axis.values for axis in parallel.gather(entries(3, 4, 6)).axes}
    assert axes["Pruning · Share removed"] == (0.3, 0.3, 0.5)
    assert axes["Accuracy"] == pytest.approx((80, 70, 85))
    assert "Fine-tuning · Seed" not in axes  # it goes with the seed of pruning


def test_wrong_numbers_of_a_link_are_said_and_the_rest_is_shown(made):
    Store(home()).submit(FinetuneSpec(parent=1))
    Store(home()).discard([5])
    app = opened(runs="2,99,7,x,5")
    assert app.multiselect[0].value == ["2"]
    assert app.warning[0].value == (
        "**Left out, as run 99 does not exist; run 7 has no result (waiting); run x does not exist; run 5 is in the trash.** The rest of the link is shown."
    )


def test_the_address_follows_the_choice(made):
    app = opened(runs="3,6")
    app.multiselect[0].set_value(["6", "1"]).run()
    assert app.query_params["runs"] in ("6,1", ["6,1"])
    assert chosen.read("6,1", chosen.known()) == (["6", "1"], [])


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_opens_by_its_link(section, made):
    app = opened(runs="2,5,6", section=section)
    assert not app.exception
    assert [tab.label for tab in app.tabs] == list(SECTIONS)


def test_sections_with_nothing_to_show_are_left_out_with_the_reason(made):
    app = opened(runs="1")
    assert [tab.label for tab in app.tabs] == ["Training curves"]
    assert any("kept filters: none of these runs removed filters" in caption.value for caption in app.caption)
