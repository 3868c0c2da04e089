"""The stores of an outbox that need no server: each does what the port says."""

from pathlib import Path

import pytest
from inline_outbox import inline_store
from outbox_conformance import Make, StoreTests

from pushgateway.outbox.sqlite import SQLiteStore


class TestSQLite(StoreTests):
    """SQLite, with the thread of each store."""

    @pytest.fixture
    def make(self, tmp_path: Path) -> Make:
        return lambda: SQLiteStore(tmp_path / "outbox.db")


class TestInlineSQLite(StoreTests):
    """The store without a thread that tests in virtual time use is the same."""

    @pytest.fixture
    def make(self, tmp_path: Path) -> Make:
        return lambda: inline_store(tmp_path / "outbox.db")
