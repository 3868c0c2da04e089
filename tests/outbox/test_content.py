"""Pushes and outcomes as stored texts: nothing is lost, and what is not known is refused as a whole."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushgateway import (
    Alert,
    Badge,
    Button,
    FieldError,
    Notification,
    OpenActivity,
    OpenApp,
    OpenIntent,
    OpenIntentUri,
    OpenUrl,
    Outcome,
    Push,
    PushToken,
    Reason,
    Status,
)
from pushgateway.model.frozen import same
from pushgateway.model.intent import Priority
from pushgateway.model.notification import Network
from pushgateway.model.push import Owner
from pushgateway.outbox.content import (
    Unreadable,
    decode_content,
    decode_context,
    decode_outcome,
    encode_context,
    encode_outcome,
    encode_push,
    push_of,
)
from pushgateway.outbox.store import Leased

TOKEN = PushToken(7005, "令牌")
WHOLE = Notification(
    "标题",
    "body \ud800",
    subtitle="",
    click=OpenUrl("https://a.example"),
    data={"a": [1, 1.0, True, None, {"b": -0.0}], "": 2**70},
    ttl=0,
    store_offline=False,
    dedupe_id="message-1",
    network=Network.WIFI,
    time_zone="GMT+08:00",
    show_from=datetime(2026, 11, 29, 8, 0, 0, 5, tzinfo=timezone(timedelta(hours=8))),
    show_until=datetime(2026, 11, 29, 8, tzinfo=UTC),
    receipt_url="https://b.example",
    receipt_parameter="p",
    channel_id="c",
    intent="call",
    parameters={"name": "Ann"},
    badge=Badge.add(3),
    replace_key="chat-1",
    alert=Alert.URGENT,
    sound="ring.mp3",
    long_body="long",
    picture="https://c.example/p.png",
    icon="https://c.example/i.png",
    buttons=(Button("yes", OpenActivity("a.B")), Button("no")),
    group="g",
    show_in_foreground=False,
    user_id="ann",
    overrides={"oppo": {"off_line": True}},
)


def leased(push: Push) -> Leased:
    """The entry of a push."""
    address = (push.dedupe_id, push.push_token.certificate_id, push.push_token.token, push.priority.value)
    owner = attrs.astuple(push.owner) if push.owner else (None, None, 0, 0)
    content = (encode_push(push), encode_context(push.context))
    return Leased(1, 1, *address, *content, *owner[:2], 0.0, 0.0, None, 1, *owner[2:], 0, 0, False, 0)


def read(push: Push, timeout: float = 60.0) -> Push:
    """The push after it was stored and read."""
    entry = leased(push)
    return push_of(decode_content(entry.content), entry, push.push_token, timeout)


def test_the_example_uses_every_field() -> None:
    """A field that is added to a notification must be added to the example here, so that its storing is tested."""
    plain = Notification("", "")
    same_as_default = [f.name for f in attrs.fields(Notification) if getattr(WHOLE, f.name) == getattr(plain, f.name)]

    assert same_as_default == []
    assert {field.name for field in attrs.fields(Push)} == {
        *("push_token", "notification", "timeout", "dedupe_id", "coalesce", "priority", "context", "callback"),
        "owner",
    }


@pytest.mark.parametrize(
    "notification",
    [
        WHOLE,
        Notification("t", "b"),
        *(
            Notification("t", "b", click=click)
            for click in (OpenApp(), OpenIntent("a"), OpenActivity("b"), OpenUrl("c"), OpenIntentUri("intent://d"))
        ),
    ],
)
def test_a_push_is_read_as_it_was_stored(notification: Notification) -> None:
    """Every field of the notification and of the push comes back, equal in value and type."""
    push = Push(
        TOKEN,
        notification,
        timeout=5.5,
        dedupe_id="id-1",
        coalesce=False,
        priority=Priority.BULK,
        context={"row": [1, None]},
        owner=Owner("安", "phone-1", 7, 2),
    )

    found = read(push)

    assert found == push
    assert found.context == push.context
    assert same(found.notification.data, push.notification.data)


def test_what_is_usual_is_short() -> None:
    """Fields with their default value are not stored: a plain push needs few bytes more than its texts."""
    assert (
        encode_push(Push(TOKEN, Notification("标题", "b")))
        == '{"form":1,"notification":{"title":"标题","body":"b"}}'.encode()
    )


@pytest.mark.parametrize(("own", "expected"), [(None, 60.0), (59.0, 59.0), (61.0, 60.0)])
def test_the_shorter_time_counts(own: float | None, expected: float) -> None:
    """A push has its own timeout, but no more than the worker gives one try."""
    assert read(Push(TOKEN, WHOLE, timeout=own)).timeout == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.text(), st.text(), st.dictionaries(st.text(), JSON, max_size=3), JSON)
def test_any_text_and_data(title: str, body: str, data: dict[str, Any], context: Any) -> None:
    """Whatever a notification and a context can hold is read as it was stored."""
    try:
        push = Push(TOKEN, Notification(title, body, data=data), context=context)
        stored = encode_context(context)
    except FieldError:  # for example a lone surrogate in a key, or too long a number
        return

    found = read(push)

    assert found.notification == push.notification
    assert decode_context(stored) == context


@pytest.mark.parametrize(
    "context", [object(), b"bytes", {"a": {1, 2}}, float("nan"), {1: 2}, pytest.param(10**5000, id="a long number")]
)
def test_a_context_that_json_cannot_hold(context: object) -> None:
    """It is refused when it is put, because it could not be handed back later."""
    with pytest.raises(FieldError, match=r"Push\.context"):
        encode_context(context)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"form":2,"notification":{"title":"secret"}}', "was written in form 2, this program reads form 1"),
        (
            b'{"form":1,"notification":{"title":"secret","colour":"red"}}',
            "a field of the notification is not known: colour",
        ),
        (b'{"form":1,"notification":{"title":"secret"},"until":5}', "a field of the push is not known: until"),
        (b'{"form":1,"notification":{"title":"secret","click":["OpenDoor","x"]}}', "is damaged (KeyError)"),
        (
            b'{"form":1,"notification":{"title":"secret","ttl":-5}}',
            "Notification.ttl: must be whole seconds, 0 or more, or None",
        ),
        (b'{"form":1,"notification":{"title":5}}', "Notification.title: must be a str, is int"),
        (b'{"form":1}', "is damaged (KeyError)"),
        (b'{"form":1,"notification":{"title":"sec', "is damaged (JSONDecodeError)"),
        (b"[]", "is damaged (TypeError)"),
        (b"\xff", "is damaged (UnicodeDecodeError)"),
        (b"", "is damaged (JSONDecodeError)"),
    ],
)
def test_what_cannot_be_read_is_said_without_quoting_it(text: bytes, said: str) -> None:
    """A newer form, an unknown field and damage are each named; nothing of the text is quoted or read in part."""
    with pytest.raises(Unreadable) as error:
        decode_content(text)

    assert str(error.value) == said
    assert error.value.__cause__ is None


@given(st.binary(max_size=80))
def test_no_bytes_make_another_exception(text: bytes) -> None:
    """Any damaged content gives `Unreadable` or a notification."""
    try:
        found = decode_content(text)
    except Unreadable:
        return
    assert isinstance(found.notification, Notification)


def test_a_priority_that_is_not_known() -> None:
    """It makes the entry unreadable, as an unknown field does."""
    entry = leased(Push(TOKEN, WHOLE))._replace(priority=9)

    with pytest.raises(Unreadable, match="is damaged"):
        push_of(decode_content(entry.content), entry, TOKEN, 5.0)


FULL = Outcome(
    push_token=TOKEN,
    status=Status.REJECTED,
    reason=Reason.MUTED,
    message_id="m",
    vendor_code="5",
    vendor_message="文",
    detail="d",
    retry_after=0.0,
    attempts=3,
    truncated=("title",),
    omitted=("group", "badge"),
    possible_duplicate=True,
    repeated=True,
    handle="h",
    dedupe_id="id-1",
    context=5,
)


@pytest.mark.parametrize(
    "outcome",
    [
        FULL,
        Outcome(push_token=TOKEN, status=Status.ACCEPTED, dedupe_id="id-1", context=5),
        Outcome(push_token=TOKEN, status=Status.UNKNOWN, reason=Reason.NO_VERDICT, dedupe_id="id-1", context=5),
    ],
)
def test_an_outcome_is_read_as_it_was_stored(outcome: Outcome) -> None:
    """Every field comes back; push token, id and context are those of the push."""
    found = decode_outcome(encode_outcome(outcome), TOKEN, "id-1", 5)

    assert found == outcome
    assert found.context == outcome.context


def test_the_example_outcome_uses_every_field() -> None:
    """A field that is added to an outcome must be added to the example here."""
    plain = Outcome(push_token=PushToken(1, ""), status=Status.ACCEPTED)

    assert [f.name for f in attrs.fields(Outcome) if getattr(FULL, f.name) == getattr(plain, f.name)] == []


@pytest.mark.parametrize("text", [b"", b"[]", b'{"status":"lost"}', b'{"status":"accepted","colour":1}', b"\xff"])
def test_an_outcome_that_cannot_be_read(text: bytes) -> None:
    """Its push has ended, so it is reported as ended, without a verdict."""
    found = decode_outcome(text, TOKEN, "id-1", None)

    assert (found.status, found.reason) == (Status.UNKNOWN, Reason.NO_VERDICT)
    assert found.detail == "the stored outcome cannot be read"


def test_texts_are_json() -> None:
    """Both are JSON, so that an operator can read them with any tool."""
    assert json.loads(encode_push(Push(TOKEN, WHOLE)))["form"] == 1
    assert json.loads(encode_outcome(FULL))["status"] == "rejected"
