"""What the plug-in cuts, leaves out and refuses beyond lengths: blanks, URLs, times, fields that depend on others."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from encoding import encode_notification, encoded_batch
from pushgateway_oppo.notification import RULES

from pushgateway.vendor import AudienceKind, Notification, Push, PushToken, Reason, Refused

V13, CURRENT = RULES.dialects["v1.3"], RULES.dialects["current"]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
EVERYONE = AudienceKind.EVERYONE
FAMILY = "👨‍👩‍👧‍👦"
INVALID, UNSUPPORTED = Reason.INVALID_NOTIFICATION, Reason.UNSUPPORTED


def note(**fields: Any) -> Notification:
    return Notification(**{"title": "Hi", "body": "You have mail", **fields})


def override(**fields: Any) -> Notification:
    return note(overrides={"oppo": fields})


def refusal(notification: Notification, dialect: Any, audience: AudienceKind | None = None) -> tuple[Reason, str]:
    with pytest.raises(Refused) as caught:
        encode_notification(notification, dialect, audience)
    return caught.value.reason, caught.value.detail


@pytest.mark.parametrize(
    ("fields", "name", "text", "cut"),
    [
        ({"subtitle": FAMILY}, "sub_title", "👨\u200d👩\u200d👧…", True),
        ({"subtitle": FAMILY[:-1]}, "sub_title", FAMILY[:-1], False),
        ({"title": "A" + "\u0301" * 40}, "title", "A" + "\u0301" * 30 + "…", True),
        ({"title": "A" + "\u0301" * 31}, "title", "A" + "\u0301" * 31, False),
        ({"title": " " * 40 + "hello"}, "title", "hello", True),
        ({"title": " " * 27 + "hello"}, "title", " " * 27 + "hello", False),
        ({"body": "\n" * 250 + "hello"}, "content", "hello", True),
        ({"body": "\x00 " * 250 + "hello"}, "content", "hello", True),
        ({"title": " " * 40 + "x" * 33}, "title", "x" * 31 + "…", True),
        ({"title": "\u200b\u3164" * 40 + "hello"}, "title", "hello", True),
    ],
)
def test_a_cut_text_still_shows_something(fields: dict[str, str], name: str, text: str, cut: bool) -> None:
    """A text that begins with blanks, or with one character of many code points, is cut at its front, and sent."""
    content = encode_notification(note(**fields), V13)

    assert content.fields[name] == text
    assert content.truncated == (tuple(fields) if cut else ())


@pytest.mark.parametrize("subtitle", ["", " ", "\n\t", "\x00", "\u3000" * 99, "\u3164", "\u200b"])
def test_a_blank_subtitle_is_left_out(subtitle: str) -> None:
    """The subtitle is optional, so a blank one does not prevent the push."""
    content = encode_notification(note(subtitle=subtitle), CURRENT)

    assert "sub_title" not in content.fields
    assert content.truncated == ()


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        ("https://example.org/r", True),
        ("HTTP://127.0.0.1:8000", True),
        ("banana", False),
        ("ftp://example.org", False),
        ("https://", False),
        ("https:///r", False),
        ("https://example.org/a b", False),
    ],
)
def test_a_receipt_url_must_be_an_http_url(url: str, fine: bool) -> None:
    """OPPO has to post to it, so any other text is refused before sending."""
    notification = note(receipt_url=url)

    if fine:
        assert encode_notification(notification, V13).fields["call_back_url"] == url
    else:
        assert refusal(notification, V13) == (
            INVALID,
            "receipt_url: must be a URL that begins with http:// or https://",
        )


@pytest.mark.parametrize("dialect", [V13, CURRENT], ids=["v1.3", "current"])
@pytest.mark.parametrize("name", ["show_start_time", "show_end_time", "push_start_time"])
@pytest.mark.parametrize(
    ("moment", "fine"),
    [(10**12, True), (10**12 - 1, False), (10**13 - 1, True), (10**13, False), (1_800_000_000, False), (0, False)],
)
def test_times_are_sent_in_milliseconds(dialect: Any, name: str, moment: int, fine: bool) -> None:
    """Thirteen digits. Seconds, the likely mistake, would be a day in January 1970."""
    notification = override(**{name: moment})

    if fine:
        assert encode_notification(notification, dialect, EVERYONE).fields[name] == moment
    else:
        reason, detail = refusal(notification, dialect, EVERYONE)
        assert reason is INVALID
        assert detail.startswith(f'overrides["oppo"]["{name}"]: must be at ')
        assert "milliseconds" in detail


@pytest.mark.parametrize(
    ("field", "other", "name"),
    [("show_from", "show_until", "show_end_time"), ("show_until", "show_from", "show_start_time")],
)
def test_the_current_dialect_needs_both_ends_of_a_display_window(field: str, other: str, name: str) -> None:
    """Page 11236 requires both; one alone is refused, and the missing one is named."""
    assert refusal(note(**{field: NOON}), CURRENT, EVERYONE) == (
        INVALID,
        f"{other}: OPPO needs {name} together with the other fields",
    )


@pytest.mark.parametrize(("field", "name"), [("show_from", "show_start_time"), ("show_until", "show_end_time")])
def test_v13_allows_a_display_window_with_one_end(field: str, name: str) -> None:
    """V1.3 requires neither."""
    content = encode_notification(note(**{field: NOON}), V13, EVERYONE)

    times = {key: value for key, value in content.fields.items() if key.startswith("show")}
    assert times == {"show_time_type": 1, name: 1_767_268_800_000}


PICTURE = {"style": 3, "big_picture_id": "p"}


@pytest.mark.parametrize(
    ("fields", "audience", "reason", "sentence"),
    [
        ({"style": 3}, None, UNSUPPORTED, 'overrides["oppo"]["style"]: 3 is for broadcasts only'),
        (PICTURE, None, UNSUPPORTED, 'overrides["oppo"]["big_picture_id"]: OPPO has it for broadcasts only'),
        ({"style": 3}, EVERYONE, INVALID, "big_picture_id: OPPO needs big_picture_id together with the other fields"),
        (
            {**PICTURE, "fix_speed": True, "fix_speed_rate": 1000},
            EVERYONE,
            INVALID,
            'overrides["oppo"]["style"]: 3 cannot be sent at a fixed speed: leave the rate out',
        ),
        ({"notify_level": 2}, None, INVALID, 'overrides["oppo"]["notify_level"]: OPPO needs category with it'),
        (
            {"private_title_parameters": {"a": "b"}},
            None,
            INVALID,
            'overrides["oppo"]["private_title_parameters"]: OPPO needs private_msg_template_id with it',
        ),
        (
            {"private_content_parameters": '{"a":"b"}'},
            None,
            INVALID,
            'overrides["oppo"]["private_content_parameters"]: OPPO needs private_msg_template_id with it',
        ),
        ({"category": ""}, None, INVALID, 'overrides["oppo"]["category"]: must have at least 1 character, is blank'),
    ],
)
def test_fields_that_need_or_exclude_each_other(
    fields: dict[str, Any], audience: AudienceKind | None, reason: Reason, sentence: str
) -> None:
    """Combinations that OPPO refuses with 40, 41, 54 and 67 are never sent, and no two errors contradict each other."""
    assert refusal(override(**fields), CURRENT, audience) == (reason, sentence)


@pytest.mark.parametrize(
    ("fields", "audience"),
    [
        (PICTURE, EVERYONE),
        ({**PICTURE, "fix_speed": False}, EVERYONE),
        ({"style": 2}, None),
        ({"category": "IM", "notify_level": 2}, None),
        ({"private_msg_template_id": "t", "private_title_parameters": {"a": "b"}}, None),
    ],
)
def test_fields_with_the_fields_they_need_are_sent(fields: dict[str, Any], audience: AudienceKind | None) -> None:
    """Together with the fields that they need, they are accepted."""
    content = encode_notification(override(**fields), CURRENT, audience)

    assert content.fields.keys() >= fields.keys()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("action_parameters", [1], "must be a JSON object"),
        ("action_parameters", "3", "must be a JSON object"),
        ("action_parameters", "[1]", "must be a JSON object"),
        ("action_parameters", '{"a":NaN}', "must be JSON, or made of what JSON can hold"),
        ("auditResponse", 5, "must be a JSON object, a list, or their text"),
        ("auditResponse", '{"a":-Infinity}', "must be JSON, or made of what JSON can hold"),
        ("auditResponse", "[" * 100_000, "must be JSON, or made of what JSON can hold"),
    ],
)
def test_only_json_objects_are_accepted_as_data(name: str, value: object, sentence: str) -> None:
    """Python's own decoder accepts NaN and Infinity, OPPO's does not; parameters must be an object."""
    assert refusal(override(**{name: value}), CURRENT) == (INVALID, f'overrides["oppo"]["{name}"]: {sentence}')


def test_the_dialect_that_has_a_field_is_named() -> None:
    """The sentence names the setting that the host can change, in an override too."""
    push = Push(PushToken(1, "a"), override(category="IM"))

    (outcome,) = encoded_batch([push], V13).settled.values()

    assert outcome.detail.startswith(
        'overrides["oppo"]["category"]: dialect = "v1.3" has no such field; dialect = "current" has it'
    )


def test_a_time_keeps_its_whole_milliseconds() -> None:
    """Fractions of a millisecond are cut, fractions of a second are not."""
    begin = datetime(2026, 1, 1, 0, 0, 0, 250_999, tzinfo=UTC)
    window = Notification("t", "b", show_from=begin, show_until=begin + timedelta(seconds=1))
    fields = encode_notification(window, CURRENT, EVERYONE).fields

    assert fields["show_start_time"] == 1_767_225_600_250
    assert fields["show_end_time"] == 1_767_225_601_250
    assert isinstance(fields["show_start_time"], int)
