"""Four real processes on one certificate and one shared state: the same tests for SQLite and for a real Redis.

The vendor is OPPO's sandbox, over HTTP in a thread of the test's process, and its ledger is the judge. A test file
imports these tests and has the fixtures `state_url` and `measured` (seconds for which a rate is measured).
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pushgateway_oppo.sandbox import OppoSandbox

from pushgateway.sandbox import Fault
from pushgateway.sandbox.serving.server import serve

NUMBER = 4
SUPPORT = Path(__file__).resolve().parent
LONGEST = 60.0
"""Seconds for one answer of a process: far above what it takes."""
RATE = 200.0
"""Pushes per second that the vendor takes from all of them together."""
TRIES = 3
"""Measurements of a rate in real time: a busy machine may spoil one."""


class Process:
    """One process of `state_worker`. Commands are begun, and their answers are read in the same order."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, str(SUPPORT / "state_worker.py"), json.dumps(given)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )

    def begin(self, do: str, **values: Any) -> None:
        """Hand a command over."""
        assert self.popen.stdin is not None
        self.popen.stdin.write(json.dumps({"do": do, **values}).encode() + b"\n")

    def answer(self) -> dict[str, Any]:
        """The answer to the first command that has none yet."""
        assert self.popen.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.popen.stdout, selectors.EVENT_READ)
            if not selector.select(LONGEST):
                raise TimeoutError("the process does not answer")
        line = self.popen.stdout.readline()
        assert line, "the process has ended"
        return dict(json.loads(line))

    def ask(self, do: str, **values: Any) -> dict[str, Any]:
        """A command and its answer."""
        self.begin(do, **values)
        return self.answer()

    def kill(self) -> None:
        """End it as `kill -9` does."""
        os.kill(self.popen.pid, signal.SIGKILL)
        self.popen.wait(LONGEST)

    def close(self) -> None:
        """End it, in order if it still runs."""
        if self.popen.poll() is None:
            self.begin("end")
        self.popen.communicate(timeout=LONGEST)


@contextmanager
def several(oppo: OppoSandbox, state: str, number: int = NUMBER, **more: Any) -> Iterator[list[Process]]:
    """So many processes, each with a gateway, all on one state."""
    with ExitStack() as stack:
        served = stack.enter_context(serve(oppo, post_receipts=False))
        given = {"settings": oppo.settings(served.url), "state": state, **more}
        them = []
        for _ in range(number):
            them.append(Process(given))
            stack.callback(them[-1].close)
        yield them


def each(them: Sequence[Process], do: str, **values: Any) -> list[dict[str, Any]]:
    """The same command to all at the same moment, and their answers."""
    for process in them:
        process.begin(do, **values)
    return [process.answer() for process in them]


def test_cold_processes_make_one_login(state_url: str) -> None:
    """All begin at the same moment, at a vendor where each login ends the access token of the one before: one logs in,
    and every push of every process is accepted at its first try."""
    oppo = OppoSandbox(dialect="current", last_login_wins=True, tokens=50)

    with several(oppo, state_url) as them:
        answers = each(them, "send", tokens=list(oppo.tokens))

    assert [answer["ok"] for answer in answers] == [50] * NUMBER
    assert oppo.ledger.calls["auth"] == 1
    assert oppo.ledger.total == 50 * NUMBER


def test_the_processes_send_at_one_rate(state_url: str, measured: float) -> None:
    """All have more to send than they may: together they send the rate, within 3 %, and each its part, within 15 %."""
    parts: list[float] = []
    for _ in range(TRIES):
        parts = measured_parts(state_url, RATE, measured)
        if sum(parts) == pytest.approx(RATE, rel=0.03):
            break

    assert sum(parts) == pytest.approx(RATE, rel=0.03)
    assert parts == pytest.approx([RATE / NUMBER] * NUMBER, rel=0.15)


def measured_parts(state_url: str, rate: float, seconds: float) -> list[float]:
    """What each process sends per second, measured for so many seconds once all of them send."""
    oppo = OppoSandbox(dialect="current", tokens=NUMBER * 2000)
    whose = {token: place % NUMBER for place, token in enumerate(oppo.tokens)}
    with several(oppo, state_url, pushes_per_second=rate) as them:
        for place, process in enumerate(them):
            process.begin("send", tokens=[token for token, owner in whose.items() if owner == place])
        wait_until(lambda: {whose[one.token] for one in oppo.ledger.deliveries} == set(range(NUMBER)))
        let_run(1.5)
        begin = time.time()
        let_run(seconds)
        deliveries = [one for one in oppo.ledger.deliveries if one.at >= begin]
        for process in them:
            process.kill()
    return [per_second([one.at for one in deliveries if whose[one.token] == place]) for place in range(NUMBER)]


def per_second(times: Sequence[float]) -> float:
    """The rate of pushes that come in requests of several: from the first request to the last one, without it."""
    last = max(times)
    before = [one for one in times if one < last - 0.02]
    return len(before) / (last - min(times))


def test_a_used_up_quota_is_known_to_all_within_a_second(state_url: str) -> None:
    """One process learns that the daily quota is used up: a second later the others end their pushes without a
    request."""
    oppo = OppoSandbox(dialect="current", tokens=20, daily_limit=NUMBER)
    tokens = list(oppo.tokens)

    with several(oppo, state_url) as them:
        first = [process.ask("send", tokens=tokens[:1]) for process in them]
        over = them[0].ask("send", tokens=tokens[1:2])
        let_run(1)
        before = sum(oppo.ledger.calls.values())
        later = each(them, "send", tokens=tokens[2:])
        after = sum(oppo.ledger.calls.values())

    assert [answer["ok"] for answer in first] == [1] * NUMBER
    assert over["others"] == {"rejected Reason.QUOTA_EXCEEDED": 1}
    assert [answer["others"] for answer in later] == [{"not_sent Reason.QUOTA_EXCEEDED": 18}] * NUMBER
    assert after == before


def test_one_receipt_posted_to_all_is_one_event(state_url: str) -> None:
    """The vendor posts a receipt, and its repeats to the other processes, all at the same moment: one process hands it
    over."""
    oppo = OppoSandbox(dialect="current", tokens=5)

    with several(oppo, state_url) as them:
        them[0].ask("send", tokens=list(oppo.tokens))
        (body, *_) = [request.content.decode() for request in oppo.callbacks()]
        at_once = each(them, "receipt", body=body)
        again = each(them, "receipt", body=body)

    receipts = len(json.loads(body))
    assert sum(answer["fresh"] for answer in at_once) == receipts
    assert all(sum(answer.values()) == receipts for answer in at_once)
    assert again == [{"fresh": 0, "duplicates": receipts, "elsewhere": 0}] * NUMBER


def test_receipts_in_other_processes_confirm_pushes(state_url: str) -> None:
    """One process sends and waits; each receipt is posted to another process, and each phone is confirmed, long before
    the time is over."""
    oppo = OppoSandbox(dialect="current", tokens=6)
    tokens = list(oppo.tokens)

    with several(oppo, state_url) as them:
        begun = time.monotonic()
        them[0].begin("confirm", tokens=tokens, within=LONGEST / 2)
        wait_until(lambda: oppo.ledger.total == len(tokens))
        for place, request in enumerate(oppo.callbacks()):
            them[1 + place % (NUMBER - 1)].ask("receipt", body=request.content.decode())
        found = them[0].answer()

    assert found == {"arrived": tokens, "unconfirmed": 0}
    assert time.monotonic() - begun < LONGEST / 3


def test_a_process_that_is_killed_while_it_logs_in_delays_the_others_by_seconds(state_url: str) -> None:
    """`kill -9` while its login is under way: the others wait for its turn to end, and then one of them logs in."""
    oppo = OppoSandbox(dialect="current", tokens=5)
    oppo.faults.add(Fault(kind="delay", operation="auth", seconds=20.0))

    with several(oppo, state_url) as them:
        them[0].begin("send", tokens=list(oppo.tokens))
        wait_until(lambda: oppo.ledger.calls["auth"] > 0)
        for process in them[1:]:
            process.begin("send", tokens=list(oppo.tokens))
        begun = time.monotonic()
        them[0].kill()
        answers = [process.answer() for process in them[1:]]
        took = time.monotonic() - begun

    assert [answer["ok"] for answer in answers] == [5] * (NUMBER - 1)
    assert oppo.ledger.calls["auth"] == 2
    assert took < 8


def let_run(seconds: float) -> None:
    """Let the processes run for so long: what they do takes real time."""
    threading.Event().wait(seconds)


def wait_until(done: Callable[[], bool]) -> None:
    """Wait until it is so."""
    end = time.monotonic() + LONGEST
    while not done():
        assert time.monotonic() < end
        let_run(0.02)
