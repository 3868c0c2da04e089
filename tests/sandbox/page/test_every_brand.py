"""The page with the sandbox, the plug-in and the gateway of every installed brand, in virtual time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pushgateway import Certificate, Gateway, Notification, Outcome, PushToken
from pushgateway.cli.sandbox_page import installed_sandboxes
from pushgateway.model.secret import Secret
from pushgateway.sandbox import Sandbox
from pushgateway.sandbox.find import installed_brands
from pushgateway.sandbox.page.requests import HIDDEN
from pushgateway.sandbox.page.switches import can, switch
from pushgateway.sandbox.page.view import BrandView
from pushgateway.testing import SandboxTransport
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import ReceiptKind

RECEIPTS, RECEIPT_SECRET = "https://im.example/push", "a-secret-of-receipts"


@pytest.fixture(params=installed_brands())
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """The sandbox of each brand, in its current dialect."""
    return next(one for one in installed_sandboxes(20) if one.brand == request.param)


def gateway(sandbox: Sandbox) -> Gateway:
    """A gateway for it, that asks for receipts."""
    url = f"https://{sandbox.brand}.example"
    certificate = Certificate(
        "7005", sandbox.brand, sandbox.settings(url), receipt_url=RECEIPTS, receipt_secret=RECEIPT_SECRET
    )
    made = Gateway([certificate], transport=SandboxTransport({url: sandbox}), timeout=8.0, request_timeout=5.0)
    sandbox.receipts_at = made.receipt_address("7005")
    return made


def send(sandbox: Sandbox, *tokens: str, **fields: Any) -> list[Outcome]:
    """The outcomes of a push to each token, one after the other."""

    async def sending() -> list[Outcome]:
        async with gateway(sandbox) as one:
            note = Notification("Hello", "you", **fields)
            return [await one.send(PushToken("7005", token), note) for token in tokens]

    return run_virtual(sending())


def post(sandbox: Sandbox, ending: Any = "posted") -> None:
    """Post the receipts that are due, as the sandbox's server does."""
    for request in sandbox.callbacks():
        log = sandbox.receipt_log
        log.end(log.add(request, sandbox.clock()), ending)


def test_no_secret_is_on_the_page(sandbox: Sandbox) -> None:
    """Neither a secret setting nor an access token, a signature or the secret part of the receipts' address; the
    phone's token is, because people look for it."""
    send(sandbox, sandbox.tokens[0])
    settings = sandbox.settings("")
    url = f"https://{sandbox.brand}.example"
    kinds = gateway(sandbox)._lanes.vendor("7005")  # the plug-in knows which of its settings are secret
    named = {name for name in settings if isinstance(getattr(kinds, name, None), Secret)}
    secrets = {str(settings[name]) for name in named} | {sandbox.receipts_at.rpartition("/")[2], RECEIPT_SECRET}

    view = BrandView(sandbox, url)
    numbers = [logged.number for logged in sandbox.request_log.last(9)]
    shown = json.dumps([view.request(number) for number in numbers] + [view.state()], ensure_ascii=False)

    assert named
    assert not [secret for secret in secrets if secret in shown]
    assert HIDDEN in shown
    assert sandbox.tokens[0] in shown
    for logged in sandbox.request_log.last(9):
        access = [
            logged.request.headers.get(name, "").removeprefix("Bearer ") for name in ("authorization", "auth_token")
        ]
        assert not [token for token in access if token and token in shown]


def test_receipts_are_read_and_found_by_their_push(sandbox: Sandbox) -> None:
    """One that is due, and then how posting it ended; the phone counts as changed."""
    (outcome,) = send(sandbox, sandbox.tokens[0])
    view = BrandView(sandbox, "")
    before = view.number
    for request in sandbox.callbacks():
        sandbox.receipt_log.add(request, sandbox.clock())
    due: Any = view.phone(sandbox.tokens[0])
    _, change = view.change(before)
    for one in sandbox.receipt_log.since(0):
        sandbox.receipt_log.end(one, "failed")
    ended: Any = view.phone(sandbox.tokens[0])

    assert outcome.ok
    assert [(one["kind"], one["posted"], one["verified"]) for one in due["shown"][0]["receipts"]] == [
        ("arrived", "due", None)
    ]
    assert [one["posted"] for one in ended["shown"][0]["receipts"]] == ["failed"]
    assert [phone["token"] for phone in change["changed"]] == [sandbox.tokens[0]]


def test_a_tap_is_reported_by_vendors_that_report_taps(sandbox: Sandbox) -> None:
    """One receipt, of this push; the sandboxes of other vendors make none."""
    send(sandbox, sandbox.tokens[0])
    post(sandbox)
    sandbox.tap(sandbox.tokens[0], number=1)
    post(sandbox)

    phone: Any = BrandView(sandbox, "").phone(sandbox.tokens[0])
    kinds = [one["kind"] for one in phone["gone"][0]["receipts"]]
    assert kinds == (["arrived", "clicked"] if ReceiptKind.CLICKED in sandbox.receipt_kinds else ["arrived"])


ENDINGS = {
    "down": {("not_sent", "unavailable"), ("unknown", "no_verdict")},
    "slow": {("accepted", "")},
    "quota": {("rejected", "quota_exceeded"), ("not_sent", "quota_exceeded")},
    "revoked": {("accepted", "")},
    "wrong": {("unknown", "no_verdict")},
    "mangled": {("accepted", ""), ("unknown", "no_verdict")},
}
"""How pushes may end while a switch is on, as the quick start says."""


def test_switches_do_what_the_quick_start_says(sandbox: Sandbox) -> None:
    """Pushes to living phones, one by one, while each switch is on that the vendor has."""

    async def endings(name: str) -> set[tuple[str, str]]:
        async with gateway(sandbox) as one:
            note, tokens = Notification("Hello", "you"), sandbox.tokens[:3]
            await one.send(PushToken("7005", tokens[0]), note)
            switch(sandbox, name, True)
            outcomes = [await one.send(PushToken("7005", token), note) for token in tokens[1:]]
            switch(sandbox, name, False)
            return {(outcome.status.value, outcome.reason.value if outcome.reason else "") for outcome in outcomes}

    for name in can(sandbox):
        assert run_virtual(endings(name)) <= ENDINGS[name], name
