"""Schedules: curves, steps, rewinding."""

from itertools import pairwise

import pytest

from pruning.choices import Curve
from pruning.schedule import grown


@pytest.mark.parametrize("curve", Curve)
def test_every_curve_grows_from_nothing_to_the_wish(curve):
    shares = [grown(curve, step / 10, 0.7) for step in range(11)]
    assert shares[0] == 0
    assert shares[-1] == 0.7
    assert all(a < b for a, b in pairwise(shares))


def test_curves_are_those_of_their_papers():
    assert grown(Curve.LINEAR, 0.25, 0.8) == pytest.approx(0.2)
    assert grown(Curve.POLYNOMIAL, 0.5, 0.8) == pytest.approx(0.8 + (0 - 0.8) * (1 - 0.5) ** 3)
    kept = [1 - grown(Curve.EXPONENTIAL, step / 3, 0.488) for step in range(4)]
    assert [b / a for a, b in pairwise(kept)] == pytest.approx([0.8] * 3)
