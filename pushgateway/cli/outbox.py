"""`pushgateway outbox`: what waits in the outbox of a configuration, and its dead letters.

It works beside a running service, on the same store. A token is shown by its digest, a text never.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from gettext import gettext as _
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pushgateway.cli import options
from pushgateway.cli.store_session import ask
from pushgateway.config import load_config
from pushgateway.model.secret import mask

if TYPE_CHECKING:
    from pushgateway.outbox import DeadLetter, Outbox, OutboxStatus

T = TypeVar("T")

_config = options.config_with("outbox")


@click.group(short_help="Look into the outbox, and send its dead letters again or drop them.")
def outbox() -> None:
    """The outbox: pushes that are stored before they are sent. The commands may be used while a service runs."""


@outbox.command(short_help="Count what waits, and list dead letters.")
@_config
@click.option("--letters", type=click.IntRange(min=0), default=20, show_default=True, help="Dead letters to list.")
@options.as_json
def status(*, config: Path, letters: int, as_json: bool) -> None:
    """Count the pushes of each certificate by their state, and list the first dead letters with the reason of each."""
    from pushgateway.cli import console

    async def look(box: Outbox) -> tuple[OutboxStatus, list[DeadLetter]]:
        return await box.status(), await box.dead_letters(limit=letters)

    found, dead = _ask(config, look)
    if as_json:
        console.as_json(_as_dict(found, dead))
        return
    to = console.console()
    if not found.certificates:
        console.line(to, _("The outbox is empty."))
        return
    numbers = (_("waiting"), _("later"), _("leased"), _("results"), _("dead"))
    heads = (_("certificate"), *numbers, _("oldest"))
    now = time.time()
    rows = [
        (
            one.certificate_id,
            *map(str, (one.waiting, one.delayed, one.leased, one.results, one.dead)),
            "" if one.oldest is None else _("{seconds:.0f} s").format(seconds=max(0.0, now - one.oldest)),
        )
        for one in found.certificates
    ]
    console.table(to, heads, rows, numbers=numbers)
    for letter in dead:
        reason = letter.outcome.reason
        word = letter.outcome.status.value if reason is None else reason.value
        console.line(to, "")
        console.line(to, (letter.dedupe_id, console.BAD), f"  {letter.push_token.certificate_id}  ", _masked(letter))
        lines = [(_("reason"), word), (_("detail"), letter.outcome.detail)]
        console.labelled(to, [(label, text) for label, text in lines if text])


@outbox.command(short_help="Send dead letters again.")
@_config
@click.argument("dedupe_ids", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All dead letters.")
@options.as_json
@click.pass_context
def retry(ctx: click.Context, /, *, config: Path, dedupe_ids: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Have the dead letters DEDUPE_IDS sent again, under the same ids. A worker does it; it need not run now."""
    chosen = _chosen(dedupe_ids, everything)
    count = _ask(config, lambda box: box.retry(chosen))
    _report(ctx, count, chosen, as_json, _("{count} dead letters are sent again").format(count=count))


@outbox.command(short_help="Remove dead letters.")
@_config
@click.argument("dedupe_ids", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All dead letters.")
@options.as_json
@click.pass_context
def drop(ctx: click.Context, /, *, config: Path, dedupe_ids: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Remove the dead letters DEDUPE_IDS from the outbox. They cannot be brought back."""
    chosen = _chosen(dedupe_ids, everything)
    count = _ask(config, lambda box: box.drop(chosen))
    _report(ctx, count, chosen, as_json, _("{count} dead letters were removed").format(count=count))


def _ask(path: Path, question: Callable[[Outbox], Awaitable[T]]) -> T:
    """The answer of the outbox in this configuration. One that cannot be used is a sentence and exit code 2."""
    config = load_config(path)
    settings = config.outbox_settings
    return ask("outbox", None if settings is None else settings.file, config.outbox(), question)


def _chosen(dedupe_ids: tuple[str, ...], everything: bool) -> Sequence[str] | None:
    if bool(dedupe_ids) is everything:
        raise click.UsageError(_("name dead letters by their ids, or give --all"))
    return None if everything else dedupe_ids


def _report(ctx: click.Context, count: int, chosen: Sequence[str] | None, as_json: bool, said: str) -> None:
    """Print how many there were. Exit code 1 if one of the named ids is no dead letter."""
    from pushgateway.cli import console
    from pushgateway.cli.exit_codes import Exit

    if as_json:
        console.as_json({"count": count})
    else:
        console.line(console.console(), said)
    if chosen is not None and count < len(set(chosen)):
        click.echo(_("some of these ids are no dead letters"), err=True)
        ctx.exit(Exit.FAILED)


def _masked(letter: DeadLetter) -> str:
    return mask(letter.push_token.token)


def _as_dict(found: OutboxStatus, dead: Sequence[DeadLetter]) -> dict[str, Any]:
    names = ("certificate_id", "waiting", "delayed", "leased", "results", "dead", "oldest")
    return {
        "certificates": [{name: getattr(one, name) for name in names} for one in found.certificates],
        "dead_letters": [
            {
                "dedupe_id": letter.dedupe_id,
                "certificate_id": letter.push_token.certificate_id,
                "token": _masked(letter),
                "status": letter.outcome.status.value,
                "reason": letter.outcome.reason.value if letter.outcome.reason else None,
                "detail": letter.outcome.detail,
                "tries": letter.tries,
                "put_at": letter.put_at,
            }
            for letter in dead
        ],
    }
