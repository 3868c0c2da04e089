"""Runs the documents: every Python block of the README, of CONTRIBUTING and of docs/en, one namespace per document.

The Chinese pages are not run: `test_trees.py` checks that their blocks are the same bytes.

Every block that is shown is run; there is no way to leave one out. Each document runs in an empty folder of its own. A
TOML block that begins with `# name.toml` is written there under that name, so that the following Python can read it.
"""

import os
import re
from collections.abc import Mapping
from contextlib import ExitStack, chdir
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

_ROOT = Path(__file__).resolve().parents[1]
_ENVIRONMENT: Mapping[str, str] = {
    "HONOR_CLIENT_SECRET": "sandbox-client-secret",
    "HUAWEI_CLIENT_SECRET": "sandbox-client-secret",
    "MEIZU_APP_SECRET": "sandbox-app-secret",
    "MEIZU_RECEIPT_TOKEN": "sandbox-receipt-token",
    "OPPO_MASTER_SECRET": "sandbox-master-secret",
    "VIVO_APP_SECRET": "sandbox-secret-of-vivo",
    "XIAOMI_APP_SECRET": "sandbox-app-secret",
}
"""What `env:` sources of the examples read. The values work with the sandboxes only."""


def _lay_down(example: Example) -> None:
    """Write a TOML block that names itself into the document's folder."""
    text = str(example.parsed)
    name = re.match(r"# (\w+\.toml)\n", text)
    if name is not None:
        Path(name[1]).write_text(text, "utf-8")


def _enter_folder(namespace: dict[str, Any]) -> None:
    stack = namespace["_document"] = ExitStack()
    stack.enter_context(chdir(stack.enter_context(TemporaryDirectory(prefix="pushgateway-docs-"))))
    former = {name: os.environ.get(name) for name in _ENVIRONMENT}
    os.environ.update(_ENVIRONMENT)
    stack.callback(_restore, former)


def _restore(former: Mapping[str, str | None]) -> None:
    for name, value in former.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _leave_folder(namespace: dict[str, Any]) -> None:
    namespace["_document"].close()


_DOCUMENTS = Sybil(
    path=str(_ROOT),
    parsers=[PythonCodeBlockParser(), CodeBlockParser(language="toml", evaluator=_lay_down)],
    patterns=["README.md", "CONTRIBUTING.md", "docs/en/*.md"],
    setup=_enter_folder,
    teardown=_leave_folder,
)


class _Documents:
    """A pytest plug-in object, because a hook in a conftest only sees files below its own folder."""

    pytest_collect_file = staticmethod(_DOCUMENTS.pytest())


def pytest_configure(config: pytest.Config) -> None:
    """Collect the documents wherever they are."""
    config.pluginmanager.register(_Documents())
