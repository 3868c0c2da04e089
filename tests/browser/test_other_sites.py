"""Other web pages in the same browser: they can neither change phones nor read what they show."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from phones_page import PhonesPage
from playwright.sync_api import expect

from pushgateway.cli.sandbox_page import Fleet
from pushgateway.sandbox import Sandbox

POST = """([url, body, kind]) => {
  const mode = kind === "application/json" ? "cors" : "no-cors";
  return fetch(url, {method: "POST", body, mode, headers: {"content-type": kind}}).then(() => "", String);
}"""


@pytest.fixture
def other_site(chromium: Any, fleet: Fleet, boxes: dict[str, Sandbox]) -> Any:
    """A tab with a web page of another origin: a sandbox's server under the name localhost."""
    (url,) = (url for url, box in fleet.sandboxes.items() if box.brand == "oppo")
    context = chromium.new_context()
    tab = context.new_page()
    tab.goto(url.replace("127.0.0.1", "localhost"))
    yield tab
    context.close()


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/json"])
def test_a_script_of_another_site_changes_nothing(
    other_site: Any, fleet: Fleet, boxes: dict[str, Sandbox], kind: str
) -> None:
    """A POST by a script of another origin is refused, whatever its content type."""
    token = boxes["honor"].tokens[0]
    refused = []
    other_site.on("response", lambda reply: refused.append(reply.status) if "/do" in reply.url else None)
    body = json.dumps({"do": "mute", "brand": "honor", "token": token, "muted": True})

    other_site.evaluate(POST, [f"{fleet.page}do", body, kind])

    assert set(refused) <= {403, 405}
    assert not boxes["honor"].phones()[0].muted


def test_a_form_of_another_site_changes_nothing(other_site: Any, fleet: Fleet, boxes: dict[str, Sandbox]) -> None:
    """A form of another origin that posts to the page gets 403, although its body can look like JSON."""
    token = boxes["honor"].tokens[0]
    start = json.dumps({"do": "uninstall", "brand": "honor", "token": token})[:-1] + ', "x": "'
    script = """([url, name]) => {
      const form = document.createElement("form");
      Object.assign(form, {method: "POST", action: url, enctype: "text/plain"});
      const field = document.createElement("input");
      Object.assign(field, {name, value: '"}'});
      form.append(field); document.body.append(form); form.submit();
    }"""

    with other_site.expect_response(f"{fleet.page}do") as answered:
        other_site.evaluate(script, [f"{fleet.page}do", start])

    assert answered.value.status == 403
    assert token in boxes["honor"].tokens


def test_another_site_cannot_read_or_frame_the_page(
    other_site: Any, fleet: Fleet, opened: Callable[..., PhonesPage]
) -> None:
    """Another origin gets no data of the page, and cannot show it in a frame."""
    read = other_site.evaluate("url => fetch(url).then(() => 'read', () => 'refused')", f"{fleet.page}state")
    with other_site.expect_response(fleet.page) as answered:
        other_site.evaluate(
            "url => document.body.append(Object.assign(document.createElement('iframe'), {src: url}))", fleet.page
        )
    framed = other_site.locator("iframe").element_handle().content_frame()
    framed.wait_for_load_state()

    assert read == "refused"
    assert answered.value.status == 403  # a frame of another site is refused like any other request of it
    assert framed.locator("#brands").count() == 0
    page = opened(fleet.page)
    expect(page.tab.locator(".phone")).to_have_count(24)
