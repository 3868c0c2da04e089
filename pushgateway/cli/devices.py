"""`pushgateway devices`: the devices of users in a configuration, how many there are, and those that are to be unbound.

It works beside a running service, on the same database. A token is shown by its digest.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from gettext import gettext as _
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pushgateway.cli import options, render
from pushgateway.cli.exit_codes import Exit
from pushgateway.cli.store_session import ask
from pushgateway.config import Config, load_config
from pushgateway.model.errors import FieldError
from pushgateway.model.secret import mask

if TYPE_CHECKING:
    from pushgateway.devices import Binding, Counts, Devices

T = TypeVar("T")
DAY = 86400.0
"""Seconds."""

_config = options.config_with("devices")


@click.group(short_help="Show and count the devices of users, and unbind them.")
def devices() -> None:
    """Which phone belongs to which user. The commands may be used while a service runs."""


@devices.command(short_help="Show the devices of users.")
@_config
@click.argument("users", nargs=-1, required=True, metavar="USER...")
@options.as_json
def show(*, config: Path, users: tuple[str, ...], as_json: bool) -> None:
    """Show each device of these users: its certificate, a digest of its token, its language, since when it is bound,
    and when it was reported last."""
    from pushgateway.cli import console

    known = load_config(config)
    found = _ask(known, lambda devices: devices.of_users(users))
    brands = _brands(known)
    if as_json:
        console.as_json({"devices": [_as_dict(one, brands) for those in found.values() for one in those]})
        return
    to = console.console()
    for number, (user, those) in enumerate(found.items()):
        if number:
            console.line(to, "")
        console.line(to, user if those else _("{user}: no device").format(user=user))
        for one in those:
            certificate_id = one.push_token.certificate_id
            brand = brands.get(certificate_id, "")
            console.line(
                to, "  ", (one.device, console.GOOD), f"  {certificate_id} {brand}".rstrip(), f"  {_masked(one)}"
            )
            lines = (
                (_("locale"), one.locale),
                (_("bound"), render.moment(one.bound_at, None)),
                (_("seen"), render.moment(one.seen_at, None)),
            )
            console.labelled(to, [(label, text) for label, text in lines if text], indent=4)


@devices.command(short_help="Count users and devices.")
@_config
@options.as_json
def status(*, config: Path, as_json: bool) -> None:
    """Count the users and their devices, in all and of each certificate. A user may have devices of several
    certificates."""
    from pushgateway.cli import console

    known = load_config(config)
    counts = _ask(known, lambda devices: devices.counts())
    brands = _brands(known)
    if as_json:
        console.as_json(_counts_as_dict(counts, brands))
        return
    to = console.console()
    if not counts.total.devices:
        console.line(to, _("No device is bound."))
        return
    numbers = (_("users"), _("devices"))
    rows = [
        (certificate_id, brands.get(certificate_id, ""), str(count.users), str(count.devices))
        for certificate_id, count in counts.certificates.items()
    ]
    rows.append((_("in all"), "", str(counts.total.users), str(counts.total.devices)))
    console.table(to, (_("certificate"), _("brand"), *numbers), rows, numbers=numbers)


@devices.command(short_help="Unbind a device of a user, or all.")
@_config
@click.argument("user")
@click.argument("device", required=False)
@options.as_json
@click.pass_context
def unbind(ctx: click.Context, /, *, config: Path, user: str, device: str | None, as_json: bool) -> None:
    """Unbind DEVICE of USER, or all devices of USER. When the command has ended, no request for them begins in any
    process."""

    async def end(devices: Devices) -> int:
        return await devices.unbind_user(user) if device is None else int(await devices.unbind(user, device))

    count = _ask(load_config(config), end)
    _report(count, as_json)
    ctx.exit(Exit.OK if count else Exit.FAILED)


@devices.command(short_help="Unbind devices that were not reported for long.")
@_config
@click.option(
    "--seen-before",
    required=True,
    metavar="AGE|DATE",
    callback=lambda context, parameter, text: read_seen_before(text, time.time()),
    help="A number of days such as 90d, or the beginning of a day in UTC such as 2026-09-01.",
)
@options.as_json
def prune(*, config: Path, seen_before: float, as_json: bool) -> None:
    """Unbind the devices of all users that were reported for the last time before this. You are not asked again."""
    _report(_ask(load_config(config), lambda devices: devices.prune(seen_before=seen_before)), as_json)


def read_seen_before(text: str, now: float) -> float:
    """Epoch seconds of a number of days before `now`, such as `90d`, or of the beginning of a day in UTC, such as
    `2026-09-01`. Raises `click.BadParameter` for other texts and for a time that is not before `now`: it would unbind
    every device."""
    if days := re.fullmatch(r"([0-9]{1,5})d", text):
        at = now - int(days[1]) * DAY
    else:
        try:
            at = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
        except ValueError:
            raise click.BadParameter(_("must look like 90d or 2026-09-01")) from None
    if at >= now:
        raise click.BadParameter(_("must be in the past: all devices would be unbound"))
    return at


def _ask(config: Config, question: Callable[[Devices], Awaitable[T]]) -> T:
    """The answer of the devices in this configuration. Those that cannot be used are a sentence and exit code 2."""
    settings = config.devices_settings
    if settings is not None and settings.url.reveal() == "memory:":
        raise FieldError("devices.url", "memory: keeps devices within one process, and this command is another one")
    # Shared, whatever the table says: `shared = false` is true for the service, but not for this process beside it.
    return ask("devices", None if settings is None else settings.file, config.devices(shared=True), question)


def _brands(config: Config) -> Mapping[str, str]:
    """By certificate id."""
    return {certificate.id: certificate.brand for certificate in config.certificates}


def _report(count: int, as_json: bool) -> None:
    """Print how many devices were unbound."""
    from pushgateway.cli import console

    if as_json:
        console.as_json({"count": count})
    else:
        console.line(console.console(), _("{count} devices were unbound").format(count=count))


def _masked(binding: Binding) -> str:
    return mask(binding.push_token.token)


def _as_dict(binding: Binding, brands: Mapping[str, str]) -> dict[str, Any]:
    certificate_id = binding.push_token.certificate_id
    return {
        "user": binding.user,
        "device": binding.device,
        "certificate_id": certificate_id,
        "brand": brands.get(certificate_id),
        "token": _masked(binding),
        "locale": binding.locale,
        "bound_at": binding.bound_at,
        "seen_at": binding.seen_at,
    }


def _counts_as_dict(counts: Counts, brands: Mapping[str, str]) -> dict[str, Any]:
    return {
        "users": counts.total.users,
        "devices": counts.total.devices,
        "certificates": [
            {
                "certificate_id": certificate_id,
                "brand": brands.get(certificate_id),
                "users": count.users,
                "devices": count.devices,
            }
            for certificate_id, count in counts.certificates.items()
        ],
    }
