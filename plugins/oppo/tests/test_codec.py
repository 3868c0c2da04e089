"""Encoding of pushes and broadcasts into OPPO's requests: equal to the samples, and no text can inject fields."""

import json
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from encoding import (
    CURRENT,
    TOKEN,
    V13,
    encode_notification,
    encode_single,
    encode_unicast,
    encoded_batch,
    message,
    note,
    unicast,
)
from hypothesis import given
from hypothesis import strategies as st
from pushgateway_oppo.requests import encode_broadcast
from pushgateway_oppo.tokens import token_problem

from pushgateway.vendor import (
    Audience,
    Batch,
    Network,
    Notification,
    Push,
    PushToken,
    Reason,
    Refused,
    Status,
)
from pushgateway.vendor.text import clean, cut, whole

INVALID = Reason.INVALID_NOTIFICATION
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=()), max_size=60)
NAME = st.text(max_size=60)


def test_every_sample_has_a_source_and_a_date(samples: Path) -> None:
    """Each file of `samples/` is listed with source and date, and each listed file exists."""
    listed = tomllib.loads((samples / "samples.toml").read_text("utf-8"))
    names = [name for origin in listed.values() for name in origin["files"]]

    assert all(origin["title"] and origin["date"].year >= 2018 for origin in listed.values())
    assert sorted(names) == sorted(path.name for path in samples.iterdir() if path.name != "samples.toml")


def test_unicast_request_equals_the_sample(samples: Path) -> None:
    """One push without extras is, byte for byte, the request of OPPO's document."""
    encoded = encoded_batch([Push(PushToken(1, TOKEN), note())], CURRENT)

    path, content = encode_unicast(encoded, CURRENT)

    assert path == "/server/v1/message/notification/unicast"
    assert content == (samples / "unicast.request.form").read_bytes().strip()


@pytest.mark.parametrize("count", [2, 40])
def test_the_only_good_push_of_a_batch_is_a_unicast_request(count: int) -> None:
    """Where all others are settled without a request, the last one is sent as if it had been alone."""
    push = Push(PushToken(1, TOKEN), note(), dedupe_id="d")

    encoded = encoded_batch([*[push_of("")] * (count - 1), push], CURRENT)

    single = encode_single(Batch.of([push]), CURRENT, None, {})
    assert isinstance(single, tuple)

    assert encode_unicast(encoded, CURRENT)[1] == single[0]
    assert (list(encoded.places), len(encoded.settled)) == ([count - 1], count - 1)


def test_unicast_batch_request_equals_the_sample(samples: Path) -> None:
    """Several pushes are a JSON array of the objects that single pushes send."""
    same = note()
    encoded = encoded_batch([Push(PushToken(1, token), same) for token in (TOKEN, "CN_not-an-id")], CURRENT)

    path, content = encode_unicast(encoded, CURRENT)

    assert path == "/server/v1/message/notification/unicast_batch"
    assert content == (samples / "unicast_batch.request.form").read_bytes().strip()


def test_save_request_equals_the_sample(samples: Path) -> None:
    """The content of a broadcast is a flat form, with `data` as JSON text."""
    content = encode_notification(
        Notification("Order shipped", "Parcel on its way", ttl=86_400, data={"order": "42"}), V13
    )

    sample = (samples / "save.request.form").read_bytes().strip()

    assert sorted(content.form().split(b"&")) == sorted(sample.split(b"&"))


def test_broadcast_request_equals_the_sample(samples: Path) -> None:
    """Targets are joined by semicolons. The sample's own unusual ids are accepted as tokens."""
    sample = (samples / "broadcast.request.form").read_bytes().strip()
    tokens = dict(parse_qsl(sample.decode()))["target_value"].split(";")

    content = encode_broadcast("58ad47319e8d725350a5afd5", Audience.of_tokens(tokens), tokens, V13)

    assert content == sample
    assert [token_problem(token, 256) for token in tokens] == [""] * 5


def test_a_refused_push_does_not_affect_the_others() -> None:
    """A push that the rules forbid has its outcome by place; all others are in the request, in order."""
    bad, good = note(title=""), note()
    pushes = [Push(PushToken(1, token), n) for token, n in (("a", good), ("b", bad), (";", good), ("d", good))]

    encoded = encoded_batch(pushes, V13)

    assert encoded.places == [0, 3]
    assert [push.push_token.token for push in encoded.sent] == ["a", "d"]
    assert {place: outcome.reason for place, outcome in encoded.settled.items()} == {1: INVALID, 2: INVALID}


LOOSE = ["a", "x" * 256, "值" * 85, "te&=+%:/.-~", "CN_a", "OPPO_CN_a", "EUEX_a", "CN", "cn", "abc_"]


@pytest.mark.parametrize("token", [*LOOSE, "IQAAAACy0_huawei", "d:APA91b_x-y"])
def test_unusual_tokens_are_sent_unchanged(token: str) -> None:
    """A text that may be a token is sent unchanged, even if it looks like another vendor's: OPPO decides."""
    encoded = encoded_batch([Push(PushToken(1, token), note())], V13)

    assert message(encode_unicast(encoded, V13)[1])["target_value"] == token


_CHARACTER = "token: contains U+{:04X}, which no registration id contains: pass only the registration id"
_CAPITALS = "token: the region before its last '_' is not in capitals, as in CN_…: pass it as OPPO issued it"


@pytest.mark.parametrize(
    ("token", "sentence"),
    [
        ("", "token: is empty"),
        *[(token, _CHARACTER.format(0x22)) for token in ('"CN_a"', 'CN_a"')],
        *[(token, _CHARACTER.format(0x20)) for token in ("a b", "CN_a ", " CN_a")],
        ("'CN_a'", _CHARACTER.format(0x27)),
        ("“CN_a”", _CHARACTER.format(0x201C)),
        ("<CN_a>", _CHARACTER.format(0x3C)),
        ('{"token":"CN_a"}', _CHARACTER.format(0x7B)),
        ("[CN_a]", _CHARACTER.format(0x5B)),
        ("a;b", _CHARACTER.format(0x3B)),
        ("CN_a,CN_b", _CHARACTER.format(0x2C)),
        ("a\nb", _CHARACTER.format(0x0A)),
        ("CN_a\\n", _CHARACTER.format(0x5C)),
        ("a\u3000b", _CHARACTER.format(0x3000)),
        ("\ufeffCN_a", _CHARACTER.format(0xFEFF)),
        ("CN_a\u200b", _CHARACTER.format(0x200B)),
        ("a\ud800", _CHARACTER.format(0xD800)),
        ("x" * 300 + " ", _CHARACTER.format(0x20)),
        *[(token, _CAPITALS) for token in ("cn_a", "Cn_a", "cN_0a", "OPPO_cn_a", "oppo_euex_a", "us_a", "Euex_a")],
    ],
)
@pytest.mark.parametrize("count", [1, 40])
def test_a_damaged_token_is_not_reported_as_dead(token: str, sentence: str, count: int) -> None:
    """A damaged text may contain the valid token of a phone: it is `INVALID_NOTIFICATION`, so the host keeps its token.

    Tested alone, and in a batch with tokens of the usual form, which takes another code path.
    """
    clean_ones = [Push(PushToken(1, f"CN_{number}"), note(), dedupe_id=f"d_{number}") for number in range(count - 1)]
    encoded = encoded_batch([*clean_ones, push_of(token)], V13)

    outcome = encoded.settled[count - 1]
    assert (outcome.status, outcome.reason, outcome.detail) == (Status.NOT_SENT, INVALID, sentence)
    assert len(encoded.places) == count - 1


@pytest.mark.parametrize(("token", "size"), [("x" * 257, 257), ("值" * 86, 258), ("cn_" + "0" * 300, 303)])
@pytest.mark.parametrize("count", [1, 40])
def test_an_undamaged_text_that_is_too_long_is_unregistered(token: str, size: int, count: int) -> None:
    """No registration id is that long, so the text cannot be a token of OPPO's: `UNREGISTERED`. Tested alone, and in a
    batch, which takes another code path."""
    clean_ones = [Push(PushToken(1, f"CN_{number}"), note(), dedupe_id=f"d_{number}") for number in range(count - 1)]
    outcome = encoded_batch([*clean_ones, push_of(token)], V13).settled[count - 1]

    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.UNREGISTERED)
    assert outcome.detail == f"token: must have at most 256 bytes, has {size}: it cannot be OPPO's"


def push_of(token: str) -> Push:
    # PushToken itself would refuse some of these texts.
    push_token = PushToken(1, "a")
    object.__setattr__(push_token, "token", token)
    return Push(push_token, note(), dedupe_id="d")


@given(TEXT, TEXT, st.dictionaries(NAME, TEXT, max_size=3), TEXT)
def test_any_text_arrives_cleaned_and_cut(title: str, body: str, data: dict[str, str], dedupe_id: str) -> None:
    """Whatever the host writes, OPPO decodes the cleaned and cut text, and no text can add or change a field."""
    notification = note(title="T" + title, body="B" + body, data=data)

    sent = unicast(notification, dedupe_id=dedupe_id)["notification"]

    assert sent["title"] == cut(clean("T" + title), 32)[0]
    assert sent["content"] == cut(clean("B" + body), 200)[0]
    assert json.loads(sent.get("action_parameters", "{}")) == {whole(k): whole(v) for k, v in data.items()}
    assert sent.get("app_message_id", "") == clean(dedupe_id)


def test_fields_of_a_broadcast() -> None:
    """Display window, network and speed are form fields; numbers are decimal, booleans `true` or `false`."""
    audience = Audience.everyone().kind
    notification = note(network=Network.WIFI, show_from=NOON, show_until=NOON + timedelta(hours=1), store_offline=False)

    content = encode_notification(notification, V13, audience, {"fix_speed": True, "fix_speed_rate": 5}).form()

    assert dict(parse_qsl(content.decode())) == {
        "title": "Hi",
        "content": "You have mail",
        "off_line": "false",
        "network_type": "1",
        "show_time_type": "1",
        "show_start_time": "1767268800000",
        "show_end_time": "1767272400000",
        "fix_speed": "true",
        "fix_speed_rate": "5",
    }


@pytest.mark.parametrize(
    ("dialect", "audience", "fields", "planned", "reason", "sentence"),
    [
        (
            V13,
            Audience.everyone(),
            {"receipt_url": "u"},
            {},
            Reason.UNSUPPORTED,
            "receipt_url: OPPO has it for broadcasts to tokens and aliases only",
        ),
        (
            CURRENT,
            Audience.of_aliases(["a"]),
            {"receipt_url": "u"},
            {},
            Reason.UNSUPPORTED,
            "receipt_url: OPPO has it for broadcasts to tokens only",
        ),
        (
            V13,
            Audience.of_tokens(["a"]),
            {},
            {"push_time_type": 1},
            Reason.UNSUPPORTED,
            "start_at: OPPO has it for broadcasts to everyone only",
        ),
        (
            CURRENT,
            Audience.everyone(),
            {},
            {"fix_speed": True, "fix_speed_rate": 999},
            INVALID,
            "rate: must be at least 1000 phones per second, is 999",
        ),
        (
            CURRENT,
            Audience.everyone(),
            {},
            {"fix_speed": True, "fix_speed_rate": 10_001},
            INVALID,
            "rate: must be at most 10000 phones per second, is 10001",
        ),
        (
            V13,
            Audience.everyone(),
            {"overrides": {"oppo": {"show_time_type": 1, "show_start_time": 10**12, "show_end_time": 10**12}}},
            {},
            INVALID,
            'overrides["oppo"]["show_end_time"]: must be later than the start of the window',
        ),
        (
            CURRENT,
            Audience.everyone(),
            {"overrides": {"oppo": {"verify_registration_id": True}}},
            {},
            Reason.UNSUPPORTED,
            'overrides["oppo"]["verify_registration_id"]: OPPO has it for single pushes only',
        ),
    ],
)
def test_fields_that_an_audience_does_not_have_are_refused(
    dialect: Any, audience: Audience, fields: dict[str, Any], planned: dict[str, Any], reason: Reason, sentence: str
) -> None:
    """A field that OPPO would ignore or refuse for this audience is an error, not silently dropped."""
    with pytest.raises(Refused) as caught:
        encode_notification(note(**fields), dialect, audience.kind, planned)

    assert caught.value.reason is reason
    assert caught.value.detail.startswith(sentence)


@pytest.mark.parametrize(
    ("dialect", "audience", "form"),
    [
        (V13, Audience.everyone(), {"target_type": "1"}),
        (V13, Audience.of_aliases(["a", "b&c"]), {"target_type": "5", "target_value": "a;b&c"}),
        (V13, Audience.of_tags(["x", "y"]), {"target_type": "4", "target_value": "x;y"}),
        (
            CURRENT,
            Audience.of_tags(["x"], none_of=["z"]),
            {"target_type": "6", "target_value": '{"or":["x"],"not":["z"]}'},
        ),
        (CURRENT, Audience.of_tags(all_of=["值"]), {"target_type": "6", "target_value": '{"and":["值"]}'}),
    ],
)
def test_target_type_and_value_of_every_audience(dialect: Any, audience: Audience, form: dict[str, str]) -> None:
    """Each kind of audience has its number in each dialect; everyone has no target value."""
    content = encode_broadcast("m-1", audience, audience.values, dialect)

    assert dict(parse_qsl(content.decode(), strict_parsing=True)) == {"message_id": "m-1", **form}
