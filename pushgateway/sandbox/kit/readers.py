"""Reads the fields of a request strictly and fast: forms, JSON objects, queries and multipart bodies.

Pure; takes a content type and bytes, returns fields, or None for a request that is not in that encoding. Texts are
UTF-8. Of a field that is named twice the first counts, except for the fields named in `lists`, which vendors take both
joined by commas and repeated. An empty form or JSON body has no fields, whatever the content type.

A batch of 1,000 pushes is well over a megabyte of percent escapes, for which the standard library needs 0.1 s; this
takes a few milliseconds. Used by `admission` and by the sandboxes of plug-ins.
"""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Collection, Mapping
from typing import Any, Final
from urllib.parse import unquote_to_bytes, urlsplit

from pushgateway.sandbox.kit.refusals import CallRefused
from pushgateway.vendor import Request

FORM: Final = "application/x-www-form-urlencoded"
CONTENT_TYPES: Mapping[str, str] = {"form": FORM, "json": "application/json", "multipart": "multipart/form-data"}
"""Content types by encoding of the rules; a query has none."""

_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_NAME = re.compile(rb'content-disposition:[^\r\n]*;\s*name="([^"\r\n]*)"', re.IGNORECASE)
_FILE = re.compile(rb"content-disposition:[^\r\n]*;\s*filename=", re.IGNORECASE)
_BOUNDARY = re.compile(r'boundary="?([^";]{1,70})"?\s*(?:;|$)', re.IGNORECASE)


def read_fields(encoding: str, request: Request, lists: Collection[str] = ()) -> Mapping[str, Any] | None:
    """The fields of a request in one of the encodings of `rules.toml`."""
    kind = request.headers.get("content-type", "")
    match encoding:
        case "form":
            return read_form(kind, request.content, lists)
        case "query":
            return read_query(request.url, lists)
        case "json":
            return read_object(kind, request.content)
        case "multipart":
            return read_multipart(kind, request.content)
    raise ValueError(f"no such encoding: {encoding!r}")


def read_form(content_type: str, content: bytes, lists: Collection[str] = ()) -> dict[str, Any] | None:
    """The fields of a form body as texts; those named in `lists` as lists of texts."""
    if not content:
        return {}
    if not is_kind(content_type, FORM) or not _is_utf8(content_type):
        return None
    fields: dict[str, Any] = {}
    try:
        for pair in content.split(b"&"):
            quoted, _, value = pair.partition(b"=")
            if not quoted:
                continue
            name = unquote(quoted).decode("utf-8")
            if name not in lists:
                fields.setdefault(name, unquote(value).decode("utf-8"))
            elif value:
                fields.setdefault(name, []).extend(unquote(value).decode("utf-8").split(","))
    except UnicodeDecodeError:
        return None
    return fields


def read_query(url: str, lists: Collection[str] = ()) -> dict[str, Any] | None:
    """The fields of the query of a URL, as `read_form`."""
    try:
        query = urlsplit(url).query
    except ValueError:  # such as "//["
        return None
    return read_form(FORM, query.encode("latin-1", "replace"), lists)


def read_object(content_type: str, content: bytes) -> dict[str, Any] | None:
    """The fields of a body that is one JSON object."""
    if not content:
        return {}
    if not is_kind(content_type, CONTENT_TYPES["json"]) or not _is_utf8(content_type):
        return None
    try:
        fields = read_json_text(content.decode("utf-8"))
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None


def read_multipart(content_type: str, content: bytes) -> dict[str, Any] | None:
    """The fields of a multipart body: texts, and files as bytes."""
    boundary = _BOUNDARY.search(content_type)
    if not is_kind(content_type, CONTENT_TYPES["multipart"]) or boundary is None:
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


def read_json_text(text: str) -> Any:
    """The value of a JSON text. Raises `ValueError` if it is not JSON, including `NaN` and too deep nesting."""
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def is_kind(content_type: str, kind: str) -> bool:
    """Whether a content type, parameters left aside, is `kind`."""
    return content_type.partition(";")[0].strip().lower() == kind


def charset(content_type: str) -> str:
    """The charset of a content type, in lower case, or ""."""
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"').lower()
    return ""


def unquote(quoted: bytes) -> bytes:
    """The bytes behind percent escapes; `+` is a blank. A percent sign that begins no escape stays."""
    text = quoted.replace(b"+", b" ")
    if b"%" not in text:
        return text
    if _BROKEN_ESCAPE.search(text):
        return unquote_to_bytes(text)
    # Quoted-printable differs from form quoting only in its sign, and the standard library decodes it in C.
    return binascii.a2b_qp(text.replace(b"=", b"=3D").replace(b"%", b"="))


def text_field(fields: Mapping[str, Any], name: str, missing: str, wrong: str, *, required: bool = True) -> str:
    """The text in a field. Raises `CallRefused` with the code `missing` if it is not there or empty, and with `wrong`
    if it is no text. Without `required` it may be missing; then ""."""
    value = fields.get(name)
    if value in (None, ""):
        if required:
            raise CallRefused(missing, name)
        return ""
    if not isinstance(value, str):
        raise CallRefused(wrong, name)
    return value


def json_field(fields: Mapping[str, Any], name: str, missing: str, wrong: str) -> Any:
    """The value of the JSON text in a field. Raises `CallRefused` as `text_field`, and for a text that is not JSON."""
    try:
        return read_json_text(text_field(fields, name, missing, wrong))
    except ValueError:
        raise CallRefused(wrong, name) from None


def flatten(tree: Mapping[str, Any], known: Collection[str], prefix: str = "") -> dict[str, Any]:
    """The fields of nested JSON under dotted names: `{"a": {"b": 1}}` as `{"a.b": 1}`.

    An object whose own dotted name is in `known` stays an object, because it is the value of that field.
    """
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        whole = f"{prefix}{name}"
        if isinstance(value, dict) and whole not in known:
            flat.update(flatten(value, known, f"{whole}."))
        else:
            flat[whole] = value
    return flat


def _is_utf8(content_type: str) -> bool:
    return charset(content_type) in ("", "utf-8", "utf8")


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)
"""Made once, because `json.loads` with an option makes a new decoder for each call."""
