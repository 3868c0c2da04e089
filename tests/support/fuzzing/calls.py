"""Fuzzing of a vendor's operations (calls other than push): their replies, their requests, and uploaded pictures.

The plug-in encodes requests and the sandbox decodes them without shared code, and each has its own reader of picture
headers. The targets check that both agree. A token may be reported as dead only if the reply names it.
"""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus

import attrs
from pushgateway_oppo.aliases_and_tags import Alias, RawReply, Tags, decode_alias, decode_raw_reply, decode_tags
from pushgateway_oppo.feedback import InvalidTokens, decode_statistics, fetch_invalid_tokens
from pushgateway_oppo.pictures import Picture, decode_picture, picture_size
from pushgateway_oppo.sandbox import OppoSandbox

from fuzzing.odd import CANARY, broken, check_words, make_list, make_object, odd, some
from fuzzing.replies import DEAD, reply
from fuzzing.texts import make_text
from pushgateway.sandbox.kit.pictures import pixels
from pushgateway.sandbox.kit.readers import read_fields
from pushgateway.vendor import Exchange, NoVerdict, Reason, Refused, Request, Response, Statistics
from pushgateway.vendor.rules import load_rules
from pushgateway.vendor.text import whole
from pushgateway.vendor.toolkit.requests import File, in_body, make_request

_DIALECTS = load_rules("pushgateway_oppo").dialects
_TOKEN = "CN_a"
_ASK = Request("GET", "https://oppo.example/x")

# Replies


def _names(chance: random.Random) -> str:
    return some(chance, ('"CN_a"', '"CN_b"', f'"{CANARY}"', '"a b"', '"a;b"', '"\\ud800"', f'"{"x" * 300}"'))


def _count(chance: random.Random) -> str:
    return some(chance, ("0", "1", "7", '"7"', "99", "-1", "1.5", "true", '"٧"', "9" * 400))


def _tag(chance: random.Random) -> str:
    return make_object(chance, {"tagId": _names, "tagName": _names})


def _data(chance: random.Random) -> str:
    figures = ("targetCount", "validCount", "sendCount", "arriveCount", "showCount", "openCount")
    makers: dict[str, Callable[[random.Random], str]] = {
        "registrationId": _names,
        "alias": _names,
        "tags": lambda c: make_list(c, _tag),
        "registration_ids": lambda c: make_list(c, _names),
        "totalCount": _count,
        "big_picture_id": _names,
        **dict.fromkeys(figures, _count),
    }
    return make_object(chance, makers, keep=0.6)


def _pages(chance: random.Random, first: Response) -> Callable[[], InvalidTokens]:
    def read() -> InvalidTokens:
        exchange: Exchange[InvalidTokens] = fetch_invalid_tokens(_ASK, 256)
        next(exchange)
        response = first
        try:
            for _ in range(20):
                exchange.send(response)
                response = reply(chance, _data)
        except StopIteration as done:
            tokens: InvalidTokens = done.value
            return tokens
        raise AssertionError("it asks for ever")

    return read


def _check_refusal(refused: Refused | NoVerdict) -> None:
    check_words(refused)
    check_words(refused.detail)
    assert not isinstance(refused, Refused) or refused.reason is not Reason.UNREGISTERED or refused.code in DEAD


def call_replies(chance: random.Random) -> None:
    """Reading a reply gives a value or a refusal. A token counts as dead only if the reply names it, and no error
    quotes the reply.
    """
    response = reply(chance, _data)
    readings: list[tuple[type, Callable[[], Any]]] = [
        (Alias, lambda: decode_alias(response, _TOKEN, "ann")),
        (Tags, lambda: decode_tags(response, _TOKEN, ("a", "b"))),
        (RawReply, lambda: decode_raw_reply(response)),
        (Statistics, lambda: decode_statistics(response)),
        (Picture, lambda: decode_picture(response, "big")),
        (InvalidTokens, _pages(chance, response)),
    ]
    for kind, read in readings:
        try:
            value = read()
        except (Refused, NoVerdict) as refused:
            _check_refusal(refused)
            continue
        assert type(value) is kind
        if kind not in (Picture, Tags):  # these errors may quote ids and names
            check_words(value)
        if isinstance(value, Statistics):
            assert all(count is None or (type(count) is int and count >= 0) for count in attrs.astuple(value))
        if isinstance(value, InvalidTokens):
            assert all(token in ("CN_a", "CN_b", CANARY) or token.isprintable() for token in value.tokens)
            assert not any(mark in token for token in value.tokens for mark in " ;,")
            assert len(set(value.tokens)) == len(value.tokens)


# Requests


def encodings(chance: random.Random) -> None:
    """The sandbox reads exactly what the plug-in wrote, in each encoding. A damaged body gives fields or nothing, never
    an exception.
    """
    rows = [row for row in _DIALECTS["current"].operations.values() if row.encoding != "query"]
    row = chance.choice([*rows, *_DIALECTS["v1.3"].operations.values()])
    fields = {name: whole(make_text(chance, 4)) for name in ("registration_id", "tags")}
    content = make_text(chance, 9).encode("utf-8", "replace") + bytes(chance.randrange(3))
    file = File("p.png", "image/png", content) if row.encoding == "multipart" else None
    if file is not None:
        fields = {"picture_ttl": str(chance.randrange(10**9))}
    request = in_body(make_request("https://oppo.example/x", row, fields, file), "auth_token", "to\"k'en")

    read = read_fields(row.encoding, request)

    right: dict[str, Any] = {**fields, **({"file": content} if file is not None else {})}
    if row.encoding != "query":
        right["auth_token"] = "to\"k'en"
    assert read == right
    spoilt = attrs.evolve(request, content=broken(chance, request.content))
    assert isinstance(read_fields(row.encoding, spoilt), dict | None)


_TOKENS = ("CN_a", "CN_b")
_PATHS = {name: f"/by/setting/{name}" for name, row in _DIALECTS["current"].operations.items() if not row.path}


def _ready(dialect: str) -> tuple[OppoSandbox, str]:
    sandbox = OppoSandbox(clock=lambda: 1.7e9, tokens=0, keep=False, dialect=dialect, paths=_PATHS)
    sandbox.register(_TOKENS)
    return sandbox, sandbox.access.login().token


def _value(chance: random.Random) -> str:
    texts = ('"CN_a"', '"CN_b"', '"CN_x"', '"ann"', '"a;b,c"', '""', '" "', '"' + "x" * 65 + '"', '"\\ud800"')
    return some(chance, texts) if chance.random() < 0.9 else odd(chance)


def _body(chance: random.Random, encoding: str, picture: bytes) -> tuple[str, bytes]:
    names = ("registration_id", "alias", "tags", "name", "group", "desc", "message_id", "task_id")
    if encoding == "json":
        made = make_object(chance, dict.fromkeys(names, _value), keep=0.8)
        return "application/json", made.encode("utf-8", "surrogatepass")
    if encoding == "multipart":
        head = '--x\r\ncontent-disposition: form-data; name="file"; filename="p"\r\n\r\n'
        return "multipart/form-data; boundary=x", head.encode() + picture + b"\r\n--x--\r\n"
    pairs = [f"{name}={quote_plus(_value(chance).strip(chr(34)), errors='replace')}" for name in names]
    return "application/x-www-form-urlencoded", "&".join(pairs).encode()


def call_requests(chance: random.Random) -> None:
    """The sandbox answers any request for an operation with one of the vendor's codes, and delivers no push."""
    dialect = chance.choice(sorted(_DIALECTS))
    sandbox, access = _ready(dialect)
    rows = {**_DIALECTS[dialect].operations}
    for sending in ("auth", "unicast", "unicast_batch", "save", "broadcast"):
        del rows[sending]
    name = chance.choice(sorted(rows))
    picture = broken(chance, _picture(chance))
    kind, content = _body(chance, rows[name].encoding, picture)
    url = f"https://oppo.example{rows[name].path or _PATHS[name]}"
    if rows[name].encoding == "query":
        url += "?" + broken(chance, content).decode("latin-1")
        content = b""
    spoilt = content if rows[name].encoding == "multipart" else broken(chance, content)

    answer = sandbox.answer(Request(rows[name].method, url, {"content-type": kind, "auth_token": access}, spoilt))

    assert answer.response is not None
    body = json.loads(answer.response.content)
    assert type(body["code"]) is int
    assert sandbox.ledger.total == 0
    assert sum(phone.alias is not None for phone in sandbox.phones()) <= (name == "subscribe_alias")
    if name.startswith("upload") and body["code"] == 0:
        assert picture_size(picture) in ((144, 144), (876, 324), (984, 369)) or len(picture) < 33


# Pictures


def _picture(chance: random.Random) -> bytes:
    width, height = chance.choice(((144, 144), (876, 324), (984, 369), (1, 65_535), (0, 0)))
    if chance.random() < 0.5:
        head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height)
        return head + bytes(chance.choice((8, 9, 9, 40)))
    segments = (b"\xff\xe0\x00\x04ab", b"\xff\xfe\x00\x02", b"\xff\xff", b"\xff\x01", b"\xff\xd0", b"\xff\xc4\x00\x03x")
    tables = b"".join(chance.choice(segments) for _ in range(chance.randrange(5)))
    frame = chance.choice((0xC0, 0xC2, 0xC4, 0xC8, 0xCC, 0xCF, 0xD9))
    return b"\xff\xd8" + tables + struct.pack(">BBHBHH", 0xFF, frame, 8, 8, height, width) + bytes(chance.randrange(9))


def pictures(chance: random.Random) -> None:
    """Two independent readers of picture headers find the same size, or both find none."""
    content = broken(chance, _picture(chance))

    seen = picture_size(content)

    whole_png = len(content) >= 33
    if seen is not None or whole_png or not content.startswith(b"\x89PNG"):
        assert (seen or (0, 0)) == pixels(content)


TARGETS = {
    "call_replies": call_replies,
    "call_requests": call_requests,
    "encodings": encodings,
    "pictures": pictures,
}
