"""Every page through Streamlit's own test client: with nothing there, with real runs, with a failed one."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import end_processes
from streamlit.testing.v1 import AppTest

from pages.ui import compared, setup, state, tradeoffs, words
from pruning.jobs import supervisor
from pruning.jobs.store import State, Store
from pruning.run import Run, home, write_json
from pruning.spec import (
    DataSettings,
    InspectSpec,
    MaskSpec,
    ModelSettings,
    PruneSettings,
    PruneSpec,
    RecipeSpec,
    SweepSpec,
    TrainSettings,
    TrainSpec,
    parse,
)

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("home", "train", "explore", "recipes", "runs", "compare", "export", "help")
TRAIN, PRUNE, SWEEP, FAILED = 1, 2, 3, 6


def opened(page: str, **link: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    for name, value in link.items():
        app.query_params[name] = value
    return app.switch_page(f"pages/{page}.py").run()


def said(app: AppTest) -> str:
    """All words on the page."""
    kinds = ("title", "caption", "markdown", "error", "warning", "info", "subheader", "metric")
    return "\n".join(f"{getattr(e, 'label', '')} {e.value}" for kind in kinds for e in app.get(kind))


def button(app: AppTest, name: str):
    return next(b for b in app.button if b.label == name)


@pytest.fixture
def empty(runs):
    yield runs
    end_processes(runs)


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """A folder with a trained network, a pruned one, a sweep of two and a failed run; made by the real workers."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("pages") / "runs"
        patch.setenv("PRUNING_HOME", str(folder))
        tiny = TrainSettings(epochs=1, batch_size=16)
        iris = TrainSpec(
            title="Iris", data=DataSettings(name="iris"), model=ModelSettings(name="iris-mlp"), training=tiny
        )
        half = PruneSpec(title="Half", parent=TRAIN, pruning=PruneSettings(share=0.5), finetune=tiny)
        sweep = SweepSpec(title="Both", parent=TRAIN, criteria=("l1", "random"), shares=(0.3,), finetune=tiny)
        nowhere = TrainSpec(title="Lost", data=DataSettings(name="imagefolder", folder="/nowhere/at/all"))
        store = Store(home())
        for spec in (iris, half, sweep, nowhere):
            store.submit(spec)
        supervisor.ensure()
        deadline = time.monotonic() + 240
        while not all(row.state.is_finished for row in store.rows()) and time.monotonic() < deadline:
            time.sleep(0.3)
        states = {row.id: row.state for row in store.rows()}
    yield folder if states.pop(FAILED) is State.FAILED and set(states.values()) == {State.SUCCEEDED} else states
    end_processes(folder)


@pytest.fixture
def full(made, monkeypatch):
    assert isinstance(made, Path), f"the runs behind these tests did not end as they should: {made}"
    monkeypatch.setenv("PRUNING_HOME", str(made))
    return made


@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens_with_nothing_there(page, empty):
    app = opened(page)
    assert not app.exception
    assert app.title[0].value
    assert app.caption[0].value


@pytest.mark.parametrize("page", ["explore", "runs", "compare", "export"])
def test_an_empty_page_offers_the_example(page, empty):
    button(opened(page), "Try the example").click().run()
    assert [row.kind for row in Store(home()).rows()] == ["prune", "train"]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens_with_runs_there(page, full):
    app = opened(page)
    assert not app.exception
    assert not [error for error in app.error if "Run" not in error.value]


@pytest.mark.parametrize("number", [TRAIN, PRUNE, SWEEP, FAILED])
def test_every_kind_of_run_has_its_page(number, full):
    app = opened("runs", run=str(number))
    assert not app.exception
    assert app.title[0].value == Store(home()).row(number).title


def test_a_failed_run_says_what_happened_and_offers_a_retry(full):
    app = opened("runs", run=str(FAILED))
    assert "/nowhere/at/all" in app.error[0].value
    assert button(app, "Retry unchanged")
    assert button(app, "Change settings")


def test_a_small_request_has_no_page(full):
    number = Store(home()).submit(InspectSpec())
    Store(home()).cancel(number)
    app = opened("runs", run=str(number))
    assert f"Run {number} does not exist" in said(app)
    assert not app.exception


def test_lists_leave_the_runs_of_sweeps_to_the_sweep(full):
    app = opened("runs")
    assert len(app.dataframe[0].value) == 4
    next(t for t in app.toggle if t.label == "Show runs of sweeps and recipes").set_value(True).run()
    assert len(app.dataframe[0].value) == 6


def live(app: AppTest) -> dict:
    """What the live element of Explore was given."""
    return json.loads(app.get("bidi_component")[0].proto.json)


def test_groups_set_by_hand_come_back_by_the_link(full):
    first, second = (group["name"] for group in live(opened("explore", run=str(TRAIN)))["groups"])
    app = opened("explore", run=str(TRAIN), share="0.25", kept=f"{first}:3,nothing:2,{second}:77", locked=first)
    assert live(app)["start"] == {"overall": 25, "kept": {first: 3}, "locked": [first], "group": first}
    assert live(app)["confirmed"]["kept"] == [3, 6]


def test_nothing_to_remove_cannot_be_started(full):
    app = opened("explore", run=str(TRAIN), share="0.0")
    assert button(app, "Prune and fine-tune").disabled
    assert "Nothing would be removed" in said(app)


def test_a_setting_out_of_bounds_is_said_and_keeps_training_from_starting(empty):
    app = opened("train")
    next(n for n in app.number_input if n.label == "Learning rate").set_value(1e8).run()
    assert "less than or equal to 10" in app.error[0].value
    assert button(app, "Start training").disabled


def test_uploads_of_one_name_are_kept_apart(empty):
    first, second = (setup.kept("net.pt", memoryview(content)) for content in (b"one", b"two"))
    assert (first.read_bytes(), second.read_bytes(), first == setup.kept("net.pt", memoryview(b"one"))) == (
        b"one",
        b"two",
        True,
    )


@pytest.mark.parametrize("number", ["99", "-1", "what"])
def test_an_unknown_run_is_said_in_words(number, full):
    app = opened("runs", run=number)
    assert f"Run {number} does not exist" in said(app)
    assert not app.exception


def test_a_link_to_a_run_that_cannot_be_explored_shows_another(full):
    assert "not one of those" in opened("explore", run=str(FAILED)).warning[0].value


def test_a_link_to_a_run_that_is_gone_says_where_it_went(full):
    assert "Run 99 does not exist. Run" in opened("explore", run="99").warning[0].value.replace("*", "")


def test_explore_shows_the_run_of_before_when_it_is_opened_again(full):
    app = opened("explore", run=str(PRUNE))
    app.switch_page("pages/home.py").run()
    app.query_params.clear()
    app.switch_page("pages/explore.py").run()
    assert app.selectbox[0].value == PRUNE
    assert app.query_params["run"] == str(PRUNE)


def test_explore_says_about_how_long_its_runs_take(full):
    told = [c.value for c in opened("explore").caption if "at the pace of run" in c.value]
    assert len(told) == 2  # one run, and a sweep
    assert told[0].startswith("About ")


def test_a_pruned_run_shows_signed_differences(full):
    deltas = {metric.label: metric.delta for metric in opened("runs", run=str(PRUNE)).metric}
    assert deltas["Parameters"].startswith("−")
    assert deltas["Parameters"].endswith(" %")
    assert deltas["Test accuracy"].endswith(" pp")


@pytest.mark.parametrize(("share", "params"), [("0.0", 113), ("0.5", 46)])  # 4·3+3 + 3·4+4 + 4·3+3
def test_the_engine_confirms_what_the_link_asks_for(share, params, full):
    app = opened("explore", run=str(TRAIN), share=share)
    assert live(app)["confirmed"]["params"] == params
    assert f"{params} parameters" in said(app)


@pytest.mark.parametrize("spread", ["Same share of every group", "Lowest scores anywhere", "n filters anywhere"])
def test_a_group_set_by_hand_keeps_just_that_in_every_spread(spread, full):
    first = live(opened("explore", run=str(TRAIN)))["groups"][0]["name"]
    app = opened("explore", run=str(TRAIN), spread=spread, kept=f"{first}:5")
    assert live(app)["confirmed"]["kept"][0] == 5
    button(app, "Prune and fine-tune").click().run()
    assert parse(newest("prune").spec).pruning.shares == {first: pytest.approx(1 / 6)}


def test_presets_are_networks_that_can_be_had(full):
    shown = live(opened("explore", run=str(TRAIN)))
    half = next(preset for preset in shown["presets"] if preset["name"] == "Half of the parameters")
    whole = state.channels(TRAIN)
    assert whole.counts(dict(zip((g.name for g in whole.groups), half["kept"], strict=True))).params <= 113 // 2
    assert any(preset["name"].startswith(f"Run {PRUNE}") for preset in shown["presets"])


def test_a_protected_layer_looks_protected_and_keeps_all_its_filters(full):
    app = opened("explore", run=str(TRAIN), share="0.5")
    group = live(app)["groups"][0]["name"]
    next(m for m in app.multiselect if m.label == "Protected layers").set_value([group]).run()
    assert live(app)["groups"][0]["closed"] == f"you protected it ({group})"
    assert live(app)["confirmed"]["kept"] == [6, 4]


def test_limits_of_the_page_go_into_the_plan_and_the_job(full):
    app = opened("explore", run=str(TRAIN), share="0.9", **{"prune-floor": "3"})
    assert live(app)["confirmed"]["kept"] == [3, 3]
    assert [least for least, _, _ in live(app)["limits"]] == [3, 3]
    button(app, "Prune and fine-tune").click().run()
    row = Store(home()).rows(limit=1)[0]
    Store(home()).cancel(row.id)
    assert parse(row.spec).pruning.floor == 3


def filled_again() -> None:
    import streamlit as st

    from pages.ui import again, forms
    from pruning.spec import PruneSettings

    wish = PruneSettings(floor={"conv1": 4}, ceiling=9, protect=("conv1", "layer4.*"), round_to=8)
    again.fill(prune=wish)
    st.text(str(forms.form(PruneSettings(), "prune", fixed={"shares": {}}) == wish))


def test_a_runs_limits_come_back_into_the_form():
    app = AppTest.from_function(filled_again, default_timeout=30).run()
    assert not app.exception
    assert app.text[0].value == "True"


@pytest.mark.parametrize(
    ("link", "says"),
    [
        ({"prune-protect": "layers.77"}, "protect='layers.77' matches no layer"),
        ({"prune-floor": "5", "prune-ceiling": "4"}, "5 units at least and 4 at most"),
        ({"prune-floor": "many"}, "write a whole number"),
        ({"prune-round_to": "0"}, "round_to=0"),
    ],
)
def test_limits_that_cannot_be_are_said_in_words(link, says, full):
    app = opened("explore", run=str(TRAIN), **link)
    assert says in app.error[0].value.replace("\\", "")
    assert not app.exception


def test_explore_submits_a_prune_with_what_is_on_the_page(full):
    app = opened("explore", run=str(TRAIN), share="0.25")
    button(app, "Prune and fine-tune").click().run()
    row = Store(home()).rows(limit=1)[0]
    Store(home()).cancel(row.id)
    assert (row.kind, row.parent, '"share":0.25' in row.spec) == ("prune", TRAIN, True)


def test_train_submits_what_was_chosen(empty):
    app = opened("train")
    next(n for n in app.number_input if n.label == "Epochs").set_value(3).run()
    button(app, "Start training").click().run()
    row = Store(home()).rows(kinds=["train"])[0]
    assert '"epochs":3' in row.spec


def test_a_network_that_cannot_take_the_data_is_said_in_words(empty):
    app = opened("train")
    next(s for s in app.selectbox if s.label == "Model").set_value("iris-mlp").run()
    deadline = time.monotonic() + 60
    while not app.error and time.monotonic() < deadline:
        time.sleep(0.5)
        app.run()
    assert "iris-mlp takes rows of features" in app.error[0].value
    assert not app.exception


def test_a_state_dict_is_made_by_the_command_line(full):
    app = opened("export", run=str(PRUNE))
    button(app, "Make a state dict (.pt)").click().run(timeout=120)
    assert not app.error
    assert len(app.session_state[f"pt-{PRUNE}"]) > 1000


def test_the_web_process_stays_free_of_torch(full):
    code = (
        "import sys; from streamlit.testing.v1 import AppTest\n"
        "for page in sys.argv[1:]:\n"
        "    app = AppTest.from_file('app.py', default_timeout=60).switch_page(f'pages/{page}.py').run()\n"
        "    assert not app.exception, page\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code, *PAGES], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_numbers_are_told_with_sign_and_unit():
    assert [words.change(100, 59.4), words.change(5, 5), words.points(0.92, 0.925)] == ["−40.6 %", "±0 %", "+0.50 pp"]
    assert [words.short(1_234_567), words.short(999), words.size(4_900_000)] == ["1.23 M", "999", "4.90 MB"]
    assert [words.duration(125), words.roughly(125), words.ago(1000, now=1300)] == [
        "2 min 5 s",
        "about 2 min",
        "5 min ago",
    ]


def test_a_click_that_is_run_twice_queues_one_job(empty):
    script = "from pages.ui import state\nfrom pruning.spec import TrainSpec\nstate.submit(TrainSpec())\nstate.submit(TrainSpec())"
    app = AppTest.from_string(script, default_timeout=60).run()
    assert not app.exception
    assert len(Store(home()).rows()) == 1


def test_a_network_without_blocks_is_not_asked_about_them(full):
    assert "Blocks" not in [s.label for s in opened("explore", run=str(TRAIN)).selectbox]


def newest(*kinds: str):
    """The newest run of these kinds, which is stopped."""
    row = Store(home()).rows(kinds=kinds, limit=1)[0]
    Store(home()).cancel(row.id)
    return row


def test_a_budget_finds_its_own_share_and_goes_into_the_job(full):
    app = opened("explore", run=str(TRAIN), by="By budget", **{"prune-max_params": "60"})
    assert 40 < live(app)["confirmed"]["params"] <= 60
    assert "of at most 60 parameters" in said(app)
    button(app, "Prune and fine-tune").click().run()
    row = newest("prune")
    assert (parse(row.spec).pruning.max_params, row.title) == (60, "L1 norm, at most 60 parameters")


def test_a_budget_that_cannot_be_met_is_said_in_words(full):
    app = opened("explore", run=str(TRAIN), by="By budget", **{"prune-max_params": "3"})
    assert "smallest network that can be reached" in app.error[0].value


def test_a_criterion_that_takes_long_is_scored_when_asked_for(full):
    link = {"run": str(TRAIN), "criterion": "OBD, Hessian · gradients"}
    app = opened("explore", **link)
    assert not app.get("bidi_component")
    assert "Optimal Brain Damage" in said(app)
    button(app, "Score now").click().run()
    deadline = time.monotonic() + 60
    while not Store(home()).rows(kinds=["score"])[0].state.is_finished and time.monotonic() < deadline:
        time.sleep(0.3)
    assert live(opened("explore", **link))["confirmed"]["params"] == 46


def test_sensitivity_needs_a_scan_and_offers_it(full):
    app = opened("explore", run=str(TRAIN), spread="Equal cost in accuracy")
    button(app, "Scan sensitivity").click().run()
    row = newest("scan")
    assert (row.parent, parse(row.spec).scan.criterion) == (TRAIN, "l1")


def test_raw_scores_of_different_layers_are_warned_of(full):
    link = {"spread": "Lowest scores anywhere", "prune-normalise": "Not at all"}
    assert "over all layers" in opened("explore", run=str(TRAIN), **link).warning[0].value


def test_a_schedule_and_the_control_go_into_the_jobs(full):
    link = {"tune-schedule-steps": "3", "tune-schedule-curve": "Exponential", "tune-control": "true"}
    app = opened("explore", run=str(TRAIN), **link)
    next(t for t in app.toggle if "from scratch" in t.label).set_value(True).run()
    button(app, "Prune and fine-tune").click().run()
    control, first = (parse(row.spec) for row in Store(home()).rows(kinds=["prune"], limit=2))
    for row in Store(home()).rows(kinds=["prune"], limit=2):
        Store(home()).cancel(row.id)
    assert (first.schedule.steps, first.schedule.curve, first.schedule.rewind) == (3, "exponential", "none")
    assert (control.schedule.rewind, control.title) == ("scratch", "L1 norm, 50 %, 3 steps, from scratch")


def test_a_sweep_repeats_its_runs_for_every_seed(full):
    app = opened("explore", run=str(TRAIN))
    next(m for m in app.multiselect if m.label == "Seeds").set_value([0, 1, 2]).run()
    button(app, "Start 15 runs").click().run()
    assert parse(newest("sweep").spec).seeds == (0, 1, 2)


def test_a_recipe_is_queued_as_one_tree_with_what_the_card_was_asked_for(empty):
    app = opened("recipes")
    next(n for n in app.number_input if n.key == "seeds-000-2").set_value(2).run()
    next(b for b in app.button if b.key == "short-000-2").click().run()
    tree = Store(home()).rows(kinds=["recipe"])[0]
    Store(home()).cancel(tree.id)
    spec = parse(tree.spec)
    assert (spec.name, spec.seeds, spec.short, spec.control) == ("000-2", (0, 1), True, False)
    assert [row.kind for row in Store(home()).children(tree.id)] == ["train", "prune", "train", "prune"]


def test_a_recipe_that_needs_photos_cannot_be_started_without(empty):
    app = opened("recipes")
    assert next(b for b in app.button if b.key == "run-002").disabled
    assert "Needs a folder of photos" in said(app)
    next(t for t in app.text_input if t.key == "folder-002").set_value("/nowhere/at/all").run()
    next(b for b in app.button if b.key == "run-002").click().run()
    assert "/nowhere/at/all" in app.error[0].value
    assert Store(home()).rows() == []


def test_counts_are_ticked_when_a_run_has_them(empty):
    number = Store(home()).submit(RecipeSpec(name="000-2", title="Mine"))
    Store(home()).cancel(number)
    for run, params in zip(Store(home()).children(number), (6_130, 3_000), strict=True):
        write_json(Run.of(run.id).result, {"after": {"params": params, "test_accuracy": 0.9}})
    table = next(m.value for m in opened("recipes").markdown if "6,130" in m.value)
    assert "6,130\u00a0:green[:material/check:]" in table
    assert "3,000\u00a0:red[" in table
    page = opened("runs", run=str(number))
    assert not page.exception
    assert "6,130\u00a0:green[:material/check:]" in said(page)


def test_a_budget_on_latency_alone_can_be_started(full):
    link = {"by": "By budget", "prune-max_params": "0", "prune-max_latency": "5"}
    app = opened("explore", run=str(TRAIN), **link)
    assert "is known when the job has measured it" in said(app)
    button(app, "Prune and fine-tune").click().run()
    row = newest("prune")
    assert (parse(row.spec).pruning.max_latency, row.title) == (5.0, "L1 norm, at most 5 ms")


def test_masks_stand_in_compare_as_what_they_are(full):
    row = Store(home()).row(Store(home()).submit(MaskSpec(parent=TRAIN)))
    Store(home()).cancel(row.id)
    mask, prune, train = compared.gather([row, *(Store(home()).row(n) for n in (PRUNE, TRAIN))])
    assert tradeoffs.curve_of(mask, {}) == ("Masked, nothing removed", "iris-mlp on iris", 0)
    assert tradeoffs.curve_of(prune, {})[0] == "L1 norm"
    assert tradeoffs.curve_of(train, {}) is None
