"""The exchanges of an OPPO certificate: settings, which request goes where, and the outcomes of replies."""

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from exchanges import MAINLAND, NOTE, NOTIFICATION, OPPO, OVERSEAS, SETTINGS, finish, first, form, push, reply, result
from hypothesis import given
from hypothesis import strategies as st
from pushgateway_oppo import Oppo

from pushgateway.vendor import (
    AccessExpired,
    AccessToken,
    Audience,
    AudienceKind,
    Broadcast,
    FieldError,
    Notification,
    NoVerdict,
    OpenUrl,
    Outcome,
    Push,
    Reason,
    Status,
)
from pushgateway.vendor.text import most_quoted

# Settings


def test_repr_shows_no_secret() -> None:
    """Neither the secret nor the app key is in anything that may be logged."""
    shown = f"{OPPO!r} {OPPO} {next(OPPO.login('cn', 0.0))!r}"

    assert "demo" not in shown
    assert "Oppo(" in shown


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("app_key", ""),
        ("app_key", " "),
        ("dialect", "v1.4"),
        ("home_region", "mars"),
        ("access_token_in", "query"),
        ("batch_size", 0),
        ("batch_size", 1001),
        ("batch_size", True),
        ("host", "http://push.example"),
        ("host", "http://127.0.0.1.example"),
        ("host", "ftp://push.example"),
        ("host", "https://push.example/path"),
        ("host", "https://push.example?x=1"),
        ("host", "https://user:pw@push.example"),
        ("overseas_host", "push.example"),
        ("overseas_host", ""),
    ],
)
def test_wrong_settings_are_named(field: str, value: object) -> None:
    """A wrong setting raises an error with its name when the certificate is made."""
    with pytest.raises(FieldError) as caught:
        Oppo(**{**SETTINGS, field: value})

    assert caught.value.field == field


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dialect", "current"),
        ("home_region", "overseas"),
        ("batch_size", 1),
        ("batch_size", 1000),
        ("host", "https://push.example/"),
        ("host", "https://push.example:8443"),
        ("host", "http://127.0.0.1:9"),
        ("host", "http://127.9.9.9:9"),
        ("host", "http://[::1]:9"),
        ("host", "http://localhost:9"),
    ],
)
def test_allowed_settings(field: str, value: object) -> None:
    """Plain HTTP is for loopback only; a slash at the end is allowed."""
    oppo = Oppo(**{**SETTINGS, field: value})

    request = next(oppo.login("cn", 0.0))

    assert urlsplit(request.url).path == "/server/v1/auth"


def test_the_facts_that_the_core_reads() -> None:
    """Batch size, deduplication, audiences and the other facts by which the core batches and repeats."""
    batching = Oppo(**SETTINGS, batch_size=7).batching

    assert (batching.size, batching.mixed, batching.max_bytes) == (7, True, 4 * 1024 * 1024)
    assert OPPO.batching.size == 1000
    assert OPPO.batching is OPPO.batching
    assert (Oppo.brand, Oppo.deduplicates, Oppo.audience_size) == ("oppo", True, 1000)
    assert Oppo.audiences == frozenset(AudienceKind) - {AudienceKind.ACCOUNTS}


def weight(heavy: Push) -> int:
    """The weight of a push, as the core computes it."""
    return OPPO.weigh(heavy.notification) + most_quoted(heavy.push_token.token) + most_quoted(heavy.dedupe_id)


@pytest.mark.parametrize(
    "notification",
    [
        NOTE,
        Notification("题" * 32, "文" * 200),
        Notification("😀" * 50, '\\"' * 200),
        Notification("t", "b", data={"k": "值" * 300, "q": '"' * 300}),
        Notification("t", "b", data={"n": {"deep": ["\\" * 50]}}),
        Notification("t", "b", data={"值": "\x00\x1f" * 100, "n": [None, True, 1.5e300, {"1": ()}]}),
        Notification("t", "b", subtitle="\U0001f600" * 5, time_zone="区" * 900, receipt_parameter="参" * 50),
        Notification("t", "b", receipt_url="https://例/" + "路" * 190),
        Notification("t", "b", click=OpenUrl("网" * 500), ttl=259_200, store_offline=False),
        Notification("t", "b", overrides={"oppo": {"title": "题" * 32, "action_parameters": {"a": "值" * 900}}}),
    ],
)
def test_the_weight_is_an_upper_bound(notification: Notification) -> None:
    """The sum of the weights bounds the size of the request, so that a batch stays below its limit."""
    for dedupe_id in ("d" * 40, "号" * 400, '"' * 400):
        heavy = push("值" * 85, notification, dedupe_id)
        encoded = len(next(OPPO.push([heavy])).content)

        assert encoded <= weight(heavy)


@given(st.data())
def test_the_weight_is_an_upper_bound_for_any_text(data: st.DataObject) -> None:
    """The same for any text and any data, nested too."""
    text, name = st.text(st.characters(exclude_categories=()), max_size=40), st.text(max_size=40)
    values = st.recursive(
        st.one_of(text, st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none()),
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(name, inner, max_size=4)),
        max_leaves=20,
    )
    notification = Notification(
        "t" + data.draw(text),
        "b" + data.draw(text),
        subtitle=data.draw(text),
        data=data.draw(st.dictionaries(name, values, max_size=5)),
        receipt_parameter=data.draw(text),
        time_zone="z" + data.draw(text),
    )
    heavy = push("a", notification, data.draw(text))

    assert len(first(OPPO.push([heavy])).content) <= weight(heavy)


def test_the_deepest_data_is_weighed() -> None:
    """Data nested as deep as a notification allows raises no error and weighs enough."""
    deep: list[Any] = []
    for _ in range(62):
        deep = [deep]
    heavy = push("a", Notification("t", "b", data={"deep": deep}))

    assert len(first(OPPO.push([heavy])).content) <= weight(heavy)


# Regions and hosts


@pytest.mark.parametrize(
    ("token", "region"),
    [
        ("0123456789abcdef0123456789abcdef", "cn"),
        ("CN_0123456789abcdef0123456789abcdef", "cn"),
        ("OPPO_CN_0123456789abcdef0123456789abcdef", "cn"),
        ("OPPO_EUEX_0123456789abcdef0123456789abcdef", "overseas"),
        ("IN_0123456789abcdef0123456789abcdef", "overseas"),
        ("EUEX_0123456789abcdef0123456789abcdef", "overseas"),
        ("OPPO_IN_0123456789abcdef0123456789abcdef", "overseas"),
        ("CN_OPPO_0123456789abcdef0123456789abcdef", None),
        ("OPPO_0123456789abcdef0123456789abcdef", None),
        ("a_b_CN_0123456789abcdef0123456789abcdef", None),
        ("X_CN_A_B", None),
        ("X_US_A_B", None),
        ("IQAAAACy0_huawei", None),
        ("d1Fq:APA91bH_x-y", None),
        ('"CN_0123456789abcdef"', None),
        ("cn_0123456789abcdef", None),
        ("IN_", None),
        ("IN_a b", None),
        ("CN_a;CN_b", None),
        ("", "cn"),
    ],
)
@pytest.mark.parametrize("home", ["cn", "overseas"])
def test_the_region_of_a_token(token: str, region: str | None, home: str) -> None:
    """OPPO's rule by prefix; an id without a prefix is mainland.

    A text whose prefix names no region may be another vendor's token, so it goes to the home host and causes no login
    elsewhere.
    """
    assert Oppo(**SETTINGS, home_region=home).region(token) == (region or home)


@pytest.mark.parametrize("dialect", ["v1.3", "current"])
def test_every_region_has_its_host(dialect: str) -> None:
    """Logins and pushes of a region go to the same host, in both dialects; each host has its own setting."""
    plain = Oppo(**SETTINGS, dialect=dialect)
    moved = Oppo(**SETTINGS, dialect=dialect, host="http://127.0.0.1:1", overseas_host="http://127.0.0.1:2/")

    urls = [
        [next(oppo.login(region, 0.0)).url for region in ("cn", "overseas")]
        + [next(oppo.push([push(token)])).url for token in ("a", "IN_a")]
        for oppo in (plain, moved)
    ]

    assert urls == [
        [host + path for path in ("/server/v1/auth", f"{NOTIFICATION}unicast") for host in hosts]
        for hosts in ((MAINLAND, OVERSEAS), ("http://127.0.0.1:1", "http://127.0.0.1:2"))
    ]


# Access


def test_the_login_request_equals_the_sample(samples: Any) -> None:
    """The signature is SHA-256 over key, milliseconds and secret; the request is the document's, byte for byte."""
    request = next(OPPO.login("cn", 1530259200.0))

    assert request.method == "POST"
    assert request.headers["content-type"].startswith("application/x-www-form-urlencoded")
    assert request.content == (samples / "auth.request.form").read_bytes().strip()


def test_a_login_gives_an_access_token() -> None:
    """It lives 24 hours from OPPO's creation time."""
    exchange = OPPO.login("cn", 5.0)
    next(exchange)

    access = finish(exchange, reply({"auth_token": "t", "create_time": "5000"}))

    assert access == AccessToken("t", 86_400, 5.0)


@pytest.mark.parametrize(
    ("where", "header", "body"), [("both", "a+b", "a+b"), ("header", "a+b", None), ("body", None, "a+b")]
)
def test_where_the_access_token_is_sent(where: str, header: str | None, body: str | None) -> None:
    """In header and body by default, since the documents disagree; the original request is not changed."""
    oppo = Oppo(**SETTINGS, access_token_in=where)
    bare = next(oppo.push([push("a")]))

    request = oppo.finish(bare, AccessToken("a+b", 1.0), 0.0)

    assert request.headers.get("auth_token") == header
    assert form(request).get("auth_token") == body
    assert form(request)["message"] == form(bare)["message"]
    assert "auth_token" not in {**bare.headers, **form(bare)}


# Pushes


def test_one_push_is_a_unicast() -> None:
    """A single push is sent by `unicast`, with its dedupe id."""
    exchange = OPPO.push([push("a", dedupe_id="d")])
    request = next(exchange)

    outcomes = finish(exchange, reply({"messageId": "m"}))

    assert request.url == f"{MAINLAND}{NOTIFICATION}unicast"
    assert json.loads(form(request)["message"])["notification"]["app_message_id"] == "d"
    assert outcomes == [Outcome.accepted(push("a", dedupe_id="d"), "m")]


def test_a_batch_with_refused_pushes_keeps_the_order() -> None:
    """One outcome for each push, in order: those refused without a request and those of OPPO's reply."""
    batch = [push("x" * 257), push("b"), push("c", Notification("", "x")), push("d")]
    exchange = OPPO.push(batch)
    request = next(exchange)

    outcomes = finish(exchange, reply([{"registrationId": "d", "errorCode": 10000}, {"registrationId": "b"}]))

    assert [message["target_value"] for message in json.loads(form(request)["messages"])] == ["b", "d"]
    assert [outcome.push_token for outcome in outcomes] == [one.push_token for one in batch]
    assert [(outcome.status, outcome.reason) for outcome in outcomes] == [
        (Status.NOT_SENT, Reason.UNREGISTERED),
        (Status.ACCEPTED, None),
        (Status.NOT_SENT, Reason.INVALID_NOTIFICATION),
        (Status.REJECTED, Reason.UNREGISTERED),
    ]


def test_one_push_left_of_many_is_a_unicast() -> None:
    """The number of pushes that remain decides which call is used."""
    exchange = OPPO.push([push(""), push("b")])

    request = next(exchange)

    assert request.url.endswith("/unicast")
    assert [outcome.ok for outcome in finish(exchange, reply({"messageId": "m"}))] == [False, True]


def test_a_batch_without_a_valid_push_makes_no_request() -> None:
    """Each push has its outcome."""
    outcomes = result(OPPO.push([push(""), push("a;b")]))

    assert [outcome.status for outcome in outcomes] == [Status.NOT_SENT, Status.NOT_SENT]


def test_a_refused_request_keeps_the_outcomes_made_before() -> None:
    """The refusal of the request is not the outcome of pushes that were not in it."""
    exchange = OPPO.push([push("a"), push("x" * 257), push("c")])
    next(exchange)

    with pytest.raises(AccessExpired) as caught:
        exchange.send(reply(None, code=11))

    assert {place: outcome.reason for place, outcome in caught.value.kept.items()} == {1: Reason.UNREGISTERED}


def test_no_reply_is_no_verdict() -> None:
    """Without a reply the plug-in makes no outcome."""
    exchange = OPPO.push([push("a")])
    next(exchange)

    with pytest.raises(NoVerdict):
        exchange.throw(NoVerdict("timeout"))


def test_a_notification_is_encoded_once(counted: list[str]) -> None:
    """A thousand phones with one notification need one encoding, and each message has its own target and id."""
    odd = Notification("Hi", "You have mail", subtitle="Now")

    request = first(OPPO.push([push(f"t{number}", dedupe_id=f"d{number}") for number in range(1000)]))
    first(OPPO.push([push(f"t{number}", odd) for number in range(1000)]))

    messages = json.loads(form(request)["messages"])
    assert counted == ["encode_ordinary", "encode_ordinary", "encode_notification"]
    assert [message["target_value"] for message in messages] == [f"t{number}" for number in range(1000)]
    assert [message["notification"]["app_message_id"] for message in messages] == [f"d{n}" for n in range(1000)]


def test_without_a_reply_outcomes_made_before_are_kept() -> None:
    """A push that was not in the request keeps its own outcome; the core decides on the others."""
    exchange = OPPO.push([push("a"), push("x" * 257), push("c")])
    next(exchange)

    with pytest.raises(NoVerdict) as silent:
        exchange.throw(NoVerdict("timeout"))

    assert [(place, one.status, one.reason) for place, one in silent.value.kept.items()] == [
        (1, Status.NOT_SENT, Reason.UNREGISTERED)
    ]


def test_a_failed_broadcast_keeps_the_outcomes_made_before() -> None:
    """The same for tokens of a broadcast: one that cannot be sent to keeps its own outcome, by its place."""
    exchange = OPPO.broadcast(Broadcast(7005, NOTE, Audience.of_tokens(["a", "b;c", "d"])), "saved")
    next(exchange)

    with pytest.raises(NoVerdict) as silent:
        exchange.throw(NoVerdict("timeout"))

    assert [(place, one.reason) for place, one in silent.value.kept.items()] == [(1, Reason.INVALID_NOTIFICATION)]
