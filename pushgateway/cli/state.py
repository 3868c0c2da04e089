"""`pushgateway state`: what the processes of a configuration share now, and closed quotas that are opened by hand.

It works beside running services, on the same store. No token and no secret is shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from gettext import gettext as _
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

import attrs
import click

from pushgateway.certificates.plugins import Plugins
from pushgateway.certificates.settings import load_vendors
from pushgateway.cli import options
from pushgateway.cli.language import mark
from pushgateway.config import Config, load_config
from pushgateway.model.errors import FieldError
from pushgateway.vendor import Vendor

if TYPE_CHECKING:
    from rich.console import Console

    from pushgateway.state import Contents, SharedState, StateAddress

T = TypeVar("T")
LONGEST = 10.0
"""Seconds for the store's answer."""
KINDS = {"token": mark("access token"), "busy": mark("logging in"), "failed": mark("failed"), "yours": ""}
"""By kind of a login, what is shown."""

_config = options.config_with("state")


@click.group(short_help="Look into the state that several processes share, and open closed quotas.")
def state() -> None:
    """What several processes share. The commands may be used while services run."""


@state.command(short_help="Show processes, logins, rates, closed quotas and receipts.")
@_config
@options.as_json
def show(*, config: Path, as_json: bool) -> None:
    """Show which processes there are, which logins, which portion of each rate a process has, and which quotas are
    closed."""
    from pushgateway.cli import console

    known = load_config(config)
    found = _ask(known, _contents)
    certificates = _certificates_by_login(known)
    if as_json:
        console.as_json(_as_dict(found, certificates))
        return
    to = console.console()
    if not (found.processes or found.logins or found.closed or found.receipts != 0):
        console.line(to, _("Nothing is shared now."))
        return
    _print(to, found, certificates)


def _print(to: Console, found: Contents, certificates: Mapping[str, list[str]]) -> None:
    from pushgateway.cli import console

    ends, rate, wants = _("for"), _("per second"), _("wants")
    processes = [(name, _seconds(left)) for name, left in sorted(found.processes.items())]
    logins = [
        (", ".join(certificates.get(key, ["?"])), key[:12], _(KINDS[turn.kind]), _seconds(turn.seconds))
        for key, turn in sorted(found.logins.items())
    ]
    portions = [
        (*_places(key), process, f"{portion:.4g}", f"{demand:.4g}")
        for key, held in sorted(found.portions.items())
        for process, (demand, portion) in sorted(held.items())
    ]
    closed = [(*_places(key), _seconds(left)) for key, left in sorted(found.closed.items())]
    tables: list[tuple[Sequence[str], Sequence[Sequence[str]]]] = [
        ((_("process"), ends), processes),
        ((_("certificate"), _("login"), "", ends), logins),
        ((_("certificate"), _("region"), _("rate"), _("process"), rate, wants), portions),
        ((_("certificate"), _("region"), _("closed quota"), ends), closed),
    ]
    for heads, rows in tables:
        if rows:
            console.table(to, heads, rows, numbers=(ends, rate, wants))
            console.line(to, "")
    if found.receipts is None:
        console.line(to, _("receipts are remembered, too many to be counted"))
    else:
        console.line(to, _("{count} receipts are remembered").format(count=found.receipts))


@state.command("open", short_help="Say that the closed quotas of a certificate are open again.")
@_config
@click.argument("certificate_id")
@options.as_json
@click.pass_context
def open_(ctx: click.Context, /, *, config: Path, certificate_id: str, as_json: bool) -> None:
    """Open all closed quotas of CERTIFICATE_ID in all processes, for example after the vendor has granted more.

    If a quota is still used up, the vendor refuses the next push, and it is closed again.
    """
    from pushgateway.cli import console
    from pushgateway.cli.exit_codes import Exit

    async def open_all(store: SharedState) -> int:
        mine = [key for key in (await _contents(store)).closed if _places(key)[0] == certificate_id]
        for key in mine:
            await store.open_quota(key)
        return len(mine)

    count = _ask(load_config(config), open_all)
    if as_json:
        console.as_json({"count": count})
    else:
        console.line(console.console(), _("{count} quotas were opened").format(count=count))
    ctx.exit(Exit.OK if count else Exit.FAILED)


def _ask(config: Config, ask: Callable[[SharedState], Awaitable[T]]) -> T:
    """The answer of the store in this configuration. One that cannot be used is a sentence and exit code 2."""
    from pushgateway.state.guard import why_gone

    address = config.options.get("state")
    if address is None:
        raise FieldError("state", "the configuration has no table [state]")
    store = _store(address)

    async def run() -> T:
        try:
            async with asyncio.timeout(LONGEST):
                return await ask(store)
        finally:
            await store.aclose()

    try:
        return asyncio.run(run())
    except Exception as failed:  # whatever a client raises: its text may hold a password
        raise FieldError("state", f"cannot be used: {why_gone(store, failed)}") from None


def _store(address: StateAddress) -> SharedState:
    """The store at this address. An SQLite file that is not there is not made: it would belong to the user of this
    command, and the services could not use it."""
    from pushgateway.state import MemoryState, open_state

    file = address.file
    return open_state(address) if file is None or file.exists() else MemoryState()


def _certificates_by_login(config: Config) -> dict[str, list[str]]:
    """The certificates of this configuration that have each login."""
    from pushgateway.engine.session.vendor_session import login_digest

    found: dict[str, list[str]] = {}
    for certificate_id, vendor in load_vendors(config.certificates, Plugins()).items():
        if isinstance(vendor, Vendor) and (login := login_digest(vendor, vendor.home_region)) is not None:
            found.setdefault(login, []).append(certificate_id)
    return found


async def _contents(store: SharedState) -> Contents:
    """What is in the store. What stands in the place of a quota and is none is left out."""
    from pushgateway.engine.sharing import ANSWERS

    found = await store.contents()
    closed = {key: left for key, left in found.closed.items() if not key.endswith(f"/{ANSWERS}")}
    return attrs.evolve(found, closed=closed)


def _places(key: str) -> tuple[str, str, str]:
    """Certificate, region and rate or quota of a key; without the digest of the certificate's secrets."""
    certificate, region, name = (*key.split("/"), "", "")[:3]
    return unquote(certificate.rpartition(".")[0]), unquote(region), unquote(name)


def _seconds(seconds: float) -> str:
    if seconds < 3600:
        return _("{seconds:.0f} s").format(seconds=seconds)
    return _("{hours:.1f} h").format(hours=seconds / 3600)


def _as_dict(found: Contents, certificates: Mapping[str, list[str]]) -> dict[str, Any]:
    names = ("certificate_id", "region")
    return {
        "processes": dict(found.processes),
        "logins": [
            {"certificate_ids": certificates.get(key, []), "login": key, "state": turn.kind, "seconds": turn.seconds}
            for key, turn in sorted(found.logins.items())
        ],
        "portions": [
            {
                **dict(zip((*names, "rate"), _places(key), strict=True)),
                "process": process,
                "per_second": portion,
                "demand": demand,
            }
            for key, held in sorted(found.portions.items())
            for process, (demand, portion) in sorted(held.items())
        ],
        "closed": [
            {**dict(zip((*names, "quota"), _places(key), strict=True)), "seconds": left}
            for key, left in sorted(found.closed.items())
        ],
        "receipts": found.receipts,
    }
