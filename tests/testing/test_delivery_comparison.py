"""How the conformance kit compares a notification with what a phone shows, and how it checks that a fault took place.

That it finds broken plug-ins is tested in test_broken_plugins.py.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import attrs
import pytest
from broken.copies import ACME, BEAM, OPPO, Base, installed

from pushgateway.model.appearance import Alert, Badge, Button
from pushgateway.model.click import OpenUrl
from pushgateway.model.notification import Notification
from pushgateway.model.push import Push, PushToken
from pushgateway.sandbox import Delivery
from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.testing.conformance.odd_inputs import odd_twins
from pushgateway.testing.conformance.sandbox_connection import open_http_connection
from pushgateway.testing.delivery_comparison import changed, is_moment, is_whole_cut, same
from pushgateway.vendor import Request

SEEN = Delivery("t", "title", "body", None, "m", "push", 0.0, {})
NOTE = Notification("title", "body")
FAMILY = "👨‍👩‍👧‍👦"


@pytest.mark.parametrize(
    ("left", "right", "alike"),
    [
        (1, 1, True),
        (1, True, False),
        (1, 1.0, False),
        ({"a": [1, None]}, {"a": (1, None)}, True),
        ({"a": [1]}, {"a": [True]}, False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ("1", 1, False),
    ],
)
def test_the_comparison_includes_the_type(left: Any, right: Any, alike: bool) -> None:
    """This holds at every depth; a list and a tuple are both a JSON list."""
    assert same(left, right) is alike


@pytest.mark.parametrize(
    ("shown", "whole"),
    [
        ("ab", True),
        ("ab…", True),
        (f"ab{FAMILY}", True),
        (f"ab{FAMILY}…", True),
        ("ab👨", False),
        ("ab👨‍…", False),
        ("abx", False),
        ("", True),
    ],
)
def test_a_cut_within_a_character_is_found(shown: str, whole: bool) -> None:
    """The text on the phone must end with a whole character as a user sees it, with an ellipsis or without."""
    assert is_whole_cut(f"ab{FAMILY}{FAMILY}", shown) is whole


@pytest.mark.parametrize(
    ("asked", "kept", "truncated", "is_wrong"),
    [(30, 60, ("ttl",), False), (30, 60, (), True), (60, 60, ("ttl",), True), (90000, 86400, ("ttl",), False)],
)
def test_a_ttl_that_is_fitted_to_the_limits_is_named(
    asked: int, kept: int, truncated: tuple[str, ...], is_wrong: bool
) -> None:
    """Raised or lowered it is named in `truncated`; as it was given it is not."""
    note, seen = attrs.evolve(NOTE, ttl=asked), attrs.evolve(SEEN, ttl=kept)

    assert bool(changed(note, seen, truncated)) is is_wrong


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"ttl": 60}, "ttl: 60 seconds were asked for"),
        ({"data": {"n": 1}}, "data: the app gets 0 entries"),
        ({"click": OpenUrl("https://a.example")}, "click: a tap does OpenApp"),
        ({"subtitle": "second"}, "subtitle was changed or lost"),
        ({"store_offline": False}, "store_offline: is False"),
        ({"channel_id": "chat"}, "channel_id was changed or lost"),
        ({"show_from": datetime(2026, 1, 1, tzinfo=UTC)}, "show_from: is 2026"),
        ({"body": "another"}, "body was changed or lost"),
        ({"badge": Badge.set(0)}, "badge was changed or lost"),
        ({"alert": Alert.URGENT}, "alert was changed or lost"),
        ({"buttons": (Button("yes"),)}, "buttons was changed or lost"),
        ({"show_in_foreground": False}, "show_in_foreground was changed or lost"),
        ({"replace_key": "chat-1"}, "replace_key was lost"),
        ({"long_body": "more"}, "long_body was changed or lost"),
        ({"user_id": "ann"}, "user_id was changed or lost"),
    ],
)
def test_lost_fields_are_named(fields: dict[str, Any], said: str) -> None:
    """There is one sentence for each field, and none for what arrived."""
    (problem,) = changed(attrs.evolve(NOTE, **fields), SEEN, ())

    assert said in problem
    assert changed(NOTE, SEEN, ()) == []


def test_a_ttl_may_be_rounded_up_to_the_vendors_unit() -> None:
    """Only up, and to one unit: 1 second is an hour, 3,601 are two."""
    for asked, kept, right in ((1, 3600, True), (3601, 7200, True), (3600, 7200, False), (3601, 3600, False)):
        seen = attrs.evolve(SEEN, ttl=kept)

        assert (changed(attrs.evolve(NOTE, ttl=asked), seen, (), ttl_unit=3600) == []) is right


def test_a_cut_must_be_reported_and_real() -> None:
    """Reported and not cut, cut and not reported, and cut until nothing is left give a sentence each."""
    long = attrs.evolve(NOTE, title="a long title")
    cut = attrs.evolve(SEEN, title="a long…")

    assert changed(long, cut, ("title",)) == []
    assert "nothing says so" in changed(long, cut, ())[0]
    assert "reached the phone whole" in changed(NOTE, SEEN, ("title",))[0]
    assert "nothing of it can be seen" in changed(long, attrs.evolve(SEEN, title="…"), ("title",))[0]


def test_looks_that_are_left_out_must_be_named() -> None:
    """Only looks, only those that the notification has; the vendor's default stands for the normal alert."""
    note = attrs.evolve(NOTE, group="chats", subtitle="second")

    assert changed(note, SEEN, (), ("group", "subtitle")) == []
    assert "group was changed or lost" in changed(note, SEEN, (), ("subtitle",))[0]
    assert "the notification has none" in changed(NOTE, SEEN, (), ("badge",))[0]
    assert "only looks may be left out" in changed(attrs.evolve(NOTE, user_id="ann"), SEEN, (), ("user_id",))[-1]
    assert changed(attrs.evolve(NOTE, alert=Alert.NORMAL), SEEN, ()) == []


def test_a_long_text_may_stand_in_the_place_of_the_short_one() -> None:
    """A vendor with one text shows the long one; a text that is neither is changed."""
    note = attrs.evolve(NOTE, long_body="body and more")

    assert changed(note, attrs.evolve(SEEN, body="body and more", long_body="body and more"), ()) == []
    assert len(changed(note, attrs.evolve(SEEN, body="other", long_body="body and more"), ())) == 1


def test_json_within_a_text_is_changed_too() -> None:
    """Each value of JSON that stands in a text of a reply, and the same text torn."""
    whole = json.dumps({"msg": json.dumps({"failure": 1})}).encode()
    texts = [json.loads(twin).get("msg") for twin in odd_twins(whole) if isinstance(json.loads(twin), dict)]

    assert "{}" in texts
    assert '{"failure": null}' in texts
    assert '{"failure": 1' in texts


def test_moments_are_compared_by_the_second() -> None:
    """A value in milliseconds differs from the same in seconds."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)

    assert is_moment(moment, moment.timestamp())
    assert not is_moment(moment, 1000 * moment.timestamp())
    assert not is_moment(None, 1.0)
    assert is_moment(None, None)


def test_every_field_of_a_form_is_changed() -> None:
    """Each field is left out, given twice and replaced; JSON within a field is changed too."""
    form = b"token=a&note=%7B%22n%22%3A1%7D"
    twins = [parse_qs(twin.decode(), keep_blank_values=True) for twin in odd_twins(form)]

    assert {"note": ['{"n":1}']} in twins
    assert {"token": ["a", "twice"], "note": ['{"n":1}']} in twins
    assert {"token": ["a"], "note": ["{}"]} in twins
    assert {"token": [""], "note": ['{"n":1}']} in twins


def test_replies_get_additional_keys_and_entries() -> None:
    """There is one more key in each object, and one more entry, about another token, in each list."""
    twins = [json.loads(twin) for twin in odd_twins(b'{"all": [{"to": "a"}]}', names=("10000",))]

    assert {"all": [{"to": "a"}], "10000": ["nobody"]} in twins
    assert {"all": [{"to": "nobody"}, {"to": "a"}]} in twins
    assert {"all": [{"to": "a"}, {"to": "a"}]} in twins


def test_a_fault_that_never_happens_fails_its_scenario(tmp_path: Path) -> None:
    """A scenario that has tested nothing must not pass."""
    with installed(tmp_path) as kit:
        judge = kit()
        sandbox = judge.sandbox()
        judge.spoil(sandbox, kind="drop")
        with pytest.raises(AssertionError, match="'drop' was never played, so this scenario has tested nothing"):
            judge.assert_played(sandbox, "drop")
        judge.deliver(sandbox, judge.pushes(sandbox.tokens[:1]))

        judge.assert_played(sandbox, "drop")
        assert sandbox.faults.played["drop"] == 1


@pytest.mark.parametrize("base", [ACME, BEAM, OPPO], ids=lambda base: base.name)
def test_a_code_can_be_set_for_one_target(base: Base, tmp_path: Path) -> None:
    """`Sandbox.target_codes`: that phone gets nothing, the other one gets its notification."""
    with installed(tmp_path, base=base) as kit:
        driver: ExchangeDriver = kit().driver(tokens=2)
        first, second = driver.sandbox.tokens
        driver.sandbox.target_codes[first] = "10000" if base is OPPO else "10" if base is ACME else "1"
        outcomes = driver.push([Push(PushToken(1, token), NOTE, dedupe_id=token) for token in (first, second)])

    assert [outcome.ok for outcome in outcomes] == [False, True]
    assert (driver.sandbox.ledger.count(first), driver.sandbox.ledger.count(second)) == (0, 1)


def test_an_exception_of_the_sandbox_is_reported_over_http(tmp_path: Path) -> None:
    """A sandbox that crashes over HTTP is a broken sandbox, not a vendor without a reply."""
    with installed(tmp_path, base=BEAM) as kit, open_http_connection() as http:
        sandbox = kit().make_sandbox(clock=lambda: 0.0)
        headers = {"x-key": "beam-key"}
        broken = Request("POST", f"{http.url}/send", headers, b"no=title")
        with pytest.raises(KeyError, match="title"):
            http.carry(sandbox, broken)

        assert http.carry(sandbox, Request("POST", f"{http.url}/stats", headers, b"")).response is not None
