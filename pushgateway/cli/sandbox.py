"""`pushgateway sandbox`: a vendor's server, imitated on this machine until Ctrl-C; without a brand all of them.

Everything that a user needs is printed once they listen.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from gettext import gettext as _
from typing import TYPE_CHECKING, Any

import click

from pushgateway.cli import options
from pushgateway.model.errors import FieldError
from pushgateway.sandbox import Sandbox, find_sandbox

if TYPE_CHECKING:
    from pushgateway.cli.sandbox_page import Fleet
    from pushgateway.sandbox.serving.server import Served


def make_sandbox(brand: str, tokens: int, given: Mapping[str, object]) -> Sandbox:
    """The sandbox of `brand` with these options of its own; those that are None were not given.

    Raises `PluginError` when there is no such sandbox, `click.UsageError` for an option or a value that it lacks.
    """
    sandbox_class = find_sandbox(brand)
    taken = arguments_of(sandbox_class)
    more: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    for name in more:
        if name not in taken:
            unknown = _("the sandbox of {brand} has no {option}: leave it out")
            raise click.UsageError(unknown.format(brand=brand, option=f"--{name.replace('_', '-')}"))
    if "dialect" in more:
        known = _dialects(sandbox_class)
        if more["dialect"] not in known:
            raise click.UsageError(_("--dialect must be one of {names}").format(names=", ".join(known)))
    try:
        return sandbox_class(tokens=tokens, **more)
    except FieldError as wrong:
        raise click.UsageError(f"--{wrong.field.replace('_', '-')}{str(wrong).removeprefix(wrong.field)}") from None


def arguments_of(sandbox_class: type[Sandbox]) -> set[str]:
    """The keyword arguments that a sandbox takes: its own, and those of its base classes where it passes others on."""
    taken: set[str] = set()
    for one in sandbox_class.__mro__:
        parameters = inspect.signature(one).parameters.values()
        taken.update(parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY)
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            break
        taken.update(sandbox_class.options)
    return taken


def _dialects(sandbox_class: type[Sandbox]) -> Iterable[str]:
    """The dialects of a sandbox's rules."""
    from pushgateway.sandbox.kit.ruled import RuledSandbox
    from pushgateway.vendor.rules import load_rules

    if issubclass(sandbox_class, RuledSandbox):
        return sandbox_class.rules.dialects
    return load_rules(sandbox_class.__module__.split(".")[0]).dialects


def set_options(sandbox: Sandbox, given: Iterable[str]) -> None:
    """Set options given as NAME=VALUE, a value being JSON or else text. Raises `click.UsageError` for a wrong one."""
    for text in given:
        name, separator, value = text.partition("=")
        if not separator:
            raise click.UsageError(_("--set: {text} must be NAME=VALUE").format(text=text))
        try:
            read = json.loads(value)
        except (ValueError, RecursionError):
            read = value
        try:
            sandbox.set_option(name, read)
        except FieldError as wrong:
            raise click.UsageError(f"--set {wrong}") from None


@click.command(short_help="Imitate vendors' servers on this machine.")
@click.argument("brand", required=False)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port, without BRAND that of the page; 0 (default): any free one.",
)
@click.option("--tls", is_flag=True, help="Serve https with a certificate authority made for this run.")
@click.option("--dialect", help="The vendor's interface to imitate; OPPO: v1.3 (default) or current.")
@click.option(
    "--tokens", type=click.IntRange(0, 1_000_000), default=20, show_default=True, help="Number of registered phones."
)
@click.option("--daily-limit", type=click.IntRange(min=0), help="The most phones pushed to in a day.")
@click.option("--per-second", type=click.IntRange(min=0), help="The most phones pushed to in a second.")
@click.option("--last-login-wins", is_flag=True, default=None, help="A new login ends the previous access token.")
@click.option("--repeats", help="What is done with a push whose id was used before; OPPO: refuse (default) or absorb.")
@click.option("--set", "chosen", multiple=True, help="Set an option of the sandbox: NAME=VALUE. Several times.")
@click.option("--receipts-at", default="", help="Where receipts are posted, if a push cannot say it at this vendor.")
@options.as_json
def sandbox(
    *,
    brand: str | None,
    port: int,
    tls: bool,
    tokens: int,
    chosen: Sequence[str],
    receipts_at: str,
    as_json: bool,
    **given: object,
) -> None:
    """Imitate the server of BRAND (such as oppo) on this machine, until Ctrl-C. Without BRAND, those of all installed
    brands, with one page for all their phones, on which you can send pushes and switch faults on.

    With --json the first line on standard output is one JSON object: brand, url, settings, tokens, page, phones,
    ledger, and with --tls ca_file. Without BRAND it has page, and sandboxes: such an object for each brand, with its
    certificate_id.
    """
    if brand is None:
        _refuse({"tls": tls or None, "set": chosen or None, "receipts_at": receipts_at or None, **given})
        _run_all(port, tokens, as_json)
        return
    from pushgateway.cli import console, sandbox_lines
    from pushgateway.sandbox.serving.server import run

    imitated = make_sandbox(brand, tokens, given)
    set_options(imitated, chosen)
    imitated.receipts_at = receipts_at

    def announce(served: Served) -> None:
        if as_json:
            console.as_json(sandbox_lines.as_json(imitated, served))
        else:
            sandbox_lines.print_one(imitated, served)

    with _port_problem(port):
        run(imitated, port, tls, announce)


def _run_all(port: int, tokens: int, as_json: bool) -> None:
    """Serve the sandboxes of all installed brands, and their page, until Ctrl-C."""
    from pushgateway.cli import console, sandbox_lines
    from pushgateway.cli.language import is_chinese
    from pushgateway.cli.sandbox_page import installed_sandboxes, serve_all
    from pushgateway.sandbox.serving.server import run_until_stopped

    def announce(fleet: Fleet) -> None:
        if as_json:
            console.as_json(sandbox_lines.all_as_json(fleet))
        else:
            sandbox_lines.print_all(fleet)

    with _port_problem(port):
        run_until_stopped(serve_all(installed_sandboxes(tokens), port, "zh" if is_chinese() else None), announce)


def _refuse(given: Mapping[str, object]) -> None:
    """Raise `click.UsageError` for an option that is about one brand. Those that are None were not given."""
    for name, value in given.items():
        if value is not None:
            problem = _("{option} is about one brand: name it, such as pushgateway sandbox oppo {option}")
            raise click.UsageError(problem.format(option=f"--{name.replace('_', '-')}"))


@contextmanager
def _port_problem(port: int) -> Iterator[None]:
    try:
        yield
    except OSError as taken:
        problem = _("port {port} cannot be used: {why}")
        raise click.UsageError(problem.format(port=port, why=taken.strerror or _("it is in use"))) from None
