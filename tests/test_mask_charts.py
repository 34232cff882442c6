"""A mask run's charts: the curve with this run's own points, and crosses where weights or filters are masked."""

import numpy as np

from pages.ui import mask_charts

TOTAL = {"weights": 30, "zeros": 10, "params": 33, "share": 1 / 3, "share_of_params": 10 / 33}
ROWS = [
    {"name": "a.weight", "shape": [2, 10], "weights": 20, "zeros": 10, "share": 0.5, "note": ""},
    {"name": "b.weight", "shape": [1, 10], "weights": 10, "zeros": 0, "share": 0.0, "note": "not masked"},
]
FOUND = {
    "table": ROWS,
    "total": TOTAL,
    "dense": {"validation_accuracy": 0.9},
    "masked": {"validation_accuracy": 0.7},
    "tuned": {"total": TOTAL, "masked": {"validation_accuracy": 0.85}},
    "curve": {"images": 4, "of": 4, "points": [[0.0, 0.0, 0.9], [0.5, 0.5, 0.7]]},
}


def filters(*masks):
    tiles = [{"weight": np.ones((3, 3)).tolist(), "mask": m.tolist(), "masked": not m.any()} for m in masks]
    return {"name": "conv.weight", "kind": "filters", "of": len(masks), "planes": 1, "inputs": 1, "tiles": tiles}


def test_the_curve_holds_this_runs_points_over_the_zeros_of_the_masked_layers():
    record = mask_charts.sparsity(FOUND)
    assert record == mask_charts.Sparsity((0.0, 50.0), (90.0, 70.0), 90.0, (50.0, 70.0), (50.0, 85.0))
    names = [trace.name for trace in mask_charts.curve(record).data]
    assert names == ["without fine-tuning", "this run, masked", "this run, fine-tuned"]
    assert record.rows()[-1] == {"series": "this run, fine-tuned", "zero weights, %": 50.0, "validation accuracy, %": 85.0}  # fmt: skip


def test_own_masks_without_fine_tuning_are_one_point():
    record = mask_charts.sparsity({**FOUND, "tuned": None, "curve": {"images": 0, "of": 0, "points": []}})
    assert [trace.name for trace in mask_charts.curve(record).data] == ["this run, masked"]


def test_masked_filters_bear_a_large_cross_and_masked_weights_a_small_one():
    some = np.ones((3, 3))
    some[0, 1] = some[2, 2] = 0
    _, small, large = mask_charts.pictures(filters(np.ones((3, 3)), some, np.zeros((3, 3)))).data
    assert (small.name, len(small.x)) == ("masked weight", 2)
    assert (large.name, len(large.x)) == ("masked filter", 6)


def test_hovering_tells_weight_and_mask():
    shown = mask_charts.pictures(filters(np.zeros((3, 3)))).data[0]
    assert shown.text[0][0] == "filter 0: 1, masked"


def test_the_table_ends_with_the_sum():
    last = mask_charts.table(FOUND)[-1]
    assert (last["zero"], last["zero, %"], last["note"]) == (10, 33.333, "30.303 % of all 33 parameters")
