"""The language of the command: which one, and the catalogue of its texts.

A text of the command is written in English in the code, inside `_(...)` of the standard library's gettext, or inside
`mark(...)` where it stands in a table that is made before the language is known. The Chinese texts are in
`locale/zh/LC_MESSAGES/messages.po`; `python docs/tools/command_texts.py --write` collects new texts and compiles the
catalogue. The domain is `messages`, gettext's default, because click looks up its own texts ("Usage:", "Error:") there.

Not translated: what `--json` prints, and details that come from the gateway or a vendor.
"""

from __future__ import annotations

import gettext
import os
from collections.abc import Iterator, Sequence
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click

LANGUAGES = ("en", "zh")
"""What `--lang` takes."""
LOCALE = Path(__file__).parent / "locale"


def mark(text: str) -> str:
    """`text` itself. Marks a text that is translated where it is printed, so that the catalogue has it."""
    return text


def use_language(arguments: Sequence[str]) -> list[str]:
    """Choose the language of this process: `--lang` among the arguments, else the locale of the environment.

    Returns the arguments without a `--lang` that was understood, so that it may stand before or behind the name of a
    command; a wrong one is left for click to refuse. Gettext reads LANGUAGE, LC_ALL, LC_MESSAGES and LANG in this
    order; every Chinese locale (zh_CN, zh_TW …) gets the one Chinese catalogue.
    """
    gettext.bindtextdomain("messages", str(LOCALE))
    rest = list(arguments)
    end = rest.index("--") if "--" in rest else len(rest)
    for number, argument in enumerate(rest[:end]):
        name, equals, value = argument.partition("=")
        if name == "--lang":
            if not equals:
                value = next(iter(rest[number + 1 : number + 2]), "")
            if value in LANGUAGES:
                os.environ["LANGUAGE"] = value
                del rest[number : number + (1 if equals else 2)]
            break
    return rest


def speak_english() -> None:
    """Leave the texts of this process in English, whatever the locale: for output that programs read."""
    os.environ["LANGUAGE"] = LANGUAGES[0]


def is_chinese() -> bool:
    """Whether the texts of this process are Chinese."""
    return gettext.find("messages", str(LOCALE)) is not None


def translate_help(command: click.Command) -> None:
    """Put the help texts of a command, its options and its subcommands into the language of this process."""
    for owner, name, text in help_texts(command):
        setattr(owner, name, gettext.gettext(text))


def help_texts(command: click.Command) -> Iterator[tuple[object, str, str]]:
    """(object, attribute, text) for each help text of a command, its options and its subcommands."""
    holders: list[tuple[object, tuple[str, ...]]] = [(command, ("help", "short_help", "epilog"))]
    holders += [(parameter, ("help",)) for parameter in command.params]
    for holder, names in holders:
        for name in names:
            if text := getattr(holder, name, None):
                yield holder, name, cleandoc(text)  # the docstrings of Python 3.13 are indented differently
    for subcommand in getattr(command, "commands", {}).values():
        yield from help_texts(subcommand)
