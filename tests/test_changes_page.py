"""What a run's page says and draws of what changed: offered first, computed when asked for, refused in words."""

import io

import pytest
import toy
from PIL import Image
from streamlit.testing.v1 import AppTest
from test_changes import NONE, execute

from pages.ui import changes, changes_charts, looking, map_charts
from pruning.errors import UserError
from pruning.jobs import supervisor
from pruning.jobs.repair import repair
from pruning.jobs.store import State, Store
from pruning.report import FolderReport
from pruning.run import Run, home, read_json
from pruning.spec import ChangesSpec, DataSettings, LookSpec, ModelSettings, PruneSettings, PruneSpec, TrainSpec, parse

FOUND = {
    "runs": [1, 2], "images": 40, "of": 50, "seed": 3, "classes": [f"class {i}" for i in range(40)], "accuracy": [0.9, 0.8],
    "counts": {"lost": 5, "other": 1, "gained": 1, "right": 31, "wrong": 2}, "chance": 0.2,
    "by_class": [[1, 1, 0], [1, 0, 1], *[[1, 1, 1]] * 38], "confusion": [[0, 0, 1, 0], [0, 7, 0, 1], [39, 1, 2, 0]],
    "flips": [{"kind": "lost", "image": 7, "class": 0, "lost": 0.5, "dense": [0, 0.9], "pruned": [7, 0.6]}],
}  # fmt: skip


def test_the_sentence_says_what_the_numbers_rest_on():
    said = changes.told(FOUND)
    assert "Run 1 and run 2 on 40 of 50 test examples (seed 3" in said
    assert "the same answer to 82.5 %" in said
    assert "no more than chance" in said
    assert "p < 0.001" in changes.told(FOUND | {"chance": 1e-9})
    assert "No answer became right" in changes.told(FOUND | {"counts": FOUND["counts"] | {"lost": 0, "gained": 0}})


def test_many_classes_stay_readable_and_the_table_has_them_all():
    figure = changes_charts.by_class(FOUND)
    assert sum(len(trace.y) for trace in figure.data) == changes_charts.CLASSES
    assert figure.data[0].y == ("class 0",)
    assert len(changes_charts.class_rows(FOUND)) == 40
    matrix = changes_charts.confusion(FOUND).data[0]
    assert len(matrix.x) == changes_charts.LEGIBLE
    assert {"class 0", "class 1", "class 7", "class 39"} <= set(matrix.x)
    assert matrix.z[0][0] == -1


def test_tables_hold_what_the_figures_show():
    assert changes_charts.flip_rows(FOUND)[0]["now"] == "class 7"
    assert changes_charts.confusion_rows(FOUND)[-1] == {"true class": "class 39", "answer": "class 1", "before": 2, "now": 0, "change": -2}  # fmt: skip


def test_every_removed_filter_is_crossed_once_for_each_network_without_it(tmp_path):
    size = (18 * 50, 56)
    Image.new("LA", size).save(tmp_path / "maps.png")
    units = [{"kept": n % 2 == 0, "zero": n == 4, "alike": 0.5, "means": [0.1, 0.2, -0.3]} for n in range(6)]
    found = {"layer": "conv", "networks": ["dense", "cut", "pruned"], "units": units, "size": [8, 8], "layers": []}
    figure = map_charts.maps(found, tmp_path / "maps.png", 0, 6)
    frames, hover, labels, heads = figure.data
    assert len(frames.x) == 10 * (3 * 2 + 1)
    assert labels.text == ("0", "1 removed", "2", "3 removed", "4 masked", "5 removed")
    assert hover.text[0] == "filter 0: kept<br>maps alike by 0.50<br>mean before 0.1, cut 0.2, now −0.3"
    assert heads.text[:3] == ("before", "cut", "now")
    assert len(map_charts.map_rows(found)) == 6


def test_a_file_that_is_no_image_is_refused_and_an_image_is_kept_by_its_content():
    with pytest.raises(UserError, match=r"notes.png cannot be read as an image"):
        looking.kept("notes.png", memoryview(b"no image"))
    buffer = io.BytesIO()
    Image.new("RGB", (5, 9), "red").save(buffer, "PNG")
    first, same = (looking.kept("red.png", memoryview(buffer.getvalue())) for _ in range(2))
    assert first == same
    assert first.read_bytes() == buffer.getvalue()


@pytest.fixture
def pruned(monkeypatch):
    """Run 2 pruned run 1; a small request waits until it is answered by hand."""
    toy.registered(monkeypatch)
    monkeypatch.setattr(supervisor, "ensure", lambda: None)
    train = TrainSpec(data=DataSettings(name="toy"), model=ModelSettings(name="resnet20-cifar"), training=NONE)
    for number, spec in ((1, train), (2, PruneSpec(parent=1, pruning=PruneSettings(share=0.5), finetune=NONE))):
        FolderReport(execute(number, spec)).status(state="succeeded")
    repair(Store(home()))


def answered(kind):
    """Do the oldest small request of a kind, as the warm process would."""
    store = Store(home())
    row = store.claim([kind])
    execute(row.id, parse(row.spec))
    store.move(row.id, State.RUNNING, State.SUCCEEDED, attempt=row.attempt)
    return row, read_json(Run.of(row.id).changes)


def page():
    from pages.ui import changes, state

    for number in (1, 2):
        changes.show(state.find(number))


def test_nothing_is_computed_until_it_is_asked_for_and_then_it_stays(pruned):
    shown = AppTest.from_function(page, default_timeout=60).run()
    assert not Store(home()).rows(["changes", "look"])
    shown.button[-1].click().run()
    row, found = answered("changes")
    assert parse(row.spec) == ChangesSpec(parent=2)
    again = AppTest.from_function(page, default_timeout=60).run()
    assert not again.exception
    assert [tile.value for tile in again.metric[:3]] == [str(found["counts"][k]) for k in ("lost", "gained", "other")]
    assert len(Store(home()).rows(["changes", "look"])) == 1


def test_feature_maps_are_asked_for_by_opening_them_and_by_a_click_on_a_flip(pruned):
    shown = AppTest.from_function(page, default_timeout=60).run()
    shown.button_group(key="changed").set_value("Feature maps").run()
    assert parse(answered("look")[0].spec) == LookSpec(parent=2)
    again = AppTest.from_function(page, default_timeout=60)
    again.session_state["changed"], again.session_state[looking.IMAGE] = "Feature maps", 5
    assert not again.run().exception
    assert parse(answered("look")[0].spec) == LookSpec(parent=2, image=5)
    assert again.run().selectbox(key="changed-layer").options[0]
