"""A logged request as text that people read, without its secrets.

Pure. JSON is indented, a form has a line for each field, what is long is cut. Tokens of phones are shown; access
tokens, signatures, secrets and the secret part of a receipt's address are not: they are made up by the sandbox, but a
picture of the screen must not look as if it gave away a real one.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote_plus, urlsplit

from pushgateway.model.secret import safe_repr
from pushgateway.sandbox.kit.base import Sandbox
from pushgateway.sandbox.kit.readers import FORM, is_kind
from pushgateway.sandbox.kit.request_log import LoggedRequest

HIDDEN: Final = "***"
LONGEST = 100_000
"""Characters of a body that are shown, at most."""
DEEPEST = 50
"""Levels of a JSON value that are shown, at most."""
LARGEST = 2**53
"""Integers from here on lose digits in a browser, so they are written as text."""
SHORTEST = 6
"""Characters of a secret from which on it is looked for within other texts: a shorter one would match by chance."""
_SECRET_NAMES = frozenset({"sign", "cookie", "setcookie", "assertion", "clientassertion"})
_SECRET_ENDS = (
    *("secret", "password", "privatekey", "authorization", "signature"),
    *("authtoken", "accesstoken", "refreshtoken", "serviceaccount"),
)
_ADDRESS = re.compile(r"(?<=/)[A-Za-z0-9_-]{24}(?=[\"'\s\\&<]|\Z)")
"""The secret part of a receipt's address: 24 characters at the end of a URL."""
_PAIR = re.compile(r'(?<![\w.-])([\w.-]+)(\\*"?\s*[:=]\s*\\*"?)([^"&,;\s\\]+)')
"""A name and its value in a text that is no complete JSON and no form."""
_NAMES = re.compile(r'(?<![\w.-])([\w.-]+)\\*"\s*:')
"""The names in a JSON text."""


def is_secret_name(name: str) -> bool:
    """Whether a field or header of this name holds a secret."""
    plain = re.sub("[^a-z]", "", name.lower())
    return plain in _SECRET_NAMES or plain.endswith(_SECRET_ENDS)


@safe_repr
class Hider:
    """Replaces the secrets of one sandbox by `HIDDEN`: by the names of fields, and by their values."""

    def __init__(self, settings: Mapping[str, object], is_access_token: Callable[[str], bool]) -> None:
        """`settings`: those of a certificate for the sandbox."""
        named = {text for name, text in _leaves("", settings) if is_secret_name(name)}
        self._secrets = sorted(text for text in named if len(text) >= SHORTEST)
        self._is_access_token = is_access_token

    @classmethod
    def of(cls, sandbox: Sandbox) -> Hider:
        """That of a sandbox."""
        return cls(sandbox.settings(""), sandbox.is_access_token)

    def __repr__(self) -> str:
        return "Hider(***)"

    def text(self, text: str, name: str = "") -> str:
        """A text without secrets; `name`: of the field that holds it."""
        if is_secret_name(name) or self._is_access_token(text):
            return HIDDEN
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return _ADDRESS.sub(HIDDEN, text)

    def value(self, value: Any, name: str = "", depth: int = DEEPEST) -> Any:
        """A JSON value without secrets, and as a browser can read it."""
        if not isinstance(value, Mapping | list | tuple):
            return self._scalar(value, name, depth)
        if depth == 0:
            return "…"
        if isinstance(value, list | tuple):
            return [self.value(one, name, depth - 1) for one in value]
        # What is within a secret is secret, whatever its name.
        names = {key: name if is_secret_name(name) else str(key) for key in value}
        return {self.text(str(key)): self.value(one, names[key], depth - 1) for key, one in value.items()}

    def _scalar(self, value: Any, name: str, depth: int) -> Any:
        if isinstance(value, str):
            return self._inner(value, name, depth)
        if value is None or isinstance(value, bool):
            return value
        if is_secret_name(name):
            return HIDDEN
        exact = isinstance(value, int) and abs(value) < LARGEST
        return value if exact or (isinstance(value, float) and math.isfinite(value)) else str(value)

    def _inner(self, text: str, name: str, depth: int) -> str:
        """A text in a JSON value; JSON in it is searched for secrets too."""
        if depth > 0 and text[:1] in ("{", "["):
            try:
                read = json.loads(text)
            except (ValueError, RecursionError):
                return self._by_pairs(text, name)
            # As it came, unless there is a secret in it; of a name that stands there twice only the last was read.
            if (shown := self.value(read, name, depth - 1)) != read or any(map(is_secret_name, _NAMES.findall(text))):
                return json.dumps(shown, ensure_ascii=False)
        return self.text(text, name)

    def _by_pairs(self, text: str, name: str) -> str:
        """A text that looks like JSON and is none, such as a reply that a fault has cut."""
        return self.text(_PAIR.sub(lambda found: found[1] + found[2] + self.text(found[3], found[1]), text), name)

    def content(self, content: bytes, kind: str) -> str:
        """A body as text; `kind`: its content type."""
        try:
            text = content.decode()
        except UnicodeDecodeError:
            return f"({len(content):,} bytes that are not text)"
        return _cut(self._form(text) if is_kind(kind, FORM) else self._json_or_text(text))

    def _form(self, text: str) -> str:
        pairs = (pair.partition("=") for pair in text.split("&") if pair)
        return "\n".join(self._line(unquote_plus(name), unquote_plus(value)) for name, _, value in pairs)

    def _line(self, name: str, value: str) -> str:
        shown = HIDDEN if is_secret_name(name) else self._json_or_text(value, name)
        return f"{self.text(name)}: {shown}"

    def _json_or_text(self, text: str, name: str = "") -> str:
        if text.lstrip()[:1] in ("{", "["):
            try:
                return json.dumps(self.value(json.loads(text), name), ensure_ascii=False, indent=2)
            except (ValueError, RecursionError):
                return self._by_pairs(text, name)
        return self.text(text, name)

    def url(self, url: str) -> str:
        """A URL; secrets in its query are hidden."""
        try:
            query = urlsplit(url).query
        except ValueError:  # such as "//["
            return self.text(url)
        pairs = (pair.partition("=") for pair in query.split("&"))
        shown = "&".join(f"{name}{equals}{self.text(value, name)}" for name, equals, value in pairs)
        return url.replace(f"?{query}", f"?{shown}") if query else url


def request_json(logged: LoggedRequest, hider: Hider) -> dict[str, Any]:
    """A request and its answer, as the page shows them."""
    request, response = logged.request, logged.response
    return {
        "number": logged.number,
        "at": logged.at,
        "operation": logged.operation,
        "method": request.method,
        "url": hider.url(request.url),
        "headers": {name: hider.text(value, name) for name, value in request.headers.items()},
        "content": hider.content(request.content, request.headers.get("content-type", "")),
        "reply": None
        if response is None
        else {
            "status": response.status,
            "headers": {name: hider.text(value, name) for name, value in response.headers.items()},
            "content": hider.content(response.content, response.headers.get("content-type", "")),
        },
        "delay": logged.delay,
        "fault": ", ".join(logged.faults) or None,
    }


def _leaves(name: str, value: object) -> Iterator[tuple[str, str]]:
    """(name, text) for each text in nested settings; what is within a secret has its name."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(name if is_secret_name(name) else str(key), inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(name, inner)
    elif isinstance(value, str):
        yield name, value


def _cut(text: str) -> str:
    more = len(text) - LONGEST
    return text if more <= 0 else f"{text[:LONGEST]}\n… ({more:,} more characters)"
