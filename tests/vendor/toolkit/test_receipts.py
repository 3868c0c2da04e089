"""Receipts that a vendor posts."""

from __future__ import annotations

import base64
import hmac

import attrs
import pytest
from toolkit_rules import RULES

from pushgateway.vendor import PushToken, Reason, ReceiptKind, Refused
from pushgateway.vendor.toolkit.receipts import (
    check_time,
    hmac_proof,
    make_receipt,
    moment,
    printable,
    read_keyed,
    read_posted_form,
    read_posted_list,
    read_tokens,
    secret_keys,
)

EVENTS = RULES.dialects["new"].events


def test_a_posted_form() -> None:
    """Fields as text, blank ones too."""
    assert read_posted_form(b"cb=%7B%7D&empty=") == {"cb": "{}", "empty": ""}


@pytest.mark.parametrize(
    "body", [b"", b"a", b"a=1&a=2", b"\xff=1", b"a=" + b"x" * (3 * 1024 * 1024), b"&".join([b"a%d=1"] * 101)]
)
def test_another_body_is_refused(body: bytes) -> None:
    """No form, a field named twice, too large, too many fields."""
    with pytest.raises(Refused) as caught:
        read_posted_form(body)
    assert caught.value.reason is Reason.INVALID_NOTIFICATION


def test_a_posted_list() -> None:
    """At the most that is read, and one more."""
    body = b'{"statuses":[1,{"a":2}]}'

    assert read_posted_list(body, "statuses", 2) == [1, {"a": 2}]
    for odd, name, most in ((body, "statuses", 1), (body, "other", 2), (b'{"statuses":[]}', "statuses", 2)):
        with pytest.raises(Refused) as caught:
            read_posted_list(odd, name, most)
        assert caught.value.reason is Reason.INVALID_NOTIFICATION


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"statuses":{}}', b'{"statuses":"x"}', b"{"])
def test_a_posted_body_without_the_list_is_refused(body: bytes) -> None:
    """Whatever else it is."""
    with pytest.raises(Refused) as caught:
        read_posted_list(body, "statuses")
    assert caught.value.reason is Reason.INVALID_NOTIFICATION


def test_a_receipt() -> None:
    """Kind by its row; what cannot be read counts as none."""
    receipt = make_receipt(
        "7", "t1", "came", EVENTS, message_id="m", task_id=5, at="1500000000123", parameter="p", replacement="t2"
    )

    assert receipt is not None
    assert (receipt.kind, receipt.event, receipt.message_id, receipt.task_id) == (
        ReceiptKind.ARRIVED,
        "came",
        "m",
        None,
    )
    assert (receipt.at, receipt.parameter) == (1500000000.123, "p")
    assert receipt.replacement == PushToken("7", "t2")


def test_odd_receipts() -> None:
    """An unknown event is passed on; without an event or a token there is no receipt."""
    other = make_receipt("7", "t1", "new", EVENTS, message_id="x\x00", at=10**15, parameter="y" * 257)

    assert other is not None
    assert (other.kind, other.message_id, other.at, other.parameter) == (ReceiptKind.OTHER, None, None, "")
    assert make_receipt("7", "t1", "", EVENTS) is None
    assert make_receipt("7", "a b", "came", EVENTS) is None


def test_an_event_with_parts_is_as_the_first_unless_it_has_a_row() -> None:
    """A vendor adds details to an event that this version does not know."""
    events = {**EVENTS, "came/late": attrs.evolve(EVENTS["came"], kind="DROPPED")}
    known, unknown = (make_receipt("7", "t1", event, events) for event in ("came/late", "came/new"))

    assert known is not None
    assert unknown is not None
    assert (known.kind, unknown.kind) == (ReceiptKind.DROPPED, ReceiptKind.ARRIVED)
    assert unknown.event == "came/new"


@pytest.mark.parametrize(
    ("value", "unit", "at"),
    [
        (1500, "ms", 1.5),
        ("1500", "ms", 1.5),
        (1500, "s", 1500.0),
        ("x", "s", None),
        (True, "ms", None),
        (10**14, "ms", None),
    ],
)
def test_moments(value: object, unit: str, at: float | None) -> None:
    """Milliseconds or seconds, as numbers or digits."""
    assert moment(value, unit) == at  # type: ignore[arg-type]


def test_tokens_in_every_spelling() -> None:
    """A list or a joined text, with blanks, each once; what can be no token is left out."""
    assert read_tokens("a, b,a,,x!", str.isalnum) == ["a", "b"]
    assert read_tokens(["a", 5, " b"], str.isalnum) == ["a", "b"]
    assert read_tokens("a;b", str.isalnum, ";") == ["a", "b"]
    assert read_tokens(5, str.isalnum) == []
    assert (printable("x" * 256), printable("x" * 257), printable("a\n")) == ("x" * 256, "", "")


def test_a_signature_is_proved_by_either_key() -> None:
    """The secret's own bytes, or those that it spells in Base64."""
    secret = base64.b64encode(b"key").decode()
    right = base64.b64encode(hmac.digest(b"key", b"text", "sha256")).decode()

    assert secret_keys(secret) == (secret.encode(), b"key")
    assert secret_keys("no base64!") == (b"no base64!",)
    assert hmac_proof(secret_keys(secret), "text", right)
    assert not hmac_proof(secret_keys(secret), "text2", right)
    assert not hmac_proof(secret_keys(secret), "text", "é")
    assert hmac_proof([b"k"], "t", hmac.digest(b"k", b"t", "sha1").hex(), algorithm="sha1", encoding="hex")


def test_the_time_of_a_signature() -> None:
    """At the window and beyond."""
    assert check_time(100.0, 160.0, 60.0)
    assert not check_time(100.0, 160.1, 60.0)
    assert not check_time(None, 100.0, 60.0)


def test_names_that_stand_twice_in_posted_receipts() -> None:
    """JSON parsers keep the last: no receipt is lost, and none is read of which it is not clear what it says."""

    def receipts(name: str, element: object) -> object:
        return (make_receipt("7", token, name, EVENTS) for token in element["to"])  # type: ignore[index]

    read = read_keyed(
        '{"m1": {"to": ["a"]}, "m1": {"to": ["b"]}, "m2": {"to": ["c"], "to": ["d"]}, "m3": {"to": ["e"], "to": ["e"]},'
        ' "m4": {"to": ["f"], "at": 1, "at": true}}',
        receipts,  # type: ignore[arg-type]
        most=5,
    )

    assert [one and (one.event, one.push_token.token) for one in read] == [
        ("m1", "a"),
        ("m1", "b"),
        None,
        ("m3", "e"),
        None,
    ]


def test_receipts_under_names() -> None:
    """An object of objects; one without phones, and another value, costs itself only."""

    def receipts(name: str, element: object) -> object:
        return (make_receipt("7", token, name, EVENTS) for token in element["to"])  # type: ignore[index]

    read = read_keyed('{"m1": {"to": ["a", "b"]}, "m2": {"to": []}, "m3": 5}', receipts, most=4)  # type: ignore[arg-type]

    assert [one and (one.event, one.push_token.token) for one in read] == [("m1", "a"), ("m1", "b"), None, None]
    for text in ("", "[]", "{}", "7", "{", '{"m1": {"to": ["a", "b", "c", "d", "e"]}}'):
        with pytest.raises(Refused) as caught:
            read_keyed(text, receipts, most=4)  # type: ignore[arg-type]
        assert caught.value.reason is Reason.INVALID_NOTIFICATION
