"""The cache of quoted fields (`Tails`) of ordinary pushes: a push never gets fields of another one.

It also compares the two encoders in batches.
"""

import json
from typing import Any

import pytest
from encoding import CURRENT, V13, Tails, encode_batch, encode_unicast, message
from exchanges import first, push, result
from pushgateway_oppo import Oppo
from pushgateway_oppo.intents import OppoIntent

from pushgateway.vendor import (
    CallBack,
    Intent,
    Notification,
    OpenActivity,
    OpenApp,
    OpenIntent,
    OpenUrl,
    Push,
    PushToken,
    Secret,
)
from pushgateway.vendor.rules import Dialect
from pushgateway.vendor.toolkit.form_json import MOST_TAILS


def sent(note: Notification, tails: Tails, dialect: Dialect = CURRENT) -> dict[str, Any]:
    """The fields of a single push, encoded with this cache."""
    encoded = result(encode_batch([Push(PushToken(1, "CN_a"), note)], dialect, None, tails))
    fields: dict[str, Any] = message(encode_unicast(encoded, dialect)[1])["notification"]
    return fields


def test_marketing_after_chat_has_its_own_category() -> None:
    """The two notifications differ in their intent only.

    Sent under chat's category, marketing would escape OPPO's daily limit, and OPPO would take away the app's right to
    that category.
    """
    tails: Tails = {}
    categories = [
        sent(Notification("t", "b", intent=intent), tails).get("category")
        for intent in (Intent.CHAT, Intent.MARKETING, None, Intent.CHAT)
    ]

    assert categories == ["IM", "MARKETING", None, "IM"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"channel_id": "a"}, {"channel_id": "b"}),
        ({"channel_id": "a"}, {}),
        ({"ttl": 60}, {"ttl": 61}),
        ({"ttl": 60}, {}),
        ({"click": OpenIntent("com.example.A")}, {"click": OpenIntent("com.example.B")}),
        ({"click": OpenIntent("com.example.A")}, {"click": OpenActivity("com.example.A")}),
        ({"click": OpenIntent("com.example.A")}, {"click": OpenUrl("com.example.A")}),
        ({"click": OpenIntent("com.example.A")}, {"click": OpenApp()}),
    ],
)
def test_each_push_has_its_own_tap_ttl_and_channel(one: dict[str, Any], other: dict[str, Any]) -> None:
    """After any other push of the certificate, a push has the same fields as alone."""
    tails: Tails = {}
    notes = [Notification("t", "b", **fields) for fields in (one, other, one)]

    assert [sent(note, tails) for note in notes] == [sent(note, {}) for note in notes]
    assert sent(notes[0], {}) != sent(notes[1], {})


def test_the_cache_is_bounded() -> None:
    """Also when each push has a channel or a tap of its own."""
    tails: Tails = {}
    for number in range(3 * MOST_TAILS):
        sent(Notification("t", "b", channel_id=f"c{number}"), tails)
        assert len(tails) <= MOST_TAILS

    assert tails


def test_each_dialect_has_limits_and_fields_of_its_own() -> None:
    """A process may have certificates of both dialects."""
    note = Notification("题" * 25, "b")

    assert [len(sent(note, {}, dialect)["title"]) for dialect in (V13, CURRENT, V13)] == [25, 25, 25]
    assert "channel_id" in sent(Notification("t", "b", channel_id="c"), {}, CURRENT)


@pytest.mark.parametrize("channel", ["mine", None])
def test_an_own_channel_wins_over_that_of_the_intent(channel: str | None) -> None:
    """In the fast encoder too."""
    vendor = Oppo(
        app_key="key", master_secret=Secret("s"), dialect="current", intents={"chat": OppoIntent(channel_id="chat")}
    )
    request = first(vendor.push([push("CN_a", Notification("t", "b", intent=Intent.CHAT, channel_id=channel))]))

    assert message(request.content)["notification"]["channel_id"] == (channel or "chat")


@pytest.mark.parametrize("channel", ['a"b', "a b", "a&b=c", "频道", "a\\b"])
def test_a_channel_with_special_characters_is_quoted(channel: str) -> None:
    """It is quoted like a text."""
    assert sent(Notification("t", "b", channel_id=channel), {})["channel_id"] == channel


@pytest.mark.parametrize("target", ['com.example."A"', "a b", "a&b=c", "意图", "a\\b"])
def test_a_tap_target_with_special_characters_is_quoted(target: str) -> None:
    """It is quoted like a text."""
    note = Notification("t", "b", click=OpenIntent(target))

    assert sent(note, {}, V13)["click_action_activity"] == target


@pytest.mark.parametrize("title", ['say "hi"', "C:\\temp", "100% & +1 = 2", "a\tb", "<b>"])
def test_a_title_with_special_characters_is_quoted(title: str) -> None:
    """In JSON inside a form."""
    fields = sent(Notification(title, title), {})

    assert (fields["title"], fields["content"]) == (title, title)


@pytest.mark.parametrize("count", [1, 2, 20])
def test_both_encoders_name_the_fields_that_were_cut(count: int) -> None:
    """A notification with a subtitle is encoded by the full encoder."""
    cut = [Notification("题" * 60, "b"), Notification("题" * 60, "b", subtitle="s"), Notification("t", "b")]
    pushes = [Push(PushToken(1, f"CN_{number}"), cut[number % 3], dedupe_id=f"d{number}") for number in range(count)]
    encoded = result(encode_batch(pushes, CURRENT))

    assert encoded.truncated == [(("title",), ("title",), ())[number % 3] for number in range(count)]


@pytest.mark.parametrize("subtitle", [None, "s"])
@pytest.mark.parametrize("form", ["object", "text"])
def test_both_encoders_send_parameters_in_the_form_of_the_setting(form: str, subtitle: str | None) -> None:
    """A notification with a subtitle is encoded by the full encoder."""
    table = {"chat": OppoIntent(template="66f0", content_parameters=("text",))}
    vendor = Oppo(app_key="key", master_secret=Secret("s"), dialect="current", intents=table, template_parameters=form)
    note = Notification("t", "b", subtitle=subtitle, intent=Intent.CHAT, parameters={"text": 'a "b"'})
    fields = message(first(vendor.push([push("CN_a", note)])).content)["notification"]

    parameters = fields["private_content_parameters"]
    assert isinstance(parameters, str) is (form == "text")
    assert (json.loads(parameters) if isinstance(parameters, str) else parameters) == {"text": 'a "b"'}


@pytest.mark.parametrize("title", ["t", "t\x07"])
@pytest.mark.parametrize("subtitle", [None, "s"])
def test_both_encoders_clean_parameters_and_own_texts(subtitle: str | None, title: str) -> None:
    """A control character in a template's parameter is dropped as in a title; a lone surrogate becomes U+FFFD."""
    table = {"chat": OppoIntent(template="66f0", title_parameters=("title",), content_parameters=("text",))}
    vendor = Oppo(app_key="key", master_secret=Secret("s"), dialect="current", intents=table)
    note = Notification(title, "b", subtitle=subtitle, intent=Intent.CHAT, parameters={"text": "a\x00b\ud800"})
    fields = message(first(vendor.push([push("CN_a", note)])).content)["notification"]

    assert fields["private_title_parameters"] == {"title": "t"}
    assert fields["private_content_parameters"] == {"text": "ab\ufffd"}


def test_each_phone_of_a_batch_gets_its_own_body_under_one_title() -> None:
    """Notifications of one sender have the same title; each phone gets its own text; some share one."""
    notes = [Notification("Ann", body) for body in ("one", "two", "three")]
    order = [0, 0, 1, 1, 1, 2, 0, 2, 2, 1] * 10
    pushes = [
        Push(PushToken(1, f"CN_{place}"), notes[number], dedupe_id=f"d{place}") for place, number in enumerate(order)
    ]
    encoded = result(encode_batch(pushes, CURRENT))
    messages = message(encode_unicast(encoded, CURRENT)[1], "messages")

    assert [(one["target_value"], one["notification"]["content"]) for one in messages] == [
        (f"CN_{place}", notes[number].body) for place, number in enumerate(order)
    ]


def test_receipts_are_asked_for_in_a_batch_of_any_size() -> None:
    """With one notification for all, or one for each: every message has its URL and parameter for receipts."""
    for notes in ([Notification("t", "b")] * 20, [Notification("t", str(number)) for number in range(20)]):
        pushes = [
            Push(
                PushToken(1, f"CN_{place}"),
                note,
                dedupe_id=f"d{place}",
                callback=CallBack("https://h.example/r", f"p{place}"),
            )
            for place, note in enumerate(notes)
        ]
        messages = message(encode_unicast(result(encode_batch(pushes, CURRENT)), CURRENT)[1], "messages")

        fields = [one["notification"] for one in messages]
        assert {one["call_back_url"] for one in fields} == {"https://h.example/r"}
        assert [one["call_back_parameter"] for one in fields] == [f"p{place}" for place in range(20)]


@pytest.mark.parametrize("refused", [{0}, {3, 4, 17}, set(range(64)), set(range(65)), set(range(0, 150, 3)), {149}])
def test_refused_pushes_do_not_shift_the_others(refused: set[int]) -> None:
    """Wherever in the batch a text is blank, each other text goes to its own phone."""
    pushes = [
        Push(
            PushToken(1, f"CN_{place}"),
            Notification("t", "" if place in refused else f"b{place}"),
            dedupe_id=f"d{place}",
        )
        for place in range(150)
    ]
    encoded = result(encode_batch(pushes, CURRENT))
    messages = message(encode_unicast(encoded, CURRENT)[1], "messages")

    kept = [place for place in range(150) if place not in refused]
    assert [(one["target_value"], one["notification"]["content"]) for one in messages] == [
        (f"CN_{place}", f"b{place}") for place in kept
    ]
    assert [one["notification"]["app_message_id"] for one in messages] == [f"d{place}" for place in kept]
    assert list(encoded.places) == kept
    assert encoded.sent.tokens == [f"CN_{place}" for place in kept]
    assert encoded.settled.keys() == refused
    assert all(encoded.settled[place].push_token == pushes[place].push_token for place in refused)
