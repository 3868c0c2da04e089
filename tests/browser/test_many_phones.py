"""10,000 phones of a brand: the page has a few of them, stays quick, and finds the others."""

from __future__ import annotations

from collections.abc import Callable

from phones_page import PhonesPage
from playwright.sync_api import expect

from pushgateway.cli.sandbox_page import Fleet

PHONES = 10_000
MOST_NODES = 4_000
"""Elements of the page with two brands, each with 12 phones."""
LONGEST_PAUSE = 2_000
"""Milliseconds between two frames, at most, while all phones get a push: a busy machine is allowed for."""
WATCH = """() => {
  window.longest = 0;
  let before = performance.now();
  const look = (now) => { window.longest = Math.max(window.longest, now - before); before = now;
                          requestAnimationFrame(look); };
  requestAnimationFrame(look);
}"""


def test_ten_thousand_phones(served: Callable[..., Fleet], opened: Callable[..., PhonesPage]) -> None:
    """While 10,000 phones get a push, the page stays responsive, shows the phones that changed last, and finds any."""
    fleet = served(PHONES, "oppo", "honor")
    sandbox = next(box for box in fleet.sandboxes.values() if box.brand == "oppo")
    last = sandbox.tokens[-1]
    page = opened(fleet.page)
    page.tab.evaluate(WATCH)

    page.fill("To all", "The same for everybody", "oppo", "all")
    page.submit()

    expect(page.tab.locator("#send-says")).to_have_text("10,000 phones: 10,000 accepted")
    page.show("phones")
    expect(page.brand("oppo").locator(".brand-counts")).to_contain_text("10,000 pushes")
    assert page.brand("oppo").locator(".phone").count() == 12
    assert page.tab.evaluate("document.querySelectorAll('*').length") < MOST_NODES
    assert page.tab.evaluate("window.longest") < LONGEST_PAUSE
    page.tab.locator("#find").fill(last)
    expect(page.tab.locator("#found [role=option]")).to_have_count(1)
    page.tab.keyboard.press("ArrowDown")
    page.tab.keyboard.press("Enter")
    expect(page.tab.locator("#phone-facts")).to_contain_text(last)
    assert page.tab.locator("#phone-drawn .card-open").inner_text() == "To all"
