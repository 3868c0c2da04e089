"""The checks that every call passes before its fields are read: path, method, encoding, access token, rate.

Pure; nothing about pushes. The first reason found is the one in the reply.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import attrs

from pushgateway.vendor import Request, safe_repr
from pushgateway.vendor.rules import Operation
from pushgateway_oppo.sandbox.access_tokens import Access
from pushgateway_oppo.sandbox.allowance import Allowance
from pushgateway_oppo.sandbox.encodings import KINDS, read_fields
from pushgateway_oppo.sandbox.form import is_kind
from pushgateway_oppo.sandbox.targets import CallRefused

NO_CALL = "unknown"
"""The name of the call for a request whose path is not one of OPPO's."""


@safe_repr
@attrs.frozen
class Admission:
    """Admits calls, or refuses them with a code."""

    operations: Mapping[str, Operation]
    """The calls of the dialect, by name."""
    access: Access = attrs.field(repr=False)
    allowance: Allowance
    _names: Mapping[str, str] = attrs.field(init=False, repr=False)

    @_names.default
    def _names_by_path(self) -> Mapping[str, str]:
        return {operation.path: name for name, operation in self.operations.items() if operation.path}

    def operation(self, request: Request) -> str:
        """The name of the call that this request makes, or `NO_CALL`."""
        try:
            path = urlsplit(request.url).path
        except ValueError:  # such as "//["
            return NO_CALL
        return self._names.get(path, NO_CALL)

    def admit(self, request: Request, operation: str) -> Mapping[str, Any]:
        """The fields of an admitted call. Raises `CallRefused`."""
        known = self.operations.get(operation)
        if known is None:
            raise CallRefused("20")
        if request.method != known.method:
            raise CallRefused("12")
        fields = read_fields(known, request)
        if fields is None:
            right = KINDS.get(known.encoding, "")
            kind = request.headers.get("content-type", "")
            raise CallRefused("25", "" if is_kind(kind, right) else f"content-type must be {right}")
        if operation == "auth":
            return fields
        # The documents moved the access token from the header to the body, so a valid one in either place is enough;
        # one client puts it into the query, others into the JSON or a part of the multipart body.
        header = request.headers.get("auth_token", "").strip(" \t")  # RFC 9110
        given = [token for token in (header, fields.get("auth_token")) if token]
        if not given:
            raise CallRefused("29")
        if not any(isinstance(token, str) and self.access.is_valid(token) for token in given):
            raise CallRefused("11")
        if self.allowance.too_fast:
            raise CallRefused("-2")
        return fields
