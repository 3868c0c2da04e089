"""The journal of what this command sends: where it lies, and how it is opened.

`send` writes into it unless the user says otherwise, and `why` reads it: so that a push that was tried from a terminal
can be looked up afterwards. It is a `pushgateway.Journal`: no token, no title, no body; private to the user, bounded.
A journal that cannot be opened must not keep a push from being sent, unless the user named the file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from gettext import gettext as _
from pathlib import Path
from typing import Any, TypeVar

import click

from pushgateway.model.errors import FieldError
from pushgateway.observe.journal import Journal

F = TypeVar("F", bound=Callable[..., Any])
MOST_BYTES = 2_000_000
"""Size of the file, about 10,000 pushes; a second one of the same size is kept."""


def usual_path(environ: Mapping[str, str] | None = None) -> Path:
    """The user's file: in `$XDG_STATE_HOME`, or in `~/.local/state` where that is not set or no absolute path."""
    named = Path((os.environ if environ is None else environ).get("XDG_STATE_HOME", ""))
    state = named if named.is_absolute() else Path.home() / ".local" / "state"
    return state / "pushgateway" / "sent.jsonl"


def option(command: F) -> F:
    """The options of a command that sends: `journal` and `no_journal`."""
    named = click.option(
        "--journal",
        type=click.Path(dir_okay=False, path_type=Path),
        help="File that records the outcome for `why`, instead of the one in your state folder.",
    )
    return named(click.option("--no-journal", is_flag=True, help="Do not record the outcome.")(command))


@contextmanager
def opened_journal(path: Path | None, no_journal: bool) -> Iterator[Journal | None]:
    """The journal at `path`, or the user's own; None with `no_journal`, and where the user's own cannot be written: one
    sentence on standard error says so. Raises `FieldError` for a `path` that cannot be written."""
    if path is not None and no_journal:
        raise click.UsageError(_("--journal and --no-journal exclude each other"))
    journal = None
    if path is not None:
        journal = Journal(path, max_bytes=MOST_BYTES)
    elif not no_journal:
        journal = _usual()
    try:
        yield journal
    finally:
        if journal is not None:
            journal.close()


def _usual() -> Journal | None:
    try:
        path = usual_path()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Journal(path, max_bytes=MOST_BYTES)
    except (OSError, RuntimeError, FieldError):  # RuntimeError: the user has no home folder
        click.echo(_("Note: this push is not recorded for `why`: the state folder cannot be written."), err=True)
        return None


def found_journals(named: tuple[Path, ...], no_journal: bool) -> tuple[Path, ...]:
    """The journals that the user named, and the user's own one if it exists."""
    try:
        usual = usual_path()
        there = not no_journal and usual.is_file()
    except (OSError, RuntimeError):
        return named
    return (*named, usual) if there and usual not in named else named
