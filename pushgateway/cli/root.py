"""The command group: what there is, and how mistakes of the user are told.

Law of this file: a mistake of the user is a sentence on standard error for each problem, and exit code 2; never a
traceback. Commands import what they need when they run, so that `--help` is fast.
"""

from __future__ import annotations

from typing import Any

import click

from pushgateway.cli.broadcast import broadcast
from pushgateway.cli.check import check
from pushgateway.cli.demo import demo
from pushgateway.cli.exits import MEANINGS, Exit
from pushgateway.cli.explain import explain
from pushgateway.cli.sandbox import sandbox
from pushgateway.cli.send import send
from pushgateway.cli.vendors import vendors
from pushgateway.cli.why import why
from pushgateway.errors import ConfigError, FieldError, PluginError

_EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {code.value}  {meaning}" for code, meaning in MEANINGS.items())


class Door(click.Group):
    """A group that turns the exceptions of the host's own mistakes into sentences."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ConfigError as wrong:
            problems = wrong.problems
        except (FieldError, PluginError) as wrong:
            problems = (str(wrong),)
        for problem in problems:
            click.echo(f"Error: {problem}", err=True)
        raise click.exceptions.Exit(Exit.USAGE)


@click.group(cls=Door, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pushgateway-core")
def pushgateway() -> None:
    """Offline push for Chinese phones. Start with: pushgateway demo"""


for _command in (broadcast, check, demo, explain, sandbox, send, vendors, why):
    pushgateway.add_command(_command)
