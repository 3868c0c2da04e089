"""Runs the example host as it is: two worker processes, and OPPO's sandbox served over loopback.

Each assertion uses what a client of the host receives, what the sandbox's phones show, or the page that Prometheus
scrapes.
"""

import asyncio
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pushgateway_oppo.sandbox import OppoSandbox

from pushgateway import load_config
from pushgateway.cli.sandbox_lines import toml
from pushgateway.devices import Devices
from pushgateway.sandbox import Fault
from pushgateway.sandbox.serving.server import serve

SECRET = "a receipt secret of many characters"
ROWS = """
receipt_url = "env:HOST_RECEIPT_URL"
receipt_secret = "env:HOST_RECEIPT_SECRET"

[certificates.7005.intents.chat]
channel_id = "messages"

[state]
url = "sqlite:///state.db"
[devices]
url = "sqlite:///devices.db"
[outbox]
url = "sqlite:///outbox.db"
"""


def until(true: Callable[[], Any], what: str) -> Any:
    """The value of `true` as soon as it is truthy. Polls, because other processes offer no event to wait for."""
    pause, end = threading.Event(), time.monotonic() + 30
    while not (found := true()):
        assert time.monotonic() < end, f"never seen: {what}"
        pause.wait(0.02)
    return found


class Host:
    """The example in its processes, and a client. It opens a new connection for each request, so that both workers
    are asked.
    """

    def __init__(self, root: Path, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [
                *(sys.executable, str(root / "examples" / "host" / "host.py"), "--port", "0", "--workers", "2"),
                *("--config", str(folder / "pushgateway.toml")),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "HOST_RECEIPT_SECRET": SECRET, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        self.log: list[str] = []
        self._reader = threading.Thread(target=lambda: self.log.extend(self.process.stdout or ()))
        self._reader.start()

    def ask(self, method: str, path: str, body: Any = None, session: str = "") -> Any:
        """The JSON object of the answer, {} if there is none."""
        headers = {"authorization": f"Bearer {session or 'none'}"}
        with httpx.Client(trust_env=False, timeout=20) as client:
            reply = client.request(method, self.url + path, json=body, headers=headers)
        assert reply.is_success, (path, reply.status_code)
        return reply.json() if reply.content else {}

    def log_in(self, user: str, token: str) -> str:
        """A user logs in on a phone, which reports its token."""
        session: str = self.ask("POST", "/login", {"user": user})["session"]
        self.report(session, token)
        return session

    def report(self, session: str, token: str) -> None:
        self.ask("PUT", "/token", {"certificate_id": 7005, "token": token}, session)

    def message(self, to: str, text: str = "hello") -> str:
        """The id of a new message."""
        message: str = self.ask("POST", "/messages", {"to": to, "text": text})["message"]
        return message

    def pushes(self, message: str) -> list[dict[str, Any]]:
        """What is known of the pushes of a message."""
        pushes: list[dict[str, Any]] = self.ask("GET", f"/messages/{message}")["pushes"]
        return pushes

    def sent(self, to: str, text: str = "hello") -> list[dict[str, Any]]:
        """The pushes of a new message, when each has its outcome."""
        message = self.message(to, text)
        until(lambda: all(push["status"] for push in self.pushes(message)), "the outcomes of a message")
        return self.pushes(message)

    def devices(self, user: str) -> int:
        """How many phones the host's devices have for a user."""

        async def count() -> int:
            async with Devices(f"sqlite:///{self.folder}/devices.db") as devices:
                return len((await devices.of_users([user]))[user])

        return asyncio.run(count())

    def has_receipt(self, message: str, kind: str, pushes: int = 1) -> bool:
        states = self.pushes(message)
        return len(states) == pushes and all(push["receipts"] == kind for push in states)

    def processes(self) -> list[int]:
        """The workers that have started."""
        return [
            int(found[1]) for line in list(self.log) if (found := re.search(r"Started server process \[(\d+)\]", line))
        ]

    def metrics(self) -> dict[str, float]:
        with httpx.Client(trust_env=False, timeout=20) as client:
            page = client.get(f"{self.url}/metrics").text
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                inner = ",".join(v for k, v in sorted(sample.labels.items()) if k not in ("brand", "certificate"))
                found[f"{sample.name.removeprefix('pushgateway_')} {inner}".strip()] = sample.value
        return found

    def end(self) -> int:
        """Stop it as a supervisor does: SIGTERM. Returns the exit code, which must come within ten seconds."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=10)
        self._reader.join(timeout=10)
        return code


@pytest.fixture
def oppo() -> OppoSandbox:
    """OPPO's current dialect with ten phones."""
    return OppoSandbox(tokens=10, dialect="current")


@pytest.fixture
def host(root: Path, tmp_path: Path, oppo: OppoSandbox) -> Iterator[Host]:
    """The host, once both workers answer."""
    with serve(oppo) as served:
        rows = [*toml("oppo", oppo.settings(served.url)), ROWS]
        (tmp_path / "pushgateway.toml").write_text("\n".join(rows), "utf-8")
        host = Host(root, tmp_path)
        try:
            until(lambda: len(host.processes()) == 2 and _is_up(host), "both workers")
            yield host
        finally:
            if host.process.poll() is None:
                for process in (host.process.pid, *host.processes()):
                    with suppress(ProcessLookupError):
                        os.kill(process, signal.SIGKILL)
                host.process.wait()
            host._reader.join()
            assert host.process.stdout is not None
            host.process.stdout.close()
            sys.stderr.write("".join(host.log))  # pytest shows it beside a failure


def _is_up(host: Host) -> bool:
    try:
        return not host.pushes("none")
    except httpx.ConnectError:
        return False


def test_a_host_of_two_workers(host: Host, oppo: OppoSandbox) -> None:
    """Log in, offline message, receipts, log out, kick, another user on the same phone, dead tokens reported by
    outcomes and by receipts, a phone that is bound again while its push is being sent, metrics, and a shutdown
    during a send. Either worker may do each step. All in one test, because starting the host takes longest.
    """
    phones = iter(oppo.tokens)

    assert_messages_reach_all_phones(host, oppo, [next(phones), next(phones)])
    assert_a_phone_is_its_users_alone(host, next(phones))
    assert_a_dead_token_is_retired_without_a_race(host, oppo, [next(phones), next(phones)])
    assert_a_receipt_retires_too(host, oppo, [next(phones), next(phones), next(phones)])
    assert_any_page_has_the_numbers_of_both(host, accepted=oppo.ledger.total + 3)  # three were late, and not delivered
    assert_a_shutdown_loses_nothing(host, oppo, next(phones))


def assert_messages_reach_all_phones(host: Host, oppo: OppoSandbox, phones: list[str]) -> None:
    """Put by both workers, receipts to either: each phone has each message once, and each push its receipt. After the
    user has logged out or was kicked, a phone gets nothing.
    """
    _, session = [host.log_in("ann", phone) for phone in phones]
    with ThreadPoolExecutor(8) as pool:
        sent = list(pool.map(lambda number: host.sent("ann", f"text {number}"), range(20)))
        messages = list(pool.map(lambda number: host.message("ann", f"text {number}"), range(5)))

    assert [[push["status"] for push in one] for one in sent] == [["accepted"] * 2] * 20
    for message in messages:
        until(lambda message=message: host.has_receipt(message, "arrived", 2), "the receipts of a message")
    assert [oppo.ledger.count(phone) for phone in phones] == [25, 25]

    host.ask("POST", "/logout", session=session)
    assert len(host.sent("ann")) == 1
    host.ask("POST", "/kick", {"user": "ann"})
    assert host.sent("ann") == []
    assert [oppo.ledger.count(phone) for phone in phones] == [26, 25]


def assert_a_phone_is_its_users_alone(host: Host, phone: str) -> None:
    """The user who logged in last has the phone. An unknown session cannot report a token, and a damaged token is a
    bad request.
    """
    _, ben = host.log_in("eve", phone), host.log_in("ben", phone)

    assert (host.sent("eve"), len(host.sent("ben"))) == ([], 1)
    assert (host.devices("eve"), host.devices("ben")) == (0, 1)
    with httpx.Client(trust_env=False) as client:
        assert client.put(f"{host.url}/token", json={"certificate_id": 7005, "token": phone}).status_code == 401
        bearer = {"authorization": f"Bearer {ben}"}
        body = {"certificate_id": 7005, "token": f"{phone}\u200b"}
        damaged = client.put(f"{host.url}/token", json=body, headers=bearer)
        assert (damaged.status_code, phone in damaged.text) == (400, False)


def assert_a_dead_token_is_retired_without_a_race(host: Host, oppo: OppoSandbox, phones: list[str]) -> None:
    """The outcome says that the token is dead. If the phone has reported it again meanwhile, the new binding stays."""
    host.log_in("carl", phones[0])
    dora = host.log_in("dora", phones[1])
    for phone in phones:
        oppo.uninstall(phone)

    assert host.sent("carl")[0]["reason"] == "unregistered"
    with on_its_way(host, oppo, "dora") as pushes:
        host.report(dora, phones[1])
    assert pushes.result()[0]["reason"] == "unregistered"
    until(lambda: host.devices("carl") == 0, "a token retired by an outcome")
    assert host.devices("dora") == 1


@contextmanager
def on_its_way(host: Host, oppo: OppoSandbox, to: str) -> Iterator[Future[list[dict[str, Any]]]]:
    """A message whose push is at OPPO, which answers a second later."""
    oppo.faults.add(Fault(kind="delay", seconds=1.0, operation="unicast"))
    asked = oppo.ledger.calls["unicast"]
    with ThreadPoolExecutor(1) as pool:
        pushes = pool.submit(host.sent, to)
        until(lambda: oppo.ledger.calls["unicast"] > asked, "the request")
        yield pushes


def assert_a_receipt_retires_too(host: Host, oppo: OppoSandbox, phones: list[str]) -> None:
    """The vendor accepts the push, and only a later receipt, to either worker, says that the token is dead."""
    oppo.set_option("late_invalid", True)
    for number, phone in enumerate(phones):
        host.log_in(f"late-{number}", phone)
        oppo.uninstall(phone)
        assert host.sent(f"late-{number}")[0]["status"] == "accepted"
        until(lambda number=number: host.devices(f"late-{number}") == 0, "a token retired by a receipt")


def assert_any_page_has_the_numbers_of_both(host: Host, accepted: int) -> None:
    """Each worker shows the metrics of both."""
    found = until(lambda: _fresh(page := host.metrics()) == accepted and page, "all receipts in the metrics")

    assert found["pushes_total ,accepted"] == accepted
    assert found["pushes_total unregistered,rejected"] == 2
    assert found["receipts_total arrived,fresh"] == accepted - 3
    assert "receipts_total ,forged" not in found
    assert found["logins_total"] in (1, 2)


def _fresh(page: dict[str, float]) -> float:
    """New receipts of every kind."""
    return sum(value for name, value in page.items() if name.startswith("receipts_total ") and name.endswith(",fresh"))


def assert_a_shutdown_loses_nothing(host: Host, oppo: OppoSandbox, phone: str) -> None:
    """SIGTERM during a send: the push has its outcome in the host's tables, both workers end, and no line of the log
    shows a secret."""
    host.log_in("fay", phone)
    workers = host.processes()
    oppo.faults.add(Fault(kind="delay", seconds=1.0, operation="unicast"))
    asked = oppo.ledger.calls["unicast"]
    message = host.message("fay")
    until(lambda: oppo.ledger.calls["unicast"] > asked, "the request")
    code = host.end()

    with closing(sqlite3.connect(host.folder / "tables.db")) as db:
        ends = db.execute("SELECT status FROM pushes WHERE message = ?", (message,)).fetchall()
    assert ends == [("accepted",)]
    assert oppo.ledger.count(phone) == 1
    assert code == 0
    assert not any(_runs(worker) for worker in workers)
    _assert_quiet(host)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _assert_quiet(host: Host) -> None:
    text = "".join(host.log)
    assert '"POST /push/7005/hidden HTTP/1.1" 200' in text
    assert not re.search(r"/push/7005/[A-Za-z0-9_-]{24}", text)
    assert not any(word in text for word in (SECRET, "Traceback", "ERROR", "WARNING", "CN_"))


def test_its_configuration_is_good(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The configuration file of the example loads, and fits the command in its first lines."""
    monkeypatch.setenv("HOST_RECEIPT_URL", "http://127.0.0.1:8000/push")
    monkeypatch.setenv("HOST_RECEIPT_SECRET", SECRET)

    config = load_config(root / "examples" / "host" / "pushgateway.toml")

    (certificate,) = config.certificates
    printed = OppoSandbox(dialect="current").settings("http://127.0.0.1:8700")
    assert {name: printed[name] for name in certificate.settings if name != "intents"} == {
        name: value for name, value in certificate.settings.items() if name != "intents"
    }
