"""Which certificate authorities are trusted: the context that verifies servers.

Certificates and host names are always checked, from TLS 1.2 on; authorities can be added, never left out.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from pushgateway.errors import FieldError, NoVerdict


class Trust:
    """Makes one context for all connections of a transport, at first need: reading the authorities takes tens of
    milliseconds.

    Trusted are certifi's authorities, those of the environment's SSL_CERT_FILE and SSL_CERT_DIR, as with OpenSSL's own
    programs, and those of `ca_file`.
    """

    def __init__(self, field: str, ca_file: str | Path | None) -> None:
        """`ca_file`: PEM. Raises `FieldError`, named after `field`, where it holds no authority."""
        self._ca_file = ca_file
        self._context: ssl.SSLContext | None = None
        if ca_file is not None:
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(ca_file)
            except (OSError, ValueError, TypeError):  # `ssl.SSLError` is an OSError
                raise FieldError(field, "must be a file with certificate authorities (PEM)") from None

    def context(self) -> ssl.SSLContext:
        """The context. Raises `NoVerdict`, with `sent` False, where the environment names what cannot be read."""
        if self._context is None:
            import certifi

            context = ssl.create_default_context(cafile=certifi.where())
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.set_alpn_protocols(["http/1.1"])
            if self._ca_file is not None:
                context.load_verify_locations(self._ca_file)
            file, folder = os.environ.get("SSL_CERT_FILE") or None, os.environ.get("SSL_CERT_DIR") or None
            if file or folder:
                try:
                    context.load_verify_locations(file, folder)
                except OSError:
                    named = "SSL_CERT_FILE or SSL_CERT_DIR of the environment"
                    raise NoVerdict(f"tls: {named} cannot be read", sent=False) from None
            self._context = context
        return self._context
