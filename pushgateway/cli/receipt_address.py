"""`pushgateway receipt-address`: the URL that a vendor's console asks for, to which it posts receipts."""

from __future__ import annotations

from gettext import gettext as _
from pathlib import Path

import click

from pushgateway.cli import options


@click.command("receipt-address", short_help="Show the URL to which a vendor posts receipts.")
@click.argument("certificate_id")
@options.connection
@options.as_json
@click.pass_context
def receipt_address(
    ctx: click.Context, /, *, certificate_id: str, config: Path, ca_file: Path | None, proxy: str | None, as_json: bool
) -> None:
    """Show the URL to which the vendor of certificate CERTIFICATE_ID posts receipts, for vendors whose console asks for
    it. The certificate needs receipt_url and receipt_secret.

    Its last part is a secret made from receipt_secret: who has it can post receipts. After a change of receipt_secret
    enter the new URL; the former one works as long as the former secret is in the list.
    """
    from pushgateway.cli import console

    known = options.read_config(config, ca_file, proxy)
    address = known.gateway().receipt_address(certificate_id)
    if as_json:
        console.as_json({"certificate_id": certificate_id, "receipt_address": address})
        return
    console.line(console.console(), address, whole=True)
    click.echo(_("keep it secret: who knows it can post receipts"), err=True)
