"""From `--config` to a gateway that lives as long as one command.

Law of this file: what is opened is closed, also when the user interrupts; and an interrupted command never claims to
know more than it does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import click

from pushgateway.cli.exits import Exit
from pushgateway.config import Config, load_config
from pushgateway.gateway import Gateway
from pushgateway.transport import HttpTransport

R = TypeVar("R")


@asynccontextmanager
async def opened(config: Config, ca_file: Path | None) -> AsyncIterator[Gateway]:
    """A gateway that also trusts `ca_file`."""
    transport = HttpTransport(connections=int(config.options.get("connections", 8)), ca_file=ca_file)
    try:
        async with config.gateway(transport=transport) as gateway:
            yield gateway
    finally:
        await transport.aclose()


def ask(path: Path, ca_file: Path | None, question: Callable[[Gateway], Awaitable[R]]) -> R:
    """Open the gateway of `path`, ask it one thing and close it. Raises `ConfigError` when `path` is wrong.

    Ctrl-C ends the command with `Exit.UNKNOWN`: a request may have left.
    """
    config = load_config(path)

    async def asking() -> R:
        async with opened(config, ca_file) as gateway:
            return await question(gateway)

    try:
        return asyncio.run(asking())
    except KeyboardInterrupt:
        click.echo("Interrupted: a request may have left, and its verdict is not known.", err=True)
        raise click.exceptions.Exit(Exit.UNKNOWN) from None
