"""Blocks on the pages: cut inside or whole, marked where that is approximate, and told by how much."""

import re

import pytest
import toy
from streamlit.testing.v1 import AppTest
from test_pages import button, live, opened, said

from pages.ui import remarks
from pruning import engine
from pruning.errors import UserError
from pruning.jobs import known
from pruning.jobs.options import specification
from pruning.jobs.store import LONG, State, Store
from pruning.jobs.words import inspected
from pruning.report import FolderReport
from pruning.run import Run, home, write_json
from pruning.spec import Blocks, DataSettings, ModelSettings, PruneSettings, PruneSpec, TrainSettings, TrainSpec, parse


@pytest.fixture
def blocks(runs, monkeypatch):
    """Run 1 trained the network of blocks, run 2 cut it inside them, run 3 whole ones; done in this process."""
    toy.registered(monkeypatch)
    training = TrainSpec(data=DataSettings(name="toy"), model=ModelSettings(name="blocks"), training={"epochs": 1})
    none = TrainSettings(epochs=0)
    cuts = [PruneSpec(parent=1, pruning=PruneSettings(share=0.5, blocks=how), finetune=none) for how in Blocks]
    for number, spec in enumerate((training, *cuts), 1):
        Store(home()).submit(spec)
        row, run = Store(home()).claim(LONG), Run.of(number)
        engine.execute(spec, run, FolderReport(run))
        Store(home()).move(row.id, row.state, State.SUCCEEDED, attempt=1)
    return runs


def shown(app: AppTest) -> tuple[dict[str, bool], int]:
    """Groups of the live element, each with whether it is approximate, and how many units stay."""
    given = live(app)
    return {f"{g['name']} ({g['units']})": bool(g["approximate"]) for g in given["groups"]}, sum(
        given["confirmed"]["kept"]
    )


@pytest.mark.usefixtures("blocks")
def test_blocks_are_cut_inside_or_whole_and_groups_follow():
    app = opened("explore", run="1", share="0.5")
    assert shown(app) == ({"0 (2)": True, "3 (2)": False}, 2)
    assert "≈ Approximate, because group norm's statistics are taken over the kept channels only." in said(app)
    next(s for s in app.selectbox if s.label == "Blocks").set_value(Blocks.WHOLE).run()
    assert (shown(app), "≈" in said(app)) == (({"0 (4)": False}, 2), False)
    next(n for n in app.number_input if n.label == "Recalibration images").set_value(8).run()
    button(app, "Prune and fine-tune").click().run()
    wish = parse(Store(home()).rows(limit=1)[0].spec).pruning
    assert (wish.blocks, wish.recalibrate_images) == ("whole", 8)
    assert not app.exception


@pytest.mark.usefixtures("blocks")
def test_shares_set_by_hand_are_of_the_groups_that_are_shown():
    app = opened("explore", run="1", share="0.0", kept="3:1")
    assert shown(app)[1] == 3
    next(s for s in app.selectbox if s.label == "Blocks").set_value(Blocks.WHOLE).run()
    assert (shown(app)[1], app.error, app.exception) == (4, [], [])


@pytest.mark.usefixtures("blocks")
def test_a_pruned_run_says_how_near_it_is_to_the_masked_network_and_why():
    near, equal = (said(opened("runs", run=number)) for number in "23")
    assert re.search(r"differs from the masked network by [\d.]+ %, because group norm's statistics", near)
    assert "equals the masked network" in equal
    assert "L1" in equal


def test_many_layers_that_are_left_alone_are_told_by_reason():
    rows = [("conv1", 4, "It makes the outputs."), *((f"layer_{i}", 8, "It is unused.") for i in range(2))]
    first, second = remarks.by_reason(rows).split("\n\n")
    assert first == "**It is unused.** 2 layers, 16 units:  \nlayer\\_0 (8), layer\\_1 (8)"
    assert second.startswith("**It makes the outputs.** 1 layer, 4 units")


@pytest.mark.usefixtures("blocks")
def test_the_shell_lists_the_groups_of_whole_blocks_and_knows_their_names():
    result = {"params": 1, "macs": 1, "bytes": 1}
    write_json(Run.of(1).result, {"after": result})
    told = inspected(Run.of(1), None)
    assert "  0                            2 ≈  along with 1, 3 inputs" in told
    assert "by --pruning.blocks whole, 4 filters in 1 groups; other than above:" in told
    assert told[-1] == "≈ group norm: its statistics are taken over the kept channels only"
    options = ["--parent", "1", "--pruning.spread", "groups", "--pruning.shares", "3=0.5"]
    known.check(specification("prune", options))
    with pytest.raises(UserError, match=r"pruning.shares='3' is not known"):
        known.check(specification("prune", [*options, "--pruning.blocks", "whole"]))
