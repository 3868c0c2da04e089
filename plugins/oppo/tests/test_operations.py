"""The calls other than sending, driven by hand: which request is sent where, and how OPPO's replies are read.

The samples of the documents are used in both directions. Wrong arguments are in `test_operations_refused`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from exchanges import MAINLAND, OVERSEAS, SETTINGS, finish, first, form, refusal, reply
from pictures import jpeg, png
from pushgateway_oppo import Alias, InvalidTokens, Oppo, Picture, RawReply, Tag, Tags
from pushgateway_oppo.notification import RULES

from pushgateway.certificates.certificate import Certificate
from pushgateway.certificates.plugins import Plugins
from pushgateway.certificates.settings import load_vendors
from pushgateway.model.errors import ConfigError
from pushgateway.vendor import Call, FieldError, NoVerdict, Reason, Refused, Response, Statistics

TOKEN = "CN_0123456789abcdef0123456789abcdef"
ABROAD = "OPPO_EUEX_0123456789abcdef0123456789abcdef"
OLD, NEW = Oppo(**SETTINGS), Oppo(**SETTINGS, dialect="current")
HOSTS = {name: host.url for name, host in RULES.dialects["current"].hosts.items()}
PICTURE = png(876, 324)


def answered(call: Call[Any], *replies: Response) -> Any:
    """The result of a call for these replies, one per request of the call."""
    exchange = call.begin()
    next(exchange)
    for each in replies[:-1]:
        exchange.send(each)
    return finish(exchange, replies[-1])


def sample(samples: Path, name: str) -> Response:
    return Response(200, {}, (samples / name).read_bytes())


# The documents' samples, in both directions


def test_alias_samples(samples: Path) -> None:
    """V1.3 sends a form and its reply repeats alias and phone; `current` sends JSON, and its reply has no data."""
    old, new = OLD.subscribe_alias(TOKEN, "ann"), NEW.subscribe_alias(TOKEN, "ann")
    asked_old, asked_new = first(old.begin()), first(new.begin())

    assert asked_old.content == (samples / "subscribe_alias.request.form").read_bytes().strip()
    assert asked_new.content == (samples / "set_alias_today.request.json").read_bytes().strip()
    assert (asked_old.url, asked_new.url) == (
        f"{MAINLAND}/server/v1/subscribe_alias",
        f"{HOSTS['device']}/server/v1/device/set_alias",
    )
    assert answered(old, sample(samples, "subscribe_alias.reply.json")) == Alias(TOKEN, "ann")
    assert answered(new, sample(samples, "set_alias_today.reply.json")) == Alias(TOKEN, "ann")


def test_tag_samples(samples: Path) -> None:
    """V1.3 separates tags by commas, `current` by semicolons.

    A tag that the reply lacks was skipped; one listed twice is returned once.
    """
    old, new = OLD.subscribe_tags(TOKEN, ["tag1", "tag2", "tag3"]), NEW.subscribe_tags(TOKEN, iter(["tag1", "tag2"]))
    tags = (Tag("tag1", "66f0483c9e8d725350a5afdb"), Tag("tag2", "66f0483c9e8d725350a5afdc"))

    assert first(old.begin()).content == (samples / "subscribe_tags.request.form").read_bytes().strip()
    for _ in range(2):  # begun anew after a login, it says the same, though the tags came from an iterator
        assert first(new.begin()).content == (samples / "subscribe_tags_today.request.json").read_bytes().strip()
    assert answered(old, sample(samples, "subscribe_tags.reply.json")) == Tags(TOKEN, tags, ("tag3",))
    assert answered(OLD.get_tags(TOKEN), sample(samples, "get_tags.reply.json")).names == ("Smart1", "Smart2")


def test_statistics_sample(samples: Path) -> None:
    """Six figures by GET; the URL holds nothing but the ids that were given."""
    call = OLD.statistics("m-1", "t-1")
    asked = first(call.begin())

    assert (asked.method, asked.url) == ("GET", f"{MAINLAND}/server/v1/message/statistics?message_id=m-1&task_id=t-1")
    assert first(OLD.statistics(task_id="t-1").begin()).url.endswith("/statistics?task_id=t-1")
    assert answered(call, sample(samples, "statistics.reply.json")) == Statistics(
        targets=1222, valid=111, sent=111, arrived=777, shown=888, opened=888
    )


def test_samples_of_the_feedback_and_media_hosts(samples: Path) -> None:
    """The only documented reply of the feedback host, and the reply to an upload."""
    dead, picture = NEW.invalid_tokens(), NEW.upload_picture("big", PICTURE)

    assert answered(dead, sample(samples, "invalid_tokens_today.reply.json")) == InvalidTokens((TOKEN,), 1)
    assert answered(picture, sample(samples, "big_picture_today.reply.json")) == Picture(
        "big", "66f0aaaaaaaaaaaaaaaaaaaa"
    )
    assert first(dead.begin()).url == f"{HOSTS['feedback']}/server/v1/feedback/fetch_invalid_regidList"
    assert first(picture.begin()).url == f"{HOSTS['media']}/server/v1/media/upload/big_picture"


# Hosts, regions and paths


def test_a_call_goes_to_the_host_of_its_tokens_region() -> None:
    """V1.3's calls go to the host of the token's region, with an access token of that region."""
    calls = [OLD.get_tags(TOKEN), OLD.get_tags(ABROAD), NEW.get_tags(ABROAD)]

    assert [call.region for call in calls] == ["cn", "overseas", "overseas"]
    assert [first(call.begin()).url.split("/server")[0] for call in calls] == [MAINLAND, OVERSEAS, HOSTS["device"]]


def test_every_host_can_be_set() -> None:
    """A setting replaces the host of the rules for its own calls, with or without a slash at the end."""
    moved = Oppo(
        **SETTINGS,
        dialect="current",
        device_host="https://device.example/",
        media_host="https://media.example",
        feedback_host="https://feedback.example",
    )
    calls = [moved.get_tags(TOKEN), moved.upload_picture("big", PICTURE), moved.invalid_tokens(), moved.push_permit()]

    assert [first(call.begin()).url.split("/server")[0] for call in calls] == [
        "https://device.example",
        "https://media.example",
        "https://feedback.example",
        "https://feedback.example",
    ]


def test_a_path_that_no_source_shows_is_a_setting() -> None:
    """The setting `paths` gives a path that the rules lack, such as that of `get_alias`.

    It cannot change a known path or add a call.
    """
    knowing = Oppo(**SETTINGS, dialect="current", paths={"get_alias": "/server/v1/device/alias"})

    assert first(knowing.get_alias(TOKEN).begin()).url == f"{HOSTS['device']}/server/v1/device/alias"
    assert refusal(knowing.statistics("m")).reason is Reason.UNSUPPORTED
    for wrong in ({"unicast": "/x"}, {"get_alias": "x"}, {"get_alias": "/a?b"}, {"moon": "/x"}, {"get_alias": 5}):
        with pytest.raises(FieldError, match="paths"):
            Oppo(**SETTINGS, dialect="current", paths=wrong)
    with pytest.raises(FieldError, match=r"paths: names a call .* lacks the path of: none"):
        Oppo(**SETTINGS, paths={"get_alias": "/x"})


def test_settings_of_a_table_are_checked_with_the_others() -> None:
    """A wrong path in `pushgateway.toml` is reported in a sentence with the certificate's id."""
    settings = {"app_key": "k", "master_secret": "s", "dialect": "current", "paths": {"get_alias": "x"}}
    with pytest.raises(ConfigError) as caught:
        load_vendors([Certificate(7005, "oppo", settings)], Plugins())

    assert caught.value.problems == (
        "certificates['7005'].paths: get_alias must be a path such as /server/v1/…, without a query",
    )


# Replies


def test_a_code_about_a_target_is_about_the_calls_only_token() -> None:
    """In a batch such a code retires no token, because it names none; a call has one token only."""
    with pytest.raises(Refused) as dead:
        answered(NEW.get_tags(TOKEN), reply(None, code=10000))
    with pytest.raises(Refused) as muted:
        answered(OLD.subscribe_alias(TOKEN, "ann"), reply(None, code=10001))
    with pytest.raises(Refused) as unclear:
        answered(NEW.invalid_tokens(), reply(None, code=10000))

    assert (dead.value.reason, dead.value.code) == (Reason.UNREGISTERED, "10000")
    assert muted.value.reason is Reason.MUTED
    assert unclear.value.reason is Reason.INVALID_NOTIFICATION


@pytest.mark.parametrize("data", [None, "", {}, [], {"alias": ""}, {"alias": 5}, "no json", {"registrationId": TOKEN}])
def test_the_alias_of_a_reply_without_one(data: object) -> None:
    """After setting an alias it is the one that was set; after a query the phone has none."""
    assert answered(NEW.subscribe_alias(TOKEN, "ann"), reply(data)) == Alias(TOKEN, "ann")
    assert answered(OLD.get_alias(TOKEN), reply(data)) == Alias(TOKEN, None)


@pytest.mark.parametrize("data", [{"registrationId": "x"}, {"registrationId": TOKEN, "errorCode": 10000}])
def test_a_reply_about_another_phone_is_no_verdict(data: object) -> None:
    """If a reply with code 0 names another phone or a failure, it is unknown what was done."""
    for call in (NEW.subscribe_alias(TOKEN, "ann"), OLD.get_alias(TOKEN), NEW.get_tags(TOKEN)):
        with pytest.raises(NoVerdict, match="code is 0, and it"):
            answered(call, reply(data))


@pytest.mark.parametrize(
    ("data", "tags"),
    [
        (None, Tags(TOKEN)),
        ({}, Tags(TOKEN)),
        ({"tags": "a;b"}, Tags(TOKEN)),
        ({"tags": []}, Tags(TOKEN, (), ("a",))),
        (["a"], Tags(TOKEN, (Tag("a"),))),
        ({"tags": [{"tagName": "a"}, {"tagName": 5}, {"tagId": "x"}, 7, None, ""]}, Tags(TOKEN, (Tag("a"),))),
        (json.dumps({"tags": [{"tagName": "a", "tagId": "1"}]}), Tags(TOKEN, (Tag("a", "1"),))),
    ],
)
def test_odd_lists_of_tags(data: object, tags: Tags) -> None:
    """A reply without a list says nothing, so no tag counts as skipped; an item that is not a tag is ignored."""
    assert answered(NEW.subscribe_tags(TOKEN, ["a"]), reply(data)) == tags


def test_odd_figures() -> None:
    """Figures may be text, and may stand under `value`.

    Other values are missing; a reply without an object is no verdict.
    """
    odd = {"targetCount": "7", "validCount": True, "sendCount": -1, "arriveCount": 1.0, "showCount": None}
    by_value = Response(200, {}, json.dumps({"code": 0, "value": json.dumps(odd)}).encode())

    assert answered(OLD.statistics("m"), by_value) == Statistics(targets=7)
    for nothing in (None, [], "text", 5):
        with pytest.raises(NoVerdict):
            answered(OLD.statistics("m"), reply(nothing))


def page(tokens: object, total: object) -> Response:
    return reply({"registration_ids": tokens, "totalCount": total})


@pytest.mark.parametrize(
    ("pages", "right"),
    [
        ([reply(None)], InvalidTokens(())),
        ([page(["a", "a", "b"], 2)], InvalidTokens(("a", "b"), 2)),
        ([page(["a"], "1")], InvalidTokens(("a",), 1)),
        ([reply({"registration_ids": "a,b"})], InvalidTokens(("a", "b"))),
        ([reply(["a"])], InvalidTokens(("a",))),
        ([page(["a b", "x" * 257, "c"], 3), page([], 0)], InvalidTokens(("c",), 3)),
        # A list that reading empties; one that is returned again and again; a failure after the first page.
        ([page(["a", "b"], 5), page(["c", "d"], 3), page(["e"], 1)], InvalidTokens(("a", "b", "c", "d", "e"), 5)),
        ([page(["a", "b"], 5), page(["a", "b"], 5)], InvalidTokens(("a", "b"), 5, complete=False)),
        ([page(["a", "b"], 5), reply(None, code=13)], InvalidTokens(("a", "b"), 5, complete=False)),
        ([page(["a"], 2), Response(502, {}, b"<html>")], InvalidTokens(("a",), 2, complete=False)),
        ([page([str(n)], 99) for n in range(10)], InvalidTokens(tuple("0123456789"), 99, complete=False)),
    ],
)
def test_invalid_tokens_come_in_any_number_of_pages(pages: list[Response], right: InvalidTokens) -> None:
    """Whether or not the list has pages, and whether or not reading empties it, no id that OPPO returned is lost."""
    assert answered(NEW.invalid_tokens(), *pages) == right


@pytest.mark.parametrize(
    "data", [{"registration_ids": 5}, {"registration_ids": [5]}, 5, "text", {"registration_ids": {}}]
)
def test_a_reply_without_a_list_of_tokens_is_no_verdict(data: object) -> None:
    """There may be no invalid tokens, or many."""
    with pytest.raises(NoVerdict, match="the reply lists no registration_ids"):
        answered(NEW.invalid_tokens(), reply(data))


@pytest.mark.parametrize(
    ("data", "expected"),
    [(None, {}), ("", {}), ([], {}), ({"left": 7}, {"left": 7}), (7, {"data": 7}), ([1], {"data": [1]})],
)
def test_undocumented_replies_are_returned_uninterpreted(data: object, expected: Mapping[str, Any]) -> None:
    """The shape of the quota query's reply is not documented, so the host gets all of it."""
    assert answered(NEW.push_permit(), reply(data)) == RawReply(expected)
    assert answered(NEW.add_tag("a"), reply(data)) == RawReply(expected)


@pytest.mark.parametrize(
    "data", [None, {}, {"small_picture_id": "p"}, {"big_picture_id": ""}, {"big_picture_id": "a\nb"}]
)
def test_an_upload_without_an_id_has_no_verdict(data: object) -> None:
    """The picture may be stored, but without its id it cannot be used."""
    with pytest.raises(NoVerdict, match="holds no big_picture_id"):
        answered(NEW.upload_picture("big", PICTURE), reply(data))


def test_which_calls_may_be_repeated() -> None:
    """OPPO counts uploads per day, so an upload is not repeated if no verdict came; all other calls may be."""
    calls: list[Callable[[], Call[Any]]] = [
        lambda: NEW.subscribe_alias(TOKEN, "a"),
        lambda: NEW.unsubscribe_tags(TOKEN, ["a"]),
        lambda: OLD.statistics("m"),
        NEW.invalid_tokens,
    ]

    assert all(make().repeatable for make in calls)
    assert not NEW.upload_picture("big", PICTURE).repeatable


def test_repr_shows_no_token_and_no_alias() -> None:
    """What may be logged names no phone."""
    shown = repr(
        [Alias("CN_secret", "secret"), Tags("CN_secret"), InvalidTokens(("CN_secret",)), RawReply({"a": "secret"})]
    )

    assert "secret" not in shown


@pytest.mark.parametrize("make", [png, jpeg])
def test_pictures_are_recognized_by_their_first_bytes(make: Callable[[int, int], bytes]) -> None:
    """PNG and JPEG in both sizes that sources name; the file is sent unchanged."""
    for width, height in ((876, 324), (984, 369)):
        content = make(width, height)
        asked = first(NEW.upload_picture("big", content, 60).begin())
        boundary = asked.headers["content-type"].partition("boundary=")[2].encode()

        parts = asked.content.split(b"--" + boundary)
        assert [part.partition(b"\r\n\r\n")[2] for part in parts[1:-1]] == [b"60\r\n", content + b"\r\n"]
        assert parts[-1] == b"--\r\n"


@pytest.mark.parametrize("frame", [0xC0, 0xC1, 0xC2, 0xCF])
def test_jpegs_with_any_frame_marker(frame: int) -> None:
    """Baseline, progressive and rare kinds are read; a JPEG without a frame has no size."""
    small = first(NEW.upload_picture("small", jpeg(144, 144, frame=frame)).begin())

    assert b'filename="picture.jpg"' in small.content
    assert refusal(NEW.upload_picture("small", jpeg(144, 144, frame=0xC4))).reason is Reason.INVALID_NOTIFICATION


def test_forms_of_v13_have_the_fields_of_its_tables() -> None:
    """Each field of V1.3's tables, for each call."""
    calls = [OLD.unsubscribe_alias(TOKEN, "安"), OLD.get_alias(TOKEN), OLD.unsubscribe_tags(TOKEN, ["a", "a", "b"])]

    assert [form(first(call.begin())) for call in calls] == [
        {"registration_id": TOKEN, "alias": "安"},
        {"registration_id": TOKEN},
        {"registration_id": TOKEN, "tags": "a,b"},
    ]
    assert json.loads(first(NEW.unsubscribe_alias(TOKEN, "安").begin()).content) == {"alias": "安"}
    assert json.loads(first(NEW.add_tag_group("g", ["a", "b"], "d").begin()).content) == {
        "group": "g",
        "tags": "a;b",
        "desc": "d",
    }
