"""The guard of the words: no Python code uses a word that `docs/tools/retired_words.py` lists as retired.

Names, docstrings and comments are checked; messages of the library and the pages are checked by `docs/test_words.py`.
"""

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

CHECKED = ("benchmarks", "docs", "examples", "plugins", "pushgateway", "tests")
"""Folders without a retired word: all that have Python code."""


@pytest.fixture
def in_code(root: Path) -> Callable[[str], list[str]]:
    """The function that lists the retired words of a source: a line for each, with what to write instead."""
    found: Callable[[str], list[str]] = runpy.run_path(str(root / "docs" / "tools" / "retired_words.py"))["in_code"]
    return found


@pytest.mark.parametrize("folder", CHECKED)
def test_code_uses_no_retired_word(folder: str, root: Path, in_code: Callable[[str], list[str]]) -> None:
    """Every Python file of the folder uses the words of the glossary in its names, docstrings and comments."""
    paths = [path for path in sorted((root / folder).rglob("*.py")) if ".venv" not in path.parts]

    found = [
        f"{path.relative_to(root).as_posix()}:{line}" for path in paths for line in in_code(path.read_text("utf-8"))
    ]

    assert paths
    assert found == []


def test_a_retired_word_is_found_wherever_it_stands(in_code: Callable[[str], list[str]]) -> None:
    """The guard can fail: it finds a word in each kind of name, in docstrings and in comments."""
    places = [
        "def f_told(): ...",
        "class ToldOnce: ...",
        "TOLD = 1",
        '"""It was told."""',
        "a = 1\n'''Told.'''",
        "# told",
    ]

    assert [len(in_code(place)) for place in places] == [1] * len(places)
    assert in_code("x = 1  # told") == ["1: 'told': write report, return, say, show"]


def test_other_words_names_of_libraries_and_code_pass(in_code: Callable[[str], list[str]]) -> None:
    """No hit: a longer word that contains a retired one, `file.tell()`, code in a docstring, and text in a string."""
    right = [
        "bold = doorbell = lawn = 1",
        "file.tell()",
        '"""Calls `told()`."""',
        'raise ValueError("told")',
        "# indoors",
    ]

    assert [in_code(text) for text in right] == [[]] * len(right)
