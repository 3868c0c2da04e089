"""Which transport a gateway uses: the host's own object, the one that the host names, or the fastest that is installed.

Used by `Gateway`, by the configuration and by the command's demonstration.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from pushgateway.model.errors import FieldError
from pushgateway.model.installing import core_command
from pushgateway.transport.httpx_transport import HttpTransport
from pushgateway.transport.lean_transport import LeanTransport
from pushgateway.transport.protocol import Transport

TransportName: TypeAlias = Literal["httpx", "fast"]
"""`httpx`: `HttpTransport`. `fast`: `LeanTransport`, which needs the extra `fast` (httptools)."""
_NAMES = get_args(TransportName)


def has_fast() -> bool:
    """Whether the extra `fast` is installed."""
    try:
        import httptools  # noqa: F401
    except ImportError:
        return False
    return True


def check_name(field: str, name: object) -> None:
    """Raise `FieldError` for what names no transport, and for one that is not installed."""
    if name not in _NAMES:
        raise FieldError(field, 'must be "httpx" or "fast"')
    if name == "fast" and not has_fast():
        raise FieldError(field, f'"fast" needs httptools, which is not installed: {core_command("fast")}')


def make_transport(name: TransportName | None = None, **options: Any) -> HttpTransport | LeanTransport:
    """The transport of this name; None: the fast one where it is installed, the one on httpx otherwise.

    `options`: those of `HttpTransport` and `LeanTransport`.
    """
    if name == "fast" or (name is None and has_fast()):
        return LeanTransport(**options)
    return HttpTransport(**options)


def choose_transport(
    owner: str,
    given: Transport | TransportName | None,
    *,
    connections: int | None,
    connect_timeout: float | None,
    proxy: str | None,
    ca_file: str | Path | None,
    **more: Any,
) -> Transport:
    """The host's transport, or a new one with these options, of which None leaves the transport's default.

    Raises `FieldError`, with its field named as one of `owner` (the class that was given the options).
    """
    if given is None or isinstance(given, str):
        if isinstance(given, str):
            check_name(f"{owner}.transport", given)
        wanted = {"connections": connections, "connect_timeout": connect_timeout, "proxy": proxy, "ca_file": ca_file}
        options = {name: value for name, value in wanted.items() if value is not None}
        try:
            return make_transport(given, **options, **more)
        except FieldError as wrong:
            right = str(wrong).removeprefix(f"{wrong.field}: ")
            raise FieldError(f"{owner}.{wrong.field.partition('.')[2]}", right) from None
    is_one = callable(getattr(given, "send", None)) and callable(getattr(given, "aclose", None))
    if isinstance(given, type) or not is_one:
        kind = f"the class {given.__name__}" if isinstance(given, type) else type(given).__name__
        raise FieldError(f"{owner}.transport", f'must be "httpx", "fast" or an object that is a Transport, is {kind}')
    if (connect_timeout, proxy, ca_file) != (None, None, None):
        raise FieldError(f"{owner}.transport", "has its own connect_timeout, proxy and ca_file: set them there")
    return given
