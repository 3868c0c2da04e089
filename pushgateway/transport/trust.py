"""Whom we believe: the context that verifies servers.

Law of this file: certificates and names are always checked, from TLS 1.2 on; authorities can be added, never left out.
"""

from __future__ import annotations

import ssl
from pathlib import Path


class Trust:
    """Makes one context for all connections of a transport, at first need: reading the authorities costs tens of
    milliseconds."""

    def __init__(self, ca_file: str | Path | None) -> None:
        self._ca_file = ca_file
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """Trusts certifi's authorities, and those of `ca_file` (PEM)."""
        if self._context is None:
            import certifi

            context = ssl.create_default_context(cafile=certifi.where())
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.set_alpn_protocols(["http/1.1"])
            if self._ca_file is not None:
                context.load_verify_locations(self._ca_file)
            self._context = context
        return self._context
