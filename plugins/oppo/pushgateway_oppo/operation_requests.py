"""Builds the requests of OPPO's calls: fields in the encoding of the operation, and the access token.

Pure. V1.3 has forms and one query; today's hosts also take JSON (alias and tag) and multipart (pictures). The access
token is never put into a query, because URLs are logged by servers and proxies; there it is in the header only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

import attrs

from pushgateway.vendor import Request
from pushgateway.vendor.rules import Operation
from pushgateway.vendor.text import form_encode, form_quote, whole
from pushgateway.vendor.toolkit.json_text import encode_json, quote_json
from pushgateway_oppo.fast_path import PLAIN

FORM: Final = {"content-type": "application/x-www-form-urlencoded; charset=UTF-8"}
JSON: Final = {"content-type": "application/json; charset=UTF-8"}
_MULTIPART = "multipart/form-data; boundary="


@attrs.frozen(repr=False)
class File:
    """A file of a multipart request, in its field `file`."""

    name: str
    kind: str
    """The content type."""
    content: bytes


def make_request(url: str, operation: Operation, fields: Mapping[str, str], file: File | None = None) -> Request:
    """The request of a call: `fields` (and `file`) in the encoding of the operation, without an access token."""
    match operation.encoding:
        case "json":
            # A lone surrogate, which UTF-8 cannot encode, becomes U+FFFD, as in forms.
            return Request(operation.method, url, JSON, whole(encode_json(dict(fields))).encode())
        case "query":
            return Request(operation.method, f"{url}?{form_encode(fields).decode('ascii')}" if fields else url)
        case "multipart":
            # The boundary must not occur in the file. No random number is needed: no file holds its own digest.
            boundary = hashlib.sha256(b"" if file is None else file.content).hexdigest()
            headers = {"content-type": _MULTIPART + boundary}
            return Request(operation.method, url, headers, _multipart(boundary, fields, file))
        case "form":
            return Request(operation.method, url, FORM, form_encode(fields))


def with_access(request: Request, access: str, place: str) -> Request:
    """The request with the access token in header, body or both, as `place` says (`header`, `body` or `both`).

    A request without a body has it in the header.
    """
    headers, content = request.headers, request.content
    kind = headers.get("content-type", "")
    if place != "body" or not kind:
        headers = {**headers, "auth_token": access}
    if place != "header" and kind:
        if kind == FORM["content-type"]:
            quoted = access.encode("ascii") if PLAIN.fullmatch(access) else form_quote(access)
            content += b"&auth_token=" + quoted  # one copy of a body of megabytes, not two
        elif kind == JSON["content-type"]:
            content = b'{"auth_token":' + quote_json(access).encode() + b"," + content.removeprefix(b"{")
        else:
            content = _part(kind.removeprefix(_MULTIPART), "auth_token", access) + content
    return Request(request.method, request.url, headers, content)


def _multipart(boundary: str, fields: Mapping[str, str], file: File | None) -> bytes:
    parts = [_part(boundary, name, value) for name, value in fields.items()]
    if file is not None:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{file.name}"\r\n'
        parts += [f"{head}Content-Type: {file.kind}\r\n\r\n".encode("ascii"), file.content, b"\r\n"]
    return b"".join([*parts, f"--{boundary}--\r\n".encode("ascii")])


def _part(boundary: str, name: str, value: str) -> bytes:
    return f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
