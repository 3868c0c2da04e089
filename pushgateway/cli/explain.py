"""`pushgateway explain`: what would be sent to one phone, and by which rules. Nothing is sent.

It prints what `Gateway.explain` returns and adds nothing to it. The token is shortened in the request too, and there
is no access token in it, because none is fetched.
"""

from __future__ import annotations

from gettext import gettext as _
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import click

from pushgateway.cli import options
from pushgateway.config import load_config
from pushgateway.model.push import Push, PushToken
from pushgateway.model.secret import mask

if TYPE_CHECKING:
    from pushgateway.engine.explain import Explanation
    from pushgateway.vendor import Request


@click.command(short_help="Show what would be sent, and by which rules.")
@click.argument("certificate_id")
@click.argument("token")
@options.notification
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    default=options.CONFIG,
    show_default=True,
    help="File with the certificates.",
)
@options.as_json
@click.pass_context
def explain(
    ctx: click.Context, /, *, certificate_id: str, token: str, config: Path, as_json: bool, **content: Any
) -> None:
    """Show what would be sent to TOKEN of certificate CERTIFICATE_ID: the request, what is cut, which rules apply.

    No push is sent, and no request is made to the vendor.
    """
    from pushgateway.cli import console
    from pushgateway.cli.gateway_session import exit_for

    push = Push(PushToken(certificate_id, token), options.read_notification(content))
    known = load_config(config)
    explanation = known.gateway().explain(push)
    if as_json:
        console.as_json(explanation_json(explanation, push.push_token.token))
    else:
        _print(explanation, push.push_token.token)
    ctx.exit(
        exit_for(
            known, push.push_token.certificate_id, [] if explanation.outcome is None else [explanation.outcome.status]
        )
    )


def _print(explanation: Explanation, token: str) -> None:
    from pushgateway.cli import console, render

    to = console.console()
    to_whom = _("{operation} to {host}").format(operation=explanation.operation, host=explanation.host)
    if explanation.request is None:
        to_whom = _("no request would be sent")
    console.line(to, (to_whom, console.GOOD if explanation.request else console.BAD), f"  {mask(token)}")
    console.labelled(to, render.explanation_lines(explanation, token))
    for request in explanation.requests:
        console.line(to, "")
        console.line(to, f"{request.method} {shown(request.url, token)}")
        console.labelled(to, [(name, shown(value, token)) for name, value in request.headers.items()])
        console.labelled(to, fields(request, token))
    if explanation.rulings:
        console.line(to, "")
        console.line(to, _("The rules that apply:"))
    for one in explanation.rulings:
        console.labelled(to, [(one.field, one.verdict)])
        console.line(to, (f"{'':<17}{one.rule}; {one.source}; seen {one.seen}; {one.confidence}", console.QUIET))


def fields(request: Request, token: str) -> list[tuple[str, str]]:
    """The body's fields as people read them: a form taken apart, anything else as it is."""
    text = request.content.decode("utf-8", "replace")
    if "form-urlencoded" in request.headers.get("content-type", ""):
        return [(name, shown(value, token)) for name, value in parse_qsl(text, keep_blank_values=True)]
    return [("body", shown(text, token))] if text else []


def shown(text: str, token: str) -> str:
    """A text of the request for a terminal: the token shortened, no control character, whole."""
    text = text.replace(token, mask(token)) if token else text
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def explanation_json(explanation: Explanation, token: str) -> dict[str, Any]:
    """An explanation for `--json`; the token is shortened."""
    from pushgateway.cli import render

    return {
        "certificate_id": explanation.certificate_id,
        "brand": explanation.brand,
        "dialect": explanation.dialect,
        "region": explanation.region,
        "host": explanation.host,
        "operation": explanation.operation,
        "token": mask(token),
        "quota": explanation.quota,
        "priority": explanation.priority.name.lower(),
        "timeout": explanation.timeout,
        "truncated": list(explanation.truncated),
        "status": None if explanation.outcome is None else explanation.outcome.status.value,
        "reason": None
        if explanation.outcome is None or explanation.outcome.reason is None
        else explanation.outcome.reason.value,
        "detail": None if explanation.outcome is None else render.plain(explanation.outcome.detail, token),
        "requests": [
            {
                "method": request.method,
                "url": shown(request.url, token),
                "headers": {name: shown(value, token) for name, value in request.headers.items()},
                "fields": dict(fields(request, token)),
            }
            for request in explanation.requests
        ],
        "rulings": [
            {
                "field": one.field,
                "effect": one.effect,
                "verdict": one.verdict,
                "rule": one.rule,
                "source": one.source,
                "seen": str(one.seen),
                "confidence": one.confidence,
            }
            for one in explanation.rulings
        ],
    }
