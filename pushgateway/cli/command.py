"""The command group: its subcommands, and how mistakes of the user are printed.

A mistake of the user is one sentence for each problem on standard error, and exit code 2; never a traceback. Commands
import what they need when they run, so that `--help` is fast.
"""

from __future__ import annotations

from gettext import gettext as _
from typing import Any

import click

from pushgateway.cli.brand_of import brand_of
from pushgateway.cli.broadcast import broadcast
from pushgateway.cli.check import check
from pushgateway.cli.demo import demo
from pushgateway.cli.devices import devices
from pushgateway.cli.exit_codes import MEANINGS, Exit
from pushgateway.cli.explain import explain
from pushgateway.cli.language import LANGUAGES
from pushgateway.cli.outbox import outbox
from pushgateway.cli.receipt_address import receipt_address
from pushgateway.cli.sandbox import sandbox
from pushgateway.cli.send import send
from pushgateway.cli.state import state
from pushgateway.cli.vendors import vendors
from pushgateway.cli.why import why
from pushgateway.cli.wrapping import HelpFormatter
from pushgateway.model.errors import ConfigError, FieldError, PluginError

_EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {code.value}  {meaning}" for code, meaning in MEANINGS.items())


class _Context(click.Context):
    formatter_class = HelpFormatter


class Commands(click.Group):
    """A group that prints the exceptions of the host's own mistakes as sentences."""

    context_class = _Context

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ConfigError as wrong:
            problems = wrong.problems
        except (FieldError, PluginError) as wrong:
            problems = (str(wrong),)
        for problem in problems:
            click.echo(_("Error: {message}").format(message=problem), err=True)
        raise click.exceptions.Exit(Exit.USAGE)


@click.group(cls=Commands, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pushgateway-core")
@click.option(
    "--lang",
    type=click.Choice(LANGUAGES),
    expose_value=False,
    help="Language of output and help; by default that of the locale (LANG).",
)
def pushgateway() -> None:
    """Offline push for Chinese phones. Start with: pushgateway demo"""


_COMMANDS = (
    *(brand_of, broadcast, check, demo, devices, explain, outbox),
    *(receipt_address, sandbox, send, state, vendors, why),
)
for _command in _COMMANDS:
    for _one in (_command, *getattr(_command, "commands", {}).values()):
        _one.context_class = _Context
    pushgateway.add_command(_command)
