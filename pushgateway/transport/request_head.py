"""What is written of a request before its body: server and path of a URL, headers, and the proxy's address.

Pure, and checked before a connection is opened: what is wrong with a request is found here, so it is sure that nothing
of it was sent. Used by both transports and by `pool`; `Proxy` also by the configuration and the command.
"""

from __future__ import annotations

import re
from base64 import b64encode
from functools import lru_cache
from urllib.parse import unquote, urlsplit

import attrs

from pushgateway.model.errors import FieldError
from pushgateway.model.secret import safe_repr
from pushgateway.vendor import NoVerdict, Request, is_loopback

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e]*")
_PATH = re.compile(r"[\x21-\x7e]+")
_LONGEST = 65_536
"""Characters of a URL: the most that httpx takes."""
_FRAMING = frozenset({"connection", "content-length", "transfer-encoding"})
"""Set by the transport alone: a plug-in does not say how long a request is or what becomes of its connection."""

Headers = list[tuple[bytes, bytes]]


@safe_repr
@attrs.frozen
class Target:
    """Server and path that a URL names."""

    tls: bool
    host: str
    port: int
    authority: bytes
    """The `Host` header: the host and, unless it is the usual one, the port."""
    path: bytes
    """Path and query."""
    origin: tuple[bool, str, int]
    """`tls`, host and port: requests with the same origin can use the same connection."""
    shown: str
    """The URL without its query, in ASCII: what may be written into a log."""


def parse_url(url: str) -> Target:
    """The target of `url`. Raises `NoVerdict`, with `sent` False, unless it is `https://`, or `http://` to loopback."""
    target = _parse_url(url)
    if isinstance(target, str):
        raise NoVerdict(target, sent=False)
    return target


@lru_cache(maxsize=512)
def _parse_url(url: str) -> Target | str:
    """The target, or what is wrong with the URL."""
    if len(url) > _LONGEST:
        return "the URL cannot be read"
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
    origin = (tls, host, port or usual)
    shown = f"{parts.scheme}://{authority}{parts.path or '/'}"
    return Target(*origin, authority.encode(), path.encode(), origin, shown)


def encode_headers(request: Request, target: Target) -> Headers:
    """The headers as they are sent. Raises `NoVerdict`, with `sent` False, for one that would be more than a header."""
    if not _is_name(request.method):
        raise NoVerdict("the method of the request cannot be sent", sent=False)
    headers = [(b"host", target.authority), (b"accept-encoding", b"identity")]
    for name, value in request.headers.items():
        encoded = _encode_name(name)
        if encoded is None or not ((value.isascii() and value.isprintable()) or _VALUE.fullmatch(value)):
            raise NoVerdict("a header of the request cannot be sent", sent=False)
        if encoded:
            headers.append((encoded, value.encode()))
    if request.content or request.method not in ("GET", "HEAD"):
        headers.append((b"content-length", b"%d" % len(request.content)))
    return headers


def encode_head(request: Request, target: Target) -> bytes:
    """Everything before the body. Raises as `encode_headers`."""
    headers = encode_headers(request, target)
    lines = b"".join([b"%b: %b\r\n" % header for header in headers])
    return b"%b %b HTTP/1.1\r\n%b\r\n" % (request.method.encode(), target.path, lines)


@lru_cache(maxsize=64)
def _is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


@lru_cache(maxsize=256)
def _encode_name(name: str) -> bytes | None:
    """The name of a header as it is sent; empty for one that is left out, None for what is no name."""
    if not _is_name(name):
        return None
    lower = name.lower()
    return b"" if lower in _FRAMING else lower.encode()


@safe_repr
@attrs.frozen
class Proxy:
    """An HTTP proxy, as the host of the gateway named it."""

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
        """The line of the header, with its end; empty without a user."""
        if self.user is None:
            return ""
        return f"proxy-authorization: Basic {b64encode(f'{self.user}:{self.password}'.encode()).decode()}\r\n"
