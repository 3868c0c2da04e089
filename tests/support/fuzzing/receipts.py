"""Fuzzing of receipts as anybody may post them: OPPO's reader, the check of nesting before it, and the signatures.

The targets know which generated receipts are genuine. No forged receipt may be accepted and no genuine one lost.
Anything else that is posted raises `Refused`, and the message quotes nothing.
"""

from __future__ import annotations

import functools
import json
import random

from pushgateway_oppo import Oppo

from fuzzing.odd import CANARY, broken, check_words, make_list, make_object, odd, some, text
from pushgateway import Notification, Proof, Push, PushToken, Receipt, ReceiptKind, Secret
from pushgateway.certificates.receipt_signing import ReceiptSigner
from pushgateway.vendor import Refused

OPPO = {dialect: Oppo(app_key="k", master_secret=Secret("s"), dialect=dialect) for dialect in ("v1.3", "current")}
NOW = 1_790_000_000.0
TOKENS = ("CN_0123456789abcdef0123456789abcdef", "b6bb0123456789abcdef0123456789ab", "OPPO_CN_x", "t")
EVENTS = ("push_arrive", "regid_invalid", "user_daily_limit", "message_night_control", CANARY, "", "ＰＵＳＨ")
SIGNER = ReceiptSigner(
    "7005", "https://im.example.com/push", [Secret("a new secret of letters"), Secret("an old secret of letters")]
)
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def _ids(chance: random.Random) -> str:
    ids = [some(chance, TOKENS) for _ in range(chance.randrange(4))]
    return text(some(chance, (",", ", ", " ,", ";", ",,")).join(ids)) if chance.random() < 0.9 else text(ids)


def _time(chance: random.Random) -> str:
    return some(chance, ("1530259260000", '"1530259260000"', "1530259260000.5", "0", "-1", "1e400", "true", '"x"'))


def _element(chance: random.Random) -> str:
    return make_object(
        chance,
        {
            "messageId": lambda chance: text(some(chance, ("m1", "AppId-1-1-m2", CANARY, ""))),
            "taskId": lambda chance: text(some(chance, ("m1", "t1", ""))),
            "registrationIds": _ids,
            "eventTime": _time,
            "param": lambda chance: text(some(chance, ("p", "", f"{CANARY}.{'x' * 16}", "你"))),
            "eventType": lambda chance: text(some(chance, EVENTS)),
            "appId": odd,
        },
    )


def posted(chance: random.Random) -> None:
    """`Oppo.receipts` returns receipts of this certificate or raises `Refused`, never another exception."""
    body = broken(chance, make_list(chance, _element).encode("utf-8", "surrogatepass"))
    vendor = OPPO[some(chance, tuple(OPPO))]

    try:
        found = vendor.receipts("7005", {}, body, NOW)
    except Refused as refused:
        check_words(refused)
        check_words(refused.detail)
        return
    for one in found:
        if one is None:
            continue
        assert one.push_token.certificate_id == "7005"
        token = one.push_token.token
        assert token.isprintable()
        assert not set(token) & set(" ,;")
        assert one.event.isprintable()
        assert 0 < len(one.event) <= 256
        assert one.kind.name in vendor_kind(one.event)
        assert one.at is None or 0 < one.at < 10**11
        assert all(value is None or value.isprintable() for value in (one.message_id, one.task_id, one.parameter))
        assert one.dedupe_id == ""


def vendor_kind(event: str) -> tuple[str, ...]:
    """The kinds that an event of this name may have."""
    known = {"push_arrive": "ARRIVED", "regid_invalid": "UNREGISTERED", "user_daily_limit": "LIMITED"}
    return (known.get(event, "OTHER"),)


def nested(chance: random.Random) -> None:
    """The check of nesting before the reader: brackets inside strings, unfinished strings, depth at the limit and one
    more.
    """
    depth = chance.choice((1, 30, 31, 32, 33, 300))
    filling = some(chance, ("", '"[[[["', '"\\\\"', '"\\"[{"', '{"a":"}"}', '"', "[]", "\\"))
    whole = "[" * depth + filling * chance.randrange(1, 4) + "]" * depth

    detail = _refusal(whole.encode())

    right = _levels(whole)
    if right is not None and right <= 32:
        assert detail in ("", "the request is no list of receipts")
    else:
        assert detail in ("the request is nested too deeply", "the request is not JSON")


def _refusal(body: bytes) -> str:
    try:
        assert set(OPPO["current"].receipts("7005", {}, body, NOW)) == {None}
    except Refused as refused:
        return refused.detail
    return ""


def _levels(text: str) -> int | None:
    """The nesting depth of a JSON text; None if it is not valid JSON."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    deepest, left = 0, [(value, 1)]
    while left:
        one, level = left.pop()
        if isinstance(one, list | dict):
            deepest = max(deepest, level)
            left += [(inner, level + 1) for inner in (one.values() if isinstance(one, dict) else one)]
    return deepest


_MESSAGE = SIGNER.callback_for_message("0123456789abcdef" * 2).parameter
"""The parameter of a request, which is good for each of its phones."""


@functools.cache
def _good(token: str) -> str:
    push = Push(PushToken("7005", token), Notification("a", "b"), dedupe_id="0123456789abcdef" * 2)
    return SIGNER.callback_for(push).parameter


def forged(chance: random.Random) -> None:
    """`ReceiptSigner.verify` accepts a parameter only for the phone that it was signed for."""
    token, other = some(chance, TOKENS), some(chance, TOKENS)
    parameter = _forge(chance, _good(other))
    receipt = Receipt(
        push_token=PushToken("7005", token), kind=ReceiptKind.ARRIVED, event="push_arrive", parameter=parameter
    )

    opened = SIGNER.verify(receipt)

    right = token == other and parameter == _good(other)
    assert (opened is not None) == right, "a forged receipt was accepted, or a good one was not"


def forged_of_a_message(chance: random.Random) -> None:
    """The parameter of a request is accepted for any phone, only as it was made, and proves no phone and no push."""
    token, parameter = some(chance, TOKENS), _forge(chance, _MESSAGE)
    receipt = Receipt(push_token=PushToken("7005", token), kind=ReceiptKind.ARRIVED, event="1", parameter=parameter)

    opened = SIGNER.verify(receipt)

    assert (opened is not None) == (parameter == _MESSAGE), "a forged receipt was accepted, or a good one was not"
    assert opened is None or (opened.proof, opened.dedupe_id) == (Proof.MESSAGE, "")


def _forge(chance: random.Random, good: str) -> str:
    name, _, mac = good.partition(".")
    guess = "".join(chance.choices(_ALPHABET, k=16))
    match chance.randrange(8):
        case 0:
            return good
        case 1:
            place = chance.randrange(len(good))
            return good[:place] + chance.choice(_ALPHABET) + good[place + 1 :]
        case 2:
            return f"{name[:-1]}{chance.choice(_ALPHABET)}.{mac}"
        case 3:
            return f"~{name}.{mac}"
        case 4:
            return broken(chance, good.encode()).decode("utf-8", "replace")
        case 5:
            return f"{name}.{mac[: chance.randrange(16)]}"
    return f"{name}.{guess}"


TARGETS = {"receipts": posted, "nested": nested, "forged": forged, "forged_of_a_message": forged_of_a_message}
