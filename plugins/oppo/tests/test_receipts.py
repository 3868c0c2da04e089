"""OPPO's receipts: every known shape is read, elements do not affect each other, and requests ask for them.

What OPPO posts is written by hand after the documents (rules S1, S3c), or made by the sandbox, which shares no code
with the decoder.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from oppo_client import DIALECTS, Client
from pushgateway_oppo import Oppo
from pushgateway_oppo.receipts import MOST

from pushgateway.vendor import (
    AudienceKind,
    CallBack,
    Notification,
    NoVerdict,
    Push,
    PushToken,
    Reason,
    Receipt,
    ReceiptKind,
    Refused,
    Request,
    Secret,
)

NOW = 1_790_000_000.0
ONE, TWO = "CN_0123456789abcdef0123456789abcdef", "CN_fedcba9876543210fedcba9876543210"
V13 = {
    "messageId": "msgId1",
    "taskId": "taskId1",
    "registrationIds": f"{ONE}, {TWO}",
    "param": "call_back_parameter",
    "eventType": "push_arrive",
}
TODAY = {**V13, "appId": "AbCdEfGhIjKlMnOpQrStUvWx", "eventTime": "1530259260000", "taskId": "msgId1"}
URL = "https://im.example.com/push/7005/aaaaaaaaaaaaaaaaaaaaaaaa"


def oppo(dialect: str = "current") -> Oppo:
    return Oppo(app_key="key", master_secret=Secret("secret"), dialect=dialect)


def read(*elements: Any, dialect: str = "current") -> list[Receipt | None]:
    return list(oppo(dialect).receipts("7005", {}, json.dumps(elements).encode(), NOW))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_both_documents_samples_are_read_in_both_dialects(dialect: str) -> None:
    """V1.3 has neither app nor time. For a single push OPPO sends the message id as task id."""
    old = read(V13, dialect=dialect)
    new = read(TODAY, dialect=dialect)

    assert [one.push_token for one in old if one] == [PushToken("7005", ONE), PushToken("7005", TWO)]
    assert old[0] == Receipt(
        push_token=PushToken("7005", ONE),
        kind=ReceiptKind.ARRIVED,
        event="push_arrive",
        message_id="msgId1",
        task_id="taskId1",
        parameter="call_back_parameter",
    )
    assert [(one.at, one.task_id) for one in new if one] == [(1530259260.0, None)] * 2


@pytest.mark.parametrize(
    ("ids", "tokens"),
    [
        (f"{ONE},{TWO}", [ONE, TWO]),
        (f"{ONE}, {TWO}", [ONE, TWO]),
        (f" {ONE} ,, {TWO} ,", [ONE, TWO]),
        (f"{ONE},{ONE}", [ONE]),
        ([ONE, TWO, 7], [ONE, TWO]),
        (f"{ONE},with blank,{'x' * 10_000}", [ONE]),
    ],
)
def test_joined_registration_ids_are_split(ids: Any, tokens: list[str]) -> None:
    """With blanks or without, each id once; a text that cannot be an id is left out."""
    found = read({**TODAY, "registrationIds": ids})

    assert [one.push_token.token for one in found if one] == tokens


@pytest.mark.parametrize(
    ("time", "at"),
    [
        ("1530259260123", 1530259260.123),
        (1530259260123, 1530259260.123),
        (1530259260123.0, 1530259260.123),
        *[(odd, None) for odd in ("", "soon", None, True, -1, 0, 10**14, "9" * 5000, "１５", [], {})],
    ],
)
def test_times_are_text_or_numbers(time: Any, at: float | None) -> None:
    """Milliseconds either way; an unreadable time is None, and the rest of the receipt is kept."""
    (one, _) = read({**TODAY, "eventTime": time})

    assert one is not None
    assert one.at == at


@pytest.mark.parametrize("dialect", DIALECTS)
def test_events_have_the_kind_of_their_row_and_unknown_ones_are_other(dialect: str) -> None:
    """OPPO posts current events whatever the certificate's dialect; an unknown event is `OTHER`, with OPPO's name of
    it."""
    words = ("push_arrive", "regid_invalid", "user_daily_limit", "message_night_control", "brand_new", "Push_Arrive")

    kinds = [one.kind for word in words for one in read({**TODAY, "eventType": word}, dialect=dialect)[:1] if one]

    assert kinds == [ReceiptKind.ARRIVED, ReceiptKind.UNREGISTERED, ReceiptKind.LIMITED, *[ReceiptKind.OTHER] * 3]
    assert [one.event for one in read({**TODAY, "eventType": "brand_new"}) if one] == ["brand_new"] * 2


@pytest.mark.parametrize(
    "odd",
    [
        *[{**TODAY, "registrationIds": ids} for ids in (None, "", ",", 7, {}, [], "a b")],
        *[{**TODAY, "eventType": word} for word in (None, "", 7, "x" * 300, "a\nb")],
        *(None, 7, "text", [], {}),
    ],
)
def test_an_unreadable_element_does_not_affect_the_others(odd: Any) -> None:
    """It is None in the list, and the elements around it are read."""
    found = read(TODAY, odd, TODAY)

    assert [one is None for one in found] == [False, False, True, False, False]


def test_unreadable_ids_and_parameters_are_left_out() -> None:
    """Phone and event of the receipt are kept."""
    (one, _) = read({**TODAY, "messageId": 7, "taskId": ["x"], "param": {"a": 1}})

    assert one is not None
    assert (one.message_id, one.task_id, one.parameter, one.kind) == (None, None, "", ReceiptKind.ARRIVED)


def test_an_object_alone_is_one_receipt() -> None:
    """The documents always show an array; an object, as a proxy may unpack it, is read too."""
    found = oppo().receipts("7005", {}, json.dumps(TODAY).encode("utf-8-sig"), NOW)

    assert len(found) == 2


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"7", b"null", b'"text"', b"<html>", b"[" * 100_000, b'{"a":' * 100_000, b"[" * 10_000_000, b"\xff"],
    ids=["empty", "none", "number", "null", "text", "html", "deep", "deep objects", "10 MB", "bytes"],
)
def test_a_body_without_receipts_is_refused_with_a_sentence(body: bytes) -> None:
    """Whatever its shape, depth or length."""
    with pytest.raises(Refused) as refused:
        oppo().receipts("7005", {}, body, NOW)

    assert refused.value.reason is Reason.INVALID_NOTIFICATION
    assert refused.value.detail.startswith("the request is ")


def test_phones_of_one_request_have_a_limit() -> None:
    """Ten thousand are read, one more is refused."""
    ids = [f"t{number}" for number in range(MOST)]
    element = {"registrationIds": ",".join(ids), "eventType": "push_arrive"}

    assert len(read(element)) == MOST
    with pytest.raises(Refused, match="more than 10000 phones"):
        read(element, TODAY)


# Receipts asked for in requests


def message(push: Push, dialect: str) -> dict[str, Any]:
    exchange = oppo(dialect).push([push])
    request = next(exchange)
    assert isinstance(request, Request)
    with pytest.raises(NoVerdict):
        exchange.throw(NoVerdict("enough"))
    fields: dict[str, Any] = json.loads(dict(parse_qsl(request.content.decode()))["message"])["notification"]
    return fields


def push(parameter: str = "id.mac_-~", **more: Any) -> Push:
    note = Notification("title", "body", **more)
    return Push(PushToken(7005, ONE), note, dedupe_id="id", callback=CallBack(URL, parameter))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("parameter", ["id.mac_-~", 'odd "你" \\ %'])
@pytest.mark.parametrize("more", [{}, {"subtitle": "long way"}], ids=["ordinary", "the long way"])
def test_a_callback_is_sent_with_its_push(dialect: str, parameter: str, more: dict[str, Any]) -> None:
    """Both fields, unchanged, in addition to all others."""
    fields = message(push(parameter, **more), dialect)

    assert (fields["call_back_url"], fields["call_back_parameter"]) == (URL, parameter)
    assert (fields["app_message_id"], fields["title"], fields["content"]) == ("id", "title", "body")


@pytest.mark.parametrize(
    ("own", "fields"),
    [
        ({"receipt_url": "https://mine"}, {"call_back_url": "https://mine"}),
        ({"receipt_parameter": "mine"}, {"call_back_parameter": "mine"}),
        ({"overrides": {"oppo": {"call_back_parameter": "mine"}}}, {"call_back_parameter": "mine"}),
    ],
)
def test_a_notifications_own_receipt_fields_replace_the_callback(own: dict[str, Any], fields: dict[str, str]) -> None:
    """No field is sent twice, and never one field of each."""
    found = message(push(**own), "current")

    assert {name: value for name, value in found.items() if name.startswith("call_back")} == fields


def test_a_shared_notification_is_encoded_once_with_many_callbacks() -> None:
    """Each push of a batch has its own parameter."""
    note = Notification("title", "body")
    batch = [
        Push(PushToken(7005, f"CN_{number:032x}"), note, callback=CallBack(URL, f"p{number}")) for number in range(3)
    ]

    exchange = oppo().push(batch)
    request = next(exchange)
    exchange.close()

    assert isinstance(request, Request)
    messages = json.loads(dict(parse_qsl(request.content.decode()))["messages"])
    assert [one["notification"]["call_back_parameter"] for one in messages] == ["p0", "p1", "p2"]


def test_audiences_with_receipts_are_those_of_the_rules() -> None:
    """V1.3 has receipts for aliases too, `current` for registration ids only."""
    assert oppo("v1.3").receipt_audiences == {AudienceKind.TOKENS, AudienceKind.ALIASES}
    assert oppo("current").receipt_audiences == {AudienceKind.TOKENS}


# Receipts posted by the sandbox


def posted(client: Client) -> list[Receipt | None]:
    certificate = oppo(client.sandbox.dialect)
    return [
        one
        for request in client.sandbox.callbacks()
        for one in certificate.receipts("7005", dict(request.headers), request.content, NOW)
    ]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_the_sandbox_posts_is_read(dialect: str) -> None:
    """The sandbox and the decoder agree on phones, message ids and parameters."""
    client = Client(dialect)
    one, two, *_ = client.sandbox.tokens
    ids = [client.unicast(token, call_back_url=URL, call_back_parameter=token[-4:]) for token in (one, two)]

    found = posted(client)

    assert [(r.push_token.token, r.message_id, r.parameter, r.kind) for r in found if r] == [
        (token, reply["data"]["messageId"], token[-4:], ReceiptKind.ARRIVED)
        for token, reply in zip((one, two), ids, strict=True)
    ]


@pytest.mark.parametrize(("dialect", "events"), [("current", ["regid_invalid"]), ("v1.3", [])])
def test_a_dead_token_may_be_reported_by_a_receipt(dialect: str, events: list[str]) -> None:
    """The push is accepted and not shown, and in `current` a receipt reports it; an unknown token is refused."""
    client = Client(dialect, late_invalid=True)
    dead = client.sandbox.tokens[0]
    client.sandbox.uninstall(dead)

    codes = [client.unicast(token, call_back_url=URL)["code"] for token in (dead, "CN_nobody")]

    assert codes == [0, 10000]
    assert [(one.event, one.push_token.token) for one in posted(client) if one] == [(event, dead) for event in events]
    assert client.sandbox.ledger.total == 0


def test_a_phones_daily_limit_is_reported_by_a_receipt() -> None:
    """With two a day the third push is accepted, not shown and reported; other phones and the next day are not
    affected."""
    client = Client("current", phone_limit=2)
    one, two, *_ = client.sandbox.tokens

    codes = [client.unicast(token, call_back_url=URL)["code"] for token in (one, one, one, two)]
    today = [receipt.event for receipt in posted(client) if receipt]
    client.now += 86_400
    client.login()
    client.unicast(one, call_back_url=URL)

    assert codes == [0, 0, 0, 0]
    assert today == ["push_arrive", "push_arrive", "user_daily_limit", "push_arrive"]
    assert [receipt.event for receipt in posted(client) if receipt] == ["push_arrive"]
    assert client.sandbox.ledger.count(one) == 3
