"""Builds requests: fields in the encoding of an operation, access tokens in header or body, signed forms.

Pure. An access token is never put into a query, because servers and proxies log URLs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from pushgateway.vendor import Request, safe_repr
from pushgateway.vendor.rules import Operation
from pushgateway.vendor.text import form_encode, form_quote, whole
from pushgateway.vendor.toolkit.json_text import encode_json, quote_json

FORM: Final = {"content-type": "application/x-www-form-urlencoded; charset=UTF-8"}
JSON: Final = {"content-type": "application/json; charset=UTF-8"}
_MULTIPART: Final = "multipart/form-data; boundary="
PLAIN: Final = re.compile(r"[A-Za-z0-9_.~-]{1,256}", re.ASCII)
"""A text that needs no quoting in JSON or in a form, as most tokens, message ids and class names."""
PLAIN_BYTES: Final = bytes(code for code in range(128) if PLAIN.fullmatch(chr(code)))
"""The characters of such a text."""


@safe_repr
@attrs.frozen(repr=False)
class File:
    """A file of a multipart request."""

    name: str
    kind: str
    """The content type."""
    content: bytes
    field: str = "file"
    """The name of its form field."""


def make_request(url: str, operation: Operation, fields: Mapping[str, Any], file: File | None = None) -> Request:
    """The request of a call: `fields` (and `file`) in the encoding of the operation, without an access token. Fields
    are texts, but JSON takes any value."""
    headers, content = {}, b""
    match operation.encoding:
        case "json":
            # A lone surrogate, which UTF-8 cannot encode, becomes U+FFFD, as in forms.
            headers, content = JSON, whole(encode_json(dict(fields))).encode()
        case "query":
            url = f"{url}?{form_encode(fields).decode('ascii')}" if fields else url
        case "multipart":
            # The boundary must not occur in the file. No random number is needed: no file holds its own digest.
            boundary = hashlib.sha256(b"" if file is None else file.content).hexdigest()
            headers, content = {"content-type": _MULTIPART + boundary}, _multipart(boundary, fields, file)
        case "form":
            headers, content = FORM, form_encode(fields)
    return Request(operation.method, url, {**headers, **operation.headers} if operation.headers else headers, content)


def in_header(request: Request, name: str, value: str) -> Request:
    """The request with one more header; `name` in lower case."""
    return Request(request.method, request.url, {**request.headers, name: value}, request.content)


def bearer(request: Request, value: str) -> Request:
    """The request with an access token as `Authorization: Bearer …`."""
    return in_header(request, "authorization", f"Bearer {value}")


def in_body(request: Request, name: str, value: Any) -> Request:
    """The request with one more field in its form, JSON object or multipart body, in a JSON object before the others;
    without a body it stays as it is. The value is a text, but JSON takes any."""
    kind, content = request.headers.get("content-type", ""), request.content
    if kind.startswith("application/x-www-form-urlencoded"):
        quoted = value.encode("ascii") if PLAIN.fullmatch(value) else form_quote(value)
        content += b"".join((b"&" if content else b"", name.encode("ascii"), b"=", quoted))
    elif kind.startswith("application/json"):
        rest = content.removeprefix(b"{")
        member = whole(f"{quote_json(name)}:{encode_json(value)}").encode()
        content = b"{" + member + (b"" if rest.lstrip().startswith(b"}") else b",") + rest
    elif kind.startswith(_MULTIPART):
        content = _part(kind.removeprefix(_MULTIPART), name, value) + content
    return Request(request.method, request.url, request.headers, content)


def sign_form(
    form: Mapping[str, str], secret: str, *, algorithm: str = "md5", between: str = "", field: str = "sign"
) -> dict[str, str]:
    """The form with a signature over its fields, as Meizu has it: the digest of `name=value` of all fields in the order
    of their names, joined by `between`, with the secret at the end. Lone surrogates count as U+FFFD, as in the form."""
    text = whole(between.join(f"{name}={form[name]}" for name in sorted(form)) + secret)
    digest = hashlib.new(algorithm, text.encode(), usedforsecurity=algorithm != "md5").hexdigest()
    return {**form, field: digest}


def _multipart(boundary: str, fields: Mapping[str, str], file: File | None) -> bytes:
    parts = [_part(boundary, name, value) for name, value in fields.items()]
    if file is not None:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{file.field}"; filename="{file.name}"\r\n'
        parts += [f"{head}Content-Type: {file.kind}\r\n\r\n".encode("ascii"), file.content, b"\r\n"]
    return b"".join([*parts, f"--{boundary}--\r\n".encode("ascii")])


def _part(boundary: str, name: str, value: str) -> bytes:
    return f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
