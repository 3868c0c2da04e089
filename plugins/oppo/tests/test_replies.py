"""OPPO's replies read into outcomes: every code and sample, unusual shapes, and items of a batch by registration id."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from exchanges import result
from hypothesis import given
from hypothesis import strategies as st
from pushgateway_oppo.replies import (
    RULES,
    decode_batch,
    decode_broadcast,
    decode_login,
    decode_saved,
    decode_unicast,
)
from replying import CUTS, NOTE, PUSHES, TOKENS, broadcast_of, everything, reply

from pushgateway.vendor import (
    AccessExpired,
    Audience,
    ClockSkew,
    NoVerdict,
    Outcome,
    Push,
    PushToken,
    Reason,
    Refused,
    Status,
)


def batch(data: object, **rest: Any) -> list[Outcome]:
    return result(decode_batch(reply({"code": 0, "message": "Success", "data": data}, **rest), PUSHES, CUTS))


def statuses(outcomes: list[Outcome]) -> list[str]:
    return [outcome.status.value for outcome in outcomes]


def item(token: str, **more: object) -> dict[str, object]:
    return {"messageId": f"m-{token}", "registrationId": token, **more}


# Samples


@pytest.mark.parametrize("name", ["auth.reply.json", "auth_today.reply.json"])
def test_login_samples(samples: Path, name: str) -> None:
    """The creation time is text in one document and a number in the other; both are read into epoch seconds."""
    access = decode_login(reply((samples / name).read_bytes()), 86_400.0, 4096)

    assert len(access.value) == 24
    assert access.lifetime == 86_400.0
    assert access.created_at == 1530259200.123
    assert access.value not in repr(access)


@pytest.mark.parametrize("name", ["unicast.reply.json", "unicast_today.reply.json"])
def test_unicast_samples(samples: Path, name: str) -> None:
    """The outcome is accepted, with OPPO's message id."""
    content = (samples / name).read_bytes()

    outcome = decode_unicast(reply(content), PUSHES[:1], [("body",)])[0]

    assert outcome.ok
    assert outcome.message_id == json.loads(content)["data"]["messageId"]
    assert outcome.truncated == ("body",)
    assert outcome.dedupe_id == PUSHES[0].dedupe_id


def test_bad_target_sample(samples: Path) -> None:
    """V1.3 prints 1000 in a sample and 10000 in its table: both mean that the token is dead."""
    outcome = decode_unicast(reply((samples / "unicast_bad_target.reply.json").read_bytes()), PUSHES[:1], [()])[0]

    assert (outcome.status, outcome.reason, outcome.vendor_code) == (Status.REJECTED, Reason.UNREGISTERED, "1000")
    assert outcome.vendor_message == "registration_id 非法或无效"


def test_batch_sample(samples: Path) -> None:
    """In a reply with code 0 each target has its own verdict."""
    pushes = [Push(PushToken(1, token), NOTE) for token in ("CN_0123456789abcdef0123456789abcdef", "CN_not-an-id")]

    outcomes = result(decode_batch(reply((samples / "unicast_batch.reply.json").read_bytes()), pushes, [(), ()]))

    assert [(outcome.status, outcome.reason) for outcome in outcomes] == [
        (Status.ACCEPTED, None),
        (Status.REJECTED, Reason.UNREGISTERED),
    ]
    assert [outcome.vendor_message for outcome in outcomes] == [None, "Invalid RegistrationId"]


def test_save_sample(samples: Path) -> None:
    """The reply to a save has the content's id."""
    assert decode_saved(reply((samples / "save.reply.json").read_bytes())) == "58ad47319e8d725350a5afd5"


def test_broadcast_samples(samples: Path) -> None:
    """Numeric keys list the refused targets, all others are accepted. The reply names the saved content."""
    bad = json.loads((samples / "broadcast_bad_targets.reply.json").read_text("utf-8"))["data"]
    tokens = [*bad["10000"], *bad["10001"], "CN_0123456789abcdef0123456789abcdef"]
    broadcast = broadcast_of(Audience.of_tokens(tokens))
    expected = [Reason.UNREGISTERED] * 3 + [Reason.MUTED, None]
    saved = decode_saved(reply((samples / "save.reply.json").read_bytes()))

    results = {
        name: decode_broadcast(reply((samples / name).read_bytes()), broadcast, saved, tokens)
        for name in ("broadcast.reply.json", "broadcast_bad_targets.reply.json")
    }

    for outcome, _ in results.values():
        assert outcome.ok
        assert (outcome.message_id, outcome.task_ids) == ("58ad47319e8d725350a5afd5", ("58ad483c9e8d725350a5afdb",))
    good, mixed = (verdicts for _, verdicts in results.values())
    assert all(good[token].ok for token in tokens)
    assert [mixed[token].reason for token in tokens] == expected


# Codes


@pytest.mark.parametrize("code", RULES.codes)
def test_every_code_of_a_whole_request(code: str) -> None:
    """Each code has the reason of its row. A refusal of the whole request names no token, so no token is retired."""
    rule = RULES.codes[code]
    unicast, many = everything(reply({"code": int(code), "message": "m"}))[1:3]

    if code == "0":
        assert isinstance(unicast, Outcome)
        assert unicast.ok
        assert isinstance(many, list)
        assert statuses(many) == ["unknown"] * 5
        return
    assert isinstance(many, Refused)
    assert (many.code, many.message) == (code, "m")
    assert many.reason is (Reason.INVALID_NOTIFICATION if rule.scope == "target" else rule.host_reason)
    assert isinstance(many, AccessExpired) == (rule.reason == "expired")
    assert isinstance(many, ClockSkew) == (rule.reason == "clock")
    assert many.retry_after == rule.retry_after
    assert rule.meaning in many.detail
    if rule.scope == "target" or rule.reason == "repeated":
        assert isinstance(unicast, Outcome)
        assert (unicast.status, unicast.reason) == (Status.REJECTED, rule.host_reason)
        assert unicast.repeated == (rule.reason == "repeated")
    else:
        assert type(unicast) is type(many)


@pytest.mark.parametrize("code", [code for code in RULES.codes if code != "0"])
def test_every_code_of_one_target(code: str) -> None:
    """The same rows hold for one item of a batch, without effect on the others."""
    outcomes = batch([item(token, **({"errorCode": int(code)} if token == TOKENS[1] else {})) for token in TOKENS])

    assert statuses(outcomes) == ["accepted", "rejected", "accepted", "accepted", "accepted"]
    assert outcomes[1].reason is RULES.codes[code].host_reason
    assert outcomes[1].vendor_code == code
    assert outcomes[1].repeated == (code == "32")


def test_unknown_codes_retire_no_token() -> None:
    """An unknown code refuses this push for good; with HTTP 500 it is no verdict."""
    refused, silent = (everything(reply({"code": 777}, status))[1:3] for status in (200, 500))

    assert [(type(one), getattr(one, "reason", None)) for one in refused] == [
        (Refused, Reason.INVALID_NOTIFICATION),
        (Refused, Reason.INVALID_NOTIFICATION),
    ]
    assert all(type(one) is NoVerdict for one in silent)
    assert batch([item(TOKENS[0], errorCode=777)])[0].reason is Reason.INVALID_NOTIFICATION


def test_retry_after_of_the_reply_and_of_the_row() -> None:
    """The reply's own `Retry-After` wins over the figure of the row."""
    pauses = [everything(reply({"code": code}, **more))[2] for code, more in ((13, {}), (13, {"retry_after": "7"}))]

    assert [pause.retry_after for pause in pauses if isinstance(pause, Refused)] == [60.0, 7.0]


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        (14, Refused, Reason.CREDENTIALS),
        (11, Refused, Reason.CREDENTIALS),
        (41, Refused, Reason.CREDENTIALS),
        (777, Refused, Reason.CREDENTIALS),
        (19, ClockSkew, Reason.CREDENTIALS),
        (-1, Refused, Reason.UNAVAILABLE),
        (13, Refused, Reason.RATE_LIMITED),
    ],
)
def test_reasons_of_a_refused_login(code: int, kind: type[Refused], reason: Reason) -> None:
    """Codes about content or an expired access token, and unknown codes, are `CREDENTIALS`: a login has no content."""
    refused = everything(reply({"code": code}))[0]

    assert type(refused) is kind
    assert isinstance(refused, Refused)
    assert refused.reason is reason


@pytest.mark.parametrize(
    "token", ["", "x" * 4097, "a\r\nb", "a\x00b", "a b", "é", None, 5, ["a"]], ids=lambda token: repr(token)[:12]
)
def test_a_login_without_a_usable_token(token: object) -> None:
    """A value that no header can carry is never used; a login without a token is no verdict."""
    with pytest.raises(NoVerdict) as caught:
        decode_login(reply({"code": 0, "data": {"auth_token": token}}), 86_400.0, 4096)

    assert "a\r\nb" not in str(caught.value)


def test_the_longest_access_token() -> None:
    """At the limit it is accepted."""
    assert len(decode_login(reply({"code": 0, "data": {"auth_token": "x" * 4096}}), 1.0, 4096).value) == 4096


@pytest.mark.parametrize("made", [None, "soon", "-1", -1, 0, True, "１２３", 1e300, [], "9" * 16])
def test_unreadable_creation_times(made: object) -> None:
    """An unreadable `create_time` counts as now."""
    access = decode_login(reply({"code": 0, "data": {"auth_token": "x", "create_time": made}}), 1.0, 4096)

    assert access.created_at is None


# Batches: a bijection by registration id


@given(
    st.randoms(use_true_random=False), st.lists(st.sampled_from([None, 0, 10000, 10001, 33]), min_size=5, max_size=5)
)
def test_items_are_matched_by_id_in_any_order(dice: random.Random, codes: list[int | None]) -> None:
    """Each push has the verdict and message id of its own item."""
    items = [
        item(token) if code is None else item(token, errorCode=code) for token, code in zip(TOKENS, codes, strict=True)
    ]
    dice.shuffle(items)

    outcomes = batch(items)

    assert [outcome.push_token for outcome in outcomes] == [push.push_token for push in PUSHES]
    assert [outcome.message_id for outcome in outcomes] == [f"m-{token}" for token in TOKENS]
    assert [outcome.vendor_code for outcome in outcomes] == [str(code) if code else None for code in codes]
    assert [outcome.truncated for outcome in outcomes] == CUTS


@given(st.lists(st.sampled_from([*TOKENS, "CN_somebody_else"]), max_size=8))
def test_missing_extra_and_double_items(names: list[str]) -> None:
    """A push that the reply does not name has no verdict; items of other tokens change nothing."""
    outcomes = batch([item(name) for name in names])

    assert statuses(outcomes) == ["accepted" if token in names else "unknown" for token in TOKENS]


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_verdicts_the_worse_counts(order: int) -> None:
    """Of accepted, unreadable and refused for one token refused counts, in any order."""
    items = [item(TOKENS[0]), item(TOKENS[0], errorCode="?"), item(TOKENS[0], errorCode=10000)]

    outcomes = [batch(items[:count][::order])[0].status for count in (1, 2, 3)]

    assert outcomes == [Status.ACCEPTED, Status.UNKNOWN, Status.REJECTED]


def test_items_are_matched_by_place_only_without_any_id() -> None:
    """Only if no item has an id and there are as many items as pushes."""
    nameless = [{"messageId": f"m-{place}", **({"errorCode": 10000} if place == 3 else {})} for place in range(5)]

    whole, short, mixed = batch(nameless), batch(nameless[:4]), batch([*nameless[:4], item(TOKENS[0])])
    odd = batch([*nameless, {"registrationId": 5}])

    assert statuses(whole) == ["accepted", "accepted", "accepted", "rejected", "accepted"]
    assert statuses(short) == ["unknown"] * 5
    assert statuses(odd) == ["unknown"] * 5
    assert statuses(mixed) == ["accepted", *["unknown"] * 4]


@pytest.mark.parametrize("data", [None, {}, {"messageId": "m"}, "", "nonsense", 5, [], [None, 5, "x", []], "[1", True])
def test_a_batch_reply_without_items(data: object) -> None:
    """A reply with code 0 and no readable items gives no verdict on any push."""
    assert statuses(batch(data)) == ["unknown"] * 5


def test_items_may_come_as_text() -> None:
    """V1.3 types `data` as text: JSON text in it is read."""
    assert statuses(batch(json.dumps([item(token) for token in TOKENS]))) == ["accepted"] * 5


@pytest.mark.parametrize("code", [True, False, 0.0, "", " 0 ", "1e3", "０", [], {}, 10**12, float("nan")])
def test_unreadable_codes_are_no_verdict(code: object) -> None:
    """A guess could report an unreadable code as accepted, or a token as dead."""
    outcome = batch([item(TOKENS[0], errorCode=code)])[0]
    whole = everything(reply({"code": code}))

    assert outcome.status is Status.UNKNOWN
    assert all(type(one) is NoVerdict for one in whole)


@pytest.mark.parametrize(
    ("given_id", "kept"),
    [
        ("m", "m"),
        (5, "5"),
        (None, None),
        ("", None),
        (5.0, None),
        (True, None),
        ([], None),
        ("x" * 201, None),
        ("a\nb", None),
    ],
)
def test_message_ids_of_any_kind(given_id: object, kept: str | None) -> None:
    """A push is accepted with a message id, without one, or with an unusable one."""
    outcome = decode_unicast(reply({"code": 0, "data": {"messageId": given_id}}), PUSHES[:1], [()])[0]

    assert outcome.ok
    assert outcome.message_id == kept


def test_value_in_place_of_data() -> None:
    """Two tables of V1.3 call the field `value`."""
    assert decode_unicast(reply({"code": 0, "value": {"messageId": "m"}}), PUSHES[:1], [()])[0].message_id == "m"


def test_a_long_message_is_shortened() -> None:
    """OPPO's sentence is kept, up to a limit."""
    outcome = decode_unicast(reply({"code": 10000, "message": "x" * 5000}), PUSHES[:1], [()])[0]

    assert outcome.vendor_message is not None
    assert len(outcome.vendor_message) == 200
