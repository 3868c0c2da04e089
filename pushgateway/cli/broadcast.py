"""`pushgateway broadcast`: one notification to many phones of one certificate.

The audience must be given in exactly one way, and `--all` needs `--yes`. It prints an outcome for each token where the
vendor reports one.
"""

from __future__ import annotations

import codecs
from datetime import datetime
from gettext import gettext as _
from pathlib import Path
from typing import Any, TextIO

import click

from pushgateway.cli import options
from pushgateway.model.audience import Audience
from pushgateway.model.errors import FieldError
from pushgateway.model.outcome import BroadcastOutcome
from pushgateway.model.push import as_token


def read_tokens(tokens: tuple[str, ...], file: TextIO | None) -> list[str] | None:
    """The tokens of the command line, then those of the file, one in each line; None if neither was given.

    A text that can be no token (`PushToken` says which) is a `click.UsageError` that names its line, before anything
    is sent, so that a damaged file is corrected and sent as a whole.
    """
    if not tokens and file is None:
        return None
    given = [("--token", text) for text in tokens]
    try:
        given += [(f"--tokens-file, line {number}", line) for number, line in enumerate(file or (), 1) if line.strip()]
    except UnicodeDecodeError as wrong:
        problem = _("--tokens-file must be UTF-8 text, one token a line")
        if wrong.object[:2] in _UTF16:
            problem = _("--tokens-file must be UTF-8 text, one token a line; it is UTF-16, save it as UTF-8")
        raise click.UsageError(problem) from None
    listed, problems = [], []
    for place, text in given:
        try:
            listed.append(as_token(text, place))
        except FieldError as wrong:
            problems.append(str(wrong))
    if problems:
        more = [_("and {count} more").format(count=len(problems) - _SHOWN)] if len(problems) > _SHOWN else []
        raise click.UsageError("\n".join([_("nothing was sent:"), *problems[:_SHOWN], *more]))
    return listed


_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SHOWN = 10
"""Number of problems of a file that are printed."""


def read_audience(everyone: bool, confirmed: bool, listed: list[str] | None, named: dict[str, Any]) -> Audience:
    """The audience of the options; raises `click.UsageError` if they name none, or several kinds at once."""
    kinds = [everyone, listed is not None, *(bool(named[kind]) for kind in ("alias", "account", "tag"))]
    if sum(kinds) != 1:
        raise click.UsageError(
            _("name the phones in exactly one way: --all, --token and --tokens-file, --alias, --account, or --tag")
        )
    if everyone:
        if not confirmed:
            raise click.UsageError(_("--all reaches every phone with the app; if you mean it, add --yes"))
        return Audience.everyone()
    if named["alias"]:
        return Audience.of_aliases(named["alias"])
    if named["account"]:
        return Audience.of_accounts(named["account"])
    if named["tag"]:
        return Audience.of_tags(named["tag"])
    if not listed:
        raise click.UsageError(_("--tokens-file holds no token"))
    return Audience.of_tokens(listed)


@click.command(short_help="Send one notification to many phones of one app.")
@click.argument("certificate_id")
@click.option("--all", "everyone", is_flag=True, help="Every phone that has the app; needs --yes.")
@click.option("--yes", "confirmed", is_flag=True, help="Confirm --all.")
@click.option("--token", "tokens", multiple=True, help="Token of a phone; may be repeated.")
@click.option(
    "--tokens-file", type=click.File(encoding="utf-8-sig"), help="A UTF-8 file with one token a line; - is stdin."
)
@click.option("--alias", multiple=True, help="Phones with this alias; may be repeated.")
@click.option("--account", multiple=True, help="Phones on which this user is logged in; may be repeated.")
@click.option("--tag", multiple=True, help="Phones with one of these tags; may be repeated.")
@click.option(
    "--start-at",
    type=options.coming,
    metavar="ISO",
    help="When the vendor starts sending, such as 2026-11-22T20:00+08:00",
)
@click.option("--rate", type=click.IntRange(min=1), metavar="PHONES", help="The most phones per second.")
@options.notification
@options.connection
@options.as_json
@click.pass_context
def broadcast(
    ctx: click.Context,
    /,
    *,
    certificate_id: str,
    everyone: bool,
    confirmed: bool,
    tokens: tuple[str, ...],
    tokens_file: TextIO | None,
    start_at: datetime | None,
    rate: int | None,
    config: Path,
    ca_file: Path | None,
    proxy: str | None,
    as_json: bool,
    **content: Any,
) -> None:
    """Send one notification to many phones of certificate CERTIFICATE_ID.

    With --json each entry of `outcomes` has an `index`: the place of its token among those given, from 0, with those of
    --token first. A token given twice has the index of its first place.
    """
    from pushgateway.cli import console, render
    from pushgateway.cli.gateway_session import ask, exit_for

    listed = read_tokens(tokens, tokens_file)
    audience = read_audience(everyone, confirmed, listed, content)
    notification = options.read_notification(content)
    known = options.read_config(config, ca_file, proxy)
    outcome = ask(
        known,
        lambda gateway: gateway.broadcast(certificate_id, notification, audience, start_at=start_at, rate=rate),
    )
    if as_json:
        console.as_json(render.broadcast_json(outcome, listed or ()))
    else:
        _print(outcome)
    ctx.exit(exit_for(known, certificate_id, [status for status, _reason in outcome.counts]))


def _print(outcome: BroadcastOutcome) -> None:
    from pushgateway.cli import console, render

    to = console.console()
    heading = outcome.status.value if outcome.reason is None else f"{outcome.status.value}: {outcome.reason.value}"
    console.line(to, (heading, console.GOOD if outcome.ok else console.BAD))
    console.labelled(to, render.outcome_lines(outcome))
    if outcome.outcomes or len(outcome.counts) > 1:
        rows = [
            (f"{count:,}", status.value, reason.value if reason else "", _(reason.advice) if reason else "")
            for (status, reason), count in outcome.counts.items()
        ]
        console.table(to, (_("tokens"), _("status"), _("reason"), _("who must act")), rows, numbers=(_("tokens"),))
