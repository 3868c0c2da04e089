"""Broadcasts: everyone, topics with their algebra, aliases, accounts, and lists of tokens."""

from datetime import UTC, datetime
from typing import Any

import pytest
from xiaomi_client import ACCEPTED, form_of, make, run

from pushgateway import Audience, BroadcastOutcome, Notification, Reason, Status
from pushgateway.vendor import Broadcast, NoVerdict, Refused

NOTE = Notification("Sale", "Today only", dedupe_id="sale-1")


def broadcast(
    audience: Audience, note: Notification = NOTE, **more: Any
) -> tuple[BroadcastOutcome, str, dict[str, str]]:
    """The outcome of a broadcast, the path of its request and the fields of its form."""
    settings = more.pop("settings", {})
    outcome, (request,) = run(make(**settings).broadcast(Broadcast(1, note, audience, **more), ""))
    return outcome, request.url.partition(".com")[2], form_of(request)


def refused(audience: Audience, note: Notification = NOTE, **more: Any) -> str:
    """The sentence of a broadcast that is refused before any request."""
    with pytest.raises(Refused) as caught:
        run(make().broadcast(Broadcast(1, note, audience, **more), ""))
    return f"{caught.value.reason.name}: {caught.value.detail}"


def test_everyone() -> None:
    """No target; the id of the message is that of the broadcast."""
    outcome, path, form = broadcast(Audience.everyone())

    assert path == "/v3/message/all"
    assert not {"registration_id", "alias", "topic"} & form.keys()
    assert (outcome.status, outcome.message_id, outcome.task_ids) == (Status.ACCEPTED, "scm1", ("scm1",))
    assert form["extra.jobkey"] == "sale-1"


def test_aliases_and_accounts() -> None:
    """Joined by commas, which therefore no name may hold."""
    assert broadcast(Audience.of_aliases(["ann", "bob"]))[1:] == (
        "/v3/message/alias",
        {**broadcast(Audience.everyone())[2], "alias": "ann,bob"},
    )
    _, path, form = broadcast(Audience.of_accounts(["u1", "u2"]))
    assert (path, form["user_account"]) == ("/v2/message/user_account", "u1,u2")
    assert "must hold no comma" in refused(Audience.of_aliases(["a,b"]))
    assert "must not be blank" in refused(Audience.of_accounts([" "]))


def test_version_two_of_the_paths() -> None:
    """By the setting."""
    assert broadcast(Audience.everyone(), settings={"api": "v2"})[1] == "/v2/message/all"
    assert broadcast(Audience.of_accounts(["u"]), settings={"api": "v2"})[1] == "/v2/message/user_account"


@pytest.mark.parametrize(
    ("groups", "topics", "how"),
    [
        ({"any_of": ["a", "b"]}, "a;$;b", "UNION"),
        ({"all_of": ["a", "b", "c"]}, "a;$;b;$;c", "INTERSECTION"),
        ({"any_of": ["a"], "all_of": ["b"]}, "a;$;b", "INTERSECTION"),
        ({"any_of": ["a"], "all_of": ["a", "b"]}, "a;$;b", "INTERSECTION"),
        ({"any_of": ["a"], "none_of": ["b", "c"]}, "a;$;b;$;c", "EXCEPT"),
        ({"all_of": ["a"], "none_of": ["b"]}, "a;$;b", "EXCEPT"),
        ({"any_of": list("abcde")}, "a;$;b;$;c;$;d;$;e", "UNION"),
    ],
)
def test_topics_are_joined_by_one_operation(groups: dict[str, list[str]], topics: str, how: str) -> None:
    """One of them, all of them, or the first without the others."""
    _, path, form = broadcast(Audience.of_tags(**groups))

    assert (path, form["topics"], form["topic_op"]) == ("/v3/message/multi_topic", topics, how)


@pytest.mark.parametrize("groups", [{"any_of": ["a"]}, {"all_of": ["a"]}, {"any_of": ["a"], "all_of": ["a"]}])
def test_one_topic_has_a_call_of_its_own(groups: dict[str, list[str]]) -> None:
    """Its name may hold what separates several."""
    _, path, form = broadcast(Audience.of_tags(**groups))

    assert (path, form["topic"]) == ("/v3/message/topic", "a")
    assert broadcast(Audience.of_tags(["x;$;y"]))[2]["topic"] == "x;$;y"


@pytest.mark.parametrize(
    ("groups", "says"),
    [
        ({"none_of": ["a"]}, "UNSUPPORTED: audience: Xiaomi has none_of beside one topic only"),
        ({"any_of": ["a", "b"], "none_of": ["c"]}, "UNSUPPORTED: audience: Xiaomi has none_of beside one topic only"),
        ({"all_of": ["a", "b"], "none_of": ["c"]}, "UNSUPPORTED: audience: Xiaomi has none_of beside one topic only"),
        ({"any_of": ["a", "b"], "all_of": ["c"]}, "UNSUPPORTED: audience: Xiaomi joins topics by one operation"),
        ({"any_of": list("abcdef")}, "UNSUPPORTED: audience: Xiaomi joins at most 5 topics, these are 6"),
        ({"any_of": ["a", "b;$;c"]}, "INVALID_NOTIFICATION: audience: a topic must not hold ;$;"),
    ],
)
def test_what_topics_cannot_say_is_refused(groups: dict[str, list[str]], says: str) -> None:
    """Reaching other phones than were meant would be worse."""
    assert refused(Audience.of_tags(**groups)).startswith(says)


def test_start_and_rate() -> None:
    """Milliseconds; Xiaomi does not send slower than 3,000 a second, so less is refused."""
    start = datetime(2026, 12, 1, tzinfo=UTC)
    form = broadcast(Audience.everyone(), start_at=start, rate=3000)[2]

    assert form["time_to_send"] == str(int(start.timestamp() * 1000))
    assert form["extra.flow_control"] == "3000"
    assert refused(Audience.everyone(), rate=2999).startswith("INVALID_NOTIFICATION: rate: ")


def test_receipts_are_for_tokens_only() -> None:
    """Receipts of aliases name aliases, which no host can match."""
    asking = Notification("a", "b", receipt_url="https://a.example/r")

    assert refused(Audience.everyone(), asking).startswith("UNSUPPORTED: receipt_url: ")
    assert broadcast(Audience.of_tokens(["a"]), asking)[2]["extra.callback.type"] == "243"


def test_tokens_have_an_outcome_each() -> None:
    """In their order; what cannot be a token is settled here."""
    outcome, path, form = broadcast(Audience.of_tokens(["a", "b,c", "d"]))

    assert (path, form["registration_id"]) == ("/v3/message/regid", "a,d")
    assert [one.reason for one in outcome.outcomes] == [None, Reason.INVALID_NOTIFICATION, None]
    assert [one.push_token.token for one in outcome.outcomes] == ["a", "b,c", "d"]
    assert outcome.message_id == "scm1"


def test_without_a_dedupe_id_two_broadcasts_do_not_replace_each_other() -> None:
    """Their numbers are made of their texts, and phones drop neither."""
    forms = [broadcast(Audience.everyone(), Notification("a", body))[2] for body in ("b", "c")]

    assert forms[0]["notify_id"] != forms[1]["notify_id"]
    assert not any("extra.jobkey" in form for form in forms)


@pytest.mark.parametrize(
    ("exceeded", "is_accepted"), [("no_channel:0", True), ("", True), ("no_channel:2", False), ("150001", False)]
)
def test_a_broadcast_that_was_dropped_in_part_is_no_verdict(exceeded: str, is_accepted: bool) -> None:
    """Xiaomi counts the phones over the quota of an unknown number."""
    exchange = make().broadcast(Broadcast(1, NOTE, Audience.of_aliases(["ann", "bob"])), "")
    body = {**ACCEPTED, "data": {"id": "scm1", "channel_exceed_quota": exceeded}}
    if is_accepted:
        assert run(exchange, body)[0].ok
        return
    with pytest.raises(NoVerdict):
        run(exchange, body)


def test_a_refusal_of_an_alias_is_no_dead_token() -> None:
    """Code 20301 for a name says that no phone has it."""
    body = {"result": "error", "reason": "No valid targets!", "code": 20301}
    with pytest.raises(Refused) as caught:
        run(make().broadcast(Broadcast(1, NOTE, Audience.of_aliases(["ann"])), ""), body)

    assert caught.value.reason is Reason.INVALID_NOTIFICATION


def test_looks_that_are_left_out_of_a_broadcast() -> None:
    """Named in its outcome."""
    outcome, _, _ = broadcast(Audience.everyone(), Notification("x" * 60, "b", subtitle="s"))

    assert (outcome.truncated, outcome.omitted) == (("title",), ("subtitle",))
    assert ACCEPTED["code"] == 0
