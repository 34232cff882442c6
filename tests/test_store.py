"""The queue: each state move has one winner, nothing is half submitted, and run folders can rebuild it."""

import json
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

from pruning.errors import UserError
from pruning.jobs.database import VERSION
from pruning.jobs.notes import tidy
from pruning.jobs.repair import repair
from pruning.jobs.store import LONG, SMALL, Row, State, Store
from pruning.run import Run, read_json, write_json
from pruning.spec import InspectSpec, PruneSettings, PruneSpec, RecipeSpec, SweepSpec, TrainSpec, parse


@pytest.fixture
def store(runs) -> Store:
    return Store(runs)


def ended(store: Store, number: int, state: State) -> None:
    """Claim the next run and move it to its end."""
    row = store.claim(LONG)
    assert row is not None
    assert row.id == number
    assert store.move(number, State.RUNNING, state, attempt=row.attempt)


def sweep(store: Store) -> Row:
    number = store.submit(TrainSpec())
    return store.row(store.submit(SweepSpec(parent=number, shares=(0.1, 0.5))))


def test_a_submitted_spec_comes_back_from_row_and_folder(store):
    spec = TrainSpec(title="mine")
    number = store.submit(spec)
    assert parse(store.row(number).spec) == parse(Run.of(number).spec.read_bytes()) == spec
    assert store.row(number).state is State.QUEUED


def test_a_chain_starts_each_run_from_the_one_before(store):
    first, second = store.submit_chain([TrainSpec(), PruneSpec(parent=0)])
    assert store.row(second).parent == parse(Run.of(second).spec.read_bytes()).parent == first


def test_a_chain_is_submitted_whole_or_not_at_all(store):
    with pytest.raises(UserError, match="Run 99 does not exist"):
        store.submit_chain([TrainSpec(), PruneSpec(parent=99)])
    assert store.rows() == []
    assert not list(store.folder.glob("0*"))


def test_a_small_request_cannot_be_a_parent(store):
    with pytest.raises(UserError, match="no network"):
        store.submit(PruneSpec(parent=store.submit(InspectSpec())))


@pytest.mark.parametrize(("state", "says"), [(State.FAILED, "failed"), (State.CANCELLED, "was cancelled")])
def test_a_run_that_ended_badly_cannot_be_a_parent(store, state, says):
    number = store.submit(TrainSpec())
    ended(store, number, state)
    with pytest.raises(UserError, match=f"Run 1 {says}"):
        store.submit(PruneSpec(parent=number))


@pytest.mark.parametrize(
    "wish", [{"spread": "total"}, {"spread": "per-layer"}, {"spread": "groups"}], ids=lambda wish: wish["spread"]
)
def test_a_wish_that_removes_nothing_is_refused(store, wish):
    number = store.submit(TrainSpec())
    settings = PruneSettings.model_validate(wish)
    with pytest.raises(UserError, match="removes nothing"):
        store.submit(PruneSpec(parent=number, pruning=settings))
    with pytest.raises(UserError, match="A sweep tries shares"):
        store.submit(SweepSpec(parent=number, pruning=settings.model_copy(update={"filters": 3})))
    assert [row.id for row in store.rows()] == [number]


def test_share_0_is_a_control_and_allowed(store):
    number = store.submit(TrainSpec())
    assert store.submit(PruneSpec(parent=number, pruning=PruneSettings(share=0))) == 2


def test_the_data_folder_travels_with_the_run_until_it_is_named_anew(store, monkeypatch):
    monkeypatch.setenv("PRUNING_DATA", "/one")
    number = store.submit(TrainSpec())
    monkeypatch.setenv("PRUNING_DATA", "/two")
    assert read_json(Run.of(number).folders) == {"data": "/one"}
    ended(store, number, State.FAILED)
    store.retry(number)
    assert read_json(Run.of(number).folders) == {"data": "/two"}


def test_an_unknown_run_is_named(store):
    with pytest.raises(UserError, match=r"^Run 99 does not exist\.$"):
        store.row(99)


def test_only_one_of_many_claimers_wins(store):
    store.submit(TrainSpec())
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda _: Store(store.folder).claim(LONG), range(32)))
    assert [row.attempt for row in claims if row] == [1]


def test_a_move_of_an_old_attempt_changes_nothing(store):
    number = store.submit(TrainSpec())
    store.claim(LONG)
    assert not store.move(number, State.RUNNING, State.SUCCEEDED, attempt=0)
    assert store.row(number).state is State.RUNNING


def test_claims_come_in_order_and_only_of_the_asked_kinds(store):
    first = store.submit(TrainSpec())
    small = store.submit(InspectSpec())
    store.submit(TrainSpec())
    assert [store.claim(LONG).id, store.claim(SMALL).id] == [first, small]


def test_a_run_waits_for_its_parent(store):
    first, second = store.submit_chain([TrainSpec(), PruneSpec(parent=0)])
    ended(store, first, State.SUCCEEDED)
    ended(store, second, State.SUCCEEDED)


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED])
def test_a_run_whose_parent_ended_badly_is_stranded(store, state):
    first, second = store.submit_chain([TrainSpec(), PruneSpec(parent=0)])
    assert store.stranded() == []
    ended(store, first, state)
    assert store.claim(LONG) is None
    assert store.stranded() == [(second, 0, first, state)]


def test_a_queued_run_is_cancelled_at_once_and_a_running_one_asked_to_stop(store):
    first, second = store.submit(TrainSpec()), store.submit(TrainSpec())
    store.claim(LONG)
    for number in (first, first, second, second):
        store.cancel(number)
    assert [store.row(n).state for n in (first, second)] == [State.CANCELLING, State.CANCELLED]


def test_cancelling_a_finished_run_changes_nothing(store):
    number = store.submit(TrainSpec())
    ended(store, number, State.SUCCEEDED)
    store.cancel(number)
    assert store.row(number).state is State.SUCCEEDED


def test_a_retried_run_gets_a_higher_attempt_number(store):
    number = store.submit(TrainSpec())
    ended(store, number, State.FAILED)
    store.retry(number)
    assert store.claim(LONG).attempt == 2


def test_only_failed_or_cancelled_runs_can_be_retried(store):
    with pytest.raises(UserError, match="Run 1 is queued"):
        store.retry(store.submit(TrainSpec()))


def test_a_sweep_makes_one_run_for_each_share(store):
    assert [parse(row.spec).pruning.share for row in store.children(sweep(store).id)] == [0.1, 0.5]


def test_the_state_of_a_sweep_follows_its_runs(store):
    row = sweep(store)
    states = [store.row(row.id).state]
    for number, state in ((1, State.SUCCEEDED), (3, State.SUCCEEDED), (4, State.FAILED)):
        ended(store, number, state)
        states.append(store.row(row.id).state)
    assert states == [State.QUEUED, State.QUEUED, State.RUNNING, State.FAILED]
    assert store.row(row.id).summary == {"runs": 2, "finished": 2, "failed": 1, "cancelled": 0}


def test_cancel_and_retry_of_a_sweep_reach_its_runs(store):
    row = sweep(store)
    store.cancel(row.id)
    assert {child.state for child in store.children(row.id)} == {State.CANCELLED}
    store.retry(row.id)
    assert {child.state for child in store.children(row.id)} == {State.QUEUED}


def test_lists_are_filtered_by_kind_state_and_words(store):
    store.submit(TrainSpec(title="first try"))
    store.submit(InspectSpec())
    store.submit(TrainSpec(title="second"))
    assert [row.id for row in store.rows()] == [2, 1]
    assert [row.id for row in store.rows(kinds=["inspect"])] == [900_001]
    assert [row.id for row in store.rows(search="TRY")] == [row.id for row in store.rows(search="1")] == [1]
    assert store.rows(states=[State.FAILED]) == []


def test_a_folder_left_behind_is_never_taken_for_a_new_run(store):
    left = Run.of(1)
    write_json(left.result, {"after": {}})
    assert store.submit(TrainSpec()) == 2


def told(store: Store) -> list[tuple]:
    return [(r.id, r.kind, r.spec, r.parent, r.sweep, r.state, r.attempt, r.summary) for r in store.rows()]


def test_repair_rebuilds_the_list_from_the_folders(store):
    row = sweep(store)
    for number, state in ((1, State.SUCCEEDED), (3, State.SUCCEEDED), (4, State.FAILED)):
        write_json(Run.of(number).status, {"state": state, "attempt": 1, "time": 1.0})
        ended(store, number, state)
    before = told(store)
    for file in store.folder.glob("jobs.db*"):
        file.unlink()
    assert repair(store) == 4
    assert told(store) == before
    assert store.submit(TrainSpec()) == row.id + 3


def test_a_damaged_list_is_said_so_and_repair_sets_it_aside(store):
    store.submit(TrainSpec())
    (store.folder / "jobs.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(UserError, match="damaged") as told:
        store.rows()
    assert "repair" in told.value.do
    assert repair(store) == 1
    assert [row.id for row in store.rows()] == [1]


def test_a_locked_list_is_said_in_words(store, monkeypatch):
    store.submit(TrainSpec())
    monkeypatch.setattr("pruning.jobs.database.WAIT", 0.1)
    holder = sqlite3.connect(store.folder / "jobs.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(UserError, match="locked"):
        store.cancel(1)
    holder.close()


def test_a_runs_folder_that_cannot_be_made_is_said_in_words(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be used"):
        Store(tmp_path / "file" / "runs").rows()


def test_the_summary_of_a_run_survives_in_its_row(store):
    number = store.submit(TrainSpec())
    store.claim(LONG)
    store.move(number, State.RUNNING, State.SUCCEEDED, attempt=1, changes={"summary": json.dumps({"epochs": 2})})
    shutil.rmtree(Run.of(number).path)
    assert store.row(number).summary == {"epochs": 2}


def test_small_requests_do_not_use_up_the_numbers_of_runs(runs):
    store = Store(runs)
    small = store.submit(InspectSpec())
    assert (store.submit(TrainSpec()), small) == (1, 900_001)


def recipe(store: Store) -> tuple[Row, list[Row]]:
    """A tree of two seeds: each trains, then prunes."""
    number = store.submit(RecipeSpec(name="000-2", seeds=(0, 1)))
    return store.row(number), store.children(number)


def test_a_recipe_is_queued_whole_and_its_runs_start_from_each_other(store):
    row, runs = recipe(store)
    assert [(r.kind, r.parent, r.sweep) for r in runs] == [
        ("train", None, row.id), ("prune", runs[0].id, row.id), ("train", None, row.id), ("prune", runs[2].id, row.id)
    ]  # fmt: skip
    assert [parse(r.spec) for r in runs] == [parse(Run.of(r.id).spec.read_bytes()) for r in runs]


def test_a_recipe_that_cannot_be_is_not_submitted_at_all(store):
    with pytest.raises(UserError, match="needs photos"):
        store.submit(RecipeSpec(name="002"))
    with pytest.raises(UserError, match="not known"):
        store.submit(RecipeSpec(name="0002"))
    assert store.rows() == []
    assert not list(store.folder.glob("0*"))


def test_a_later_spec_may_name_the_kth_of_those_submitted_with_it(store):
    numbers = store.submit_chain([TrainSpec(), PruneSpec(parent=0), PruneSpec(parent=-1), PruneSpec(parent=-2)])
    assert [store.row(n).parent for n in numbers] == [None, 1, 1, 2]
    with pytest.raises(UserError, match="names no run before"):
        store.submit_chain([TrainSpec(), PruneSpec(parent=-2)])


def test_the_state_of_a_recipe_follows_its_runs_and_a_failed_parent_strands_its_own(store):
    row, runs = recipe(store)
    states = [row.state]
    for run, state in ((runs[0], State.FAILED), (runs[2], State.SUCCEEDED), (runs[3], State.SUCCEEDED)):
        ended(store, run.id, state)
        states.append(store.row(row.id).state)
    assert [found[0] for found in store.stranded()] == [runs[1].id]
    store.move(runs[1].id, State.QUEUED, State.FAILED, attempt=0)
    assert [*states, store.row(row.id).state] == ["queued", "running", "running", "running", "failed"]
    store.retry(row.id)
    assert [r.state for r in store.children(row.id)] == ["queued", "queued", "succeeded", "succeeded"]


def test_a_cancelled_recipe_stops_all_its_runs(store):
    row, runs = recipe(store)
    store.claim(LONG)
    store.cancel(row.id)
    assert [r.state for r in store.children(row.id)] == ["cancelling", *["cancelled"] * 3]
    assert store.row(row.id).state is State.CANCELLING
    store.move(runs[0].id, State.CANCELLING, State.CANCELLED, attempt=1)
    assert store.row(row.id).state is State.CANCELLED


def test_runs_of_a_tree_stand_under_the_training_that_they_start_from(store):
    _, runs = recipe(store)
    own = store.submit(SweepSpec(parent=runs[0].id, shares=(0.1,)))
    assert [r.id for r in store.children(runs[0].id)] == [runs[1].id, own]


def test_repair_knows_the_runs_of_a_tree_from_their_folders(store, monkeypatch):
    row, runs = recipe(store)
    store.cancel(row.id)
    monkeypatch.setenv("PRUNING_DATA", "/elsewhere")
    store.retry(row.id)
    for file in store.folder.glob("jobs.db*"):
        file.unlink()
    assert repair(store) == 5
    assert [(r.id, r.parent) for r in store.children(row.id)] == [(r.id, r.parent) for r in runs]


def made_by_version(store: Store, version: int) -> None:
    """Bring the list back to what an older version of the project made."""
    with sqlite3.connect(store.folder / "jobs.db") as database:
        database.execute("DROP VIEW listing")
        for column in ("tags", "note", "starred", "trashed"):
            database.execute(f"ALTER TABLE runs DROP COLUMN {column}")
        database.execute("CREATE VIEW listing AS SELECT 1 AS id")
        database.execute(f"PRAGMA user_version = {version}")
    database.close()


@pytest.mark.parametrize("version", [1, 2])
def test_a_list_of_an_older_version_is_brought_up_to_date(store, version):
    store.submit(TrainSpec(title="old"))
    made_by_version(store, version)
    row, _ = recipe(store)
    store.cancel(row.id)
    store.annotate(1, tags=("kept",))
    assert [(r.title, r.tags, r.starred, r.trashed) for r in store.rows() if r.id == 1] == [
        ("old", ("kept",), False, None)
    ]
    assert store.row(row.id).state is State.CANCELLED
    assert VERSION == 3


def test_what_is_said_of_a_run_stands_in_its_folder_and_its_spec_stays(store):
    number = store.submit(TrainSpec(title="given"))
    store.annotate(number, title="mine", tags=("b", "a"), note="two\nlines", starred=True)
    row = store.row(number)
    assert (row.title, row.given_title, row.tags, row.note, row.starred) == (
        "mine",
        "given",
        ("a", "b"),
        "two\nlines",
        True,
    )
    assert read_json(Run.of(number).notes) == {
        "title": "mine",
        "tags": ["a", "b"],
        "note": "two\nlines",
        "starred": True,
    }
    assert parse(row.spec) == TrainSpec(title="given")
    store.annotate(number, title="", tags=(), note="", starred=False)
    assert store.row(number).title == "given"
    assert not Run.of(number).notes.exists()


def test_a_note_that_is_too_long_is_refused_and_the_old_one_stays(store):
    number = store.submit(TrainSpec())
    store.annotate(number, note="short")
    with pytest.raises(UserError, match="at most 20,000 characters; this one has 20,001"):
        store.annotate(number, note="x" * 20_001)
    assert store.row(number).note == "short"


def test_tags_are_told_apart_by_letters_not_by_case_or_spaces():
    assert tidy([" best  of all", "Best of All", "", "a"]) == ("a", "Best of All")


def test_a_run_in_the_trash_is_in_no_list_until_it_is_restored(store):
    first, second = store.submit(TrainSpec()), store.submit(TrainSpec())
    store.discard([first])
    assert [row.id for row in store.rows()] == [second]
    assert [row.id for row in store.rows(trash=True)] == [first]
    assert store.row(first).state is State.CANCELLED  # it waited
    with pytest.raises(UserError, match="Run 1 is in the trash"):
        store.submit(PruneSpec(parent=first))
    with pytest.raises(UserError, match="in the trash"):
        store.retry(first)
    assert store.restore(first) == [first]
    assert [row.id for row in store.rows()] == [second, first]


def test_a_run_at_work_is_not_trashed(store):
    store.submit_chain([TrainSpec(), TrainSpec()])
    store.claim(LONG)
    with pytest.raises(UserError, match=r"^Run 1 is still running\.$"):
        store.discard([1, 2])
    assert store.rows(trash=True) == []


def test_what_others_start_from_is_trashed_only_along_with_them(store):
    row = sweep(store)
    with pytest.raises(UserError, match="Run 1 stays: runs 2, 3 and 4 start from it"):
        store.discard([1])
    store.discard([1, row.id])
    assert [r.id for r in store.rows(trash=True)] == [4, 3, 2, 1]


def test_a_restored_run_brings_back_its_tree_and_what_it_starts_from(store):
    row = sweep(store)
    store.discard([3])
    store.discard([row.id])
    store.discard([1])
    assert sorted(store.restore(4)) == [1, 2, 4]  # 3 went on its own, before
    assert store.restore(3) == [3]


def test_only_what_is_in_the_trash_is_deleted_for_good_and_children_first(store):
    first, second = store.submit_chain([TrainSpec(), PruneSpec(parent=0)])
    with pytest.raises(UserError, match="Run 2 is not in the trash"):
        store.delete([second])
    store.discard([first, second])
    with pytest.raises(UserError, match="Run 1 stays: run 2 starts from it"):
        store.delete([first])
    asked = store.submit(InspectSpec())
    store.delete([first, second])
    assert store.rows(trash=True) == []
    assert not list(store.folder.glob("0*/*"))
    assert store.row(asked)
    assert store.submit(TrainSpec()) == 3  # a link to run 1 never shows another run


def test_repair_knows_what_was_said_of_runs_and_which_are_in_the_trash(store):
    for spec in (TrainSpec(title="one"), TrainSpec(title="two"), TrainSpec()):
        store.submit(spec)
    store.annotate(1, title="first", tags=("a",), note="n", starred=True)
    store.discard([2])
    Run.of(3).notes.write_text("{ damaged")
    for file in store.folder.glob("jobs.db*"):
        file.unlink()
    assert repair(store) == 3
    row = store.row(1)
    assert (row.title, row.tags, row.note, row.starred) == ("first", ("a",), "n", True)
    assert [r.id for r in store.rows(trash=True)] == [2]


def test_a_trashed_run_is_known_to_repair(store):
    store.submit(TrainSpec())
    store.discard([1])
    assert repair(store) == 0


def test_lists_are_searched_by_tag_and_note(store):
    for tag, note in (("paper", ""), ("", "of the paper")):
        store.annotate(store.submit(TrainSpec()), tags=[tag] * bool(tag), note=note)
    assert [row.id for row in store.rows(search="PAPER")] == [2, 1]
