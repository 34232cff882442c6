"""The explorer's JavaScript counts, rounds and predicts as Python does: evaluated in Chromium on random plans."""

import random

import pytest
import torch
from browser import chromium
from live_data import data_of

import models
from pages.ui.explorer.component import ELEMENT, FORMULAS, script
from pruning import trace
from pruning.limits import Limits

pytestmark = pytest.mark.browser
NETWORKS = ("scnnb", "resnet20-cifar", "resnet50", "densenet121", "vit_b_16", "mobilenet_v3_large")
PLANS = 40  # of each network
COUNT = "([terms, plans]) => plans.map((kept) => countsOf(terms, kept))"


@pytest.fixture(scope="module")
def page():
    with chromium() as opened:
        blank = opened.new_page()
        blank.add_script_tag(content=script((*FORMULAS, ELEMENT[0])))
        yield blank


def channels_of(name):
    """Traced on the meta device: nothing needs weights."""
    card = models.MODELS[name]
    with torch.device("meta"):
        network = models.build(name)
    return trace(network, torch.zeros(1, card.in_channels, card.image_size, card.image_size))


def plans(channels, seed=0, count=PLANS):
    """Random units kept, by each group; the dense plan and the smallest are among them."""
    drawn = random.Random(seed)
    units = [group.units for group in channels.groups]
    return [units, [1] * len(units), *([drawn.randint(1, n) for n in units] for _ in range(count - 2))]


@pytest.fixture(scope="module", params=NETWORKS)
def channels(request):
    return channels_of(request.param)


def test_counts_equal_the_engines(page, channels):
    wanted = [vars(channels.counts(named(channels, kept))) for kept in plans(channels)]
    terms = {"params": channels.params, "macs": channels.macs, "bytes": channels.bytes}
    assert page.evaluate(COUNT, [terms, plans(channels)]) == wanted


def named(channels, kept):
    return {group.name: n for group, n in zip(channels.groups, kept, strict=True)}


def every_limit():
    """All limits of small groups that can be met, each with all numbers that may be wanted."""
    drawn = random.Random(1)
    found = []
    while len(found) < 600:
        units = drawn.randint(1, 70)
        least = drawn.randint(1, units)
        one = Limits(units, least, drawn.randint(least, units), drawn.choice((1, 1, 2, 4, 8, 16)))
        if one.are_possible():
            found.append(one)
    return found


def test_snapping_equals_limits(page):
    told = every_limit()
    cases = [[one.units, [one.least, one.most, one.multiple]] for one in told]
    snap = "(cases) => cases.map(([units, limits]) => [...Array(units + 2).keys()].map((n) => allowedKept(units, limits, n)))"
    assert page.evaluate(snap, cases) == [[one.kept(n) for n in range(one.units + 2)] for one in told]


def test_a_key_press_reaches_every_allowed_number(page):
    told = [one for one in every_limit() if one.multiple > 1]
    cases = [[one.units, [one.least, one.most, one.multiple]] for one in told]
    walk = """(cases) => cases.map(([units, limits]) => {
        const seen = new Set();
        for (let n = allowedKept(units, limits, 0); !seen.has(n); n = nextKept(units, limits, n, 1)) seen.add(n);
        return [...seen]; })"""
    assert page.evaluate(walk, cases) == [sorted({one.kept(n) for n in range(one.units + 1)}) for one in told]


@pytest.mark.parametrize("own", [1, 4])
@pytest.mark.parametrize("multiple", [8, 16, 32])
def test_rounding_stays_within_limits_and_leaves_locked_groups(page, own, multiple):
    channels = channels_of("resnet20-cifar")
    data, locked = data_of(channels, round_to=own), channels.groups[3].name
    wish = {"overall": 37, "kept": {locked: 13}, "locked": [locked]}
    kept = page.evaluate("([data, wish, n]) => roundedKept(data, wish, n)", [data, wish, multiple])
    for i, (group, n) in enumerate(zip(channels.groups, kept, strict=True)):
        least, most, by = data["limits"][i]
        before = 13 if i == 3 else data["base"][37][i]
        assert n == before if i == 3 or group.units < multiple else n % multiple == 0 or n == group.units
        assert i == 3 or Limits(group.units, least, most, by).kept(n) == n


def test_a_preset_leaves_locked_groups_and_names_only_what_differs(page):
    data = data_of(channels_of("scnnb"))
    first, *others = [group["name"] for group in data["groups"]]
    wanted = [kept - 1 for kept in data["base"][20]]
    wanted[-1] += 1
    wish = {"overall": 20, "kept": {first: 5, others[0]: 2}, "locked": [first]}
    found = page.evaluate("([data, wish, kept]) => withKept(data, wish, kept).kept", [data, wish, wanted])
    assert found == {first: 5} | dict(zip(others[:-1], wanted[1:-1], strict=True))


@pytest.mark.parametrize(
    ("text", "kept"), [("19", 19), (" 19 ", 19), ("40%", 19), ("40 %", 19), ("12,5 %", 28), ("0 %", 32)]
)
def test_a_typed_number_is_units_kept_or_a_share_removed(page, text, kept):
    found = page.evaluate("(text) => typedKept(text, {name: 'conv1', units: 32}, [1, 32, 1])", text)
    assert found == {"kept": kept}


@pytest.mark.parametrize("text", ["", "abc", "-3", "0", "33", "100%", "1e2", "4 units"])
def test_what_is_no_number_or_out_of_reach_is_told(page, text):
    assert "conv1" in page.evaluate("(text) => typedKept(text, {name: 'conv1', units: 32}, [1, 32, 1]).wrong", text)


def test_numbers_read_as_on_other_pages(page):
    from pages.ui import words

    numbers = [0, 7, 999, 1000, 12_345, 99_999, 123_456, 1_234_567, 25_557_032, 4_089_184_256]
    told = page.evaluate("(all) => all.map((n) => [countText(n), changeText(1000, n)])", numbers)
    assert told == [[words.count(n), words.change(1000, n)] for n in numbers]
    assert page.evaluate("(all) => all.map(sizeText)", [999, 123_456, 1_234_567]) == ["999 B", "123 kB", "1.23 MB"]
