"""The buttons for faults, what the gateway made of them, and the page when its own connection is lost."""

from __future__ import annotations

from collections.abc import Callable

from phones_page import PhonesPage
from playwright.sync_api import expect

from pushgateway.sandbox import Sandbox, find_sandbox
from pushgateway.sandbox.serving.server import serve, serve_page


def test_a_fault_changes_the_outcome(page: PhonesPage, boxes: dict[str, Sandbox]) -> None:
    """While "Over quota" is on, a push ends "over quota" and the gateway lists the event; switched off, it is accepted
    again."""
    token = boxes["oppo"].tokens[0]
    page.fault("oppo", "quota", on=True)
    says = page.brand("oppo").locator(".fault-says").inner_text()
    refused = page.send("Ann", "See you at eight", "oppo", token)
    page.show("activity")
    expect(page.tab.locator(".event.quota b")).to_have_text("Daily quota used up")

    page.fault("oppo", "quota", on=False)
    accepted = page.send("Ann", "See you at eight", "oppo", token)

    assert says == "Every push is refused: the daily quota is used up."
    assert refused == ["over quota"]
    assert accepted == ["accepted"]
    expect(page.brand("oppo").locator("[data-outcome=accepted] b")).to_have_text("1")
    assert page.outcomes("oppo") == {"accepted": 1, "quota_exceeded": 1}


def test_a_wrong_reply_leaves_no_verdict(wide: PhonesPage, boxes: dict[str, Sandbox]) -> None:
    """A reply that is an HTML page ends the push without a verdict; the requests of the brand show that reply."""
    token = boxes["honor"].tokens[0]
    wide.fault("honor", "wrong", on=True)

    outcomes = wide.send("Ann", "See you at eight", "honor", token)

    assert outcomes == ["no verdict"]
    assert "Sending again may deliver it twice." in wide.tab.locator("#send-result .send-says").inner_text()
    wide.brand("honor").locator(".to-requests").click()
    wide.tab.locator(".request-open", has_text="Fault played: html").click()
    expect(wide.tab.locator("#request-view .reply-content")).to_contain_text("<!DOCTYPE html>")
    wide.tab.locator("#back").click()
    expect(wide.tab.locator("#panel-heading")).to_have_text("Requests to Honor")


def test_expired_access_tokens_need_a_new_login(wide: PhonesPage, boxes: dict[str, Sandbox]) -> None:
    """ "Expire access tokens" makes the gateway log in again; the push is accepted all the same."""
    token = boxes["oppo"].tokens[0]
    wide.send("One", "first", "oppo", token)
    wide.show("phones")
    wide.brand("oppo").locator("[data-fault=revoked]").click()
    expect(wide.tab.locator("#announcer")).to_have_text("OPPO: all access tokens have expired.")

    outcomes = wide.send("Two", "second", "oppo", token)

    assert outcomes == ["accepted"]
    wide.show("activity")
    expect(wide.tab.locator(".event.login[data-brand=oppo]")).to_have_count(2)


def test_a_lost_connection_comes_back(opened: Callable[..., PhonesPage]) -> None:
    """When the sandbox ends, the page says so and keeps what it shows; it connects again by itself and takes the new
    state."""
    former, later = find_sandbox("oppo")(tokens=2), find_sandbox("oppo")(tokens=3)
    with serve(former) as served, serve_page({served.url: former}) as served_page:
        page = opened(served_page.url)
        port = int(served_page.url.rstrip("/").rpartition(":")[2])
        expect(page.tab.locator(".phone")).to_have_count(2)

    expect(page.tab.locator("#live-text")).to_have_text("Reconnecting")
    said = page.tab.locator("#lost").inner_text()
    kept = page.tab.locator(".phone").count()
    with serve(later) as served, serve_page({served.url: later}, port=port):
        expect(page.tab.locator("#live-text")).to_have_text("Live")
        expect(page.tab.locator(".phone")).to_have_count(3)

        assert said.startswith("The connection to the sandbox is lost.")
        assert kept == 2
        assert not page.tab.locator("#lost").is_visible()
        page.tab.context.close()
    # The browser itself reports each attempt that failed.
    assert all("net::ERR" in problem for problem in page.problems)
    page.problems.clear()


def test_a_page_in_the_background_keeps_no_connection(wide: PhonesPage, boxes: dict[str, Sandbox]) -> None:
    """A hidden page takes nothing; as soon as it is seen again it shows what has happened meanwhile."""
    sandbox = boxes["oppo"]
    counts = wide.brand("oppo").locator(".brand-counts")
    hide = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true})"

    def turn(hidden: str) -> None:
        wide.tab.evaluate(hide % hidden)
        wide.tab.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    turn("true")
    sandbox.register(1)
    with wide.tab.expect_response("**/find**"):  # a round trip, in which the change would have come
        wide.tab.locator("#find").fill(sandbox.tokens[0])
    hidden = counts.inner_text()
    turn("false")

    expect(counts).to_contain_text("21 phones")
    assert "20 phones" in hidden
    assert not wide.tab.locator("#lost").is_visible()
