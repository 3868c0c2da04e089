"""The documents are run: every Python block of the README, of CONTRIBUTING and of docs/en, one namespace a document.

Law of this file: a block that is shown is a block that works. There is no way to leave one out.
"""

from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

_ROOT = Path(__file__).resolve().parents[1]
_DOCUMENTS = Sybil(
    path=str(_ROOT),
    parsers=[PythonCodeBlockParser()],
    patterns=["README.md", "CONTRIBUTING.md", "docs/en/*.md"],
)


class _Documents:
    """A plug-in of its own, because a hook in a conftest only sees the files below its folder."""

    pytest_collect_file = staticmethod(_DOCUMENTS.pytest())


def pytest_configure(config: pytest.Config) -> None:
    """Collect the documents wherever they lie."""
    config.pluginmanager.register(_Documents())
