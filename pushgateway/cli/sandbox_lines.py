"""What `pushgateway sandbox` prints: addresses, certificates for `pushgateway.toml`, tokens, and commands to copy.

The secrets and tokens are printed in full, because they are valid only at these sandboxes.
"""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterable, Mapping
from gettext import gettext as _
from typing import TYPE_CHECKING, Any

from pushgateway.certificates.certificate import Certificate
from pushgateway.model.errors import ConfigError, PluginError
from pushgateway.sandbox import Sandbox
from pushgateway.vendor import Request

if TYPE_CHECKING:
    from rich.console import Console

    from pushgateway.cli.sandbox_page import Fleet
    from pushgateway.sandbox.serving.server import Served

CERTIFICATE_ID = "7005"
"""Of the certificate that is printed for one sandbox."""
SHOWN = 5
"""Tokens printed for people; `--json` gives twenty."""


def login_request(brand: str, settings: dict[str, object], now: float) -> Request | None:
    """The login that the vendor's plug-in would make; None without a plug-in or a login that makes a request."""
    from pushgateway.certificates.plugins import Plugins
    from pushgateway.certificates.settings import load_vendors

    try:
        vendor = load_vendors([Certificate(CERTIFICATE_ID, brand, settings)], Plugins())[CERTIFICATE_ID]
    except ConfigError:
        return None
    if isinstance(vendor, PluginError):
        return None
    exchange = vendor.login(vendor.home_region, now)
    if exchange is None:
        return None
    request = next(exchange, None)  # a token that is signed here needs no request
    exchange.close()
    return request


def curl(request: Request, ca_file: str | None) -> str:
    """The request as a line for a shell."""
    words = ["curl", "-s", "-X", request.method, request.url]
    if ca_file is not None:
        words += ["--cacert", ca_file]
    for name, value in request.headers.items():
        words += ["-H", f"{name}: {value}"]
    return shlex.join([*words, "--data", request.content.decode("utf-8", "replace")])


def toml(brand: str, settings: Mapping[str, object], certificate_id: str = CERTIFICATE_ID) -> list[str]:
    """A certificate for `pushgateway.toml`."""
    fields = [f"{name} = {_toml_value(value)}" for name, value in settings.items()]
    return [f"[certificates.{certificate_id}]", f'brand = "{brand}"', *fields]


def _toml_value(value: object) -> str:
    if isinstance(value, Mapping):
        fields = (f"{json.dumps(name, ensure_ascii=False)} = {_toml_value(one)}" for name, one in value.items())
        return f"{{ {', '.join(fields)} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml_value, value))}]"
    # Strings, numbers and truths are written the same way in JSON and in TOML.
    return json.dumps(value, ensure_ascii=False)


def as_json(imitated: Sandbox, served: Served) -> dict[str, Any]:
    """What `--json` prints of one sandbox."""
    announced = _one_as_json(imitated, served.url)
    return announced if served.ca_file is None else {**announced, "ca_file": str(served.ca_file)}


def all_as_json(fleet: Fleet) -> dict[str, Any]:
    """What `--json` prints of all sandboxes."""
    return {
        "page": fleet.page,
        "sandboxes": [
            {**_one_as_json(sandbox, url), "page": fleet.page, "certificate_id": fleet.certificates[sandbox.brand].id}
            for url, sandbox in fleet.sandboxes.items()
        ],
    }


def _one_as_json(imitated: Sandbox, url: str) -> dict[str, Any]:
    return {
        "brand": imitated.brand,
        "url": url,
        "settings": imitated.settings(url),
        "tokens": list(imitated.tokens[:20]),
        "page": _page(url),
        "phones": _page(url),
        "ledger": f"{url}/_sandbox/ledger",
    }


def _page(url: str) -> str:
    return f"{url}/_sandbox/phones/"


def print_one(imitated: Sandbox, served: Served) -> None:
    """One sandbox, for people."""
    from pushgateway.cli import console

    to = console.console()
    settings = imitated.settings(served.url)
    ca_file = None if served.ca_file is None else str(served.ca_file)
    listens = _("The {brand} sandbox listens on {url}").format(brand=imitated.brand, url=served.url)
    console.line(to, (listens, console.GOOD), "  ", _("(Ctrl-C ends it)"))
    pages = [(_("phones"), _page(served.url)), (_("ledger"), f"{served.url}/_sandbox/ledger")]
    console.labelled(to, [*pages, (_("authority"), ca_file)] if ca_file else pages)
    _to_copy(to, _("For pushgateway.toml:"), toml(imitated.brand, settings))
    _to_copy(to, _("Some of its {count:,} tokens:").format(count=len(imitated.tokens)), imitated.tokens[:SHOWN])
    if imitated.tokens:
        trust = f" --ca-file {shlex.quote(ca_file)}" if ca_file else ""
        _to_copy(to, _("Send to one of them:"), [_send(CERTIFICATE_ID, imitated.tokens[0]) + trust])
    request = login_request(imitated.brand, settings, time.time())
    if request is not None:
        _to_copy(to, _("Log in by hand (signed just now, valid for a short time):"), [curl(request, ca_file)])
    to.file.flush()


def print_all(fleet: Fleet) -> None:
    """All sandboxes, for people."""
    from pushgateway.cli import console

    to = console.console()
    shows = _("The page of all phones is at {url}").format(url=fleet.page)
    console.line(to, (shows, console.GOOD), "  ", _("(Ctrl-C ends it)"))
    console.labelled(to, [(sandbox.brand, url) for url, sandbox in fleet.sandboxes.items()])
    certificates = list(fleet.certificates.values())
    lines = [["", *toml(one.brand, one.settings, one.id)] for one in certificates]
    _to_copy(to, _("For pushgateway.toml:"), [line for part in lines for line in part][1:])
    sends = [
        _send(fleet.certificates[sandbox.brand].id, sandbox.tokens[0])
        for sandbox in fleet.sandboxes.values()
        if sandbox.tokens
    ]
    if sends:
        _to_copy(to, _("Send to a phone of each brand:"), sends)
    to.file.flush()


def _send(certificate_id: str, token: str) -> str:
    return f"pushgateway send {certificate_id} {shlex.quote(token)} --title Hello --body 你好"


def _to_copy(to: Console, heading: str, lines: Iterable[str]) -> None:
    from pushgateway.cli import console

    for text in ("", heading, ""):
        console.line(to, text)
    for text in lines:
        console.line(to, f"  {text}" if text else "", whole=True)
