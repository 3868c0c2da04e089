"""Calls other than sending that are refused without a request: what a dialect lacks, and wrong arguments."""

from __future__ import annotations

from typing import Any

import pytest
from exchanges import SETTINGS, first, refusal
from pictures import png
from pushgateway_oppo import Oppo

from pushgateway.vendor import Call, Reason

TOKEN = "CN_0123456789abcdef0123456789abcdef"
OLD, NEW = Oppo(**SETTINGS), Oppo(**SETTINGS, dialect="current")
PICTURE = png(876, 324)

# What a dialect lacks


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (OLD.add_tag("sport"), 'add_tag: dialect = "v1.3" has no such call; dialect = "current" has it'),
        (OLD.invalid_tokens(), 'invalid_tokens: dialect = "v1.3" has no such call; dialect = "current" has it'),
        (OLD.push_permit(), 'push_permit: dialect = "v1.3" has no such call; dialect = "current" has it'),
        (
            OLD.upload_picture("big", b"no picture"),
            'upload_big_picture: dialect = "v1.3" has no such call; dialect = "current" has it',
        ),
        (OLD.add_tag_group("g", ["a"]), 'add_tag_group: dialect = "v1.3" has no such call; dialect = "current" has it'),
    ],
)
def test_a_call_that_a_dialect_lacks_names_the_one_that_has_it(call: Call[Any], sentence: str) -> None:
    """It is `UNSUPPORTED` before the arguments are checked."""
    refused = refusal(call)

    assert (refused.reason, refused.detail) == (Reason.UNSUPPORTED, sentence)


def test_a_call_for_the_mainland_only_is_refused_overseas() -> None:
    """OPPO's SDK refuses pictures overseas, and no overseas feedback host is known, unless a setting names one."""
    abroad = Oppo(**SETTINGS, dialect="current", home_region="overseas")
    knowing = Oppo(**SETTINGS, dialect="current", home_region="overseas", feedback_host="https://feedback.example")

    assert refusal(abroad.upload_picture("big", PICTURE)).detail == (
        "upload_big_picture: OPPO has no known overseas host for it; see media_host"
    )
    assert refusal(abroad.invalid_tokens()).reason is Reason.UNSUPPORTED
    assert knowing.invalid_tokens().region == "overseas"
    assert first(knowing.invalid_tokens().begin()).url.startswith("https://feedback.example/")


# What is wrong with arguments


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (NEW.subscribe_alias(TOKEN, " "), "alias: an alias must not be blank"),
        (NEW.subscribe_alias(TOKEN, "a;b"), "alias: an alias must not be blank"),
        (NEW.subscribe_alias(TOKEN, "a\nb"), "alias: an alias must not be blank"),
        (NEW.subscribe_alias(TOKEN, 5), "alias: an alias must be a str, is int"),  # type: ignore[arg-type]
        (NEW.subscribe_alias(7, "ann"), "token: must be a str, is int"),  # type: ignore[arg-type]
        (NEW.subscribe_tags(TOKEN, "sport"), "tags: must be a list of str, is str"),
        (NEW.subscribe_tags(TOKEN, 5), "tags: must be a list of str, is int"),  # type: ignore[arg-type]
        (NEW.subscribe_tags(TOKEN, []), "tags: must name at least one tag"),
        (NEW.subscribe_tags(TOKEN, ["a", " "]), "tags: must not be blank"),
        (NEW.subscribe_tags(TOKEN, ["a", 5]), "tags: must be a str, is int"),  # type: ignore[list-item]
        (NEW.subscribe_tags(TOKEN, ["a;b"]), "tags: a tag must hold no ';'"),
        (OLD.unsubscribe_tags(TOKEN, ["a,b"]), "tags: a tag must hold no ','"),
        (NEW.add_tag(""), "name: must not be blank"),
        (NEW.add_tag("a", 5), "description: must be a str, is int"),  # type: ignore[arg-type]
        (NEW.add_tag_group("\x00", ["a"]), "group: must not be blank"),
        (OLD.statistics(), "message_id: must be given, or else task_id"),
        (OLD.statistics("a b"), "message_id: must be an id"),
        (OLD.statistics("m", "t\n"), "task_id: must be an id"),
        (OLD.statistics("m", region="moon"), "region: must be cn or overseas"),
        (NEW.upload_picture("huge", PICTURE), "kind: must be one of big, small"),
        (NEW.upload_picture("big", "text"), "content: must be bytes, is str"),  # type: ignore[arg-type]
        (NEW.upload_picture("big", b"GIF89a" + bytes(60)), "content: must be a whole PNG or JPEG picture"),
        (NEW.upload_picture("big", PICTURE[:20]), "content: must be a whole PNG or JPEG picture"),
        (NEW.upload_picture("big", png(877, 324)), "content: must have 876x324 or 984x369 pixels, has 877x324"),
        (NEW.upload_picture("small", PICTURE), "content: must have 144x144 pixels, has 876x324"),
        (NEW.upload_picture("big", PICTURE, 0), "ttl: must be a whole number of seconds, 1 or more"),
        (NEW.upload_picture("big", PICTURE, True), "ttl: must be a whole number of seconds, 1 or more"),
        (NEW.upload_picture("big", PICTURE, 1.5), "ttl: must be a whole number"),  # type: ignore[arg-type]
    ],
)
def test_wrong_arguments_are_refused_without_a_request(call: Call[Any], sentence: str) -> None:
    """`INVALID_NOTIFICATION` with the argument and what is allowed."""
    refused = refusal(call)

    assert refused.reason is Reason.INVALID_NOTIFICATION
    assert refused.detail.startswith(sentence)


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        *((dirty, Reason.INVALID_NOTIFICATION) for dirty in ("", "a b", "a;b", "cn_a", '"CN_a"')),
        ("x" * 257, Reason.UNREGISTERED),
    ],
)
def test_a_text_that_cannot_be_a_token_has_the_reason_that_pushes_have(token: str, reason: Reason) -> None:
    """A damaged text is a fault of the input, a text too long for a token is `UNREGISTERED`, in both dialects."""
    reasons = {
        refusal(call).reason
        for oppo in (OLD, NEW)
        for call in (
            oppo.subscribe_alias(token, "a"),
            oppo.unsubscribe_alias(token, "a"),
            oppo.subscribe_tags(token, ["a"]),
            oppo.get_tags(token),
        )
    }

    assert reasons == {reason}
