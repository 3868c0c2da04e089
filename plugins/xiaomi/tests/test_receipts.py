"""Receipts that Xiaomi posts: kinds, replacements, and bodies that are none."""

import contextlib
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xiaomi_client import make

from pushgateway.vendor import Reason, Receipt, ReceiptKind, Refused

FORM = {"content-type": "application/x-www-form-urlencoded"}


def read(data: Any) -> Sequence[Receipt | None]:
    """The receipts of a posted field `data`."""
    text = data if isinstance(data, str) else json.dumps(data)
    return make().receipts("7", FORM, urlencode({"data": text}).encode(), 0.0)


def only(element: dict[str, Any]) -> Receipt:
    """The only receipt of an element."""
    (receipt,) = read({"scm1": element})
    assert receipt is not None
    return receipt


def test_an_element_that_cannot_be_read_costs_itself() -> None:
    """The others count."""
    good = {"type": 1, "targets": "a"}
    seen = read({"m1": good, "m2": 7, "m3": {"type": 1}, "m4": {"targets": "a"}, "m5": {**good, "targets": "b, b,c"}})

    assert [None if one is None else one.push_token.token for one in seen] == ["a", None, None, None, "b", "c"]


def test_a_replacement_is_for_its_own_token() -> None:
    """A new regid that cannot be one, or is another target's, is none."""
    replaced = {"a": "a-new", "c": "x,y", "d": 7}
    seen = read({"m": {"type": 16, "targets": "a,b,c,d", "replaceTarget": replaced}})

    named = [None if one is None or one.replacement is None else one.replacement.token for one in seen]
    assert named == ["a-new", None, None, None]
    assert {one.kind for one in seen if one is not None} == {ReceiptKind.UNREGISTERED}


def test_a_quota_of_the_phone_is_not_that_of_the_app() -> None:
    """The phone had its share; or the app's daily quota is used up."""
    phone = only({"type": 128, "targets": "a", "extra": {"device_acked": "5", "device_quota": "5"}})
    app = only({"type": "128", "targets": "a", "extra": {"ack": "20000", "quota": "20000"}})

    assert (phone.kind, app.kind) == (ReceiptKind.LIMITED, ReceiptKind.DROPPED)
    assert (phone.event, app.event) == ("128", "128")
    assert only({"type": 128, "targets": "a", "extra": {"device_acked": "5"}}).kind is ReceiptKind.DROPPED


def test_data_that_are_quoted_twice_are_read() -> None:
    """One receiver of receipts had to decode the field once more."""
    text = quote(json.dumps({"m": {"type": 2, "targets": "a", "param": "50%25"}}))

    (receipt,) = read(text)

    assert receipt is not None
    assert (receipt.kind, receipt.parameter) == (ReceiptKind.CLICKED, "50%25")


def test_times_ids_and_parameters_that_cannot_be_read_are_none() -> None:
    """They are not guessed."""
    receipt = only({"type": 1, "targets": "a", "timestamp": "later", "param": 7})

    assert (receipt.at, receipt.parameter, receipt.message_id) == (None, "", "scm1")


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"a=b", b"data=", b"data=%5B%5D", b"data=%7B%7D", b"data=x&data=y", b"\xff"]
)
def test_a_body_without_receipts_is_refused(body: bytes) -> None:
    """Anybody may post."""
    with pytest.raises(Refused) as caught:
        make().receipts("7", FORM, body, 0.0)

    assert caught.value.reason is Reason.INVALID_NOTIFICATION


def test_too_many_phones_are_refused() -> None:
    """More than ten thousand in one request."""
    tokens = ",".join(f"t{number}" for number in range(10_001))
    with pytest.raises(Refused):
        read({"m": {"type": 1, "targets": tokens}})


@given(st.binary(max_size=80))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    """Never another error."""
    with contextlib.suppress(Refused):
        assert make().receipts("7", FORM, body, 0.0)
