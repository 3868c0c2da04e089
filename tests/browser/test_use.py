"""How the page is used: by keyboard, in two languages, in both themes, by assistive technology, in any window."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from phones_page import PhonesPage
from playwright.sync_api import expect

from pushgateway.cli.sandbox_page import Fleet
from pushgateway.sandbox import Sandbox

LONG = "A_word_without_any_place_to_break_" * 8
VIEWS = ("phones", "send", "activity")


def test_a_push_is_sent_by_keyboard_alone(page: PhonesPage, boxes: dict[str, Sandbox]) -> None:
    """From the loaded page to a push on the phone and the details of it, with Tab, arrows, Enter and Escape only."""
    keys, token = page.tab.keyboard, boxes["honor"].tokens[0]
    keys.press("Tab")
    keys.press("Tab")
    assert page.focused() == "Skip to the form"
    keys.press("Enter")
    assert page.focused() == "title"
    keys.type("Ann")
    keys.press("Tab")
    keys.type("See you at eight")
    keys.press("Shift+Tab")
    keys.press("Shift+Tab")
    keys.press("Shift+Tab")
    assert page.focused() == "brand"
    keys.press("ArrowDown")
    keys.press("Tab")
    keys.press("Tab")

    keys.press("Enter")

    expect(page.tab.locator("#send-result .send-outcome")).to_have_text(["accepted"])
    keys.press("Escape")
    page.card("honor", token, "Ann").wait_for()
    page.phone("honor", token).locator(".device").focus()
    keys.press("ArrowDown")
    assert page.focused() == "Ann"
    keys.press("Enter")
    page.tab.locator("#note-request .request-shown").wait_for()
    assert page.focused() == "Ann"
    assert page.tab.evaluate("document.activeElement.id") == "panel-heading"
    keys.press("Escape")
    assert page.tab.evaluate("document.activeElement.className") == "card-open"


def test_arrow_keys_go_along_the_row(wide: PhonesPage, boxes: dict[str, Sandbox]) -> None:
    """One phone of a row is in the tab order; the arrow keys, Home and End go to the others."""
    row = wide.brand("oppo").locator(".device")
    row.first.focus()

    def place() -> int:
        return int(row.evaluate_all("all => all.indexOf(document.activeElement)"))

    places = []
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "End", "ArrowRight", "Home", "ArrowLeft"):
        wide.tab.keyboard.press(key)
        places.append(place())

    assert places == [1, 2, 1, 11, 11, 0, 0]
    assert wide.brand("oppo").locator(".device[tabindex='0']").count() == 1


def test_the_language_is_chosen_and_remembered(wide: PhonesPage) -> None:
    """The buttons switch every text at once, without a reload, and the next visit begins with the same language."""
    wide.tab.get_by_role("button", name="中文").click()
    chinese = wide.tab.locator(".new-phone").first.inner_text()

    wide.tab.reload()

    expect(wide.tab.locator(".new-phone").first).to_have_text(chinese)
    assert chinese == "新增手机"
    assert wide.tab.locator("html").get_attribute("lang") == "zh-CN"
    wide.tab.get_by_role("button", name="EN").click()
    expect(wide.tab.locator(".new-phone").first).to_have_text("New phone")
    assert wide.tab.title() == "Phones · pushgateway sandbox"


def test_a_chinese_browser_gets_chinese(fleet: Fleet, opened: Callable[..., PhonesPage]) -> None:
    """Without a choice the page has the language of the browser, also for outcomes."""
    page = opened(fleet.page, locale="zh-CN")
    (token, *_) = next(box for box in fleet.sandboxes.values() if box.brand == "honor").tokens

    outcomes = page.send("林晓", "今晚八点见", "honor", token)

    assert outcomes == ["已接受"]
    assert page.tab.locator("#send-result .send-says").inner_text() == "荣耀已接受。"


def test_every_text_has_both_languages(wide: PhonesPage) -> None:
    """No text lacks a language, and both have the same places for values."""
    texts = wide.tab.evaluate("import('./static/texts.js').then((texts) => texts.TEXTS)")

    def places(text: str) -> set[str]:
        return {part.partition("}")[0] for part in text.split("{")[1:] if "}" in part and '"' not in part}

    assert len(texts) > 150
    assert [key for key, text in texts.items() if set(text) != {"en", "zh"} or not all(text.values())] == []
    assert [key for key, text in texts.items() if places(text["en"]) != places(text["zh"])] == []


@pytest.mark.parametrize("language", ["en-GB", "zh-CN"])
def test_nothing_is_wider_than_a_narrow_window(fleet: Fleet, opened: Callable[..., PhonesPage], language: str) -> None:
    """Long words, many faults and all views fit into 390 pixels; nothing scrolls sideways but the rows of phones."""
    page = opened(fleet.page, "narrow", locale=language)
    sandbox = next(box for box in fleet.sandboxes.values() if box.brand == "oppo")
    sandbox.set_alias(sandbox.tokens[0], LONG)
    page.send(LONG, LONG, "oppo", sandbox.tokens[0])
    widths = {}
    for view in VIEWS:
        page.show(view)
        widths[view] = page.sticks_out()
    page.show("phones")
    for fault in ("down", "slow", "quota", "wrong"):
        page.fault("oppo", fault, on=True)

    page.brand("oppo").locator(".card-open").first.click()
    page.tab.locator("#note-request .request-shown").wait_for()

    too_wide = "all => all.filter(one => one.getBoundingClientRect().right > innerWidth).length"
    assert widths == dict.fromkeys(VIEWS, 0)
    assert page.sticks_out() == 0
    assert page.tab.locator("#panel *").evaluate_all(too_wide) == 0


@pytest.mark.parametrize(("size", "scheme"), [("wide", "light"), ("narrow", "dark")])
def test_axe_finds_no_fault(
    served: Callable[..., Fleet], opened: Callable[..., PhonesPage], size: str, scheme: str
) -> None:
    """In each theme and size axe finds nothing in any view: contrast, names, roles, order of headings."""
    fleet = served(2, "honor", "oppo")  # axe looks at every element, so a few phones are enough
    page = opened(fleet.page, size, color_scheme=scheme, bypass_csp=True)
    (token, *_) = next(box for box in fleet.sandboxes.values() if box.brand == "honor").tokens
    page.send("Ann", "See you at eight", "honor", token)
    page.fault("oppo", "quota", on=True)
    found = []

    def look(view: str) -> None:
        violations = Axe().run(page.tab).response["violations"]
        found.extend(f"{view}: {one['id']} {[node['html'][:90] for node in one['nodes']]}" for one in violations)

    for view in VIEWS:
        page.show(view)
        look(view)
    page.show("phones")
    page.open_card("honor", token, "Ann")
    look("notification")
    page.tab.locator("#note-phone").click()
    page.tab.locator("#phone-facts").wait_for()
    look("phone")

    assert found == []


def test_dark_and_reduced_motion_are_respected(fleet: Fleet, opened: Callable[..., PhonesPage]) -> None:
    """The colours follow the system's theme, and without motion a new notification does not move."""
    colours, motions = [], []
    for scheme, motion in (("light", "no-preference"), ("dark", "reduce")):
        page = opened(fleet.page, color_scheme=scheme, reduced_motion=motion)
        sandbox = next(box for box in fleet.sandboxes.values() if box.brand == "honor")
        page.send(scheme, "See you at eight", "honor", sandbox.tokens[0])
        card = page.card("honor", sandbox.tokens[0], scheme)
        colours.append(page.tab.evaluate("getComputedStyle(document.documentElement).backgroundColor"))
        motions.append(card.evaluate("card => getComputedStyle(card).animationName"))

    assert colours == ["rgb(245, 246, 248)", "rgb(15, 18, 23)"]
    assert motions == ["arrive, glow", "none"]
