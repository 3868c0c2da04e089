"""Checks of `catalogue.md`: each fault has its row, and each test that a row names exists.

The page and the sources of the tests are read; no test is run here.
"""

import ast
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

GROUPS = {"A": 13, "Q": 6, "B": 13, "C": 10, "D": 15, "O": 10, "N": 18, "H": 15, "X": 10, "R": 9, "S": 13, "T": 10}
"""Number of ids in each group."""
ELSEWHERE = {"B8"}
"""A broadcast across a crash of the process: the outbox stores no broadcasts."""
ROW = re.compile(r"^\| ([A-Z]\d+) \| [^|]+ \| ([^|]+) \|$", re.MULTILINE)
NAMED = re.compile(r"`((?:\w+/)?test_\w+\.py)::(test_\w+)`")


def rows(page: str) -> dict[str, list[tuple[str, str]]]:
    """By id: the tests of its row, as (file, name). An id with two rows is an error."""
    found: dict[str, list[tuple[str, str]]] = {}
    for key, named in ROW.findall(page):
        assert key not in found, f"{key} has two rows"
        found[key] = NAMED.findall(named)
    return found


def unknown(named: Mapping[str, list[tuple[str, str]]], suites: Mapping[str, str]) -> list[str]:
    """A sentence for each row without a test, and for each test that does not exist."""
    tests = {
        (path.removeprefix("plugins/").replace("/tests/", "/").removeprefix("tests/"), node.name)
        for path, text in suites.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    empty = [f"{key} names no test" for key, these in named.items() if not these]
    return empty + [f"{key}: no {file}::{name}" for key, these in named.items() for file, name in set(these) - tests]


def test_every_fault_has_its_row(root: Path) -> None:
    """No id of the groups is missing, and no other id is there."""
    page = (root / "tests" / "scenarios" / "catalogue.md").read_text("utf-8")
    ids = {f"{group}{number}" for group, count in GROUPS.items() for number in range(1, count + 1)}

    assert rows(page).keys() == ids - ELSEWHERE
    assert all(key in page for key in ELSEWHERE)


def test_every_test_of_the_catalogue_exists(root: Path, suites: Mapping[str, str]) -> None:
    """A test that is renamed or removed must be changed in the catalogue too."""
    assert unknown(rows((root / "tests" / "scenarios" / "catalogue.md").read_text("utf-8")), suites) == []


def test_a_wrong_row_is_seen() -> None:
    """A missing test, a test in another file, a row without a test, and a repeated id are each found."""
    suites = {"tests/test_a.py": "def test_one(): ...", "plugins/oppo/tests/test_b.py": "async def test_two(): ..."}
    good = "| A1 | f | `test_a.py::test_one`<br>`oppo/test_b.py::test_two` |\n"
    bad = "| A2 | f | `test_a.py::test_two` |\n| A3 | f | nothing |\n"

    assert unknown(rows(good), suites) == []
    assert len(unknown(rows(good + bad), suites)) == 2
    with pytest.raises(AssertionError, match="two rows"):
        rows(good + good)
