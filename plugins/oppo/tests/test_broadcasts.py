"""Broadcasts of an OPPO certificate: content is saved, then sent, with one outcome for each token."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from exchanges import MAINLAND, NOTE, NOTIFICATION, OPPO, OVERSEAS, SETTINGS, finish, form, push, reply, result
from pushgateway_oppo import Oppo

from pushgateway.vendor import (
    Audience,
    Broadcast,
    Notification,
    PushToken,
    Reason,
    Refused,
    Saved,
    Status,
)


def everyone(**fields: Any) -> Broadcast:
    return Broadcast(7005, fields.pop("notification", NOTE), fields.pop("audience", Audience.everyone()), **fields)


def test_saving_a_broadcast() -> None:
    """The content is a flat form, sent to the home region with start, speed and the host's id."""
    notification = Notification("t" * 33, "b", dedupe_id="news-1")
    exchange = Oppo(**SETTINGS, home_region="overseas").save(
        everyone(notification=notification, start_at=datetime(2026, 1, 1, tzinfo=UTC), rate=1000)
    )
    request = next(exchange)

    saved = finish(exchange, reply({"message_id": "m"}))

    assert request.url == f"{OVERSEAS}{NOTIFICATION}save_message_content"
    assert form(request) == {
        "title": "t" * 31 + "…",
        "content": "b",
        "app_message_id": "news-1",
        "push_time_type": "1",
        "push_start_time": "1767225600000",
        "fix_speed": "true",
        "fix_speed_rate": "1000",
    }
    assert saved == Saved("m", ("title",))


@pytest.mark.parametrize(
    ("broadcast", "reason", "sentence"),
    [
        (everyone(notification=Notification("", "b")), Reason.INVALID_NOTIFICATION, "title: "),
        (
            everyone(audience=Audience.of_tokens(["a"]), start_at=datetime(2026, 1, 1, tzinfo=UTC)),
            Reason.UNSUPPORTED,
            "start_at: OPPO has it for broadcasts to everyone only",
        ),
        (everyone(audience=Audience.of_tags(["a"], all_of=["b"])), Reason.UNSUPPORTED, "audience: "),
        (everyone(audience=Audience.of_tags(["a;b"])), Reason.INVALID_NOTIFICATION, "audience: "),
        (everyone(audience=Audience.of_tags([" "])), Reason.INVALID_NOTIFICATION, "audience: "),
        (everyone(audience=Audience.of_aliases(["a;b"])), Reason.INVALID_NOTIFICATION, "audience: "),
        (everyone(audience=Audience.of_aliases(["a", " "])), Reason.INVALID_NOTIFICATION, "audience: "),
    ],
)
def test_a_broadcast_that_oppo_does_not_support_is_refused_without_a_request(
    broadcast: Broadcast, reason: Reason, sentence: str
) -> None:
    """Before anything is saved."""
    with pytest.raises(Refused) as caught:
        next(OPPO.save(broadcast))

    assert caught.value.reason is reason
    assert caught.value.detail.startswith(sentence)


@pytest.mark.parametrize(("length", "fine"), [(64, True), (65, False)])
def test_the_length_of_an_alias(length: int, fine: bool) -> None:
    """The current page allows 64 characters."""
    exchange = Oppo(**SETTINGS, dialect="current").save(everyone(audience=Audience.of_aliases(["a" * length])))

    if fine:
        assert next(exchange).url.endswith("save_message_content")
    else:
        with pytest.raises(Refused, match=r"at most 64 characters, one has 65"):
            next(exchange)


def test_broadcast_to_everyone() -> None:
    """One request without targets; the outcome has OPPO's ids."""
    exchange = OPPO.broadcast(everyone(), "saved")
    request = next(exchange)

    outcome = finish(exchange, reply({"message_id": "saved", "task_id": "t"}))

    assert request.url == f"{MAINLAND}{NOTIFICATION}broadcast"
    assert form(request) == {"message_id": "saved", "target_type": "1"}
    assert (outcome.status, outcome.message_id, outcome.task_ids) == (Status.ACCEPTED, "saved", ("t",))
    assert outcome.outcomes == ()


def test_broadcast_to_tokens() -> None:
    """One outcome for each token in the order given; tokens that cannot be sent to are not in the request."""
    tokens = ["IN_a", "b;c", "IN_d", "CN_e", "IN_f"]
    broadcast = everyone(audience=Audience.of_tokens(tokens))
    saving, exchange = OPPO.save(broadcast), OPPO.broadcast(broadcast, "saved")
    request = next(exchange)

    outcome = finish(exchange, reply({"10000": ["IN_d"], "10004": ["IN_f"]}))

    assert {urlsplit(one.url).netloc for one in (next(saving), request)} == {urlsplit(OVERSEAS).netloc}
    assert form(request)["target_value"] == "IN_a;IN_d;IN_f"
    assert outcome.ok
    assert [one.push_token for one in outcome.outcomes] == [PushToken(7005, token) for token in tokens]
    assert [(one.status, one.reason) for one in outcome.outcomes] == [
        (Status.ACCEPTED, None),
        (Status.NOT_SENT, Reason.INVALID_NOTIFICATION),
        (Status.REJECTED, Reason.UNREGISTERED),
        (Status.NOT_SENT, Reason.UNSUPPORTED),
        (Status.ACCEPTED, None),
    ]


def test_a_broadcast_without_a_usable_token_makes_no_request() -> None:
    """Each token has its outcome all the same."""
    outcome = result(OPPO.broadcast(everyone(audience=Audience.of_tokens(["", "a;b"])), "saved"))

    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.INVALID_NOTIFICATION)
    assert [one.status for one in outcome.outcomes] == [Status.NOT_SENT, Status.NOT_SENT]


def test_a_refused_broadcast() -> None:
    """A refusal of the whole request is raised, and it retires no token."""
    exchange = OPPO.broadcast(everyone(audience=Audience.of_tokens(["a"])), "saved")
    next(exchange)

    with pytest.raises(Refused) as caught:
        exchange.send(reply(None, code=10000))

    assert caught.value.reason is Reason.INVALID_NOTIFICATION


def test_no_refusal_quotes_content() -> None:
    """Details may be logged, so they hold no token, title or text."""
    canary = "canary-4711"
    bad = [
        push(f"{canary};{canary}"),
        push("a", Notification("", canary)),
        push("b", Notification(canary, canary, data={canary: canary * 900})),
        push("c", Notification(canary, canary, receipt_url=canary * 50)),
        push("d", Notification(canary, canary, overrides={"oppo": {"title": [canary]}})),
    ]

    outcomes = result(OPPO.push(bad))

    assert canary not in repr(outcomes)
    assert len(outcomes) == 5
