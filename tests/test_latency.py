"""Latency: a table that foretells, the same in Python and JavaScript, measured in the network and asked for as a small request."""

import importlib.util
import json
import random
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
import toy
from torch import nn

from pages.ui import latency as page
from pruning import engine, latency, timetable, trace
from pruning.channels.map import Group
from pruning.errors import UserError
from pruning.jobs.store import LONG, SMALL, State, Store
from pruning.report import FolderReport
from pruning.requests import LatencySpec
from pruning.run import Run, home, read_json
from pruning.runtimes import NEEDS
from pruning.spec import DataSettings, ModelSettings, TrainSettings, TrainSpec
from pruning.timefit import MULTIPLE, WHOLE, Layer, Probe, by_layer, fitted, non_negative

SCRIPT = Path(page.__file__).parent / "explorer" / "latency.js"
A, B = ((0, ((0, 1),)), 1), ((3, ((0, 2), (1, 1))), 16)
TABLE = latency.assembled(
    {"a": 40, "b": 64}, [(0.5, ()), (0.01, (A,)), (2e-4, (A, B)), (1e-3, (A, latency.MISSED))], [(1.0, (A, B))], 900.0
)


def test_a_table_is_the_sum_of_products_of_widths_as_they_are_and_padded():
    # b's width: 3 + 2·10 + 9 = 32, a multiple of 16; weights 10·32, of which 900 stay in the cache
    assert latency.predict(TABLE, {"a": 10, "b": 9}) == pytest.approx(0.5 + 0.01 * 10 + 2e-4 * 10 * 32)
    assert latency.predict(TABLE, {"a": 10, "b": 10}) == pytest.approx(0.5 + 0.1 + 2e-4 * 10 * 48)
    whole = 0.5 + 0.4 + 2e-4 * 40 * 160 + 1e-3 * 40 * (1 - 900 / 6400)
    assert latency.predict(TABLE, {}) == pytest.approx(whole)


def test_like_terms_are_added_and_fixed_widths_become_factors():
    fixed = ((5, ()), 16)
    table = latency.assembled({"a": 4}, [(1.0, (A, fixed)), (2.0, (A,)), (0.0, (A, A))], [], 0.0)
    assert table.terms == ((18.0, (0,)),)


def test_a_table_survives_json_and_another_order_of_groups():
    again = latency.from_json(json.loads(json.dumps(latency.to_json(TABLE, ["c", "b", "a"]))))
    for kept in ({}, {"a": 7}, {"a": 1, "b": 63}):
        assert latency.predict(again, kept) == latency.predict(TABLE, kept)


@pytest.mark.skipif(shutil.which("node") is None, reason="node runs the JavaScript")
def test_javascript_gives_the_same_milliseconds():
    source = random.Random(0)
    kept = [[source.randint(1, 40), source.randint(1, 64)] for _ in range(200)]
    call = f"{SCRIPT.read_text()}; const t = {json.dumps(latency.to_json(TABLE))};"
    code = f"{call} console.log(JSON.stringify({json.dumps(kept)}.map(k => predictLatency(t, k))))"
    said = json.loads(subprocess.run(["node", "-e", code], capture_output=True, check=True, text=True).stdout)
    assert said == pytest.approx([latency.predict(TABLE, dict(zip("ab", k, strict=True))) for k in kept], rel=1e-12)


def test_rounding_never_empties_a_group_nor_passes_its_units():
    assert [latency.rounded(n, 64, 16) for n in (1, 23, 24, 60, 64)] == [16, 16, 32, 64, 64]
    assert [latency.rounded(n, 40, 16) for n in (39, 40)] == [32, 40]
    assert latency.rounded(3, 10, 16) == 3
    after, now, then = latency.gain(TABLE, {"a": 17, "b": 9}, 16)
    assert after == {"a": 16, "b": 16}
    assert (now, then) == (latency.predict(TABLE, {"a": 17, "b": 9}), latency.predict(TABLE, after))


def test_factors_are_never_negative_and_exact_where_they_can_be():
    rows = [[1.0, n, n * n] for n in (1.0, 2.0, 5.0, 9.0)]
    factors, left = non_negative(rows, [2 + 3 * n for _, n, _ in rows])
    assert factors == pytest.approx([2, 3, 0], abs=1e-9)
    assert left == pytest.approx(0, abs=1e-9)


def network() -> nn.Module:
    body = nn.Conv2d(1, 32, 3), nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU()
    return nn.Sequential(*body, nn.Flatten(), nn.Linear(1024, 3)).eval()


def test_a_table_finds_the_steps_that_times_have():
    channels = trace(network(), torch.zeros(2, 1, 8, 8))
    first, second = (group.name for group in channels.groups)
    padded = Layer("3", "conv", ((0, ((1, 1),)), (0, ((0, 1),))), "conv", 9, 16)

    def took(kept):
        return 1e-5 * -(-kept.get(second, 64) // MULTIPLE) * kept.get(first, 32)

    wishes = [{}, *timetable.draws(channels, 16, 0)]
    probes = [Probe(kept, {"3": took(kept), timetable.REST: 1e-4, WHOLE: took(kept) + 1e-4}) for kept in wishes]
    table = fitted(channels, [padded], probes, 1, by_layer)
    at = [latency.predict(table, {second: n}) for n in (33, 48, 49)]
    assert at[0] == pytest.approx(at[1], rel=1e-6)
    assert at[2] == pytest.approx(1e3 * (took({second: 49}) + 1e-4), rel=1e-6)


@pytest.mark.parametrize("runtime", ["torch", "onnxruntime", "openvino"])
def test_a_measured_table_says_that_less_is_faster_and_leaves_the_network_alone(runtime):
    missing = [name for name in NEEDS[runtime] if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{runtime} needs {missing}")
    model = network()
    before, channels = toy.digest(model), trace(model, torch.zeros(2, 1, 8, 8))
    found = timetable.measure(model, channels, 4, runtime=runtime)
    assert toy.digest(model) == before
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    few = {group.name: group.units // 8 for group in channels.groups}
    assert 0 < latency.predict(found.table, few) <= latency.predict(found.table, {})
    assert found.dense_ms > 0


def test_a_runtime_that_is_not_installed_is_said(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="openvino needs onnx and openvino") as caught:
        timetable.measure(network(), trace(network(), torch.zeros(2, 1, 8, 8)), runtime="openvino")
    assert "pip install" in caught.value.do


def answered(spec) -> Run:
    """A job done in this process, as a worker does it."""
    Store(home()).submit(spec)
    row = Store(home()).claim((*LONG, *SMALL))
    engine.execute(spec, Run.of(row.id), FolderReport(Run.of(row.id)))
    Store(home()).move(row.id, row.state, State.SUCCEEDED, attempt=1)
    return Run.of(row.id)


def test_the_small_request_writes_a_table_that_the_explorer_can_count_with(runs, monkeypatch):
    toy.registered(monkeypatch)
    training = TrainSpec(
        data=DataSettings(name="toy"), model=ModelSettings(name="fashion-cnn"), training=TrainSettings(epochs=1)
    )
    trained = answered(training)
    found = read_json(answered(LatencySpec(parent=trained.number, batch=2)).latency)
    assert {"dense_ms", "batch", "runtime", "device", "threads", "seconds", "machine", "error"} <= set(found)
    whole = page.state.channels(trained.number)
    given = page.element(found, whole)
    assert given["dense_ms"] == latency.predict(latency.from_json(given), {})
    assert "off by" in page.circumstances(found)


def test_a_chart_of_steps_has_the_present_width_and_says_what_rounding_gains():
    whole = type("Whole", (), {"groups": (Group("a", 40, ("a",), ()), Group("b", 64, ("b",), ()))})
    record = page.read(TABLE, whole, "b", {"a": 20, "b": 9})
    assert record.ms[record.units.index(9)] == latency.predict(TABLE, {"a": 20, "b": 9})
    assert len(record.rows()) == 64
    assert "rounded to 8" in page.sentence(TABLE, {"a": 20, "b": 9})
    assert "already" in page.sentence(TABLE, {"a": 32, "b": 64})
    assert [trace.name for trace in page.draw(record).data] == [
        "predicted",
        *(f"multiple of {n}" for n in (8, 16, 32)),
        "now",
    ]


def test_a_budget_of_latency_stands_beside_what_is_foretold():
    times = latency.to_json(TABLE, ["a", "b"]) | {"batch": 1, "runtime": "PyTorch"}
    ms, kept = latency.predict(TABLE, {"a": 10}), {"a": 10, "b": 64}
    assert page.beside_budget(ms + 0.1, times, kept).endswith("within the budget.")
    assert "will remove more" in page.beside_budget(ms - 0.1, times, kept)
    assert page.beside_budget(0, times, kept) == page.beside_budget(1, times | {"batch": 8}, kept) == ""
