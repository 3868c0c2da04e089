"""Shared state costs nothing where it is not used: no client of a database is imported."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
import pushgateway, pushgateway.sync, pushgateway.state
from pushgateway import Certificate, Gateway

Gateway([Certificate(7005, "oppo", {{"app_key": "k", "master_secret": "s"}})], state={state})
print(sorted({{"redis", "sqlite3", "sqlalchemy"}} & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("state", "imported"),
    [("None", []), ("'redis://127.0.0.1:1/0'", ["redis"]), ("'sqlite:///state.db'", ["sqlite3"])],
)
def test_only_the_named_store_is_imported(state: str, imported: list[str]) -> None:
    """Without `state` no client, with it only its own; and nothing is opened before the first call."""
    program = PROGRAM.format(state=state)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout == f"{imported}\n"
    assert done.stderr == ""
