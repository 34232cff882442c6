"""The list of runs and a run's own page: found, named, starred, cloned, trashed, and where each comes from."""

import shutil

import pytest
from streamlit.testing.v1 import AppTest
from test_pages import button, opened, said

from pages.ui import lineage
from pruning import data, engine
from pruning.jobs.store import LONG, Row, State, Store
from pruning.report import FolderReport
from pruning.run import Run
from pruning.spec import (
    DataSettings,
    FinetuneSpec,
    ModelSettings,
    PruneSettings,
    PruneSpec,
    RecipeSpec,
    ScanSpec,
    Spec,
    SweepSpec,
    TrainSettings,
    TrainSpec,
    parse,
)

TINY = TrainSettings(epochs=1, batch_size=16, seed=3)
IRIS = TrainSpec(title="Iris", data=DataSettings(name="iris"), model=ModelSettings(name="iris-mlp"), training=TINY)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A folder with one trained network."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("trained") / "runs"
        patch.setenv("PRUNING_HOME", str(folder))
        data.prepare(IRIS.data)
        number = Store(folder).submit(IRIS)
        engine.execute(IRIS, Run.of(number), FolderReport(Run.of(number)))
        end(Store(folder), Run.of(number).result.read_text())
    return folder


@pytest.fixture
def store(trained, ended):
    shutil.copytree(trained, ended)
    return Store(ended)


def end(store: Store, summary: str = "{}", state: State = State.SUCCEEDED) -> int:
    """Claim the next run and move it to its end, as a worker would."""
    row = store.claim(LONG)
    assert row is not None
    store.move(row.id, State.RUNNING, state, attempt=row.attempt, changes={"summary": summary, "ended": 1.0})
    return row.id


def done(store: Store, *specs: Spec) -> int:
    """Queue runs and let them end well; returns the number of the first."""
    numbers = [store.submit(spec) for spec in specs]
    while any(not row.state.is_finished for row in store.rows()):
        end(store)
    return numbers[0]


def titles(app: AppTest) -> list[str]:
    return list(app.dataframe[0].value["run"]) if app.dataframe else []


CLONED = {  # kind → what was asked for, the button that starts it
    "train": ({}, "Start training"),
    "prune": ({"title": "Mine", "pruning": {"share": 0.25, "criterion": "l2", "floor": 2, "recalibrate_images": 8, "filters": 1},
               "schedule": {"steps": 2, "curve": "exponential"}, "finetune": {**dict(TINY), "epochs": 3}}, "Prune and fine-tune"),
    "mask": ({"title": "Mine", "masking": {"structure": "structured", "amount": 0.25}, "finetune": dict(TINY)}, "Mask and fine-tune"),
    "scan": ({"scan": {"criterion": "l2", "shares": [0.33, 0.5], "images": 20, "seed": 4}}, "Start the scan"),
    "search": ({"search": {"trials": 5, "cost": "params", "most": 0.5}}, "Start the search"),
    "audit": ({"audit": {"criteria": ["l1", "random"], "units": 4, "resamples": 200}}, "Start the audit"),
    "sweep": ({"criteria": ["l2"], "shares": [0.15, 0.3], "seeds": [2, 12], "pruning": {"floor": 2, "filters": 1}, "finetune": dict(TINY)}, "Start 4 runs"),
}  # fmt: skip


def asked(kind: str) -> Spec:
    given = IRIS.model_dump() if kind == "train" else {"kind": kind, "parent": 1, "title": "", **CLONED[kind][0]}
    return parse(given)


def without_title(spec: Spec) -> Spec:
    """Titles of studies are made anew; what a sweep leaves to its runs is as on the page."""
    runs = tuple(spec.children()) if isinstance(spec, SweepSpec) else ()
    return (
        (spec.model_copy(update={"title": "", "pruning": None}), runs)
        if runs
        else spec.model_copy(update={"title": ""})
    )


@pytest.mark.parametrize("kind", CLONED)
def test_a_clone_fills_in_everything_and_starts_the_same_run(kind, store):
    spec, start = asked(kind), CLONED[kind][1]
    app = opened("runs", run=str(1 if kind == "train" else done(store, spec)))
    button(app, "Clone").click().run()
    count = len(store.rows())
    app.switch_page("pages/train.py" if kind == "train" else "pages/explore.py")  # where the click led the browser
    button(app, start).click().run()
    assert not app.exception
    rows = store.rows()
    assert len(rows) > count
    assert without_title(parse(next(row for row in rows if row.kind == kind).spec)) == without_title(spec)


def test_a_clone_of_a_fine_tuning_asks_for_its_settings_in_place(store):
    app = opened("runs", run=str(done(store, FinetuneSpec(parent=1, title="On", training=TINY))))
    button(app, "Clone").click().run()
    assert not app.exception
    assert [n.value for n in app.number_input if n.key in ("clone-epochs", "clone-batch_size", "clone-seed")] == [
        1,
        16,
        3,
    ]
    assert [row.id for row in store.rows()] == [2, 1]


def test_a_clone_of_a_recipe_fills_in_its_card(store):
    number = store.submit(RecipeSpec(name="000-2", title="Mine", seeds=(0, 1, 2), control=True))
    store.cancel(number)
    app = opened("runs", run=str(number))
    button(app, "Clone").click().run()
    app.switch_page("pages/recipes.py").run()
    assert next(n for n in app.number_input if n.key == "seeds-000-2").value == 3
    assert next(t for t in app.toggle if t.key == "control-000-2").value is True


def test_a_clone_says_which_settings_have_no_field(store):
    number = done(store, PruneSpec(parent=1, pruning=PruneSettings(seed=7, score_images=9)))
    app = opened("runs", run=str(number))
    button(app, "Clone").click().run()
    assert "--pruning.score-images=9, --pruning.seed=7" in app.toast[0].value


def test_what_starts_from_a_run_without_a_network_cannot_be_cloned(store):
    first, second = store.submit_chain([IRIS, ScanSpec(parent=0)])
    store.cancel(second)
    store.cancel(first)
    assert button(opened("runs", run=str(second)), "Clone").disabled
    assert not button(opened("runs", run=str(first)), "Clone").disabled


def test_the_list_is_searched_and_filtered_by_all_that_was_said(store):
    other = done(store, ScanSpec(parent=1, title="Layers"))
    store.annotate(1, tags=("paper", "best"), starred=True)
    store.annotate(other, tags=("paper",), note="Look at layer two")
    every = ["2 · Layers", "1 · Iris"]
    assert titles(opened("runs")) == every
    for link, found in (
        ({"search": "layer two"}, every[:1]), ({"search": "iris-mlp"}, every), ({"search": "BEST"}, every[1:]),
        ({"tags": "paper"}, every), ({"starred": "true"}, every[1:]), ({"kind": "Scan"}, every[:1]), ({"state": "Failed"}, []),
        ({"network": "iris-mlp on iris"}, every), ({"tags": "nothing"}, every),
    ):  # fmt: skip
        app = opened("runs", **link)
        assert (titles(app), len(app.exception)) == (found, 0), link


def test_title_tags_note_and_star_are_kept_as_soon_as_their_field_is_left(store):
    app = opened("runs", run="1")
    next(t for t in app.text_input if t.label == "Title").set_value("Flowers *1*").run()
    next(m for m in app.multiselect if m.label == "Tags").set_value(["Paper"]).run()
    app.text_area[0].set_value("one\n  two").run()
    button(app, "☆").click().run()
    row = store.row(1)
    assert (row.title, row.tags, row.note, row.starred) == ("Flowers *1*", ("Paper",), "one\n  two", True)
    assert (app.title[0].value, app.text[0].value) == ("Flowers \\*1\\*", "one\n  two")
    assert titles(opened("runs")) == ["1 · Flowers *1*"]


def test_a_trashed_run_is_undone_restored_or_deleted_for_good(store):
    number = done(store, ScanSpec(parent=1, title="Layers"))
    app = opened("runs", run=str(number))
    button(app, "Move to trash").click().run()
    assert titles(app.run()) == ["1 · Iris"]
    assert "Run 2 “Layers” is in the trash" in said(app)
    button(app, "Undo").click().run()
    assert titles(app) == ["2 · Layers", "1 · Iris"]
    store.discard([number])
    page = opened("runs", run=str(number))
    assert "Run 2 “Layers” is in the trash" in page.warning[0].value
    button(page, "Restore").click().run()
    assert page.title[0].value == "Layers"
    store.discard([number])
    assert titles(opened("runs", trash="true")) == ["2 · Layers"]
    button(opened("runs", run=str(number)), "Yes, delete 1 run").click().run()
    assert (store.rows(trash=True), list(Run.of(number).path.iterdir())) == ([], [])


def test_what_others_start_from_stays_and_the_page_says_why(store):
    done(store, ScanSpec(parent=1, title="Layers"))
    app = opened("runs", run="1")
    button(app, "Move to trash").click().run()
    assert "Run 1 stays: run 2 starts from it." in app.error[0].value
    assert app.title[0].value == "Iris"


def test_a_run_in_the_trash_is_no_choice_of_any_page(store):
    number = done(store, FinetuneSpec(parent=1, title="On", training=TINY))
    shutil.copytree(Run.of(1).path, Run.of(number).path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("spec.json"))
    assert any("2 · On" in option for option in opened("export").selectbox[0].options)
    store.discard([number])
    for page in ("home", "explore", "compare", "export"):
        app = opened(page)
        assert not app.exception
        assert "On" not in " ".join(o for box in (*app.selectbox, *app.multiselect) for o in box.options).split()


def test_the_command_on_the_page_is_that_of_the_run(store):
    app = opened("runs", run=str(done(store, PruneSpec(parent=1, title="Half"))))
    assert any(code.value == "python -m pruning prune --title=Half --parent=1" for code in app.get("code"))


def family(*links: tuple[int, str, int | None, int | None]) -> dict[int, Row]:
    """Rows of (number, kind, parent, tree)."""
    return {
        n: Row(n, kind, "", "{}", parent, tree, State.SUCCEEDED, 1, 0.0, None, None, {}, None)
        for n, kind, parent, tree in links
    }


def test_the_lineage_of_a_run_is_its_whole_family_in_order():
    rows = family(
        (1, "train", None, None),
        (2, "sweep", 1, None),
        (3, "prune", 1, 2),
        (4, "prune", 1, 2),
        (5, "finetune", 3, None),
    )
    drawn = [(line.number, line.depth) for line in lineage.lines(4, rows)]
    assert drawn == [(1, 0), (2, 1), (3, 2), (5, 3), (4, 2)]
    recipe = family((1, "recipe", None, None), (2, "train", None, 1), (3, "prune", 2, 1))
    assert [(line.number, line.depth) for line in lineage.lines(2, recipe)] == [(1, 0), (2, 1), (3, 2)]


def test_a_long_family_is_folded_and_the_way_to_the_run_stays():
    rows = family((1, "train", None, None), *((n, "prune", 1, None) for n in range(2, 40)), (40, "finetune", 39, None))
    drawn = [(line.number, line.more) for line in lineage.lines(40, rows)]
    assert drawn == [(1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (39, 0), (40, 0), (1, 33)]
