"""The samples of Huawei's documents, in both directions: the plug-in makes and reads them, the sandbox takes and makes
them."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pushgateway_huawei.sandbox.harmony import HarmonySandbox
from pushgateway_huawei.sandbox.huawei import CLIENT_SECRET
from pushgateway_huawei.sandbox.server import CLIENT_ID

from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.vendor import (
    Alert,
    Badge,
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
)

Drivers = Callable[..., ExchangeDriver]
TOKENS = ("TOK-A", "TOK-B", "TOK-C")


def read(samples: Path, name: str) -> Any:
    """A sample as JSON."""
    return json.loads((samples / name).read_text())


def pushes(note: Notification, *tokens: str, message_id: str = "room17-msg42") -> Batch:
    """A batch as the core makes it."""
    batch = Batch.of([Push(PushToken(1, token), note) for token in tokens])
    return batch.under([message_id] * len(tokens))


def body(driver: ExchangeDriver) -> Any:
    """The body of the last request."""
    return json.loads(driver.requests[-1].content)


def test_every_sample_has_a_source(samples: Path) -> None:
    """Each file is listed once in `samples.toml`."""
    listed = [
        name for source in tomllib.loads((samples / "samples.toml").read_text()).values() for name in source["files"]
    ]

    assert sorted(listed) == sorted(path.name for path in samples.iterdir() if path.name != "samples.toml")


def test_the_v1_request_is_made_and_taken(driver: Drivers, samples: Path) -> None:
    """A notification of ours becomes the sample, and the sandbox shows it on the phones."""
    sample = read(samples, "v1_send.request.json")
    settings = {"receipt_id": "rcpt-1", "test_messages": True, "badge_class": "com.example.chat.MainActivity"}
    one = driver("huawei", settings)
    one.sandbox.register(TOKENS[:2])
    note = Notification(
        "Lena",
        "Lunch at noon?",
        data={"room": 17},
        intent="chat",
        ttl=3600,
        channel_id="chat",
        alert=Alert.NORMAL,
        badge=Badge.add(1),
        show_in_foreground=False,
        receipt_parameter="m-42",
        click=OpenIntentUri("intent://chat/17#Intent;scheme=ex;package=com.example.chat;end"),
        overrides={
            "huawei": {
                "android": {
                    "urgency": "NORMAL",
                    "collapse_key": -1,
                    "notification": {"notify_id": 4711, "tag": "room-17"},
                }
            }
        },
    )
    batch = pushes(note, *TOKENS[:2])
    outcomes = one.carry(lambda: one.vendor.push(batch), "")

    assert body(one) == sample
    assert [outcome.ok for outcome in outcomes] == [True, True]
    shown = one.sandbox.ledger.deliveries[0]
    assert (shown.title, shown.ttl, shown.data, shown.replaces) == ("Lena", 3600, {"room": 17}, "4711 room-17")
    assert one.requests[-1].headers["content-type"].startswith("application/json")


def test_the_v3_request_is_made_and_taken(driver: Drivers, samples: Path) -> None:
    """A notification of ours becomes the sample, with its header, and the sandbox shows it."""
    sample = read(samples, "v3_send.request.json")
    one = driver("harmony", {"test_messages": True})
    one.sandbox.register(["MAMzLexampleTOKEN"])
    note = Notification(
        "Lena",
        "Lunch at noon?",
        data={"room": "17"},
        intent="chat",
        ttl=3600,
        badge=Badge.add(1),
        receipt_parameter="m-42",
        click=OpenIntentUri("ex://chat/17"),
        overrides={"harmony": {"pushOptions.collapseKey": -1, "payload": {"notification": {"notifyId": 4711}}}},
    )
    batch = pushes(note, "MAMzLexampleTOKEN")
    (outcome,) = one.carry(lambda: one.vendor.push(batch), "")

    assert body(one) == sample
    assert one.requests[-1].headers["push-type"] == "0"
    assert (outcome.ok, outcome.handle) == (True, "4711")
    shown = one.sandbox.ledger.deliveries[0]
    assert (shown.dedupe_id, shown.data, shown.ttl) == ("room17-msg42", {"room": "17"}, 3600)


def test_the_recall_is_made_and_taken(driver: Drivers, samples: Path) -> None:
    """By the id and the tokens, at the path of the client id, with the header."""
    one = driver("harmony")
    one.sandbox.register(["MAMzLexampleTOKEN"])
    call = one.vendor.recall("4711", ["MAMzLexampleTOKEN"])
    result = one.carry(call.begin, call.region)

    assert body(one) == read(samples, "v3_recall.request.json")
    assert one.requests[-1].url.endswith(f"/v1/{CLIENT_ID}/messages:revoke")
    assert one.requests[-1].headers["push-type"] == "0"
    assert result == {"MAMzLexampleTOKEN": None}


def test_the_login_is_made_and_read(driver: Drivers, samples: Path) -> None:
    """The secret is quoted; the reply's escaped slash is one slash."""
    one = driver("huawei", {"client_secret": "0123abcdEXAMPLE="})
    exchange: Any = one.vendor.login("", 0.0)
    request = next(exchange)
    with pytest.raises(StopIteration) as end:
        exchange.send(Response(200, content=(samples / "login.reply.json").read_bytes()))

    assert request.content == (samples / "login.request.form").read_bytes().strip()
    assert (end.value.value.value, end.value.value.lifetime) == ("DQEBexample/TOKENexample", 3600)


def test_the_sandbox_logs_in_as_the_sample(driver: Drivers, samples: Path) -> None:
    """Its replies have the names of the samples, right or refused."""
    sandbox = driver("huawei").sandbox
    form = {"grant_type": "client_credentials", "client_id": CLIENT_ID}

    def log_in(secret: str) -> Response:
        content = "&".join(f"{name}={value}" for name, value in form.items()) + f"&client_secret={secret}"
        headers = {"content-type": "application/x-www-form-urlencoded"}
        answer = sandbox.answer(Request("POST", "https://x/oauth2/v3/token", headers, content.encode()))
        assert answer.response is not None
        return answer.response

    right, wrong = log_in(CLIENT_SECRET.replace("+", "%2B").replace("=", "%3D")), log_in("wrong")

    assert (right.status, json.loads(right.content).keys()) == (200, read(samples, "login.reply.json").keys())
    assert (wrong.status, json.loads(wrong.content).keys()) == (400, read(samples, "login_refused.reply.json").keys())
    assert json.loads(wrong.content)["sub_error"] == 12304


def outcomes_by(one: ExchangeDriver, samples: Path, name: str, *tokens: str) -> list[Outcome]:
    """What a reply of the samples says of these tokens."""
    exchange = one.vendor.push(pushes(Notification("t", "b"), *tokens))
    next(exchange)
    with pytest.raises(StopIteration) as end:
        exchange.send(Response(200, content=(samples / name).read_bytes()))
    return list(end.value.value)


@pytest.mark.parametrize("brand", ["huawei", "harmony"])
def test_an_accepted_reply_is_read(driver: Drivers, samples: Path, brand: str) -> None:
    """With its request id, which receipts have too."""
    outcomes = outcomes_by(driver(brand), samples, "accepted.reply.json", *TOKENS)

    assert [(one.ok, one.message_id) for one in outcomes] == [(True, "169800000000000000")] * 3


@pytest.mark.parametrize(("brand", "name"), [("huawei", "v1_partial"), ("harmony", "v3_partial")])
def test_a_success_in_part_is_read(driver: Drivers, samples: Path, brand: str, name: str) -> None:
    """The named token is dead, the others were accepted."""
    outcomes = outcomes_by(driver(brand), samples, f"{name}.reply.json", *TOKENS)

    assert [one.reason for one in outcomes] == [None, None, Reason.UNREGISTERED]
    assert [one.message_id for one in outcomes] == ["1698"] * 3


@pytest.mark.parametrize("count", [1, 2])
def test_all_failed_is_read(driver: Drivers, samples: Path, count: int) -> None:
    """`noRight` is a fault of the configuration; a token that is not named has no verdict."""
    tokens = ("TOK-C", "TOK-A")[:count]
    outcomes = outcomes_by(driver("harmony"), samples, "v3_all_failed.reply.json", *tokens)

    assert [one.reason for one in outcomes] == [Reason.CREDENTIALS, Reason.NO_VERDICT][:count]


@pytest.mark.parametrize("brand", ["huawei", "harmony"])
def test_a_refusal_is_read(driver: Drivers, samples: Path, brand: str) -> None:
    """It is about the content that all pushes share, so it is not tried in halves."""
    with pytest.raises(Refused) as refused:
        outcomes_by(driver(brand), samples, "refused.reply.json", *TOKENS)

    assert (refused.value.reason, refused.value.about) == (Reason.INVALID_NOTIFICATION, "content")
    assert refused.value.code == "80100003"


@pytest.mark.parametrize(
    ("brand", "name"),
    [
        ("huawei", "v1_partial.reply.json"),
        ("harmony", "v3_partial.reply.json"),
        ("harmony", "v3_all_failed.reply.json"),
    ],
)
def test_the_sandbox_names_tokens_as_the_sample(driver: Drivers, samples: Path, brand: str, name: str) -> None:
    """The same members, with the JSON inside the text and the blanks of Huawei's own sample."""
    one = driver(brand, tokens=2)
    if name.startswith("v3_all"):
        one.sandbox.set_option("blanks", False)
        tokens = ["TOK-C"]
    else:
        tokens = [*one.sandbox.tokens, "TOK-C"]
    sample, replies = read(samples, name), list[Response]()
    one.spoil = lambda reply: replies.append(reply) or reply  # type: ignore[func-returns-value]
    one.push(pushes(Notification("t", "b"), *tokens))
    made = json.loads(replies[-1].content)

    def kinds(value: Any) -> Any:
        return {key: kinds(inner) for key, inner in value.items()} if isinstance(value, dict) else type(value)

    wanted, got = json.loads(sample["msg"]), json.loads(made["msg"])
    assert (made["code"], made.keys()) == (sample["code"], sample.keys())
    assert {name.strip() for name in got} == {name.strip() for name in wanted}
    for key in ("illegalTokens", "illegal_tokens"):
        inner = {name.strip(): value for name, value in got.items()}.get(key)
        assert inner is None or "TOK-C" in json.dumps(inner)
    if brand == "harmony":
        assert any(name != name.strip() for name in got) == any(name != name.strip() for name in wanted)
        reasons = next(value for name, value in got.items() if name.strip() == "illegalTokens")
        assert reasons.keys() <= HarmonySandbox.rules.target_codes.keys()


@pytest.mark.parametrize(("brand", "name"), [("huawei", "v1_receipt"), ("harmony", "v2_receipt")])
def test_receipts_are_made_and_read_as_the_sample(driver: Drivers, samples: Path, brand: str, name: str) -> None:
    """The sandbox posts what the sample has, and both versions are read for both brands."""
    sample = read(samples, f"{name}.posted.json")
    one = driver(brand, {"callback_user": None, "callback_secret": None}, tokens=1)
    one.sandbox.receipts_at = "https://im.example/r"
    one.push(pushes(Notification("t", "b", receipt_parameter="m-42"), *one.sandbox.tokens))
    (posted,) = one.sandbox.callbacks()
    made = json.loads(posted.content)["statuses"][0]

    def shape(value: Any) -> Any:
        return {key: shape(inner) for key, inner in value.items()} if isinstance(value, dict) else type(value)

    assert shape(made) == shape(sample["statuses"][0])
    for both in ("huawei", "harmony"):
        vendor = driver(both, {"callback_user": None, "callback_secret": None}).vendor
        (receipt,) = vendor.receipts("7", {}, json.dumps(sample).encode(), 0.0)
        assert receipt is not None
        assert (receipt.kind, receipt.message_id, receipt.parameter) == (ReceiptKind.ARRIVED, "1698", "m-42")
        assert receipt.at == 1_790_000_000.123
