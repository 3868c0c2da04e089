"""`Admission`: the checks that every call passes before its fields are read: path, method, headers, encoding, access,
speed.

Pure; nothing about pushes. The first reason found is the one in the reply.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import attrs

from pushgateway.model.secret import safe_repr
from pushgateway.sandbox.kit.limits import Speed
from pushgateway.sandbox.kit.readers import CONTENT_TYPES, is_kind, read_fields
from pushgateway.sandbox.kit.refusals import CallRefused
from pushgateway.vendor import Request
from pushgateway.vendor.rules import Operation

NO_CALL: Final = "unknown"
"""The name of the call for a request whose path is not one of the vendor's."""
_PLACE = re.compile(r"\{([a-z_]+)\}")


@safe_repr
@attrs.frozen
class Asked:
    """A request whose call is known, and what stands in its path."""

    request: Request = attrs.field(repr=False)
    operation: str
    """The name of the call in the rules, or `NO_CALL`."""
    places: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    """The values of the `{places}` of its path, by name."""
    fields: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    """Its fields, once they are read."""

    def header(self, name: str) -> str:
        """The value of a header (name in lower case) without blanks around it, or ""."""
        return self.request.headers.get(name, "").strip(" \t")  # RFC 9110


@safe_repr
@attrs.frozen(kw_only=True)
class AdmissionCodes:
    """The vendor's codes for the reasons that `Admission` finds."""

    path: str
    """There is no such call."""
    method: str
    """The call has another method."""
    encoding: str
    """The body is not in the encoding of the call."""
    header: str = ""
    """A header that the rules name for the call is missing; "": headers are not checked."""
    speed: str
    """Too many in this second."""


@safe_repr
@attrs.frozen(kw_only=True)
class Admission:
    """Admits calls, or refuses them with a code."""

    operations: Mapping[str, Operation] = attrs.field(repr=False)
    """The calls of the dialect, by name. A path may hold `{places}`, such as `/v1/{client_id}/messages:send`."""
    codes: AdmissionCodes
    access: Callable[[Asked], CallRefused | None] = attrs.field(repr=False)
    """The objection to the access token, key or signature of a call, and to the places of its path; None: it is
    right."""
    open_calls: Collection[str] = ()
    """Names of calls that need no access, such as the login; they are not limited in speed either."""
    lists: Collection[str] = ()
    """Names of form and query fields that are lists, joined by commas or repeated."""
    speed: Speed | None = None
    names_field: bool = False
    """Whether a refusal for a wrong encoding says which content type is right."""
    _by_path: Mapping[str, list[str]] = attrs.field(init=False, repr=False)
    _by_pattern: list[tuple[re.Pattern[str], str]] = attrs.field(init=False, repr=False)

    @_by_path.default
    def _plain_paths(self) -> Mapping[str, list[str]]:
        names: dict[str, list[str]] = {}
        for name, operation in self.operations.items():
            if operation.path and not _PLACE.search(operation.path):
                names.setdefault(operation.path, []).append(name)
        return names

    @_by_pattern.default
    def _patterns(self) -> list[tuple[re.Pattern[str], str]]:
        return [
            (_pattern(operation.path), name)
            for name, operation in self.operations.items()
            if _PLACE.search(operation.path)
        ]

    def ask(self, request: Request) -> Asked:
        """The call that this request makes; of several calls with one path that with its method."""
        try:
            path = urlsplit(request.url).path
        except ValueError:  # such as "//["
            return Asked(request, NO_CALL)
        names = self._by_path.get(path)
        if names is not None:
            return Asked(request, names[0] if len(names) == 1 else self._by_method(names, request.method))
        found = {name: match for pattern, name in self._by_pattern if (match := pattern.fullmatch(path))}
        if not found:
            return Asked(request, NO_CALL)
        name = self._by_method(list(found), request.method)
        return Asked(request, name, {place: unquote(value) for place, value in found[name].groupdict().items()})

    def operation(self, request: Request) -> str:
        """The name of the call that this request makes, or `NO_CALL`."""
        return self.ask(request).operation

    def admit(self, asked: Asked) -> Asked:
        """The call with its fields. Raises `CallRefused`."""
        request = asked.request
        known = self.operations.get(asked.operation)
        if known is None:
            raise CallRefused(self.codes.path)
        if request.method != known.method:
            raise CallRefused(self.codes.method)
        if self.codes.header:
            for name in known.headers:
                if not asked.header(name):
                    raise CallRefused(self.codes.header, name)
        fields = read_fields(known.encoding, request, self.lists)
        if fields is None:
            right = CONTENT_TYPES.get(known.encoding, "")
            named = self.names_field and not is_kind(request.headers.get("content-type", ""), right)
            raise CallRefused(self.codes.encoding, f"content-type must be {right}" if named else "")
        admitted = Asked(request, asked.operation, asked.places, fields)
        if asked.operation in self.open_calls:
            return admitted
        if (refused := self.access(admitted)) is not None:
            raise refused
        if self.speed is not None and self.speed.exceeded:
            raise CallRefused(self.codes.speed)
        return admitted

    def _by_method(self, names: list[str], method: str) -> str:
        return next((name for name in names if self.operations[name].method == method), names[0])


def _pattern(path: str) -> re.Pattern[str]:
    parts = _PLACE.split(path)  # text, name, text, name, …, text
    return re.compile(
        "".join(f"(?P<{part}>[^/]+)" if place % 2 else re.escape(part) for place, part in enumerate(parts))
    )
