"""Which certificate authorities are trusted: the TLS context that verifies servers.

Certificates and host names are always verified, with TLS 1.2 at least; authorities can be added, never left out. Used
by `pool`; `check_authorities` also by the configuration.
"""

from __future__ import annotations

import os
import ssl
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from pushgateway.model.errors import FieldError
from pushgateway.transport import forks
from pushgateway.vendor import NoVerdict


def check_authorities(field: str, ca_file: str | Path) -> None:
    """Raises `FieldError`, named after `field`, where the file holds no authority (PEM)."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(ca_file)
    except (OSError, ValueError, TypeError):  # `ssl.SSLError` is an OSError
        raise FieldError(field, "must be a file with certificate authorities (PEM)") from None


class Authorities:
    """The authorities that one transport trusts, and the TLS context with them, one for all of its connections.

    Trusted are certifi's authorities, those of the environment's SSL_CERT_FILE and SSL_CERT_DIR, as with OpenSSL's own
    programs, and those of `ca_file`. The context is made with the transport: reading the authorities takes tens of
    milliseconds, in which the first `send` would hold the event loop.
    """

    def __init__(self, field: str, ca_file: str | Path | None) -> None:
        """`ca_file`: PEM. Raises `FieldError`, named after `field`, where it holds no authority."""
        self._ca_file = ca_file
        self._context: ssl.SSLContext | None = None
        if ca_file is not None:
            check_authorities(field, ca_file)
        with suppress(NoVerdict, OSError):  # raised again for a request that needs TLS
            self.context()

    def context(self) -> ssl.SSLContext:
        """The context. Raises `NoVerdict`, with `sent` False, where the environment names what cannot be read."""
        if self._context is None:
            import certifi

            own = certifi.where()
            named = os.environ.get("SSL_CERT_FILE") or None, os.environ.get("SSL_CERT_DIR") or None
            versions = tuple(_version(path) for path in (own, self._ca_file, named[0]))
            self._context = _context(own, self._ca_file, named, versions, forks.count)
        return self._context


@lru_cache(maxsize=8)
def _context(
    own: str,
    ca_file: str | Path | None,
    named: tuple[str | None, str | None],
    versions: tuple[tuple[int, ...], ...],
    forked: int,
) -> ssl.SSLContext:
    """Made once in a process for all transports that trust the same files in the same `versions`. `named`: the file and
    folder that the environment names. A forked process makes its own: in the context of its parent, a lock of OpenSSL
    may be held by a thread that does not exist any more.
    """
    context = ssl.create_default_context(cafile=own)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    if any(named):
        try:
            context.load_verify_locations(*named)
        except OSError:
            detail = "tls: SSL_CERT_FILE or SSL_CERT_DIR of the environment cannot be read"
            raise NoVerdict(detail, sent=False) from None
    return context


def _version(path: str | Path | None) -> tuple[int, ...]:
    """Differs when a file was replaced; empty for one that is not there."""
    try:
        found = os.stat(path or "")
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
