"""The Chinese texts of the command are complete and up to date, and show the same values as the English ones."""

import re

import pytest
from command_texts import _PO, compiled, problems, read, renewed

CATALOGUE = read()
MESSAGES = [(str(message.id), str(message.string)) for message in CATALOGUE if message.id]


def test_every_text_has_its_chinese_and_none_is_left_over() -> None:
    """Every English text has a translation, and no translation is unused. After a new text: `python
    docs/tools/command_texts.py --write`, then translate it.
    """
    assert problems(CATALOGUE) == []
    assert [message.id for message in renewed(CATALOGUE)] == [message.id for message in CATALOGUE]


def test_the_compiled_catalogue_is_up_to_date() -> None:
    """The compiled catalogue that gettext reads matches the translation."""
    assert _PO.with_suffix(".mo").read_bytes() == compiled(CATALOGUE)


@pytest.mark.parametrize(("english", "chinese"), MESSAGES, ids=[english[:40] for english, _ in MESSAGES])
def test_a_translation_has_the_same_places(english: str, chinese: str) -> None:
    """The translation has the same placeholders as the English text."""
    places = re.compile(r"\{[^}]*\}|%\(\w+\)s|--[a-z-]+")

    assert sorted(places.findall(chinese)) == sorted(places.findall(english))
