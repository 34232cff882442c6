"""Pictures in the documents are what their scripts draw."""

import pytest

from docs.labels import COLOURS, CUT, PICTURE, picture


def test_the_picture_of_labels_is_drawn_from_todays_trace():
    assert picture() == PICTURE.read_text(), "run python -m docs.labels"


@pytest.mark.parametrize("unit", [unit for unit in range(len(COLOURS)) if unit != CUT])
def test_a_unit_has_one_row_of_everything_and_four_columns_of_the_linear_layer(unit):
    numbers = picture().count(f">{unit}</text>")
    assert numbers == len(["conv.weight", "weight", "bias", "running_mean", "running_var", "after bn"]) + 4 + 4
