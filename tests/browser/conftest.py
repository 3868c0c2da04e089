"""A Chromium for all tests here, and sandboxes with a page and a gateway for each of them.

These tests need a browser, so they have an environment of their own, `tox -e browser`, and are collected only if they
are named (`norecursedirs` in pyproject.toml). Every page must end without an error in the browser's console.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from phones_page import INSTALL, LONGEST_WAIT, SIZES, PhonesPage, chromium_path, is_installed

from pushgateway.cli.sandbox_page import Fleet, installed_sandboxes, serve_all
from pushgateway.sandbox import Sandbox

BRANDS = ("honor", "oppo")
"""Those of most tests: one that reports arrivals and taps, one with a login and a daily quota."""


def pytest_configure() -> None:
    """Say what to install before the first test, in one sentence."""
    if not is_installed():
        raise pytest.UsageError(INSTALL)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The browser."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=LONGEST_WAIT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path())
        yield browser
        browser.close()


@pytest.fixture
def served() -> Iterator[Callable[..., Fleet]]:
    """Serves sandboxes with a page and a gateway until the test ends. Arguments: the number of phones of each, and the
    brands; none: all installed ones."""
    # In a thread of their own: Playwright runs an event loop in this one, where the gateway refuses to be made.
    with ThreadPoolExecutor(1) as elsewhere, ExitStack() as ends:

        def serve(tokens: int, *brands: str) -> Fleet:
            serving = serve_all(installed_sandboxes(tokens, brands or None))
            ends.callback(lambda: elsewhere.submit(serving.__exit__, None, None, None).result())
            return elsewhere.submit(serving.__enter__).result()

        yield serve


@pytest.fixture
def fleet(served: Callable[..., Fleet]) -> Fleet:
    """Sandboxes of `BRANDS` with 20 phones each."""
    return served(20, *BRANDS)


@pytest.fixture
def boxes(fleet: Fleet) -> dict[str, Sandbox]:
    """The sandboxes of `fleet` by brand."""
    return {sandbox.brand: sandbox for sandbox in fleet.sandboxes.values()}


@pytest.fixture
def opened(chromium: Any) -> Iterator[Callable[..., PhonesPage]]:
    """Opens pages, each in a browser of its own. Arguments: the URL, the size ("wide" or "narrow") and options of a
    browser context such as `color_scheme`. A page that ended with an error in the console fails the test."""
    contexts: list[Any] = []
    pages: list[PhonesPage] = []

    def open_page(url: str, size: str = "wide", **options: Any) -> PhonesPage:
        width, height = SIZES[size]
        options = {"locale": "en-GB", "reduced_motion": "reduce", **options}
        contexts.append(chromium.new_context(viewport={"width": width, "height": height}, **options))
        pages.append(PhonesPage(contexts[-1].new_page(), url))
        return pages[-1].open()

    yield open_page
    for context in contexts:
        context.close()
    assert [problem for page in pages for problem in page.problems] == []


@pytest.fixture(params=list(SIZES))
def page(request: pytest.FixtureRequest, fleet: Fleet, opened: Callable[..., PhonesPage]) -> PhonesPage:
    """The page of `fleet`, in a wide and in a narrow window."""
    return opened(fleet.page, request.param)


@pytest.fixture
def wide(fleet: Fleet, opened: Callable[..., PhonesPage]) -> PhonesPage:
    """The page of `fleet` in a wide window, for what does not depend on its width."""
    return opened(fleet.page)
