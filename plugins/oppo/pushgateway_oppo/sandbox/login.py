"""OPPO's logins: which are right, and whether a call has a valid access token. Pure; the time is a parameter."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pushgateway.sandbox.kit.access_tokens import AccessTokens
from pushgateway.sandbox.kit.admission import Asked
from pushgateway.sandbox.kit.refusals import CallRefused
from pushgateway.sandbox.kit.signatures import is_digest

_MILLISECONDS = re.compile(r"[0-9]{13}", re.ASCII)


def login_objection(
    form: Mapping[str, str], app_key: str, master_secret: str, now: float, tolerance: float
) -> str | None:
    """The code by which a login is refused, or None. Missing fields are reported before wrong ones. `now`: epoch
    seconds; `tolerance`: seconds that the client's clock may be wrong."""
    given, sign, timestamp = (form.get(name, "") for name in ("app_key", "sign", "timestamp"))
    for value, code in ((given, "15"), (sign, "17"), (timestamp, "18")):
        if not value:
            return code
    if given != app_key:
        return "14"
    if not _MILLISECONDS.fullmatch(timestamp) or abs(int(timestamp) / 1000 - now) > tolerance:
        return "19"
    return None if is_digest(sign, (app_key, timestamp, master_secret)) else "16"


def access_objection(asked: Asked, access: AccessTokens) -> CallRefused | None:
    """The objection to the access token of a call, or None.

    The documents moved it from the header to the body, so a valid one in either place is enough; one client puts it
    into the query, others into the JSON or a part of the multipart body.
    """
    given = [token for token in (asked.header("auth_token"), asked.fields.get("auth_token")) if token]
    if not given:
        return CallRefused("29")
    return None if any(map(access.knows, given)) else CallRefused("11")
