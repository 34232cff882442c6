"""The live explorer in a real browser: numbers move while the slider does, Python hears of it on release, once."""

import json

import pytest
from browser import chromium, serve
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser
OVERALL = "Overall share removed, percent"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with serve(tmp_path_factory.mktemp("runs"), "tests/live_app.py") as found:
        yield found.address


@pytest.fixture(scope="module")
def opened():
    with chromium() as found:
        yield found


@pytest.fixture
def page(opened, address):
    """SCNNB: two convolutions and a hidden layer."""
    context = opened.new_context(viewport={"width": 1280, "height": 900})
    page, errors = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    go(page, address)
    yield page
    context.close()
    assert not errors


def go(page: Page, address: str, query: str = "network=scnnb") -> None:
    page.goto(f"{address}/?{query}")
    expect(page.locator(".explorer .row.selected")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("wish:")).to_be_visible()


def number(page: Page, name: str) -> str:
    return page.locator(f"[data-number={name}] dd").first.inner_text()


def runs(page: Page) -> int:
    return int(page.get_by_text("runs: ").inner_text().split()[-1])


def wish(page: Page) -> dict:
    return json.loads(page.get_by_text("wish: ").inner_text().removeprefix("wish: "))


def slider(page: Page, name: str = OVERALL):
    return page.get_by_role("slider", name=name if name == OVERALL else f"{name}: units removed")


def typed(page: Page, name: str):
    return page.get_by_role("textbox", name=f"{name}: units kept, typed")


def settled(page: Page, ran: int) -> None:
    """The page has run `ran` times, and then rests."""
    expect(page.get_by_text(f"runs: {ran}", exact=True)).to_be_visible(timeout=20_000)
    page.wait_for_timeout(400)
    assert runs(page) == ran


def drag(page: Page, name: str, places: list[float]) -> list[str]:
    """Move a slider's thumb through the places, 0…1, without letting go; the parameters shown at each."""
    box = slider(page, name).bounding_box()
    at = [(box["x"] + 7 + place * (box["width"] - 14), box["y"] + box["height"] / 2) for place in places]
    page.mouse.move(*at[0])
    page.mouse.down()
    found = []
    for x, y in at:
        page.mouse.move(x, y)
        page.wait_for_timeout(60)
        found.append(number(page, "params"))
    return found


def test_numbers_move_while_dragging_and_python_hears_once_on_release(page):
    shown = drag(page, OVERALL, [0, 0.2, 0.4, 0.6])
    assert len(set(shown)) == 4
    assert runs(page) == 1
    page.mouse.up()
    settled(page, 2)
    assert wish(page)["kept"] == {}
    assert 55 <= wish(page)["overall"] <= 63
    expect(page.get_by_text("exact ✓ the engine agrees")).to_be_visible()


def test_an_overall_share_that_no_group_follows_says_so(page):
    page.get_by_role("button", name="Lock").evaluate_all("locks => locks.forEach((lock) => lock.click())")
    slider(page).focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-part=said]")).to_contain_text("No group follows the overall share")
    page.get_by_role("button", name="Lock conv1").click()
    page.get_by_role("button", name="conv1: back to the overall share").click()
    slider(page).focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-part=said]")).to_be_empty()


def test_a_groups_slider_sets_it_by_hand_and_selects_it(page):
    drag(page, "conv2", [0, 0.5])
    expect(page.locator(".panel h3")).to_have_text("conv2")
    assert runs(page) == 1
    page.mouse.up()
    settled(page, 2)
    assert wish(page)["group"] == "conv2"
    assert set(wish(page)["kept"]) == {"conv2"}
    expect(page.locator(".panel figcaption")).to_contain_text("removed ones are faded and crossed out")


def test_keys_move_a_slider_and_are_told_once(page):
    slider(page, "conv1").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowLeft")
    expect(page.locator(".row").first.locator(".count")).to_have_text("29/32")
    settled(page, 2)
    assert wish(page)["kept"] == {"conv1": 29}
    assert slider(page, "conv1").get_attribute("aria-valuetext") == "3 of 32 units removed, 29 kept"


def test_a_slider_stops_at_the_floor_and_says_so(page):
    slider(page, "conv1").focus()
    page.keyboard.press("End")
    expect(page.get_by_text("conv1 keeps at least 1.")).to_be_visible()


def test_typed_numbers_and_shares(page):
    typed(page, "conv1").fill("19")
    typed(page, "conv1").press("Enter")
    settled(page, 2)
    typed(page, "conv2").fill("25 %")
    typed(page, "conv2").press("Tab")
    settled(page, 3)
    assert wish(page)["kept"] == {"conv1": 19, "conv2": 48}
    assert typed(page, "conv2").input_value() == "48"


def test_a_wrong_number_is_told_and_nothing_is_lost(page):
    typed(page, "conv1").fill("many")
    typed(page, "conv1").press("Enter")
    expect(page.get_by_text("“many” is no number")).to_be_visible()
    assert typed(page, "conv1").get_attribute("aria-invalid") == "true"
    assert typed(page, "conv1").input_value() == "many"
    assert runs(page) == 1
    typed(page, "conv1").press("Escape")
    expect(typed(page, "conv1")).to_have_value("32")


def test_a_locked_group_stays_when_others_move(page):
    page.get_by_role("button", name="Lock conv1").click()
    settled(page, 2)
    slider(page).focus()
    page.keyboard.press("End")
    settled(page, 3)
    kept = [row.locator(".count").inner_text() for row in page.locator(".row").all()]
    assert kept[0] == "32/32"
    assert kept[1] == "1/64"
    assert slider(page, "conv1").is_disabled()
    assert wish(page)["locked"] == ["conv1"]
    page.get_by_role("button", name="Reset").click(force=True)
    assert page.locator(".row .count").first.inner_text() == "32/32"


def test_undo_and_redo(page):
    before = number(page, "params")
    slider(page).focus()
    page.keyboard.press("End")
    settled(page, 2)
    after = number(page, "params")
    page.keyboard.press("Control+z")
    settled(page, 3)
    assert number(page, "params") == before
    assert wish(page)["overall"] == 0
    page.keyboard.press("Control+Shift+Z")
    settled(page, 4)
    assert number(page, "params") == after
    assert page.get_by_role("button", name="Redo").is_disabled()


def test_a_preset_sets_groups_by_hand_and_reset_frees_them(page):
    dense = number(page, "params")
    page.get_by_text("Presets").click()
    page.get_by_role("button", name="Global 60 %").click()
    settled(page, 2)
    assert wish(page)["kept"]
    page.get_by_role("button", name="Reset", exact=True).click()
    settled(page, 3)
    assert wish(page)["kept"] == {}
    assert number(page, "params") == dense


def test_rounding_tells_what_it_changes(page):
    typed(page, "conv1").fill("19")
    typed(page, "conv1").press("Enter")
    settled(page, 2)
    page.get_by_role("group", name="Round to a multiple").get_by_role("button", name="16").click()
    settled(page, 3)
    assert wish(page)["kept"] == {"conv1": 16}
    expect(page.get_by_text("Rounded to 16: 3.75 ms → 3.50 ms (−6.7 %), 1,764 parameters fewer.")).to_be_visible()


def test_a_rerun_leaves_what_is_dragged_and_typed(page):
    typed(page, "conv2").fill("4")
    page.get_by_role("button", name="Rerun").dispatch_event("click")
    settled(page, 2)
    assert typed(page, "conv2").input_value() == "4"
    typed(page, "conv2").press("Escape")
    shown = drag(page, OVERALL, [0, 0.5])
    page.get_by_role("button", name="Rerun").dispatch_event("click")
    settled(page, 3)
    assert number(page, "params") == shown[-1]
    page.mouse.up()
    settled(page, 4)
    assert wish(page)["overall"] in (49, 50)


def test_pythons_own_change_is_one_step_that_can_be_undone(page):
    page.get_by_role("button", name="Set 30 %").click()
    expect(page.get_by_role("textbox", name="Overall share removed, typed")).to_have_value("30 %")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("textbox", name="Overall share removed, typed")).to_have_value("0 %")


def test_keys_reach_the_next_multiple(page, address):
    go(page, address, "network=scnnb&multiple=8")
    slider(page, "conv1").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".row .count").first).to_have_text("24/32")


def test_two_hundred_groups_scroll_and_follow(page, address):
    go(page, address, "network=densenet201")
    assert page.locator(".row").count() == 200
    drag(page, OVERALL, [0, 0.5])
    page.mouse.up()
    settled(page, 2)
    page.locator(".rows").hover()
    page.mouse.wheel(0, 20_000)
    expect(page.locator(".row").last.locator(".count")).to_have_text("16/32")
    page.locator(".row").last.locator(".name").click()
    expect(page.locator(".panel h3")).to_contain_text("denselayer32.conv2")
