"""The samples in both directions: the plug-in makes and reads them, the sandbox takes and makes them."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pushgateway_honor.sandbox import APP_ID, CLIENT_ID, HonorSandbox

from pushgateway.sandbox import Delivery
from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.testing.conformance.sandbox_connection import EPOCH
from pushgateway.vendor import (
    Badge,
    Batch,
    Button,
    Notification,
    OpenApp,
    OpenIntent,
    OpenIntentUri,
    OpenUrl,
    Outcome,
    Push,
    PushToken,
    Reason,
    ReceiptKind,
    Refused,
    Request,
    Response,
)

Drivers = Callable[..., ExchangeDriver]
TOKENS = ("HTOK-AAAA", "HTOK-BBBB")
NOTE = Notification("t", "b")


def read(samples: Path, name: str) -> Any:
    """A sample as JSON."""
    return json.loads((samples / name).read_text())


def shape(value: Any) -> Any:
    """Names and types."""
    return {key: shape(inner) for key, inner in value.items()} if isinstance(value, dict) else type(value)


def pushes(note: Notification, *tokens: str) -> Batch:
    """A batch as the core makes it."""
    return Batch.of([Push(PushToken(1, token), note) for token in tokens])


def test_every_sample_has_a_source(samples: Path) -> None:
    """Each file is listed once in `samples.toml`."""
    sources = tomllib.loads((samples / "samples.toml").read_text()).values()

    listed = [name for source in sources for name in source["files"]]

    assert sorted(listed) == sorted(path.name for path in samples.iterdir() if path.name != "samples.toml")


def test_the_request_is_made_and_taken(driver: Drivers, samples: Path) -> None:
    """A notification of ours becomes the sample, with its headers, and the sandbox shows it on the phones."""
    one = driver({"badge_class": "com.example.app.MainActivity"}, tokens=0)
    one.sandbox.register(TOKENS)
    buttons = (
        Button("Open"),
        Button("Way", OpenUrl("https://example.com/way")),
        Button("Later", OpenIntent("com.example.LATER")),
    )
    note = Notification(
        "Parcel arrived",
        "Locker 12, code 4711",
        data={"order": "A1"},
        intent="order",
        ttl=3600,
        badge=Badge.add(1),
        long_body="Locker 12, code 4711, open until eight",
        buttons=buttons,
        receipt_parameter="msg-0001",
        click=OpenIntentUri("pushscheme://com.example.app/parcel?order=A1"),
        overrides={"honor": {"android": {"targetUserType": 0, "notification": {"notifyId": 4711, "tag": "parcel"}}}},
    )
    outcomes = one.carry(lambda: one.vendor.push(pushes(note, *TOKENS)), "")

    request, shown = one.requests[-1], one.sandbox.ledger.deliveries[0]
    assert json.loads(request.content) == read(samples, "send.request.json")
    assert request.url.endswith(f"/api/v1/{APP_ID}/sendMessage")
    assert request.headers["content-type"].startswith("application/json")
    assert request.headers["authorization"].startswith("Bearer eyJ-")
    assert request.headers["timestamp"] == str(int(EPOCH * 1000))
    assert [outcome.ok for outcome in outcomes] == [True, True]
    assert (shown.title, shown.ttl, shown.data, shown.replaces) == (note.title, 3600, {"order": "A1"}, "4711 parcel")
    assert (shown.badge, shown.long_body, shown.buttons, shown.click) == (
        note.badge,
        note.long_body,
        buttons,
        note.click,
    )
    assert (shown.category, shown.receipt_parameter) == ("NORMAL", "msg-0001")


def taken(driver: Drivers, samples: Path, name: str) -> tuple[HonorSandbox, Any]:
    """The sandbox, and its reply to a sample."""
    one = driver(tokens=0)
    sandbox: Any = one.sandbox
    sandbox.register(TOKENS)
    sandbox.receipts_at = "https://im.example/r"
    headers = {
        "content-type": "application/json",
        "authorization": f"Bearer {sandbox.access.login().token}",
        "timestamp": str(int(EPOCH * 1000)),
    }
    request = Request("POST", f"https://x/api/v1/{APP_ID}/sendMessage", headers, (samples / name).read_bytes())
    return sandbox, json.loads(sandbox.answer(request).response.content)


def test_the_full_message_is_taken(driver: Drivers, samples: Path) -> None:
    """With what stands outside of `android`, for which it is the default."""
    sandbox, reply = taken(driver, samples, "full_send.request.json")

    shown: Delivery = sandbox.ledger.deliveries[0]
    assert shape(reply) == shape(read(samples, "accepted.reply.json"))
    assert sandbox.ledger.total == 2
    assert (shown.title, shown.data, shown.badge) == ("Parcel arrived", {"order": "A1"}, Badge.add(1))


def test_the_smallest_messages_are_taken(driver: Drivers, samples: Path) -> None:
    """A notification is shown; a message without one is not, and its receipt says that the app has it."""
    shown, _ = taken(driver, samples, "smallest.request.json")
    silent, reply = taken(driver, samples, "silent.request.json")

    assert (shown.ledger.total, shown.ledger.deliveries[0].click) == (1, OpenApp())
    assert (silent.ledger.total, reply["code"]) == (0, 200)
    statuses = [json.loads(sandbox.callbacks()[0].content)["statuses"][0]["status"] for sandbox in (shown, silent)]
    assert statuses == [40000002, 40000001]


def test_the_login_is_made_and_read(driver: Drivers, samples: Path) -> None:
    """The secret is quoted; the access token lives as long as the reply says."""
    one = driver({"client_secret": "demo+secret"})
    exchange: Any = one.vendor.login("", 0.0)
    request = next(exchange)
    with pytest.raises(StopIteration) as end:
        exchange.send(Response(200, content=(samples / "login.reply.json").read_bytes()))

    assert request.content == (samples / "login.request.form").read_bytes().strip()
    assert request.url.endswith("/auth/token")
    assert (end.value.value.value, end.value.value.lifetime) == ("eyJ-demo", 3600)


def test_a_refused_login_is_made_and_read(driver: Drivers, samples: Path) -> None:
    """With HTTP 401 and an error of OAuth, in the sandbox and in the plug-in."""
    one = driver({"client_secret": "wrong"})
    replies: list[Response] = []
    one.spoil_login = lambda reply: replies.append(reply) or reply  # type: ignore[func-returns-value]
    with pytest.raises(Refused) as refused:
        one.log_in("")

    assert (replies[0].status, json.loads(replies[0].content)) == (401, read(samples, "login_refused.reply.json"))
    assert (refused.value.reason, refused.value.code) == (Reason.CREDENTIALS, "unauthorized_client")
    assert "App Secret" in refused.value.detail


def outcomes_by(one: ExchangeDriver, samples: Path, name: str, *tokens: str) -> list[Outcome]:
    """What a reply of the samples says of these tokens."""
    exchange = one.vendor.push(pushes(NOTE, *tokens))
    next(exchange)
    with pytest.raises(StopIteration) as end:
        exchange.send(Response(200, content=(samples / name).read_bytes()))
    return list(end.value.value)


@pytest.mark.parametrize(
    ("name", "reasons", "message_id"),
    [
        ("accepted", [None, None], "170000000000000001"),
        ("failed", [None, Reason.UNAVAILABLE], "170000000000000002"),
        ("expired", [None, Reason.UNREGISTERED], "170000000000000003"),
    ],
)
def test_a_reply_is_read(
    driver: Drivers, samples: Path, name: str, reasons: list[Reason | None], message_id: str
) -> None:
    """Dead and failed tokens are distinguished; the others were accepted, under the id that receipts have."""
    outcomes = outcomes_by(driver(), samples, f"{name}.reply.json", *TOKENS)

    assert [one.reason for one in outcomes] == reasons
    assert [one.message_id for one in outcomes] == [message_id] * 2


def test_all_invalid_is_read(driver: Drivers, samples: Path) -> None:
    """Alone the token is dead; of several none is, because the reply names none."""
    (alone,) = outcomes_by(driver(), samples, "all_invalid.reply.json", TOKENS[0])

    assert alone.reason is Reason.UNREGISTERED
    with pytest.raises(Refused) as refused:
        outcomes_by(driver(), samples, "all_invalid.reply.json", *TOKENS)
    assert (refused.value.reason, refused.value.about) == (Reason.INVALID_NOTIFICATION, "target")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("accepted", {}),
        ("failed", {}),
        ("expired", {"partial": "200"}),
        ("all_invalid", {"all_invalid": "80300007"}),
    ],
)
def test_the_sandbox_replies_as_the_sample(driver: Drivers, samples: Path, name: str, options: Any) -> None:
    """The same members, with the same code, and the tokens in the same list."""
    one = driver(tokens=0, **options)
    one.sandbox.register(TOKENS[: {"expired": 1, "all_invalid": 0}.get(name, 2)])
    if name == "failed":
        one.sandbox.target_codes[TOKENS[1]] = "failTokens"
    replies: list[Response] = []
    one.spoil = lambda reply: replies.append(reply) or reply  # type: ignore[func-returns-value]
    try:
        one.push(pushes(NOTE, *TOKENS))
    except Refused:
        assert name == "all_invalid"

    made, sample = json.loads(replies[-1].content), read(samples, f"{name}.reply.json")
    assert shape(made) == shape(sample)
    assert made["code"] == sample["code"]
    for lists in ("failTokens", "expireTokens"):
        assert (made["data"] or {}).get(lists) == (sample["data"] or {}).get(lists)


def test_receipts_are_made_and_read_as_the_sample(driver: Drivers, samples: Path) -> None:
    """The sandbox posts what the sample has, and the plug-in reads it."""
    sample = read(samples, "receipt.posted.json")
    one = driver(tokens=1)
    one.sandbox.receipts_at = "https://im.example/r"
    one.push(pushes(Notification("t", "b", receipt_parameter="msg-0001"), *one.sandbox.tokens))
    (posted,) = one.sandbox.callbacks()
    (receipt,) = one.vendor.receipts("7", {}, json.dumps(sample).encode(), 0.0)

    assert shape(json.loads(posted.content)["statuses"][0]) == shape(sample["statuses"][0])
    assert receipt is not None
    assert (receipt.kind, receipt.event, receipt.at) == (ReceiptKind.ARRIVED, "40000002", 1_764_000_001.234)
    assert (receipt.message_id, receipt.parameter) == ("170000000000000001", "msg-0001")
    assert CLIENT_ID in str(one.sandbox.settings("https://x"))
