"""The exact rows of the source documents and of Li et al. 2017, Table 1: parameters and weights-only MACs after pruning."""

import pytest
import torch

import models
from pruning import allocate, prune, score, trace
from pruning.channels.map import ChannelMap
from pruning.plan import Plan


def mapped(name: str, *, channels: int = 3, size: int = 32, classes: int = 10) -> tuple[torch.nn.Module, ChannelMap]:
    network = models.build(name, in_channels=channels, num_classes=classes, image_size=size)
    return network, trace(network, torch.empty(1, channels, size, size))


def cut(network: torch.nn.Module, channels: ChannelMap, **wishes: object) -> Plan:
    return allocate(channels, score(network, channels, "l1"), **wishes)  # type: ignore[arg-type]


def params(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ("name", "wishes", "before", "after"),
    [
        ("mnist-cnn", {"filters": 2}, 6_130, 3_052),
        ("mnist-cnn-small", {"filters": 1}, 6_810, 5_110),
        ("fashion-cnn", {"filters": {"conv1": 1, "conv2": 6}}, 126_698, 79_120),
    ],
)
def test_documents_000_and_001_come_out_to_the_digit(
    name: str, wishes: dict[str, object], before: int, after: int
) -> None:
    network, channels = mapped(name, channels=1, size=28)
    plan = cut(network, channels, **wishes)
    assert channels.counts().params == params(network) == before
    assert plan.counts().params == params(prune(network, plan)) == after


def test_document_001_removes_seven_filters_over_both_layers() -> None:
    network, channels = mapped("fashion-cnn", channels=1, size=28)
    plan = cut(network, channels, filters=7, spread="total")
    assert sum(map(len, plan.removed().values())) == 7


def test_document_003_removal_of_106_filters() -> None:
    network, channels = mapped("cifar-cnn")
    plan = cut(network, channels, shares={"conv1": 0.41479}, rounding="round")
    dense, small = channels.counts(), plan.counts()
    assert (dense.params, small.params) == (15_355_402, 14_863_774)
    assert params(prune(network, plan)) == small.params
    assert 1 - small.macs / dense.macs == pytest.approx(0.293, abs=5e-4)


def test_document_003_forty_percent_is_102_or_103_filters() -> None:
    network, channels = mapped("cifar-cnn")
    removed = {
        r: len(cut(network, channels, shares={"conv1": 0.4}, rounding=r).removed()["conv1"]) for r in ("round", "ceil")
    }
    assert removed == {"round": 102, "ceil": 103}


SCNNB = [  # share, filters of both convs, Fashion-MNIST, CIFAR-10 parameters
    (0.0, (32, 64), 2_081_098, 2_982_794),
    (0.1, (28, 57), 1_852_961, 2_656_025),
    (0.2, (25, 51), 1_658_018, 2_376_548),
    (0.3, (22, 44), 1_431_198, 2_051_114),
    (0.4, (19, 38), 1_236_930, 1_772_312),
    (0.5, (16, 32), 1_042_986, 1_493_834),
    (0.6, (12, 25), 817_009, 1_169_225),
    (0.7, (9, 19), 623_794, 891_476),
    (0.8, (6, 12), 398_846, 567_914),
    (0.9, (3, 6), 206_306, 290_840),
]


@pytest.mark.parametrize(("share", "filters", "fashion", "cifar"), SCNNB)
def test_document_004_whole_table(share: float, filters: tuple[int, int], fashion: int, cifar: int) -> None:
    for channels_in, size, expected in ((1, 28, fashion), (3, 32, cifar)):
        network, channels = mapped("scnnb-valid", channels=channels_in, size=size)
        plan = cut(network, channels, shares={"conv1": share, "conv2": share})
        assert (plan.kept()["conv1"], plan.kept()["conv2"]) == filters
        assert plan.counts().params == params(prune(network, plan)) == expected


def test_scnnb_with_same_padding() -> None:
    _, fashion = mapped("scnnb", channels=1, size=28)
    _, cifar = mapped("scnnb")
    assert (fashion.counts().params, cifar.counts().params) == (4_047_178, 5_276_554)


def test_iris_mlp_has_113_parameters() -> None:
    network = models.build("iris-mlp", in_channels=4, num_classes=3)
    assert trace(network, torch.empty(1, 4)).counts().params == 113


def vgg_a() -> dict[str, float]:
    return dict.fromkeys(["conv1", *(f"conv{i}" for i in range(8, 14))], 0.5)


def first_convs(blocks: int, shares: tuple[float, float, float], skip: set[int]) -> dict[str, float]:
    """Shares for the first conv of every block; layer numbers are 2, 4, 6, … as in the paper."""
    return {
        f"layer{stage + 1}.{block}.conv1": share
        for stage, share in enumerate(shares)
        for block in range(blocks)
        if share and 2 * (stage * blocks + block) + 2 not in skip
    }


LI = [
    ("vgg16-cifar", vgg_a(), (313_463_808, 14_991_946), (206_279_680, 5_399_690)),
    (
        "resnet56-cifar",
        first_convs(9, (0.1, 0.1, 0.1), {16, 20, 38, 54}),
        (125_485_696, 853_018),
        (112_435_840, 773_336),
    ),
    (
        "resnet56-cifar",
        first_convs(9, (0.6, 0.3, 0.1), {16, 18, 20, 34, 38, 54}),
        (125_485_696, 853_018),
        (90_907_264, 735_712),
    ),
    ("resnet110-cifar", first_convs(18, (0.5, 0, 0), {36}), (252_887_680, 1_727_962), (212_779_648, 1_688_522)),
    (
        "resnet110-cifar",
        first_convs(18, (0.5, 0.4, 0.3), {36, 38, 74}),
        (252_887_680, 1_727_962),
        (155_124_352, 1_168_424),
    ),
]


@pytest.mark.parametrize(("name", "shares", "dense", "pruned"), LI, ids=["vgg-a", "56-a", "56-b", "110-a", "110-b"])
def test_li_2017_table_1(name: str, shares: dict[str, float], dense: tuple[int, int], pruned: tuple[int, int]) -> None:
    network, channels = mapped(name)
    plan = cut(network, channels, shares=shares)
    before, after = channels.counts(), plan.counts()
    assert (before.macs, before.params) == dense
    assert (after.macs, after.params) == pruned
    assert params(prune(network, plan)) == after.params
