"""Access tokens: the digest that signs a login, and the reading of the token in the reply.

Pure; the clock is handed in by the core (`Vendor.login(region, now)`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

from pushgateway.vendor import AccessToken, NoVerdict

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
