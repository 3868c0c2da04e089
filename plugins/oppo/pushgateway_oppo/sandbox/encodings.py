"""Reads the fields of a call in the encoding of its operation.

Pure; takes a request, returns fields, or None for a body that is not in that encoding. Texts are UTF-8. If a field is
named twice, the first counts, as in a form; a file of a multipart body stays bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pushgateway.vendor import Request
from pushgateway.vendor.rules import Operation
from pushgateway_oppo.sandbox.form import FORM, charset, is_kind, read_form, read_json_text

KINDS: Mapping[str, str] = {"form": FORM, "json": "application/json", "multipart": "multipart/form-data"}
"""Content types by encoding of the rules; a query has none."""

_NAME = re.compile(rb'content-disposition:[^\r\n]*;\s*name="([^"\r\n]*)"', re.IGNORECASE)
_FILE = re.compile(rb"content-disposition:[^\r\n]*;\s*filename=", re.IGNORECASE)
_BOUNDARY = re.compile(r'boundary="?([^";]{1,70})"?\s*(?:;|$)', re.IGNORECASE)


def read_fields(operation: Operation, request: Request) -> Mapping[str, Any] | None:
    """The fields of a call, by name; None: the request is not in the encoding of the call."""
    kind = request.headers.get("content-type", "")
    match operation.encoding:
        case "form":
            return read_form(kind, request.content)
        case "query":
            return read_form(FORM, urlsplit(request.url).query.encode("latin-1", "replace"))
        case "json":
            return _json(kind, request.content)
        case "multipart":
            return _multipart(kind, request.content)


def _json(kind: str, content: bytes) -> Mapping[str, Any] | None:
    if not content:
        return {}
    if not is_kind(kind, KINDS["json"]) or charset(kind) not in ("", "utf-8", "utf8"):
        return None
    try:
        fields = read_json_text(content.decode("utf-8"))
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None


def _multipart(kind: str, content: bytes) -> Mapping[str, Any] | None:
    boundary = _BOUNDARY.search(kind)
    if not is_kind(kind, KINDS["multipart"]) or boundary is None:
        return None
    # Text before the first boundary line is ignored; the last boundary is followed by two hyphens.
    _, *parts = (b"\r\n" + content).split(b"\r\n--" + boundary[1].encode("latin-1", "replace"))
    if not parts or not parts[-1].startswith(b"--"):
        return None
    fields: dict[str, Any] = {}
    for part in parts[:-1]:
        head, gap, value = part.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if not gap or name is None:
            return None
        try:
            fields.setdefault(name[1].decode(), value if _FILE.search(head) else value.decode())
        except UnicodeDecodeError:
            return None
    return fields
