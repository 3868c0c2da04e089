"""The page's gateway, over HTTP to the sandboxes of all installed brands: what it sends, keeps and verifies."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from pushgateway.cli.page_gateway import MOST_LISTED, SandboxGateway
from pushgateway.cli.sandbox_page import Fleet, installed_sandboxes, serve_all
from pushgateway.model.errors import FieldError
from pushgateway.model.notification import Notification
from pushgateway.sandbox import Sandbox
from pushgateway.sandbox.page.gateway import PagePush
from pushgateway.sandbox.page.switches import switch
from pushgateway.sandbox.serving.server import serve
from pushgateway.vendor import ReceiptKind

LONGEST_WAIT = 20.0
"""Seconds after which something that does not happen fails the test."""
HELLO = Notification("Hello", "you")


def until(happened: Callable[[], bool]) -> None:
    """Wait until something has happened that other threads do."""
    deadline = time.monotonic() + LONGEST_WAIT
    pause = threading.Event()
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        pause.wait(0.01)


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """All sandboxes with their page."""
    with serve_all(installed_sandboxes(5)) as served:
        yield served


@pytest.fixture
def oppo() -> Iterator[tuple[Sandbox, SandboxGateway]]:
    """One sandbox and a gateway for it, whose receipts go nowhere."""
    sandbox = next(one for one in installed_sandboxes(60) if one.brand == "oppo")
    with serve(sandbox, post_receipts=False) as served:
        gateway = SandboxGateway({served.url: sandbox}, "http://127.0.0.1:1/receipts")
        try:
            yield sandbox, gateway
        finally:
            gateway.close()


def brand_state(fleet: Fleet, brand: str) -> dict[str, object]:
    """The brand in the state of the page."""
    brands = httpx.get(f"{fleet.page}state").json()["brands"]
    return next(one for one in brands if one["brand"] == brand)


def test_every_brand_sends_and_its_receipt_is_verified(fleet: Fleet) -> None:
    """A push that is sent on the page is shown on the phone with its receipt, which the gateway has verified."""
    for sandbox in fleet.sandboxes.values():
        token = sandbox.tokens[0]
        command = {"do": "send", "brand": sandbox.brand, "tokens": [token], "title": "Hello", "body": "you"}
        reply = httpx.post(f"{fleet.page}do", json=command, timeout=LONGEST_WAIT).json()

        def receipts(brand: str = sandbox.brand, token: str = token) -> list[dict[str, object]]:
            phone = httpx.get(f"{fleet.page}phone", params={"brand": brand, "token": token}).json()
            return [receipt for one in phone["shown"] for receipt in one["receipts"]]

        assert [one["status"] for one in reply["sends"]] == ["accepted"], sandbox.brand
        until(lambda found=receipts: [one["posted"] for one in found()] == ["posted"])  # type: ignore[misc]
        assert [(one["kind"], one["verified"]) for one in receipts()] == [("arrived", True)], sandbox.brand


def test_a_tap_is_posted_and_verified_where_the_vendor_reports_it(fleet: Fleet) -> None:
    """The click of a user comes back to the host as a receipt."""
    sandbox = next(one for one in fleet.sandboxes.values() if ReceiptKind.CLICKED in one.receipt_kinds)
    token = sandbox.tokens[1]
    httpx.post(
        f"{fleet.page}do",
        json={"do": "send", "brand": sandbox.brand, "tokens": [token], "title": "Tap", "body": "me"},
        timeout=LONGEST_WAIT,
    )
    at = {"brand": sandbox.brand, "token": token}
    shown = httpx.get(f"{fleet.page}phone", params=at).json()["shown"]
    tapped = httpx.post(f"{fleet.page}do", json={"do": "tap", **at, "id": shown[0]["id"]}).json()

    def clicked() -> list[dict[str, object]]:
        phone = httpx.get(f"{fleet.page}phone", params=at).json()
        return [one for gone in phone["gone"] for one in gone["receipts"] if one["kind"] == "clicked"]

    assert tapped == {"done": True}
    until(lambda: [one["posted"] for one in clicked()] == ["posted"])
    assert [one["verified"] for one in clicked()] == [True]


def test_receipts_at_a_wrong_address_are_refused(fleet: Fleet) -> None:
    """Only who knows the secret part can post, as at a host's own address."""
    wrong = [httpx.post(f"{fleet.page}receipts/{path}", json=[]).status_code for path in ("7001/x", "7001", "9/x")]

    assert wrong == [404] * 3


def test_a_forged_receipt_is_not_verified(oppo: tuple[Sandbox, SandboxGateway]) -> None:
    """Its parameter is not the gateway's; the genuine one stays verified when it is posted again."""
    sandbox, gateway = oppo
    address = sandbox.receipts_at.partition("/receipts/")[2]
    tokens = sandbox.tokens[:2]
    gateway.send([PagePush("oppo", token, HELLO) for token in tokens])
    ids = {one.token: one.message_id for one in sandbox.ledger.deliveries}
    (request,) = sandbox.callbacks()
    genuine = request.content
    parameter = sandbox.ledger.deliveries[0].receipt_parameter.encode()
    forged = genuine.replace(parameter, parameter[:-3] + b"AAA")

    answers = [gateway.receive(address, request.headers, body) for body in (forged, genuine, genuine)]

    assert [answer.status for answer in answers if answer is not None] == [200] * 3
    assert [gateway.is_verified("oppo", token, ids[token], "arrived") for token in tokens] == [True, True]
    assert gateway.is_verified("oppo", tokens[0], "other", "arrived") is None


def test_only_a_forged_receipt_stays_unverified(oppo: tuple[Sandbox, SandboxGateway]) -> None:
    """It is known, and not genuine; what is no receipt is answered and remembered by nobody."""
    sandbox, gateway = oppo
    address, token = sandbox.receipts_at.partition("/receipts/")[2], sandbox.tokens[0]
    gateway.send([PagePush("oppo", token, HELLO)])
    (delivery,) = sandbox.ledger.deliveries
    (request,) = sandbox.callbacks()
    forged = request.content.replace(delivery.receipt_parameter.encode(), b"made.up")
    gateway.receive(address, request.headers, forged)
    odd = gateway.receive(address, {}, b"no receipt")

    assert gateway.is_verified("oppo", token, delivery.message_id, "arrived") is False
    assert odd is not None
    assert [one["kind"] for one in gateway.state()["events"]].count("receipts_refused") >= 1


def test_sends_outcomes_and_events_are_listed(oppo: tuple[Sandbox, SandboxGateway]) -> None:
    """The newest first, at most so many; the outcomes are in the order given; `clear` forgets them."""
    sandbox, gateway = oppo
    tokens = list(sandbox.tokens)
    sandbox.uninstall(tokens[1])
    before = gateway.number
    sends = gateway.send([PagePush("oppo", token, HELLO) for token in tokens])
    state = gateway.state()
    gateway.clear()

    assert [one["token"] for one in sends] == tokens
    assert [(one["status"], one["reason"]) for one in sends[:2]] == [("accepted", None), ("rejected", "unregistered")]
    assert (sends[1]["vendor_code"], sends[0]["title"], sends[0]["attempts"]) == ("10000", "Hello", 1)
    assert state["outcomes"] == {"oppo": {"accepted": len(tokens) - 1, "unregistered": 1}}
    assert len(state["sends"]) == MOST_LISTED < len(tokens)
    assert [(one["kind"], one["text"]) for one in state["events"]] == [("login", "logged in")]
    assert gateway.number > before
    assert gateway.state() == {"outcomes": {}, "sends": [], "events": []}


def test_a_used_up_quota_is_an_event_and_can_be_renewed(oppo: tuple[Sandbox, SandboxGateway]) -> None:
    """The vendor is closed for the day, which nobody at the page can wait for."""
    sandbox, gateway = oppo
    switch(sandbox, "quota", True)
    (refused,) = gateway.send([PagePush("oppo", sandbox.tokens[0], HELLO)])
    (event,) = [one for one in gateway.state()["events"] if one["kind"] == "quota"]
    switch(sandbox, "quota", False)
    (closed,) = gateway.send([PagePush("oppo", sandbox.tokens[0], HELLO)])
    gateway.renew("oppo")
    (accepted,) = gateway.send([PagePush("oppo", sandbox.tokens[0], HELLO)])

    assert (refused["status"], refused["reason"]) == ("rejected", "quota_exceeded")
    assert event["brand"] == "oppo"
    assert event["text"].startswith("the day's quota is used up")
    assert event["seconds"] > 0
    assert (closed["status"], closed["attempts"], accepted["status"]) == ("not_sent", 0, "accepted")
    assert gateway.state()["events"][1]["kind"] == "quota_released"


def test_a_recalled_push_leaves_the_phone(fleet: Fleet) -> None:
    """Where the vendor can; one that this gateway did not send is an error."""
    sandbox = next(one for one in fleet.sandboxes.values() if one.brand == "xiaomi")
    token = sandbox.tokens[2]
    at = {"brand": "xiaomi", "token": token}
    httpx.post(f"{fleet.page}do", json={"do": "send", "brand": "xiaomi", "tokens": [token], "title": "a", "body": "b"})
    shown = httpx.get(f"{fleet.page}phone", params=at).json()["shown"]
    recalled = httpx.post(f"{fleet.page}do", json={"do": "recall", **at, "id": shown[0]["id"]}).json()
    phone = httpx.get(f"{fleet.page}phone", params=at).json()

    assert recalled == {"done": True, "status": "accepted", "reason": None, "detail": ""}
    assert (phone["shown"], [one["why"] for one in phone["gone"]]) == ([], ["recalled"])


def test_only_what_it_has_sent_can_be_recalled(oppo: tuple[Sandbox, SandboxGateway]) -> None:
    """An outcome is needed for that, and the gateway of another process has it."""
    sandbox, gateway = oppo

    with pytest.raises(FieldError, match="only a push that was sent on this page"):
        gateway.recall("oppo", sandbox.tokens[0], "m1")


def test_a_repr_shows_no_secret(oppo: tuple[Sandbox, SandboxGateway]) -> None:
    """Brands only."""
    assert repr(oppo[1]) == "SandboxGateway(oppo)"
    assert "Hello" not in repr(PagePush("oppo", "token-1", HELLO)) + repr(HELLO)
    assert "token-1" not in repr(PagePush("oppo", "token-1", HELLO))


def test_nothing_is_left_running() -> None:
    """After the block there is no thread of a sandbox, page or gateway."""
    before = set(threading.enumerate())
    with serve_all(installed_sandboxes(1)) as fleet:
        httpx.get(f"{fleet.page}state")
        during = set(threading.enumerate()) - before

    left = [thread.name for thread in during if thread.is_alive()]
    assert len(during) >= len(fleet.sandboxes) + 2
    assert left == []
