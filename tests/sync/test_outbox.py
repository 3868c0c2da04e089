"""The blocking outbox: put by threads, sent in the gateway's thread, results handed to a blocking function."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from toy_vendor import Toy, ToyServer, certificate, note

from pushgateway import FieldError, Push, PushToken
from pushgateway.model.errors import StoreError
from pushgateway.outbox import Outbox, Result, SQLiteStore
from pushgateway.sync import Gateway


def push(name: str, **more: Any) -> Push:
    return Push(PushToken(1, name), note(), **more)


def gateway(server: ToyServer) -> Gateway:
    return Gateway([certificate()], transport=server, vendors={"toy": Toy})


class Kept:
    """A blocking handler that waits for so many results."""

    def __init__(self, count: int) -> None:
        self.results: list[Result] = []
        self.threads: set[str] = set()
        self.all = threading.Event()
        self._count = count

    def __call__(self, results: Sequence[Result]) -> None:
        self.results += results
        self.threads.add(threading.current_thread().name)
        if len(self.results) >= self._count:
            self.all.set()


def test_threads_put_and_results_come_back(tmp_path: Path) -> None:
    """Pushes of several threads are sent once each; their results come to a function that may block, not in the
    gateway's thread."""
    server, kept = ToyServer(), Kept(40)

    with gateway(server) as blocking, blocking.outbox(Outbox(SQLiteStore(tmp_path / "a.db")), results=kept) as outbox:

        def put(thread: int) -> None:
            for number in range(10):
                outbox.put([push(f"{thread}-{number}", context=[thread, number])])

        threads = [threading.Thread(target=put, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert kept.all.wait(30)
        assert outbox.is_healthy

    assert sorted(result.outcome.context for result in kept.results) == [[t, n] for t in range(4) for n in range(10)]
    assert set(server.ledger.values()) == {1}
    assert "pushgateway" not in kept.threads


def test_without_a_worker_it_puts_and_reads(tmp_path: Path) -> None:
    """With `works=False` nothing is sent; everything else works."""
    server = ToyServer()

    with gateway(server) as blocking, blocking.outbox(Outbox(SQLiteStore(tmp_path / "a.db")), works=False) as outbox:
        outbox.put([push("a", dedupe_id="one"), push("b")])
        before = outbox.status().total("waiting")
        removed = outbox.withdraw(dedupe_id="one").removed
        nothing = (outbox.results(), outbox.dead_letters(), outbox.retry(), outbox.drop(), outbox.take([]))

    assert (before, removed, nothing) == (2, 1, ([], [], 0, 0, None))
    assert not server.ledger


def test_results_of_a_table(tmp_path: Path) -> None:
    """With "table" the results wait until they are taken."""
    with (
        gateway(ToyServer()) as blocking,
        blocking.outbox(Outbox(SQLiteStore(tmp_path / "a.db")), results="table") as outbox,
    ):
        outbox.put([push("a")])
        pause, results = threading.Event(), list[Result]()
        while not results:
            pause.wait(0.01)
            results = outbox.results()
        outbox.take(results)
        left = outbox.status().certificates

    assert [result.outcome.ok for result in results] == [True]
    assert left == ()


def test_what_it_raises(tmp_path: Path) -> None:
    """A wrong option, which leaves nothing open, and a store that cannot be opened are raised when it is made. When the
    gateway was closed every call raises `StoreError`."""
    with gateway(ToyServer()) as blocking:
        with pytest.raises(FieldError, match="lease"):
            blocking.outbox(Outbox(SQLiteStore(tmp_path / "wrong.db")), lease=1.0)
        assert not [thread for thread in threading.enumerate() if thread.name == "pushgateway-wrong.db"]
        with pytest.raises(StoreError, match="No such file"):
            blocking.outbox(Outbox(SQLiteStore(tmp_path / "nowhere" / "missing.db")))
        outbox = blocking.outbox(Outbox(SQLiteStore(tmp_path / "b.db")))
        with pytest.raises(FieldError, match="cannot put within"):
            outbox.put_within(None, [push("a")])  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="gateway was closed"):
        outbox.put([push("a")])
    outbox.close()
