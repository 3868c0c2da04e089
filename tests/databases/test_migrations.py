"""Migrations: the files of a part are read in order. What `migrate` does with them needs databases: `sql_promises`."""

from pathlib import Path

import pytest

from pushgateway.databases.migrations import read_migrations


def folder(tmp_path: Path, **files: str) -> Path:
    """A folder with these files for one dialect; `_1` is `0001.sql`."""
    (tmp_path / "sqlite").mkdir()
    for name, text in files.items():
        (tmp_path / "sqlite" / f"{int(name[1:]):04}.sql").write_text(text, "utf-8")
    return tmp_path


def test_statements_are_read_in_the_order_of_versions(tmp_path: Path) -> None:
    """A file has one statement or several; comments are left out, and a `;` inside a line ends nothing."""
    first = "-- words\nCREATE TABLE words (\n    word TEXT DEFAULT ';x'\n);\nCREATE INDEX i ON words (word);\n"

    found = read_migrations(folder(tmp_path, _1=first, _2="DROP TABLE words"), "sqlite")

    assert found == [
        ["CREATE TABLE words (\n    word TEXT DEFAULT ';x'\n)", "CREATE INDEX i ON words (word)"],
        ["DROP TABLE words"],
    ]


@pytest.mark.parametrize("names", [("_2",), ("_1", "_3"), ()])
def test_a_missing_version_is_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    """A package without one of its files would leave out a step, and one without any would make no tables."""
    files = folder(tmp_path, **dict.fromkeys(names, "SELECT 1;\n"))

    with pytest.raises(ValueError, match=r"0001\.sql, 0002\.sql"):
        read_migrations(files, "sqlite")
