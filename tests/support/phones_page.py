"""`PhonesPage`: the page of phones in a tab of a real browser, as the browser tests use it.

What it does, a person does: it clicks, types and reads what is shown. It never waits for a time, only for what must
appear. Whatever the browser reports as an error is kept in `problems`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

SIZES = {"wide": (1280, 900), "narrow": (390, 844)}
"""Windows in which the page is tested, in CSS pixels."""
LONGEST_WAIT = 10_000
"""Milliseconds that something may take to appear."""
INSTALL = (
    "the browser tests need Playwright and Chromium: pip install playwright axe-playwright-python, and on Debian "
    "apt-get install chromium fonts-noto-cjk fonts-noto-color-emoji (CHROMIUM names another Chromium or Chrome)"
)


def chromium_path() -> str | None:
    """The Chromium of this machine, or None."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def is_installed() -> bool:
    """Whether these tests can run."""
    needed = ("playwright", "axe_playwright_python")
    return chromium_path() is not None and all(find_spec(module) is not None for module in needed)


class PhonesPage:
    """The page in one tab."""

    def __init__(self, tab: Page, url: str) -> None:
        self.tab = tab
        self.url = url
        self.problems: list[str] = []
        """Errors of the script, of the console and of the page's policy."""
        tab.set_default_timeout(LONGEST_WAIT)
        tab.on("console", lambda said: self.problems.append(said.text) if said.type == "error" else None)
        tab.on("pageerror", lambda error: self.problems.append(str(error)))

    def open(self) -> PhonesPage:
        """Load the page, and wait until it is live."""
        self.tab.goto(self.url)
        self.tab.locator("[data-connection=live]").wait_for()
        return self

    @property
    def is_narrow(self) -> bool:
        """Whether the window shows either the phones or the panel."""
        return self.tab.locator("[data-show=phones]").is_visible()

    def show(self, view: str) -> None:
        """Go to "phones", "send" or "activity"; in a wide window the phones are always there."""
        if view != "phones" or self.is_narrow:
            self.tab.locator(f"[data-show={view}]").click()

    # Phones

    def brand(self, brand: str) -> Locator:
        """The section of a brand."""
        return self.tab.locator(f"#brand-{brand}")

    def phone(self, brand: str, token: str) -> Locator:
        """A phone in the row of its brand."""
        return self.brand(brand).locator(f"[data-token='{token}']")

    def card(self, brand: str, token: str, title: str) -> Locator:
        """The notification with this title on a phone, once it is shown."""
        cards = self.phone(brand, token).locator(".shade > .cards > .card")
        card = cards.filter(has=self.tab.get_by_role("button", name=title, exact=True))
        card.first.wait_for()
        return card

    def open_card(self, brand: str, token: str, title: str) -> None:
        """Open the details of a notification, and wait for its request."""
        self.card(brand, token, title).locator(".card-open").click()
        self.tab.locator("#note-request .request-shown").wait_for()

    def fault(self, brand: str, name: str, on: bool) -> None:
        """Press the button of a fault, and wait until it shows the other state."""
        self.show("phones")
        button = self.brand(brand).locator(f"[data-fault={name}]")
        button.click()
        self.brand(brand).locator(f"[data-fault={name}][aria-pressed={str(on).lower()}]").wait_for()

    def outcomes(self, brand: str) -> dict[str, int]:
        """The gateway's outcomes of a brand, counted, by reason or status."""
        counts = self.brand(brand).locator("[data-outcome]:not(.none)").all()
        return {str(one.get_attribute("data-outcome")): int(one.locator("b").inner_text()) for one in counts}

    # The form

    def fill(self, title: str, body: str, brand: str, to: str) -> None:
        """Fill the form. `to`: a token of the row, or "all"."""
        self.show("send")
        self.tab.locator("#send-brand").select_option(brand)
        self.tab.locator("#send-to").select_option(to)
        self.tab.locator("[name=title]").fill(title)
        self.tab.locator("[name=body]").fill(body)

    def submit(self) -> Sequence[str]:
        """Press "Send", and wait for the outcomes: their words, such as "accepted"."""
        with self.tab.expect_response("**/do") as answered:
            self.tab.locator("#send-button").click()
        answered.value.finished()
        self.tab.locator("#send-button:not([aria-disabled])").wait_for()
        return self.tab.locator("#send-result .send-outcome").all_inner_texts()

    def send(self, title: str, body: str, brand: str, to: str) -> Sequence[str]:
        """Fill the form and send."""
        self.fill(title, body, brand, to)
        return self.submit()

    # The browser

    def sticks_out(self) -> int:
        """Pixels by which something is wider than the window."""
        return int(self.tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))

    def focused(self) -> str:
        """What has the focus: its accessible name or text."""
        script = "(e => (e.getAttribute('aria-label') || e.name || e.textContent).trim())(document.activeElement)"
        return str(self.tab.evaluate(script))
