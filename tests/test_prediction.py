"""Predicted accuracy: exact where it was measured, honest where it was not, and the same number in the browser."""

import math
from pathlib import Path

import numpy as np
import pytest
from browser import chromium

from pruning.errors import UserError
from pruning.prediction import COVERAGE, Measured, learned

SHARES = (0.25, 0.5, 0.75, 0.9)
SCRIPT = Path("pages/ui/explorer/prediction.js")
SEEDS = range(6)


def truth(kept, units, strength) -> float:
    """An accuracy of 10 classes that falls with what every group loses, as networks' do."""
    lost = sum(s * (1 - kept[name] / units[name]) ** 2 for name, s in strength.items())
    return 0.1 + 0.8 * math.exp(-lost)


def scanned(seed=0, groups=12, folds=8, joint=8, wrong=0.0):
    """scan.json of a made network, and a function that measures any plan with noise; `wrong`: how far it is from a product."""
    random = np.random.default_rng(seed)
    units = {f"group{i}": int(random.integers(8, 64)) for i in range(groups)}
    strength = dict(zip(units, random.gamma(1, 0.6, groups), strict=True))

    def measure(kept):
        value = truth(kept, units, strength) ** math.exp(wrong * random.normal()) + 0.004 * random.normal()
        return value, [value + 0.02 * random.normal() for _ in range(folds)]

    def cut(changed):
        return units | {name: max(1, round(units[name] * (1 - share))) for name, share in changed.items()}

    def point(share, name):
        kept = cut({name: share})
        value, parts = measure(kept)
        return [share, kept[name], value, -math.log(value), parts]

    def plan():
        most = random.choice([0.2, 0.5, 0.8])
        return cut({name: random.uniform(0, most) for name in units})

    dense, parts = measure(units)
    scan = {"dense": {"accuracy": dense, "folds": parts}, "images": 512, "units": units, "groups": {n: [point(s, n) for s in SHARES] for n in units}}  # fmt: skip
    scan["joint"] = [{"kept": k, "accuracy": measure(k)[0]} for k in (plan() for _ in range(joint))]
    return scan, plan, lambda kept: measure(kept)[0]


def predictor(scan, measured=(), chance=0.1):
    return learned(scan, measured, chance=chance, source="scan 12, 512 validation images")


def test_the_uncut_network_is_predicted_as_it_was_measured():
    scan, _, _ = scanned()
    told = predictor(scan).predict({})
    assert told.accuracy == pytest.approx(scan["dense"]["accuracy"])
    assert told.low < told.accuracy < told.high


def test_a_single_group_is_predicted_as_it_was_measured_before_anything_is_calibrated():
    scan, _, _ = scanned(joint=0)
    for name, points in scan["groups"].items():
        _, kept, _, _, _ = points[-1]
        lowest = min(point[2] for point in points)
        assert predictor(scan).predict({name: kept}).accuracy == pytest.approx(min(lowest, scan["dense"]["accuracy"]), abs=1e-5)  # fmt: skip


def test_more_cut_never_predicts_more_by_the_scan_of_single_groups():
    scan, _, _ = scanned(joint=0)
    made, units = predictor(scan), scan["units"]
    found = [made.predict({n: max(1, round(u * (1 - s))) for n, u in units.items()}).accuracy for s in np.linspace(0, 1, 30)]  # fmt: skip
    assert found == sorted(found, reverse=True)


def test_a_setting_that_was_measured_is_predicted_near_its_measurement():
    scan, plan, _ = scanned(joint=5)
    kept = plan()
    before = predictor(scan).predict(kept).accuracy
    truth = before - 0.06
    after = predictor(scan, [Measured(kept, truth, run=7)]).predict(kept).accuracy
    assert abs(after - truth) < 0.5 * abs(before - truth)


@pytest.mark.parametrize("wrong", [0.0, 0.2])
def test_intervals_hold_as_often_as_they_say_on_plans_never_seen(wrong):
    inside = []
    for seed in range(20):
        scan, plan, measure = scanned(seed, joint=14, wrong=wrong)
        made = predictor(scan)
        for kept in [plan() for _ in range(25)]:
            told = made.predict(kept)
            inside.append(told.low <= measure(kept) <= told.high)
    assert np.mean(inside) > COVERAGE - 0.06


def test_calibration_lowers_the_error_on_plans_never_seen():
    errors = {0: [], 14: []}
    for seed in SEEDS:
        scan, plan, measure = scanned(seed, joint=14)
        scan["groups"] = {n: [[*p[:2], p[2] ** 0.7, *p[3:]] for p in points] for n, points in scan["groups"].items()}  # fmt: skip
        for count, found in errors.items():
            made = predictor(scan | {"joint": scan["joint"][:count]})
            found += [abs(made.predict(kept).accuracy - measure(kept)) for kept in (plan() for _ in range(20))]
    assert np.mean(errors[14]) < 0.8 * np.mean(errors[0])


def test_every_point_leaves_itself_out_of_its_own_prediction():
    scan, plan, measure = scanned(joint=5)
    points = [Measured((kept := plan()), measure(kept), run=i) for i in range(4)]
    whole = predictor(scan, points)
    point, told = whole.held_out[-1]
    rest = predictor(scan, points[:-1]).predict(point.kept)
    assert told.accuracy == pytest.approx(rest.accuracy)
    assert told.half == pytest.approx(rest.half, rel=0.05)  # the other residuals had exponents that knew of it
    assert whole.mean_error == pytest.approx(np.mean([abs(p.accuracy - t.accuracy) for p, t in whole.held_out]))


def test_a_plan_that_cuts_what_was_not_scanned_is_not_predicted():
    scan, _, _ = scanned()
    del scan["groups"]["group3"]
    assert predictor(scan).predict({"group3": 1}) is None
    assert predictor(scan).predict({"group4": 1}) is not None


def test_old_scans_without_folds_and_joint_points_are_read():
    scan, plan, _ = scanned()
    old = scan | {"dense": {"accuracy": 0.9}, "groups": {n: [p[:4] for p in points] for n, points in scan["groups"].items()}}  # fmt: skip
    del old["joint"]
    told = predictor(old).predict(plan())
    assert told.low < told.accuracy < told.high


def test_a_network_that_guesses_is_refused():
    scan, _, _ = scanned()
    with pytest.raises(UserError, match="no better than guessing"):
        predictor(scan | {"dense": {"accuracy": 0.1}})


@pytest.mark.browser
def test_the_browser_predicts_what_python_does_for_300_plans():
    cases = []
    for seed, folds in ((0, 8), (1, 8), (2, 0)):
        scan, plan, _ = scanned(seed, folds=folds)
        names, made = list(scan["units"]), predictor(scan)
        plans = [{}, *(plan() for _ in range(100))]
        told = [made.predict(kept) for kept in plans]
        rows = [[kept.get(name, scan["units"][name]) for name in names] for kept in plans]
        cases.append((made.to_json(names), rows, [[t.accuracy, t.low, t.high] for t in told]))
    with chromium() as browser:
        page = browser.new_page()
        page.add_script_tag(content=SCRIPT.read_text())
        for prediction, rows, told in cases:
            code = (
                "([p, rows]) => rows.map(k => { const t = predictAccuracy(p, k); return [t.accuracy, t.low, t.high] })"
            )
            assert np.abs(np.array(page.evaluate(code, [prediction, rows])) - told).max() < 1e-9
