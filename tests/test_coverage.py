"""Networks of every kind against all claims: exact or marked approximate, counted to the unit, running and learning."""

import warnings

import pytest

from benchmarks.coverage import cells, page
from benchmarks.examine import Row, examine
from benchmarks.networks import TIMM, TORCHVISION

EXACT = 1e-9
NETWORKS = [
    "googlenet",  # auxiliary heads
    "densenet121",
    "shufflenet_v2_x0_5",
    "regnet_y_400mf",  # grouped convolutions, squeeze and excite
    "mobilenet_v3_small",
    "timm/vit_tiny_patch16_224",
    "timm/swin_tiny_patch4_window7_224",
    "timm/convnext_tiny",
    "timm/mixer_s16_224",
    "timm/efficientformer_l1",
    "timm/levit_128s",
]


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_holds_every_claim(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other people's networks warn
        row = examine(name)
    assert row["groups"] > 0
    assert row["params"][1] < row["params"][0]
    assert row["approximate"] or max(row["difference"], row["random"]) <= EXACT


def test_all_classifiers_of_torchvision_and_many_of_timm_are_covered():
    assert len(TORCHVISION) == 80
    assert len(set(TIMM)) == len(TIMM) >= 70


ROW: Row = {
    "name": "timm/tiny", "failed": "", "groups": 2, "params": (1000, 500), "macs": (2_000_000, 1000), "difference": 1e-16, "approximate": False,
    "random": 2e-16, "size": 224, "proof_size": 64, "seconds": 0.5, "left": [(2, 8, "it is shared")], "peak_mb": 100, "wall": 60.0,
}  # fmt: skip


def test_a_row_says_what_is_left_alone_and_why():
    assert cells(ROW)[1:4] == ["2", "1.00 k → 500", "2.00 M → 1.00 k"]
    assert cells(ROW)[-1] == "2 layers: it is shared"


def test_a_failure_stands_in_the_table():
    assert "**fails**: it broke" in cells(ROW | {"failed": "it broke"})
    assert "1 of 2 networks hold every claim" in page([ROW, ROW | {"failed": "it broke"}])
