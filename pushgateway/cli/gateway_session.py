"""Makes a gateway from `--config` for one command, and closes it.

It is closed also when the user interrupts the command; an interrupted command then says that the outcome is not known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from gettext import gettext as _
from typing import TypeVar

import click

from pushgateway.certificates.plugins import Plugins
from pushgateway.certificates.settings import load_vendors
from pushgateway.cli.exit_codes import Exit, exit_code
from pushgateway.config import Config
from pushgateway.gateway import Gateway
from pushgateway.model.checks import as_certificate_id
from pushgateway.model.reason import Status, SumStatus
from pushgateway.observe.journal import Journal
from pushgateway.vendor import Vendor

R = TypeVar("R")


def usable(config: Config, certificate_ids: Iterable[str]) -> bool:
    """Whether each of these certificates is configured and its plug-in installed; if not, the exit code is
    `Exit.USAGE`."""
    vendors = load_vendors(config.certificates, Plugins())
    return all(isinstance(vendors.get(as_certificate_id(key)), Vendor) for key in certificate_ids)


def vendor_of(config: Config, certificate_id: str) -> Vendor | None:
    """The plug-in of a certificate; None if there is none."""
    vendor = load_vendors(config.certificates, Plugins()).get(as_certificate_id(certificate_id))
    return vendor if isinstance(vendor, Vendor) else None


def exit_for(config: Config, certificate_id: str, statuses: Iterable[Status | SumStatus]) -> Exit:
    """The exit code of pushes for one certificate that ended so."""
    return exit_code(statuses) if usable(config, [certificate_id]) else Exit.USAGE


def ask(
    config: Config,
    question: Callable[[Gateway], Awaitable[R]],
    journal: Journal | None = None,
) -> R:
    """Open a gateway, await `question` with it and close it.

    Ctrl-C ends the command with `Exit.UNKNOWN`: a request may have left.
    """

    async def asking() -> R:
        async with config.gateway(journal=journal) as gateway:
            return await question(gateway)

    try:
        return asyncio.run(asking())
    except KeyboardInterrupt:
        click.echo(_("Interrupted: a request may have been sent, and its outcome is not known."), err=True)
        raise click.exceptions.Exit(Exit.UNKNOWN) from None
