"""Access tokens: the digest that signs a login, a login with OAuth 2.0, and the reading of the token in the reply.

Pure; the clock is handed in by the core (`Vendor.login(region, now)`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from pushgateway.vendor import AccessToken, Exchange, NoVerdict, Reason, Refused, Request, Response, read_json
from pushgateway.vendor.text import form_encode, whole
from pushgateway.vendor.toolkit.codes import CodeTable
from pushgateway.vendor.toolkit.json_text import encode_json
from pushgateway.vendor.toolkit.jwt import Sign, ended, signed_jwt
from pushgateway.vendor.toolkit.readers import count
from pushgateway.vendor.toolkit.requests import FORM, JSON

LONGEST: Final = 4096
"""Characters of an access token, at most; the vendors' tokens have 24 to about 1,000."""


def digest(parts: Iterable[str], algorithm: str = "sha256") -> str:
    """The hexadecimal digest of these texts joined together, as UTF-8: OPPO signs with SHA-256, vivo with MD5."""
    text = "".join(parts).encode("utf-8", "replace")
    return hashlib.new(algorithm, text, usedforsecurity=algorithm != "md5").hexdigest()


def read_access_token(
    value: object, lifetime: float, *, name: str, longest: int = LONGEST, created_at: float | None = None
) -> AccessToken:
    """The access token that a login's reply holds under `name`. `lifetime`: seconds; `created_at`: epoch seconds by the
    vendor's clock. Raises `NoVerdict` for a value that no HTTP header can carry."""
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise NoVerdict(f"the login's reply holds no {name} of 1 to {longest} characters")
    if not value.isascii() or not value.isprintable() or " " in value:
        raise NoVerdict(f"the login's {name} holds characters that no header can carry")
    return AccessToken(value, lifetime, created_at)


def access_token_reader(codes: CodeTable, lifetime: float, *, name: str) -> Callable[[Response], AccessToken]:
    """Reads the reply to a login: an access token of `lifetime` seconds under `name`, or the code of a refusal, which
    is raised and never about a notification."""

    def read(response: Response) -> AccessToken:
        reply = codes.read(response)
        if reply.code not in codes.accepted:
            raise codes.login_refusal(reply, response)
        return read_access_token(reply.body.get(name), lifetime, name=name)

    return read


def oauth_login(
    url: str, client_id: str, client_secret: str, codes: Sequence[CodeTable], *, lifetime: float, longest: int = LONGEST
) -> Exchange[AccessToken]:
    """Log in with OAuth 2.0 client credentials (RFC 6749, 4.4), as Huawei and Honor have it.

    The reply holds `access_token` and `expires_in` (seconds; `lifetime` if it is not there), or the code of one of
    these tables. Raises `Refused` (never about a notification) and `NoVerdict`.
    """
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
    headers = {"content-type": "application/x-www-form-urlencoded"}
    response = yield Request("POST", url, headers, form_encode(form))
    try:
        body = read_json(response)
    except NoVerdict:
        body = None
    given = body if isinstance(body, dict) else {}
    if 200 <= response.status < 300 and "access_token" in given:
        seconds = count(given.get("expires_in")) or lifetime
        return read_access_token(given["access_token"], seconds, name="access_token", longest=longest)
    table = next((one for one in codes if one.code in given), codes[0])
    try:
        reply = table.read(response)
    except Refused as refused:  # an HTTP status without a code
        if refused.reason is not Reason.INVALID_NOTIFICATION:
            raise
        raise Refused(Reason.CREDENTIALS, detail=refused.detail) from None
    if reply.code in table.accepted:
        raise NoVerdict("the login's reply holds no access_token")
    raise table.login_refusal(reply, response)


def digest_login(
    url: str,
    fields: Mapping[str, Any],
    parts: Iterable[str],
    read: Callable[[Response], AccessToken],
    *,
    algorithm: str = "sha256",
    field: str = "sign",
    encoding: Literal["form", "json"] = "form",
) -> Exchange[AccessToken]:
    """Log in with a digest of joined parts in `field`: OPPO (SHA-256, a form) and vivo (MD5, JSON). `fields` are texts,
    but JSON takes any value."""
    signed = {**fields, field: digest(parts, algorithm)}
    headers = FORM if encoding == "form" else JSON
    content = form_encode(signed) if encoding == "form" else whole(encode_json(signed)).encode()
    return read((yield Request("POST", url, headers, content)))


def signed_login(
    header: Mapping[str, Any], claims: Mapping[str, Any], sign: Sign, lifetime: int, now: float
) -> Exchange[AccessToken]:
    """A login without a request: a JSON Web Token that is signed here, valid for `lifetime` seconds from `now`."""
    issued = int(now)
    token = signed_jwt(header, {**claims, "iat": issued, "exp": issued + lifetime}, sign)
    return ended(AccessToken(token, lifetime, float(issued)))
