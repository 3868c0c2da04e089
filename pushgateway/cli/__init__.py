"""The `pushgateway` command.

It prints what the gateway returns and decides nothing itself. It needs the extra `pushgateway-core[cli]`, so nothing
of click or rich is imported here: without them `main` prints one sentence that says what to install. Secrets are never
printed, tokens only shortened (except a sandbox's own, which are valid nowhere else), texts from a vendor only after
`render.plain`.
"""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from importlib.util import find_spec

__all__ = ["main"]

_EXTRA = ("click", "rich")


def main() -> None:
    """The entry point. Ends with one of the exit codes of `pushgateway.cli.exit_codes`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(ValueError):
                # A terminal that knows no emoji gets an escape instead of a traceback.
                stream.reconfigure(errors="backslashreplace")
    # What the core would log is said by the command itself, once and in words.
    logging.getLogger("pushgateway").addHandler(logging.NullHandler())
    from pushgateway.model.installing import core_command

    missing = [name for name in _EXTRA if find_spec(name) is None]
    if missing:
        sys.stderr.write(f"the pushgateway command needs {missing[0]}: {core_command('cli')}\n")
        raise SystemExit(2)
    from pushgateway.cli.language import translate_help, use_language

    arguments = use_language(sys.argv[1:])
    from pushgateway.cli.command import pushgateway

    translate_help(pushgateway)
    pushgateway(arguments, prog_name="pushgateway")
