"""Parts of the OPPO sandbox: forms, logins and bounded memory.

Pure: no network, and the clock is a number.
"""

from __future__ import annotations

import hashlib
import itertools
from typing import Any
from urllib.parse import quote, quote_plus, unquote_to_bytes, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pushgateway_oppo.sandbox.access_tokens import Access
from pushgateway_oppo.sandbox.allowance import Bounded
from pushgateway_oppo.sandbox.form import FORM, read_form, read_json_text, unquote


@given(st.binary(max_size=200))
def test_unquoting_undoes_both_ways_of_quoting(raw: bytes) -> None:
    """`+` and `%20` are both a blank, and every byte is decoded, carriage returns and equal signs included."""
    assert unquote(quote_plus(raw).encode()) == raw
    assert unquote(quote(raw, safe="").encode()) == raw


@given(st.lists(st.sampled_from([b"%", b"%4", b"%41", b"%zz", b"=", b"+", b"a", b"%0D%0A", b"_", b"\n"]), max_size=12))
def test_broken_escapes_stay_as_they_are(parts: list[bytes]) -> None:
    """The fast decoder gives what the standard library gives, for invalid escapes too."""
    quoted = b"".join(parts)

    assert unquote(quoted) == unquote_to_bytes(quoted.replace(b"+", b" "))


@given(st.dictionaries(st.text("abc", min_size=1), st.text(max_size=20), max_size=5))
def test_a_form_of_the_standard_library_is_read(fields: dict[str, str]) -> None:
    """Its fields are decoded exactly."""
    fields = {name: value.encode("utf-8", "replace").decode() for name, value in fields.items()}

    assert read_form(FORM, urlencode(fields).encode()) == fields


@pytest.mark.parametrize(
    ("content", "fields"),
    [(b"", {}), (b"&&", {}), (b"a", {"a": ""}), (b"a=1&a=2", {"a": "1"}), (b"a=b=c", {"a": "b=c"}), (b"=x", {})],
)
def test_odd_forms(content: bytes, fields: dict[str, str]) -> None:
    """Of a repeated field the first counts; only the first equal sign separates name and value."""
    assert read_form(FORM, content) == fields


@pytest.mark.parametrize(
    ("kind", "content", "fields"),
    [
        ("", b"", {}),
        ("application/json", b"", {}),
        ("application/json", b"a=1", None),
        (f"{FORM}; charset=gbk", b"a=1", None),
        (f'{FORM.upper()} ; charset="UTF-8"', b"a=1", {"a": "1"}),
        (f"{FORM}; charset=utf8", b"a=%ff", None),
    ],
)
def test_an_empty_body_is_never_encoded_wrongly(kind: str, content: bytes, fields: dict[str, str] | None) -> None:
    """It has no fields, whatever the content type. Any other body must be a UTF-8 form."""
    assert read_form(kind, content) == fields


@pytest.mark.parametrize("text", ["", "{", "NaN", "[Infinity]", "[" * 100_000, "{} {}", "9" * 5000])
def test_texts_that_are_not_json(text: str) -> None:
    """Each raises the same kind of error."""
    with pytest.raises(ValueError, match=r".+"):
        read_json_text(text)


NOON = 1_700_000_000.0


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


def logins(clock: Clock, **options: Any) -> Access:
    """The logins of one app, with access tokens t0, t1 …"""
    numbers = itertools.count()
    return Access("key", "secret", clock, lambda: f"t{next(numbers)}", 86_400, 600, 600, **options)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, None),
        ({"app_key": ""}, "15"),
        ({"app_key": "another"}, "14"),
        ({"sign": ""}, "17"),
        ({"sign": "0" * 64}, "16"),
        ({"sign": "ä"}, "16"),
        ({"timestamp": ""}, "18"),
        ({"timestamp": "1700000000"}, "19"),
        ({"timestamp": "17000000000000"}, "19"),
        ({"timestamp": "-700000000000"}, "19"),
        ({"timestamp": "1699999400000"}, None),
        ({"timestamp": "1699999399999"}, "19"),
        ({"timestamp": "1700000600000"}, None),
        ({"timestamp": "1700000600001"}, "19"),
    ],
)
def test_a_login_is_refused_for_each_fault_by_its_own_code(fields: dict[str, str], code: str | None) -> None:
    """The client's clock may be wrong by ten minutes in either direction, not by a millisecond more."""
    stamp = fields.get("timestamp", "1700000000000")
    sign = hashlib.sha256(f"key{stamp}secret".encode()).hexdigest()
    form = {"app_key": "key", "timestamp": stamp, "sign": sign} | fields

    assert logins(Clock()).objection(form) == code


def test_logins_within_the_life_give_the_same_token() -> None:
    """After 24 h a new one is issued; the old one stays valid for ten more minutes."""
    clock = Clock()
    access = logins(clock)
    first = access.login()
    clock.now = NOON + 86_399.5
    second = access.login()
    clock.now = NOON + 86_400
    third = access.login()
    clock.now = NOON + 86_400 + 599.5
    both = access.is_valid("t0"), access.is_valid("t1")
    clock.now = NOON + 86_400 + 600
    after = access.is_valid("t0"), access.is_valid("t1")

    assert first == second == ("t0", 1_700_000_000_000)
    assert third == ("t1", 1_700_086_400_000)
    assert (both, after) == ((True, True), (False, True))


def test_last_login_wins_when_asked() -> None:
    """The other reading of the documents: each login ends the access token before it."""
    access = logins(Clock(), last_login_wins=True)
    access.login()
    access.login()

    assert (access.is_valid("t0"), access.is_valid("t1"), access.is_valid("")) == (False, True, False)


def test_memory_is_bounded() -> None:
    """At the limit everything is remembered; one more, and the oldest is forgotten."""
    memory: Bounded[int] = Bounded(2)
    memory.put("a", 1)
    memory.put("b", 2)
    at_limit = memory.get("a"), memory.get("b"), len(memory)
    memory.put("c", 3)

    assert at_limit == (1, 2, 2)
    assert (memory.get("a"), memory.get("b"), memory.get("c"), len(memory)) == (None, 2, 3, 2)


def test_after_many_entries_the_newest_remain() -> None:
    """Each entry beyond the limit drops one, so the newest remain, in order."""
    memory: Bounded[int] = Bounded(1000)
    for number in range(50_000):
        memory.put(number, number)

    assert [memory.get(number) for number in (48_999, 49_000, 49_999)] == [None, 49_000, 49_999]
    assert len(memory) == 1000
