"""The catalogue of the command's Chinese texts: `messages.po` in `pushgateway/cli/locale`, and its compiled form.

    python docs/tools/command_texts.py --write    collects new texts, drops unused ones, compiles what is translated
    python docs/tools/command_texts.py            names texts without a translation, and translations that nothing uses

Texts are collected from four places: `_("…")` and `mark("…")` in `pushgateway/cli`, the help texts of the commands and
their options, and two lists of the core: the advice on each reason, and the words of the table of brands. Needs Babel.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from pushgateway.abilities.table import WORDS
from pushgateway.cli.command import pushgateway
from pushgateway.cli.language import help_texts
from pushgateway.model.reason import Reason

_ROOT = Path(__file__).resolve().parents[2]
_PO = _ROOT / "pushgateway" / "cli" / "locale" / "zh" / "LC_MESSAGES" / "messages.po"
_HEAD = """\
# Chinese texts of the pushgateway command. See docs/tools/command_texts.py.
msgid ""
msgstr "Content-Type: text/plain; charset=utf-8\\n"

"""
_OF_CLICK = (
    *("Usage:", "Options", "Commands", "Positional arguments", "required", "default: {default}"),
    *("Show this message and exit.", "Show the version and exit.", "%(prog)s, version %(version)s"),
    *("Error: {message}", "Try '{command} {option}' for help.", "Aborted!"),
    *("Missing argument", "Missing option", "Missing command.", "Missing parameter"),
    *("No such command {name!r}.", "No such option {name!r}.", "Option {name!r} does not take a value."),
    *("Invalid value for {param_hint}: {message}", "Invalid value: {message}"),
    *("{value!r} is not a valid {number_type}.", "{value} is not in the range {range}."),
    *("{name} {filename!r} does not exist.", "{name} {filename!r} is a directory.", "file", "File", "path"),
    "Could not open file {filename!r}: {message}",
)
"""click's own texts that a user of this command can meet."""


def collect() -> Iterator[str]:
    """Every text of the command, some of them more than once."""
    folder = _ROOT / "pushgateway" / "cli"
    keywords = {"_": None, "mark": None}
    for found in extract_from_dir(folder, [("**.py", "python")], keywords=keywords, comment_tags=()):
        text = found[2]
        assert isinstance(text, str), f"{found[0]}:{found[1]}: one text at a time"
        yield text
    for _, _, text in help_texts(pushgateway):
        yield text
    yield from (reason.advice for reason in Reason)
    yield from WORDS
    yield from _OF_CLICK


def read() -> Catalog:
    """The catalogue as it is in the repository."""
    with _PO.open("rb") as file:
        catalogue = read_po(file, locale="zh", domain="messages")
    catalogue.creation_date = catalogue.revision_date = datetime(2026, 11, 1, tzinfo=UTC)  # so that compiling repeats
    return catalogue


def renewed(old: Catalog) -> Catalog:
    """A catalogue of exactly the texts in use, with the translations of `old`, in alphabetical order."""
    new = Catalog(locale="zh", domain="messages", project="pushgateway", fuzzy=False, header_comment="")
    new.mime_headers = [(name, value) for name, value in new.mime_headers if name == "Content-Type"]
    for text in sorted(set(collect())):
        message = old.get(text)
        new.add(text, message.string if message is not None and not message.fuzzy else "")
    return new


def problems(catalogue: Catalog) -> list[str]:
    """What is missing in a catalogue, and what it has too much."""
    today = set(collect())
    known = {str(message.id): str(message.string) for message in catalogue if message.id}
    return [
        *(f"no Chinese for: {text!r}" for text in sorted(today) if not known.get(text)),
        *(f"nothing uses: {text!r}" for text in sorted(known.keys() - today)),
    ]


def compiled(catalogue: Catalog) -> bytes:
    """The catalogue as gettext reads it, without a date."""
    file = BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()


def write() -> None:
    """Write both files anew."""
    _PO.parent.mkdir(parents=True, exist_ok=True)
    new = renewed(read() if _PO.exists() else Catalog(locale="zh"))
    with _PO.open("wb") as file:
        write_po(file, new, width=120, omit_header=True, ignore_obsolete=True, no_location=True)
    _PO.write_text(_HEAD + _PO.read_text("utf-8"), "utf-8")
    _PO.with_suffix(".mo").write_bytes(compiled(read()))


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write()
    wrong = problems(read())
    sys.stdout.write("".join(f"{line}\n" for line in wrong) or "in order\n")
    raise SystemExit(1 if wrong else 0)
