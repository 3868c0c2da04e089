"""Checks of a vendor's base URL, such as a certificate's `host` setting.

Pure functions of texts; no name is looked up. Used by plug-ins for their settings and by `Certificate.receipt_url`.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from pushgateway.model.errors import FieldError


def check_base_url(field: str, url: str) -> str:
    """`url` without its trailing slash, or `FieldError` unless it is `https://host[:port]` or `http://` to loopback.

    Plain HTTP would show secrets and texts to the network, so it is for sandboxes on this machine only.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except (ValueError, AttributeError, TypeError):
        raise FieldError(field, "must be a URL such as https://host") from None
    if parts.scheme not in ("https", "http") or not host or parts.username or parts.query or parts.fragment:
        raise FieldError(field, "must be a URL such as https://host")
    if parts.scheme == "http" and not is_loopback(host):
        raise FieldError(field, "must be https://; plain http:// is for loopback addresses only")
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    """True for `localhost` and literal loopback addresses. No name is looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
