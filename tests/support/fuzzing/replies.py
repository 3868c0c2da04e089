"""Fuzzing of a vendor's replies: whatever arrives, each verdict must be one that the vendor gave.

A slow reference implementation reads each reply again and keeps names that occur twice. `ACCEPTED` needs a readable
code 0 for that push. `UNREGISTERED` needs the code of a dead token next to that token. No message quotes the reply.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Callable, Generator
from typing import Any

from pushgateway_oppo.replies import decode_batch, decode_broadcast, decode_login, decode_saved, decode_unicast

from fuzzing.odd import CANARY, CODES, broken, check_words, make_list, make_object, odd, some, text
from pushgateway.vendor import (
    AccessToken,
    Audience,
    Broadcast,
    Notification,
    NoVerdict,
    Outcome,
    Push,
    PushToken,
    Reason,
    Refused,
    Response,
    Status,
    read_reply,
)

NOTE = Notification(f"{CANARY} title", f"{CANARY} body")
TOKENS = [f"CN_{CANARY}{number}" for number in range(5)]
PUSHES = [Push(PushToken(1, token), NOTE, dedupe_id=f"d{number}") for number, token in enumerate(TOKENS)]
CUTS: list[tuple[str, ...]] = [("title",) if place == 2 else () for place in range(5)]
TO_TOKENS = Broadcast(1, NOTE, Audience.of_tokens(TOKENS))
TO_ALIASES = Broadcast(1, NOTE, Audience.of_aliases(["a", "b"]))
DEAD = {"1000", "10000"}
"""OPPO's codes of a dead token, independent of the plug-in's table."""

_NAMES = tuple(text(token) for token in [*TOKENS, *TOKENS, "CN_stranger", CANARY, "", TOKENS[0].lower()])
_IDS = ('"5f3e"', '"5f3e"', "7", '"\\ud800"', '"a\\nb"', f'"{"i" * 201}"', '""', "true", "-0.0")
_STATUSES = (200, 200, 200, 200, 200, 200, 201, 204, 302, 400, 401, 403, 404, 408, 413, 425, 429, 500, 502, 503, 599)
_HEADERS: tuple[dict[str, str], ...] = (
    *({}, {}, {"retry-after": "7"}, {"retry-after": "-1"}, {"retry-after": "9" * 5000}),
    {"content-type": "text/html; x", "date": "Sun, 22 Nov 2026 11:00:00 GMT"},
    {"content-type": "\x1b[31m\ud800" + "é" * 100, "retry-after": "Sun, 22 Nov 2026 11:00:09 GMT"},
)


def _finished(reading: Generator[None, Any, list[Outcome]]) -> list[Outcome]:
    try:
        while True:
            next(reading)  # it only yields to the event loop
    except StopIteration as done:
        outcomes: list[Outcome] = done.value
        return outcomes


def _code(chance: random.Random) -> str:
    return "0" if chance.random() < 0.55 else some(chance, CODES)


def _message(chance: random.Random) -> str:
    return '"Success"' if chance.random() < 0.5 else f'"{CANARY}{"é" * chance.randrange(300)}"'


def _name(chance: random.Random) -> str:
    return some(chance, _NAMES)


def _id(chance: random.Random) -> str:
    return some(chance, _IDS)


def _item(chance: random.Random) -> str:
    if chance.random() < 0.4:
        return f'{{"messageId":"m","registrationId":{_name(chance)}}}'
    makers = {"messageId": _id, "registrationId": _name, "errorCode": _item_code, "errorMessage": _message}
    return make_object(chance, makers, keep=0.7)


def _item_code(chance: random.Random) -> str:
    return some(chance, CODES)


def _items(chance: random.Random) -> str:
    if chance.random() < 0.3:
        return "[" + ",".join(f'{{"registrationId":{text(token)},"messageId":"m"}}' for token in TOKENS) + "]"
    if chance.random() < 0.2:
        return make_list(chance, lambda _: '{"messageId":"m"}')
    return make_list(chance, _item, 7)


def _group(chance: random.Random) -> str:
    if chance.random() < 0.3:
        return text(chance.choice(";, x").join(chance.sample(TOKENS, 2)))
    return make_list(chance, _name)


def _groups(chance: random.Random) -> str:
    makers = dict.fromkeys(("10000", "10004", "77", "١", "1234567890"), _group)
    return make_object(chance, {"message_id": _id, "task_id": _id, "taskId": _id, "status": odd, **makers}, keep=0.4)


def _grant(chance: random.Random) -> str:
    token = some(
        chance, (f'"{CANARY}"', '"58ad47319e8d725350a5afd5"', '"a b"', '"a\\r\\nb: c"', '"é"', '""', text("x" * 4097))
    )
    return make_object(chance, {"auth_token": lambda _: token, "create_time": lambda c: some(c, _TIMES)})


_TIMES = ("1700000000000", '"1700000000000"', "1e15", "-1", "NaN", "Infinity", '"x"', "true", "9" * 400, "1.5", '"０"')


def _unicast(chance: random.Random) -> str:
    return make_object(chance, {"messageId": _id, "message_id": _id})


def reply(chance: random.Random, data: Callable[[random.Random], str]) -> Response:
    """A reply with this kind of `data`, often damaged."""
    if chance.random() < 0.004:
        content = odd(chance)
    else:
        given = data(chance)
        if chance.random() < 0.15:
            given = text(given)  # JSON as text
        content = make_object(
            chance,
            {"code": _code, "message": _message, chance.choice(("data", "data", "value")): lambda _: given},
            keep=0.96,
        )
    raw = broken(chance, content.encode("utf-8", "surrogatepass"))
    return Response(_STATUSES[chance.randrange(len(_STATUSES))], _HEADERS[chance.randrange(len(_HEADERS))], raw, 1.7e9)


# The reference implementation


class Pairs(list[tuple[str, Any]]):
    """A JSON object as a list of all its pairs, in order and with repeated names."""

    def all(self, name: str) -> list[Any]:
        return [value for key, value in self if key == name]


def code_of(value: object) -> str | None:
    """An exact code: an integer, or a text that is exactly an integer's digits. None for anything else."""
    if type(value) is int:
        return str(value) if -(10**9) < value < 10**9 else None
    if type(value) is not str or not 0 < len(value) <= 10 or not value.isascii():
        return None
    digits = value.removeprefix("-")
    return value if digits.isdigit() and len(digits) <= 9 and str(int(value)) == value else None


def read_again(content: bytes | str) -> Any:
    """The JSON with `Pairs` for objects; None if it is not valid JSON."""
    try:
        whole = content.decode("utf-8-sig") if isinstance(content, bytes) else content
        return json.loads(whole, object_pairs_hook=Pairs)
    except (ValueError, RecursionError):
        return None


def top_codes(response: Response) -> set[str | None]:
    """Every code of the reply as a whole; empty if none can be read."""
    body = read_again(response.content)
    return {code_of(value) for value in body.all("code")} if isinstance(body, Pairs) else set()


def datas(response: Response) -> list[Any]:
    """The reply's `data` in a list of at most one; if it is named twice, the last."""
    body = read_again(response.content)
    if not isinstance(body, Pairs):
        return []
    found = dict(body).get("data", dict(body).get("value"))
    found = dict(body).get("value") if found is None else found
    return [read_again(found) if isinstance(found, str) else found]


def item_codes(response: Response, place: int) -> list[set[str | None]]:
    """For each list of items: every code that it gives this push, `None` for one that cannot be read."""
    found = []
    for items in datas(response):
        if not isinstance(items, list) or isinstance(items, Pairs):
            continue
        objects = [item for item in items if isinstance(item, Pairs)]
        mine = [item for item in objects if TOKENS[place] in item.all("registrationId")]
        if not mine and len(objects) == len(items) == len(PUSHES):
            mine = (
                [objects[place]]
                if not any(o.all("registrationId") != [None] for o in objects if o.all("registrationId"))
                else []
            )
        found.append({code_of(c) if c is not None else "0" for o in mine for c in o.all("errorCode") or [None]})
    return found


def verdict(read: Callable[[], Any]) -> Any:
    """The result, or the `Refused` or `NoVerdict` that was raised instead, after checking it."""
    try:
        return read()
    except NoVerdict as silent:
        check_words((silent, silent.detail))
        return silent
    except Refused as refused:
        check_words((refused, refused.detail, refused.code))
        check_refusal(refused)
        return refused


def check_refusal(refused: Refused) -> None:
    """A refusal of the whole request names no token, and its pause is bounded."""
    assert refused.reason is not Reason.UNREGISTERED, "a refusal that names no token"
    check_pause(refused.retry_after)


def check_pause(seconds: float | None) -> None:
    """A pause is None, or within bounds."""
    assert seconds is None or 0 <= seconds <= 300, seconds


def check_outcome(outcome: Outcome, push: Push, truncated: tuple[str, ...]) -> None:
    """The outcome belongs to this push, and its texts may be logged."""
    assert (outcome.push_token, outcome.dedupe_id) == (push.push_token, push.dedupe_id), "another push's outcome"
    check_words((outcome.detail, outcome.vendor_code))
    assert (outcome.reason is None) == (outcome.status is Status.ACCEPTED)
    assert outcome.status in (Status.ACCEPTED, Status.REJECTED, Status.UNKNOWN)
    assert outcome.truncated == truncated or outcome.status is Status.UNKNOWN
    assert outcome.message_id is None or (outcome.message_id.isprintable() and len(outcome.message_id) <= 202)
    check_pause(outcome.retry_after)


# The targets


def any_reply(chance: random.Random) -> None:
    """`read_reply`, for every vendor."""
    response = reply(chance, odd)

    read = verdict(lambda: read_reply(response))

    if not isinstance(read, NoVerdict | Refused):
        assert top_codes(response) == {read.code}, "a code that the reply does not have, or not alone"
        assert read.code != "0" or 200 <= response.status < 300
    elif top_codes(response) == {"0"} and 200 <= response.status < 300:
        raise AssertionError("a readable success was not taken")


def login(chance: random.Random) -> None:
    """`decode_login` returns an access token that fits into a header."""
    response = reply(chance, _grant)

    read = verdict(lambda: decode_login(response, 86_400.0, 4096))

    if isinstance(read, AccessToken):
        assert top_codes(response) == {"0"}
        assert re.fullmatch(r"[!-~]{1,4096}", read.value), "an access token that no header can carry"
        assert read.created_at is None or (math.isfinite(read.created_at) and 0 < read.created_at < 10**12)
    elif isinstance(read, Refused) and read.code is not None:
        assert read.reason is not Reason.INVALID_NOTIFICATION


def unicast(chance: random.Random) -> None:
    """`decode_unicast`."""
    response = reply(chance, _unicast)

    read = verdict(lambda: decode_unicast(response, PUSHES[2:3], CUTS[2:3])[0])

    if isinstance(read, Outcome):
        check_outcome(read, PUSHES[2], CUTS[2])
        (code,) = top_codes(response)
        assert (read.status is Status.ACCEPTED) == (code == "0")
        assert (read.reason is Reason.UNREGISTERED) == (code in DEAD)


def _kept(value: Any) -> Any:
    """The value as other JSON readers see it: of two equal names, the last."""
    if isinstance(value, Pairs):
        return {name: _kept(each) for name, each in value}
    return [_kept(each) for each in value] if isinstance(value, list) else value


def clear(response: Response, *deciding: str) -> bool:
    """Whether none of the deciding names occurs twice with different values. Two objects count as the same if they
    differ only in other names, such as a task id.
    """

    def taken(value: Any) -> Any:
        if isinstance(value, Pairs):
            return {name: taken(each) for name, each in value}
        return list(map(taken, value)) if isinstance(value, list) else value

    def look(value: Any) -> bool:
        if isinstance(value, Pairs):
            values = [[repr(taken(one)) for one in value.all(name)] for name in deciding]
            return all(len(set(every)) < 2 for every in values) and all(look(each) for _, each in value)
        return not isinstance(value, list) or all(map(look, value))

    return look(read_again(response.content)) and all(map(look, datas(response)))


def batch(chance: random.Random) -> None:
    """`decode_batch` returns one outcome for each push, in order, decided by that push's own item."""
    response = reply(chance, _items)

    read = verdict(lambda: _finished(decode_batch(response, PUSHES, CUTS)))

    if not isinstance(read, list):
        return
    assert top_codes(response) == {"0"}
    assert clear(response, "data", "value", "registrationId", "errorCode"), (
        "two different verdicts on one thing, and one was believed"
    )
    for place, (outcome, push) in enumerate(zip(read, PUSHES, strict=True)):
        check_outcome(outcome, push, CUTS[place])
        given = item_codes(response, place)
        if outcome.status is Status.ACCEPTED:
            assert any("0" in codes for codes in given), "accepted without a code 0 for it"
        if outcome.reason is Reason.UNREGISTERED:
            assert any(codes & DEAD for codes in given), "a dead token that nobody called dead"


def saved(chance: random.Random) -> None:
    """`decode_saved` returns an id, or raises `NoVerdict`."""
    response = reply(chance, _unicast if chance.random() < 0.5 else _groups)

    read = verdict(lambda: decode_saved(response))

    if isinstance(read, str):
        assert top_codes(response) == {"0"}
        assert read.isprintable()
        assert 0 < len(read) <= 202


def broadcast(chance: random.Random) -> None:
    """`decode_broadcast` reports exactly the tokens that are listed under a code as refused."""
    response = reply(chance, _groups)
    wanted, values = (TO_TOKENS, TOKENS) if chance.random() < 0.9 else (TO_ALIASES, ["a", "b"])

    read = verdict(lambda: decode_broadcast(response, wanted, "saved", values))

    if isinstance(read, Refused | NoVerdict):
        return
    outcome, verdicts = read
    assert top_codes(response) == {"0"}
    assert clear(response, "data", "value", "10000", "10004", "77"), (
        "two different lists under one code, and one was believed"
    )
    assert outcome.status is Status.ACCEPTED
    check_words(outcome.detail)
    listed = _listed(response)
    for token, one in verdicts.items():
        check_outcome(one, Push(PushToken(1, token), NOTE), ())
        codes = {code for code, tokens in listed if token in tokens}
        assert one.status is not Status.ACCEPTED or codes <= {"10004"}, "accepted although it is listed"
        assert one.reason is not Reason.UNREGISTERED or codes & DEAD, "a dead token that nobody called dead"
    assert list(verdicts) == (TOKENS if wanted is TO_TOKENS else [])


def _listed(response: Response) -> list[tuple[str, list[str]]]:
    groups = [pair for data in datas(response) if isinstance(data, Pairs) for pair in dict(data).items()]
    return [
        (key, re.split(r"\s*[;,]\s*", value.strip()) if isinstance(value, str) else value)
        for key, value in groups
        if key.isascii() and key.isdigit() and len(key) <= 9 and isinstance(value, str | list)
    ]


TARGETS = {
    "any_reply": any_reply,
    "login": login,
    "unicast": unicast,
    "batch": batch,
    "saved": saved,
    "broadcast": broadcast,
}
