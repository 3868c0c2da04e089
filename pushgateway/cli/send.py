"""`pushgateway send`: one notification to one phone, and what became of it.

It prints the outcome and adds nothing to it. What became of the push is written into the user's journal, for `why`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pushgateway.cli import options, records
from pushgateway.model.push import PushToken
from pushgateway.model.secret import mask


@click.command(short_help="Send one notification to one phone.")
@click.argument("certificate_id")
@click.argument("token")
@options.notification
@options.connection
@records.option
@options.as_json
@click.pass_context
def send(
    ctx: click.Context,
    /,
    *,
    certificate_id: str,
    token: str,
    config: Path,
    ca_file: Path | None,
    proxy: str | None,
    journal: Path | None,
    no_journal: bool,
    as_json: bool,
    **content: Any,
) -> None:
    """Send one notification to one phone: TOKEN (OPPO: registration id) of certificate CERTIFICATE_ID.

    The outcome is recorded in your state folder, without the token and the text: `pushgateway why` reads it.
    """
    from pushgateway.cli import console, render
    from pushgateway.cli.gateway_session import ask, exit_for

    notification = options.read_notification(content)
    push_token = PushToken(certificate_id, token)
    known = options.read_config(config, ca_file, proxy)
    with records.opened_journal(journal, no_journal) as kept:
        outcome = ask(known, lambda gateway: gateway.send(push_token, notification), kept)
    if as_json:
        console.as_json(render.outcome_json(outcome))
    else:
        to = console.console()
        heading = outcome.status.value if outcome.reason is None else f"{outcome.status.value}: {outcome.reason.value}"
        console.line(to, (heading, console.GOOD if outcome.ok else console.BAD), f"  {mask(push_token.token)}")
        console.labelled(to, render.outcome_lines(outcome))
    ctx.exit(exit_for(known, push_token.certificate_id, [outcome.status]))
