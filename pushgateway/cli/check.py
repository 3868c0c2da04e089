"""`pushgateway check`: tests each certificate by a login at its vendor, or by the plug-in's probe. Nothing is sent to a
phone.

It prints what is wrong and what to do, and never the value of a setting.
"""

from __future__ import annotations

import os
from gettext import gettext as _
from pathlib import Path

import click

from pushgateway.cli import options
from pushgateway.cli.exit_codes import Exit
from pushgateway.gateway import Gateway
from pushgateway.model.outcome import CertificateCheck


async def check_all(gateway: Gateway, certificate_ids: tuple[str, ...]) -> list[CertificateCheck]:
    """Check these certificates, or all; the results in the order given."""
    wanted = certificate_ids or tuple(certificate.id for certificate in gateway.certificates)
    return [await gateway.check(key) for key in dict.fromkeys(wanted)]


@click.command(short_help="Check certificates by asking the vendor.")
@click.argument("certificate_ids", nargs=-1, metavar="[CERTIFICATE_ID]...")
@options.connection
@click.option("--strict", is_flag=True, help="Fail also when something is missing, such as a template.")
@options.as_json
@click.pass_context
def check(
    ctx: click.Context,
    /,
    *,
    certificate_ids: tuple[str, ...],
    config: Path,
    ca_file: Path | None,
    proxy: str | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Check all certificates, or those named, by a login at the vendor or another request. No push is sent.

    "Not proved" means that nothing was asked: the vendor has no login, or its access tokens are signed here, and its
    plug-in knows no request that would prove the settings.

    Settings that are missing but not required, such as the template or the channel of an intent, are listed too; only
    with --strict they make the command fail.
    """
    from pushgateway.cli import console, render
    from pushgateway.cli.gateway_session import ask, usable

    known = options.read_config(config, ca_file, proxy)
    checks = ask(known, lambda gateway: check_all(gateway, certificate_ids))
    ready = bool(checks) and usable(known, [one.certificate_id for one in checks])
    good = ready and all(one.ok and not (strict and one.advice) for one in checks)
    unused = render.unused_proxies(os.environ) if known.options.get("proxy") is None else ()
    if as_json:
        certificates = [render.check_json(one) for one in checks]
        console.as_json({"ok": good, "certificates": certificates, "unused_proxies": list(unused)})
    else:
        to = console.console()
        for one in checks:
            verdict = (_("NOT OK"), console.BAD)
            if one.ok:
                verdict = (_("ok"), console.GOOD) if one.proved else (_("ok, but not proved"), console.OPEN)
            code = _(" (vendor code {code})").format(code=one.vendor_code) if one.vendor_code is not None else ""
            console.line(to, f"{render.plain(one.certificate_id)} {one.brand or _('unknown')}: ", verdict)
            console.labelled(to, [(_("found"), render.plain(one.detail) + code)])
            if advice := render.check_advice(one):
                console.labelled(to, [(_("what to do"), _(advice))])
            console.labelled(to, [(_("note"), render.plain(sentence)) for sentence in one.advice])
        if not checks:
            empty = _("{file} holds no certificate: add a table such as [certificates.7005]").format(file=config.name)
            console.line(to, (empty, console.BAD))
        for name in unused:
            note = _("{name} is set in the environment and is not used: name a proxy in [gateway] or with --proxy")
            console.line(to, note.format(name=name))
    ctx.exit(Exit.OK if good else Exit.FAILED if ready else Exit.USAGE)
