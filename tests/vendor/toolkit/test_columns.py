"""Requests that hold different notifications, as JSON in a form field."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolkit_rules import RULES

from pushgateway.model.batch import Batch
from pushgateway.model.click import OpenUrl
from pushgateway.model.notification import Notification
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import CallBack, Push, PushToken
from pushgateway.model.reason import Reason
from pushgateway.vendor.text import form_quote
from pushgateway.vendor.toolkit.clicks import Click, Clicks
from pushgateway.vendor.toolkit.columns import Columns, Encoded, Frame, plain_addresses, quote_members
from pushgateway.vendor.toolkit.fields import Sheet
from pushgateway.vendor.toolkit.form_json import MOST_TAILS, FormEncoder
from pushgateway.vendor.toolkit.intents import IntentSetting, IntentTable

CLICKS = Clicks({OpenUrl: Click({"click.kind": 2}, "click.url")}, switch="click.kind")
SHEET = Sheet(RULES, "new", clicks=CLICKS)
WIRE = {"category": "category", "template": "template", "content_parameters": "template_text"}
INTENTS = IntentTable(
    RULES, "new", {"order": IntentSetting(category="IM", template="T", content_parameters=("body", "who"))}, WIRE
)
FRAME = Frame(
    opening=b"list=%5B",
    opening_of_one=b"one=",
    target=form_quote('{"to":"'),
    before=form_quote('","note":{'),
    beside=form_quote(',"note":{'),
    message_id=form_quote('"id":"'),
    end=form_quote("}}"),
)


def refuse(token: str) -> tuple[Reason, str] | None:
    return None if token.isalnum() and len(token) <= 9 else (Reason.INVALID_NOTIFICATION, "token: is odd")


def columns(ordinary: bool = True) -> Columns:
    return Columns(
        FRAME,
        lambda note: SHEET.build(note, intents=INTENTS),
        refuse,
        9,
        ordinary=FormEncoder(SHEET, INTENTS) if ordinary else None,
        callback=lambda _, callback: (form_quote(f'"back":"{callback.url}",'),),
    )


def batch(notes: list[Notification], tokens: list[str] | None = None, back: CallBack | None = None) -> Batch:
    names = tokens or [f"t{place}" for place in range(len(notes))]
    pairs = enumerate(zip(names, notes, strict=True))
    return Batch.of([Push(PushToken(7, to), note, dedupe_id=f"d{at}", callback=back) for at, (to, note) in pairs])


def encoded(made: Columns, pushes: Batch) -> tuple[list[Any], Encoded]:
    """The messages as any JSON reader sees them."""
    exchange = made.encode(pushes)
    try:
        while True:
            next(exchange)
    except StopIteration as done:
        result: Encoded = done.value
    name, _, text = unquote_plus(result.body.getvalue().decode("ascii")).partition("=")
    assert name == "list"
    return json.loads(text if len(result.places) > 1 else f"{text}]"), result


def note(body: str = "b", **fields: Any) -> Notification:
    return Notification("Hi", body, **fields)


@pytest.mark.parametrize("size", [1, 3, 8, 40, 600])
@pytest.mark.parametrize("kind", ["same", "different", "runs"])
def test_each_phone_gets_its_own(size: int, kind: str) -> None:
    """Token, id and notification stand together, in every way in which a batch is written."""
    own = [note(f"b{place}") for place in range(size)]
    notes = {"same": own[:1] * size, "different": own, "runs": [own[place // 3] for place in range(size)]}[kind]

    messages, result = encoded(columns(), batch(notes))

    assert [(one["to"], one["note"]["id"], one["note"]["text"]) for one in messages] == [
        (f"t{place}", f"d{place}", wanted.body) for place, wanted in enumerate(notes)
    ]
    assert list(result.places) == list(range(size))


def test_what_is_refused_cut_and_left_out() -> None:
    """By place; the others are sent, with the names of their fields."""
    notes = [note("b" * 21), note(" "), note(picture="https://a.example/"), note()]
    tokens = ["t0", "t1", "t2", "a b".replace(" ", ";")]

    messages, result = encoded(columns(), batch(notes, tokens))

    assert [one["to"] for one in messages] == ["t0", "t2"]
    assert result.truncated == [("body",), ()]
    assert result.omitted == [(), ("picture",)]
    assert {place: outcome.detail.partition(":")[0] for place, outcome in result.settled.items()} == {
        1: "body",
        3: "token",
    }
    assert result.sent.tokens == ["t0", "t2"]


def test_fields_beside_the_notification() -> None:
    """They come first, and the notification behind them."""
    messages, _ = encoded(columns(), batch([note(overrides={"acme": {"verify": True}}), note()]))

    assert messages[0]["verify"] is True
    assert messages[0]["note"]["text"] == "b"
    assert "verify" not in messages[1]


def test_receipts_are_asked_for_in_each_message() -> None:
    """The plug-in's own fields, before the message id."""
    messages, _ = encoded(columns(), batch([note()] * 9, back=CallBack("https://h.example/r", "p")))

    assert [one["note"]["back"] for one in messages] == ["https://h.example/r"] * 9


def test_a_single_push_is_written_as_in_a_batch() -> None:
    """The same message behind another opening."""
    made, one = columns(), batch([note("b" * 21, subtitle="s")])
    single = made.encode_single(one)
    _, result = encoded(made, one)

    assert not isinstance(single, Outcome)
    assert single == (result.body_of_one(), ("body",), ("subtitle",))
    assert isinstance(made.encode_single(batch([note()], ["x;y"])), Outcome)
    assert isinstance(made.encode_single(batch([note(" ")])), Outcome)


def test_a_long_batch_has_checkpoints() -> None:
    """Other tasks of the event loop run in between."""
    exchange = columns().encode(batch([note(f"b{place}") for place in range(1000)]))

    assert sum(1 for _ in exchange) >= 3


TEXT = st.text(max_size=25)


@given(
    st.lists(
        st.builds(
            Notification,
            TEXT,
            TEXT,
            data=st.dictionaries(TEXT, TEXT | st.integers(), max_size=2),
            ttl=st.none() | st.integers(0, 90_000),
            channel_id=st.none() | st.text("12x你", max_size=7),
            click=st.text('a&%"你', max_size=6).map(OpenUrl),
            intent=st.sampled_from([None, "chat", "order", "marketing"]),
            parameters=st.dictionaries(st.sampled_from(["who", "body", "x"]), TEXT | st.integers() | st.booleans()),
            subtitle=st.none() | st.just("s"),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_the_fast_encoder_writes_what_the_full_one_writes(notes: list[Notification]) -> None:
    """With and without it: the same fields, cuts, omissions and refusals."""
    fast, full = encoded(columns(), batch(notes)), encoded(columns(ordinary=False), batch(notes))

    assert fast[0] == full[0]
    assert (fast[1].truncated, fast[1].omitted) == (full[1].truncated, full[1].omitted)
    assert [fast[1].settled[place].detail for place in fast[1].settled] == [
        full[1].settled[place].detail for place in full[1].settled
    ]


def test_the_cache_of_the_fast_encoder_is_bounded() -> None:
    """Also where each notification has a channel of its own; a result is never another one's."""
    encoder = FormEncoder(SHEET, INTENTS)
    pieces = {encoder.encode(note(channel_id=str(number))) for number in range(2 * MOST_TAILS)}

    assert len(encoder.tails) <= MOST_TAILS
    assert len(pieces) == 2 * MOST_TAILS


@pytest.mark.parametrize(
    ("tokens", "plain"),
    [(["a", "B_1~.-"], True), (["a", "é"], False), (["a", "b c"], False), (["a", ""], False), (["a", "x" * 10], False)],
)
def test_addresses_are_checked_as_one_text(tokens: list[str], plain: bool) -> None:
    """Letters, digits and four signs need no quoting; anything else does."""
    pushes = Batch([PushToken(7, "x") for _ in tokens], [note()] * 2, ["d1", "d2"])
    pushes.tokens = tokens

    found = plain_addresses(pushes, 9)

    assert found == (([token.encode() for token in tokens], [b"d1", b"d2"]) if plain else None)
    assert plain_addresses(pushes, 9, lambda *_: True) is None or "_" not in "".join(tokens)


def test_members_are_quoted_for_a_form() -> None:
    """Flat, or nested where dots mean that."""
    fields = {"a": "你", "b.c": 1, "d": True}

    assert json.loads("{" + unquote_plus(quote_members(fields).decode()) + "}") == fields
    nested = json.loads("{" + unquote_plus(quote_members(fields, nested=True).decode()) + "}")
    assert nested == {"a": "你", "b": {"c": 1}, "d": True}
