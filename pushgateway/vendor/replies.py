"""Reads JSON: a vendor's reply with its return code (`read_reply`), and the body of a posted receipt (`read_posted`).

Pure functions, the same for all vendors. A reply that is not clearly accepted or refused raises `NoVerdict`, because a
guess would turn a broken reply into "accepted". Used by plug-ins and the toolkit.
"""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Collection, Mapping
from typing import Any

import attrs

from pushgateway.model.reason import Reason
from pushgateway.model.secret import safe_repr
from pushgateway.vendor.exchange import Response
from pushgateway.vendor.refusals import NoVerdict, Refused


@safe_repr
@attrs.frozen
class Reply:
    """A vendor's JSON reply and its return code."""

    code: str
    """The vendor's return code as text: `0`, `-2`, `10000`."""
    message: str | None = attrs.field(repr=False)
    body: Mapping[str, Any] = attrs.field(repr=False)


_CODE = re.compile(r"0|-?[1-9][0-9]{0,8}", re.ASCII)


def code_text(value: object) -> str | None:
    """A return code as text; None for a value that is no code.

    Accepts an integer, or a string that spells one of up to nine digits. `True`, `0.0`, `" 11 "`, `1e3`, `00`, `-0` and
    full-width digits are not codes: a guess would turn a broken reply into "accepted".
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value) if abs(value) < 10**9 else None
    if isinstance(value, str) and _CODE.fullmatch(value):
        return value
    return None


def decoded(content: bytes) -> str:
    """UTF-8 with or without a BOM, as text. The codec `utf-8-sig` does the same, but slowly in Python. Raises
    `UnicodeDecodeError`."""
    return content.removeprefix(BOM_UTF8).decode()


_LARGE = 64 * 1024
_MOST_PARTS = 50_000
"""Objects, lists and commas of a reply, at most: the reply to 1,000 pushes has about 5,000. More would block the event
loop (4 MB of `[]` took 0.9 s), so they are counted before the JSON is parsed."""


def read_json(response: Response) -> Any:
    """The JSON in a reply's body, for any HTTP status, with or without a BOM. Raises `NoVerdict` if it is no JSON."""
    content = response.content
    # All three in one pass, because three counts take four times as long.
    if len(content) > _LARGE and len(content) - len(content.translate(None, b"[{,")) > _MOST_PARTS:
        raise NoVerdict(_describe(response, f"of more than {_MOST_PARTS} parts"))
    try:
        return json.loads(decoded(content))
    except UnicodeDecodeError:
        raise NoVerdict(_describe(response, "not UTF-8")) from None
    except (ValueError, RecursionError):
        raise NoVerdict(_describe(response, "not JSON")) from None


def read_reply(
    response: Response,
    *,
    code: str = "code",
    message: str = "message",
    success: str = "0",
    words: Collection[str] = (),
    busy: Collection[int] = (),
) -> Reply:
    """The JSON object of a reply and its return code.

    `code`, `message`: the names of the vendor's code and sentence; `success`: the code of success; `words`: codes that
    are no numbers; `busy`: HTTP statuses besides 429 by which the vendor limits the rate (not if a page of HTML
    comes with it, which is a proxy's). A readable vendor
    code takes precedence over the HTTP status, and **a refusal is returned like a success**: check `Reply.code`, and
    raise `Refused` for every code that is not `success`. Without a readable code, 429 raises `Refused(RATE_LIMITED)`,
    401/403/404/405/407 `Refused(CREDENTIALS)`, other 4xx `Refused(INVALID_NOTIFICATION)` (413, 414 and 431 with
    `about="size"`); everything else (3xx, 5xx, HTML, truncated JSON, success under an error status) raises `NoVerdict`,
    because the push may have been accepted.
    """
    try:
        body = read_json(response)
        verdict = _verdict(body.get(code), words) if isinstance(body, dict) else None
        problem = "a JSON object without a readable code" if isinstance(body, dict) else "not a JSON object"
        if verdict is not None and response.content.count(b'"%b"' % code.encode()) > 1:
            verdict = _only_verdict(response, code, words)
            problem = "a JSON object with two codes"
    except NoVerdict as unreadable:
        verdict, problem = None, unreadable.detail
    if verdict is None:
        raise status_refusal(response, problem, busy)
    if verdict == success and not 200 <= response.status < 300:
        raise NoVerdict(f"HTTP {response.status} contradicts code {verdict}")
    text = body.get(message)
    return Reply(verdict, text if isinstance(text, str) else None, body)


def _verdict(value: object, words: Collection[str]) -> str | None:
    return value if words and isinstance(value, str) and value in words else code_text(value)


def _only_verdict(response: Response, name: str, words: Collection[str]) -> str | None:
    """The code of an object that may hold it twice; None if the two differ, because which one the vendor meant is
    unknown (JSON parsers take the last)."""
    pairs: list[tuple[str, Any]] = json.loads(decoded(response.content), object_pairs_hook=list)
    verdicts = {_verdict(value, words) for key, value in pairs if key == name}
    return verdicts.pop() if len(verdicts) == 1 else None


MAX_POSTED = 1024 * 1024
"""Bytes of a request that a vendor posts to a host, at most."""
_DEEPEST = 32
_MOST_CONTAINERS = 20_000
# One match for each bracket, with everything before it: strings, closed or not, and other text. The quantifiers are
# possessive and the end of the text matches too, so every input is read only once; nothing is copied.
_BRACKET = re.compile(rb'(?:[^][{}"]++|"(?:[^"\\]++|\\.?)*+"?)*+([][{}]|\Z)', re.DOTALL)


def read_posted(body: bytes, members: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """The JSON of a request posted to the host by an untrusted client. `members`: makes an object of its members, as
    `object_pairs_hook` of `json.loads`.

    Raises `Refused` (`INVALID_NOTIFICATION`) for a body that is no JSON, for more than `MAX_POSTED` bytes, and, before
    it is parsed, for more than 32 levels or 20,000 objects and lists.
    """
    if len(body) > MAX_POSTED:
        raise _no_post(f"more than {MAX_POSTED} bytes")
    if body.count(b"[") + body.count(b"{") > _DEEPEST:
        _check_shape(body)
    try:
        return json.loads(decoded(body), object_pairs_hook=members)
    except UnicodeDecodeError:
        raise _no_post("not UTF-8") from None
    except (ValueError, RecursionError):
        raise _no_post("not JSON") from None


def _check_shape(body: bytes) -> None:
    depth = count = 0
    for found in _BRACKET.finditer(body):
        if found[1] in (b"[", b"{"):
            depth += 1
            count += 1
            if depth > _DEEPEST or count > _MOST_CONTAINERS:
                raise _no_post("nested too deeply" if depth > _DEEPEST else "of too many parts")
        else:
            depth -= 1


def _no_post(problem: str) -> Refused:
    return Refused(Reason.INVALID_NOTIFICATION, detail=f"the request is {problem}")


_CONFIGURATION_STATUSES = frozenset({401, 403, 404, 405, 407})
_TOO_LARGE_STATUSES = frozenset({413, 414, 431})
_TOO_MANY_REQUESTS_PAUSE = 60.0  # seconds; Sygnal waits as long, as FCM advises


def status_refusal(response: Response, problem: str, busy: Collection[int] = ()) -> NoVerdict | Refused:
    """What the HTTP status of a reply without a readable code means, as an exception to raise. `problem`: what is wrong
    with the reply, in words; `busy`: as for `read_reply`."""
    status = response.status
    detail = f"HTTP {status} without the vendor's code"
    # A page of HTML is of a proxy, which may have lost the vendor's reply.
    is_busy = status in busy and "html" not in response.headers.get("content-type", "")
    if is_busy or status == 429:
        pause = response.retry_after
        if pause is None and not is_busy:
            pause = _TOO_MANY_REQUESTS_PAUSE
        return Refused(Reason.RATE_LIMITED, retry_after=pause, detail=detail)
    if status in _CONFIGURATION_STATUSES:
        return Refused(Reason.CREDENTIALS, detail=detail)
    if status in _TOO_LARGE_STATUSES:
        return Refused(Reason.INVALID_NOTIFICATION, detail=f"{detail}: the request is too large", about="size")
    if 400 <= status < 500 and status not in (408, 425):
        return Refused(Reason.INVALID_NOTIFICATION, detail=detail)
    if status != 200:
        return NoVerdict(detail)
    return NoVerdict(problem)


def _describe(response: Response, problem: str) -> str:
    kind = response.headers.get("content-type", "no content type").split(";")[0][:40]
    safe = "".join(c if c.isascii() and c.isprintable() else "?" for c in kind)
    return f"the reply is {problem} ({len(response.content)} bytes of {safe})"
