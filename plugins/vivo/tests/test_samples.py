"""The samples of vivo's documents, in both directions: the plug-in makes and reads them, the sandbox takes and makes
them."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pushgateway_vivo import Vivo
from pushgateway_vivo.sandbox import APP_KEY, APP_SECRET, RECEIPT_ID, VivoSandbox

from pushgateway.sandbox.kit.signatures import is_digest
from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.testing.conformance.sandbox_connection import EPOCH
from pushgateway.vendor import (
    Batch,
    Notification,
    OpenIntentUri,
    Outcome,
    Push,
    PushToken,
    Reason,
    ReceiptKind,
    Refused,
    Request,
    Response,
    Saved,
    Statistics,
)

Drivers = Callable[..., ExchangeDriver]
TOKEN = "v2-DemoRegIdWithMoreThanFiftyCharacters-0123456789abcdef"


def read(samples: Path, name: str) -> Any:
    """A sample as JSON."""
    return json.loads((samples / name).read_text(encoding="utf-8"))


def body(driver: ExchangeDriver) -> Any:
    """The body of the last request."""
    return json.loads(driver.requests[-1].content)


def pushes(*tokens: str, note: Notification | None = None, dedupe_id: str = "batch-0001") -> Batch:
    """One notification for these tokens; the ids of the pushes, of which the first one is given, make that of the
    request."""
    given = Notification("t", "b") if note is None else note
    ids = [dedupe_id if not place else "" for place in range(len(tokens))]
    return Batch.of([Push(PushToken(1, one), given, dedupe_id=own) for one, own in zip(tokens, ids, strict=True)])


def test_every_sample_has_a_source(samples: Path) -> None:
    """Each file is listed once in `samples.toml`."""
    listed = [
        name for source in tomllib.loads((samples / "samples.toml").read_text()).values() for name in source["files"]
    ]

    assert sorted(listed) == sorted(path.name for path in samples.iterdir() if path.name != "samples.toml")


def test_the_login_is_signed_as_the_sample(load: Callable[..., Vivo], samples: Path) -> None:
    """The test vector: MD5 of app id, app key, milliseconds and secret."""
    vendor = load(app_id="100000001", app_key=APP_KEY, app_secret="s3cr3t-vivo-demo")
    exchange: Any = vendor.login("", 1_764_000_000.0)
    request = next(exchange)
    with pytest.raises(StopIteration) as end:
        exchange.send(Response(200, content=(samples / "login.reply.json").read_bytes()))

    assert json.loads(request.content) == read(samples, "login.request.json")
    assert request.url == "https://api-push.vivo.com.cn/message/auth"
    assert request.headers["content-type"].startswith("application/json")
    assert (end.value.value.value, end.value.value.lifetime) == ("5b2f0e4c-demo-token", 7200)


def test_the_sandbox_takes_the_login_of_the_sample(samples: Path) -> None:
    """With its own secret; numbers may be texts, as most clients send them."""
    sample = read(samples, "login.request.json")
    sandbox = VivoSandbox(clock=lambda: 1_764_000_000.0)
    assert is_digest(sample["sign"], (sample["appId"], APP_KEY, sample["timestamp"], "s3cr3t-vivo-demo"), "md5")
    for app_id, timestamp in ((100000001, 1_764_000_000_000), ("100000001", "1764000000000")):
        vendor = Vivo(app_id="100000001", app_key=APP_KEY, app_secret=_secret(APP_SECRET))
        request: Any = next(vendor.login("", 1_764_000_000.0))
        fields = {**json.loads(request.content), "appId": app_id, "timestamp": timestamp}
        headers = {"content-type": "application/json"}
        answer = sandbox.answer(Request("POST", request.url, headers, json.dumps(fields).encode()))

        assert answer.response is not None
        assert json.loads(answer.response.content).keys() == read(samples, "login.reply.json").keys()


def _secret(text: str) -> Any:
    from pushgateway.vendor import Secret

    return Secret(text)


def test_the_single_push_is_made_and_taken(driver: Drivers, samples: Path) -> None:
    """A notification of ours becomes the sample, and the sandbox shows it on the phone."""
    sample = read(samples, "send.request.json")
    one = driver({"receipt_id": RECEIPT_ID}, tokens=0)
    one.sandbox.register([TOKEN])
    note = Notification(
        "Parcel arrived",
        "Locker 12, code 4711",
        ttl=3600,
        click=OpenIntentUri(sample["skipContent"]),
        intent="order",
        data={"order": "A1"},
        receipt_parameter="tenant-7",
        overrides={"vivo": {"notifyId": 4711, "pushMode": 0}},
    )
    (outcome,) = one.push(pushes(TOKEN, note=note, dedupe_id="9f1c7a52e0a14b7d"))

    assert body(one) == sample
    assert one.requests[-1].headers["authtoken"] == one.access.value  # type: ignore[union-attr]
    assert (outcome.ok, outcome.message_id) == (True, one.sandbox.ledger.deliveries[0].message_id)
    shown = one.sandbox.ledger.deliveries[0]
    assert (shown.title, shown.category, shown.ttl, shown.data, shown.replaces) == (
        *("Parcel arrived", "ORDER", 3600),
        *({"order": "A1"}, "4711"),
    )


def test_the_list_is_made_and_taken(driver: Drivers, samples: Path) -> None:
    """By the id of the saved content; the sandbox answers as the sample does."""
    one, replies = driver(tokens=0), list[Response]()
    one.sandbox.register(["v2-AAAA"])
    one.spoil = lambda reply: replies.append(reply) or reply  # type: ignore[func-returns-value]
    outcomes = one.push(pushes("v2-AAAA", "v2-BBBB"))
    made, sample = json.loads(replies[-1].content), read(samples, "list.reply.json")

    assert [outcome.reason for outcome in outcomes] == [None, Reason.UNREGISTERED]
    own = {"taskId": "998877665544332212", "requestId": "batch-0001", "pushMode": 0}
    assert {**body(one), **own} == read(samples, "list.request.json")
    assert 0 < len(body(one)["requestId"]) <= 64
    assert {**made, "requestId": "batch-0001"} == sample
    assert made["requestId"] == body(one)["requestId"]
    assert outcomes[0].message_id == one.saved[-1].id


def outcomes_by(vendor: Vivo, samples: Path, name: str, *tokens: str) -> list[Outcome]:
    """What a reply of the samples says of these tokens."""
    batch = pushes(*tokens)
    batch.saved = Saved("998877665544332212")
    exchange = vendor.push(batch)
    next(exchange)
    with pytest.raises(StopIteration) as end:
        exchange.send(Response(200, content=(samples / name).read_bytes()))
    return list(end.value.value)


def test_replies_are_read(driver: Drivers, samples: Path) -> None:
    """Task ids are texts, because they are larger than any number that JSON parsers keep."""
    vendor: Any = driver().vendor
    (accepted,) = outcomes_by(vendor, samples, "send.reply.json", "v2-CRoj")
    (dead,) = outcomes_by(vendor, samples, "dead.reply.json", "v2-CRoj")
    first, second = outcomes_by(vendor, samples, "list.reply.json", "v2-AAAA", "v2-BBBB")

    assert (accepted.ok, accepted.message_id) == (True, "998877665544332211")
    assert (dead.reason, dead.vendor_code) == (Reason.UNREGISTERED, "1")
    assert (first.ok, first.message_id) == (True, "998877665544332212")
    assert (second.reason, second.vendor_code) == (Reason.UNREGISTERED, "1")
    with pytest.raises(Refused) as refused:
        outcomes_by(vendor, samples, "quota.reply.json", "v2-AAAA", "v2-BBBB")
    assert (refused.value.reason, refused.value.code) == (Reason.QUOTA_EXCEEDED, "10070")


def test_the_sandbox_names_a_dead_token_as_the_sample(driver: Drivers, samples: Path) -> None:
    """`invalidUser` beside 10302."""
    one, replies = driver(tokens=0), list[Response]()
    one.spoil = lambda reply: replies.append(reply) or reply  # type: ignore[func-returns-value]
    one.push(pushes("v2-CRoj"))
    made, sample = json.loads(replies[-1].content), read(samples, "dead.reply.json")

    assert (made["result"], made["invalidUser"]) == (sample["result"], sample["invalidUser"])


@pytest.mark.parametrize(("name", "style"), [("receipts", "new"), ("old_receipt", "old")])
def test_receipts_are_made_and_read_as_the_sample(driver: Drivers, samples: Path, name: str, style: str) -> None:
    """An object by task id, whose targets are one text."""
    sample = read(samples, f"{name}.posted.json")
    one = driver(tokens=2, receipts=style, duplicates=True)
    one.sandbox.receipts_at = "https://im.example/r"
    tokens = one.sandbox.tokens[: 2 if style == "new" else 1]
    own = {"receipt_url": "https://im.example/r"} if style == "old" else {}
    for _ in range(2):
        one.push(pushes(*tokens, note=Notification("t", "b", receipt_parameter="m", **own)))
    made = [json.loads(posted.content) for posted in one.sandbox.callbacks()]
    receipt = list(made[-1].values())[-1]
    read_back = one.vendor.receipts("7", {}, json.dumps(sample).encode(), 0.0)

    assert {key: type(value) for key, value in receipt.items()} == {
        key: type(value) for value in sample.values() for key, value in value.items()
    }
    assert len(receipt["targets"].split(",")) == len(tokens)
    kinds = {one.kind for one in read_back if one is not None}
    assert kinds == {ReceiptKind.DROPPED if style == "new" else ReceiptKind.ARRIVED}
    assert all(one is not None and one.message_id == "998877665544332211" for one in read_back)


def test_the_recall_is_made_and_taken(driver: Drivers, samples: Path) -> None:
    """By task id and tokens."""
    one = driver(tokens=1)
    (outcome,) = one.push(pushes(*one.sandbox.tokens))
    call = one.vendor.recall(outcome.message_id or "", one.sandbox.tokens)
    result = one.carry(call.begin, call.region)

    sample = {**read(samples, "recall.request.json"), "taskId": outcome.message_id, "userIds": list(one.sandbox.tokens)}
    assert body(one) == sample
    assert result == dict.fromkeys(one.sandbox.tokens)
    assert one.sandbox.phones()[0].shown == []


def test_statistics_are_read(driver: Drivers, samples: Path) -> None:
    """The counters that we have names for."""
    one = driver()
    call = one.vendor.statistics("", "998877665544332211")
    one.spoil = lambda reply: Response(200, reply.headers, (samples / "statistics.reply.json").read_bytes())
    result = one.carry(call.begin, call.region)

    assert one.requests[-1].url.endswith("/report/getStatistics?taskIds=998877665544332211")
    assert result == Statistics(targets=1000, valid=980, sent=950, arrived=900, shown=870, opened=120)
    assert EPOCH
