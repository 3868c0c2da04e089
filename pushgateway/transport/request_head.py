"""What goes out: where a URL leads and the head of a request, checked before anything is opened.

Law of this file: pure. What is wrong with a request is found here, so it is sure that nothing of it left.
"""

from __future__ import annotations

import re
from base64 import b64encode
from functools import lru_cache
from urllib.parse import unquote, urlsplit

import attrs

from pushgateway.model.errors import FieldError
from pushgateway.model.secret import safe_repr
from pushgateway.vendor import Request, is_loopback
from pushgateway.vendor.refusals import NoVerdict

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e]*")
_PATH = re.compile(r"[\x21-\x7e]+")
_OURS = frozenset({"connection", "content-length", "transfer-encoding"})
"""How a request is framed is not a plug-in's to say."""

Headers = list[tuple[bytes, bytes]]


@safe_repr
@attrs.frozen
class Target:
    """Where a URL leads."""

    tls: bool
    host: str
    port: int
    authority: bytes
    """The host and, unless it is the usual one, the port: the `Host` header."""
    path: bytes
    """Path and query."""

    @property
    def origin(self) -> tuple[bool, str, int]:
        """What a connection is good for."""
        return self.tls, self.host, self.port


def find(url: str) -> Target:
    """Where `url` leads. Raises `NoVerdict`, with `sent` False, unless it is `https://`, or `http://` to loopback."""
    target = _find(url)
    if isinstance(target, str):
        raise NoVerdict(target, sent=False)
    return target


@lru_cache(maxsize=512)
def _find(url: str) -> Target | str:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("ascii" if url.isascii() else "idna").decode("ascii")
        port = parts.port
    except (ValueError, UnicodeError):
        return "the URL cannot be read"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not host or parts.username is not None or not _PATH.fullmatch(path):
        return "the URL cannot be read"
    if parts.scheme not in ("https", "http") or (parts.scheme == "http" and not is_loopback(host)):
        return "plain http:// is for loopback addresses only"
    tls = parts.scheme == "https"
    usual = 443 if tls else 80
    name = f"[{host}]" if ":" in host else host
    authority = name if port in (None, usual) else f"{name}:{port}"
    return Target(tls, host, port or usual, authority.encode(), path.encode())


def encode_headers(request: Request, target: Target) -> Headers:
    """The headers as they go out. Raises `NoVerdict`, with `sent` False, for one that would be more than a header."""
    if not _is_name(request.method):
        raise NoVerdict("the method of the request cannot be sent", sent=False)
    headers = [(b"host", target.authority), (b"accept-encoding", b"identity")]
    for name, value in request.headers.items():
        if not _is_name(name) or not ((value.isascii() and value.isprintable()) or _VALUE.fullmatch(value)):
            raise NoVerdict("a header of the request cannot be sent", sent=False)
        if (lower := name.lower()) not in _OURS:
            headers.append((lower.encode(), value.encode()))
    if request.content or request.method not in ("GET", "HEAD"):
        headers.append((b"content-length", b"%d" % len(request.content)))
    return headers


@lru_cache(maxsize=64)
def _is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


@safe_repr
@attrs.frozen
class Proxy:
    """An HTTP proxy, as the host of the gateway gave it."""

    host: str
    port: int
    user: str | None = attrs.field(repr=False)
    password: str = attrs.field(repr=False)

    @classmethod
    def read(cls, field: str, url: str) -> Proxy:
        """From `http://[user:password@]host[:port]`. Raises `FieldError`, which quotes nothing of it."""
        try:
            parts = urlsplit(url)
            port = parts.port or 80
        except ValueError:
            raise FieldError(field, "must be http://host:port") from None
        if parts.scheme != "http" or not parts.hostname:
            raise FieldError(field, "must be http://host:port")
        user = None if parts.username is None else unquote(parts.username)
        return cls(parts.hostname, port, user, unquote(parts.password or ""))

    @property
    def authorization(self) -> str:
        """The header's line, with its end; empty without a user."""
        if self.user is None:
            return ""
        return f"proxy-authorization: Basic {b64encode(f'{self.user}:{self.password}'.encode()).decode()}\r\n"
