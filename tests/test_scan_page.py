"""The page of a sensitivity scan, and what Explore makes of it."""

import pytest
import toy
from test_pages import opened, said

from pages.ui import scan
from pruning import engine
from pruning.jobs.store import LONG, State, Store
from pruning.report import FolderReport
from pruning.run import Run, home, read_json, write_json
from pruning.spec import DataSettings, ModelSettings, ScanSettings, ScanSpec, TrainSettings, TrainSpec

RAW = {
    "dense": {"accuracy": 0.9, "loss": 0.3},
    "units": {"a": 10, "b": 4},
    "shares": [0.25, 0.5],
    "groups": {"a": [[0.25, 7, 0.9, 0.3], [0.5, 5, 0.7, 0.8]], "b": [[0.25, 3, 0.8, 0.5], [0.5, 2, 0.5, 1.1]]},
}


def test_curves_begin_uncut_and_the_most_sensitive_group_comes_first():
    found = scan.read(RAW)
    assert found.curves[0].points == ((0.0, 90.0), (pytest.approx(0.3), 90.0), (0.5, 70.0))
    assert [curve.name for curve in found.sensitive()] == ["b", "a"]
    assert found.rows()[1] == {"group": "b", "filters": 4, "25 % cut": 80.0, "50 % cut": 50.0}
    assert scan.sentence(found).startswith("**b** costs most: accuracy is 50.00 % without 50 % of it.")


def test_a_map_tells_points_lost_and_five_curves_have_a_colour():
    found = scan.read(
        RAW | {"groups": {f"g{n}": RAW["groups"]["a"] for n in range(8)}, "units": {f"g{n}": 10 for n in range(8)}}
    )
    assert scan.heat(found).data[0].text[0] == ["0.0", "20.0"]
    assert [trace.name for trace in scan.lines(found).data].count("other groups") == 3
    assert sum(bool(trace.showlegend) for trace in scan.lines(found).data) == 6


@pytest.fixture
def scanned(runs, monkeypatch):
    """Run 1 trained a small network, run 2 scanned it; done in this process."""
    toy.registered(monkeypatch)
    data = DataSettings(name="toy")
    training = TrainSpec(data=data, model=ModelSettings(name="fashion-cnn"), training=TrainSettings(epochs=1))
    for number, spec in enumerate((training, ScanSpec(parent=1, scan=ScanSettings(shares=(0.5,)))), 1):
        Store(home()).submit(spec)
        row, run = Store(home()).claim(LONG), Run.of(number)
        engine.execute(spec, run, FolderReport(run))
        Store(home()).move(row.id, row.state, State.SUCCEEDED, attempt=1)
    return runs


@pytest.mark.usefixtures("scanned")
def test_a_scan_shows_its_curves_and_leads_to_the_spread():
    app = opened("runs", run="2")
    assert not app.exception
    assert "What each group alone costs" in said(app)
    assert "costs most" in said(app)
    explored = opened("explore", run="1", spread="Equal cost in accuracy")
    assert not explored.exception
    assert not explored.error


def test_groups_cut_together_are_a_curve_of_their_own():
    joint = [{"share": 0.5, "accuracy": 0.4, "kept": {}}, {"share": None, "accuracy": 0.3, "kept": {}}]
    found = scan.read(RAW | {"joint": joint})
    assert found.alike == ((0.0, 90.0), (0.5, 40.0))
    assert "all groups alike" in [trace.name for trace in scan.lines(found).data]
    assert scan.read(RAW).alike == ()


def test_a_map_of_many_groups_stays_as_high_as_a_screen_and_a_half():
    many = {f"g{n}": RAW["groups"]["a"] for n in range(300)}
    figure = scan.heat(scan.read(RAW | {"groups": many, "units": dict.fromkeys(many, 10)}))
    assert figure.layout.height < 2000
    assert figure.layout.yaxis.dtick * scan.height(300) > 10


@pytest.mark.usefixtures("scanned")
def test_a_running_scan_shows_what_it_has_and_a_stopped_one_says_so():
    raw = read_json(Run.of(2).scan)
    write_json(Run.of(2).scan, raw | {"of": 5})
    assert "Only **" in said(opened("runs", run="2"))
    Store(home()).submit(ScanSpec(parent=1, scan=ScanSettings(shares=(0.5,))))
    Store(home()).claim(LONG)
    write_json(Run.of(3).scan, raw | {"of": 5})
    assert f"**{len(raw['groups'])} of 5 groups** measured so far" in said(opened("runs", run="3"))
