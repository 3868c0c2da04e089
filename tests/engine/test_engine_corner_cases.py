"""Small parts of the engine in rare situations: forks, ends of processes, priorities, sizes, events, turns of the
loop."""

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from made_runs import each, run_of
from toy_vendor import Toy, ToyServer, certificate, gateway, note

from pushgateway import Certificate, Journal, Outcome, Push, PushToken, Reason, Status, sync
from pushgateway.engine.pushes.queue import SHARE, Queue
from pushgateway.engine.pushes.sinks import Many
from pushgateway.model.intent import Priority
from pushgateway.model.notification import Notification
from pushgateway.observe.events import Event, LoginDone, RequestDone
from pushgateway.observe.journal import read_journal
from pushgateway.observe.traces import Ended, Traces
from pushgateway.sync import thread as backgrounds
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import Batching, Exchange, NoVerdict, Response

TOKEN = PushToken(1, "a")


def life(number: int) -> Ended:
    """The journal's record of a push that ended."""
    kept: list[Ended] = []
    traces = Traces(1, now=lambda: 5.0, clock=lambda: 0.0)
    traces.subscribe(kept.append, lambda receipt: None)
    traces.ended(Outcome.accepted(Push(TOKEN, note(), dedupe_id=f"d-{number}"), "m"), 1.0, None)
    return kept[0]


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_writes_with_a_thread_of_its_own(tmp_path: Path) -> None:
    """The parent has written already: the child's lines are in the file too, and its queue starts empty."""
    journal = Journal(tmp_path / "j")
    journal.note(life(0))
    journal.dropped = 3
    child = os.fork()
    if child == 0:
        journal.note(life(1))
        journal.close()
        os._exit(journal.dropped)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    journal.close()

    assert code == 0
    assert sorted(line["dedupe_id"] for line in read_journal(tmp_path / "j", TOKEN)) == ["d-0", "d-1"]


def test_the_end_of_a_process_waits_for_running_sends() -> None:
    """A program ends while another thread sends: the request gets its reply, and the caller its outcome."""
    server = ToyServer()
    asked = threading.Event()
    outcomes: list[Outcome] = []

    class Slow(ToyServer):
        async def send(self, request: Any, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109
            asked.set()
            return await super().send(request, pool=pool, timeout=timeout)

    server = Slow()
    server.latency = 0.1
    g = sync.Gateway([Certificate(1, "toy", {"secret": "x"})], transport=server, vendors={"toy": Toy})
    thread = threading.Thread(target=lambda: outcomes.append(g.send(TOKEN, note())))
    thread.start()
    assert asked.wait(10)

    backgrounds._close_all()
    assert g._thread.is_closed
    thread.join(10)

    assert [one.status for one in outcomes] == [Status.ACCEPTED]


def test_bulk_pushes_get_their_share() -> None:
    """Every eighth batch begins with bulk pushes, however many urgent ones wait."""
    queue = Queue()
    loop = asyncio.new_event_loop()
    sink = Many(loop, 100)
    loop.close()
    for place in range(20):
        for priority in (Priority.URGENT, Priority.BULK):
            push = Push(PushToken(1, f"{priority.name}-{place}"), note(), priority=priority)
            queue.line("").add(run_of([push], place, sink), priority)

    batches = [queue.line("").cut(Batching(1), each(lambda _: 0))[0] for _ in range(2 * SHARE)]

    assert [batch[0].priority for batch in batches].count(Priority.BULK) == 2


def test_a_token_that_is_not_ascii_counts_with_its_quoted_size() -> None:
    """A letter outside of ASCII takes up to twelve bytes in a request, so a batch that fits by its number of letters
    may be too large."""
    queue = Queue()
    loop = asyncio.new_event_loop()
    sink = Many(loop, 2)
    loop.close()
    pushes = [Push(PushToken(1, "\N{OLD PERSIAN SIGN A}" * 10 + str(number)), note()) for number in range(2)]
    for place, push in enumerate(pushes):
        queue.line("").add(run_of([push], place, sink))

    taken, _ = queue.line("").cut(Batching(10, True, 180), each(lambda _: 0))

    assert len(taken) == 1


def test_pushes_of_two_quotas_do_not_share_a_request() -> None:
    """Otherwise a quota that is used up would have the other's pushes refused too. Both for single sends of one moment
    and for pushes of one call."""
    server = ToyServer()

    class TwoQuotas(Toy):
        def quota(self, notification: Notification) -> str:
            return "public" if notification.title == "offer" else ""

    async def main() -> list[Outcome]:
        async with gateway(server, vendors={"toy": TwoQuotas}) as g:
            return await asyncio.gather(
                *(g.send(PushToken(1, f"k{n}"), note("offer" if n % 2 else "chat")) for n in range(8))
            )

    assert all(outcome.ok for outcome in run_virtual(main()))
    assert [{title for _, title, _ in batch} for batch in server.batches] == [{"chat"}, {"offer"}]


# Events


def test_a_request_that_may_have_arrived_counts_as_sent() -> None:
    """`RequestDone.sent` is what the transport reports: True for a lost reply, False where no connection was made."""
    server = ToyServer()
    server.answers = [NoVerdict("cut"), NoVerdict("connect: refused", sent=False)]
    events: list[Event] = []

    async def main() -> None:
        async with gateway(server, certificate(logs_in=False), observer=events.append) as g:
            await g.send(TOKEN, note())

    run_virtual(main())

    dones = [(event.ending, event.sent) for event in events if isinstance(event, RequestDone)]
    assert dones == [("no_verdict", True), ("no_verdict", False), ("reply", True)]


def test_an_interrupted_login_is_not_reported_as_successful() -> None:
    """The gateway was closed while it waited for the vendor's reply."""
    server = ToyServer()
    server.latency = 5.0
    events: list[Event] = []

    async def main() -> None:
        g = gateway(server, observer=events.append)
        sending = asyncio.create_task(g.send(TOKEN, note()))
        await asyncio.sleep(1.0)
        await g.aclose(0.5)
        await sending

    run_virtual(main())

    assert [(event.ok, event.reason) for event in events if isinstance(event, LoginDone)] == [(False, Reason.CLOSED)]


# Turns of the loop


def turns(loop: Any, count: list[int]) -> None:
    """Count the loop's turns in `count[0]`."""
    run_once = loop._run_once

    def counting() -> None:
        count[0] += 1
        run_once()

    loop._run_once = counting


def test_two_large_batches_are_not_built_in_one_turn_of_the_loop() -> None:
    """Lanes take turns at building requests and reading replies, so that other tasks of the process run between two
    batches."""
    server = ToyServer()
    count = [0]
    built: list[int] = []

    class Building(Toy):
        def push(self, batch: Any) -> Exchange[Any]:
            built.append(count[0])
            exchange = super().push(batch)
            result = yield from exchange
            built.append(count[0])
            return result

    async def main() -> None:
        own = [certificate(key, logs_in=False) for key in range(1, 5)]
        async with gateway(server, *own, vendors={"toy": Building}) as g:
            turns(asyncio.get_running_loop(), count)
            await g.send_each([Push(PushToken(1 + n % 4, f"k{n}"), note()) for n in range(200)])

    run_virtual(main())

    assert len(built) == 8
    assert len(set(built)) == 8


def test_a_stream_of_a_plain_list_lets_other_tasks_run() -> None:
    """A source that never waits is read in portions, with a turn of the loop after each."""
    server = ToyServer()
    count = [0]
    seen: list[int] = []

    def source() -> Any:
        for number in range(1000):
            seen.append(count[0])
            yield Push(PushToken(1, f"k{number}"), note())

    async def main() -> int:
        async with gateway(server) as g:
            turns(asyncio.get_running_loop(), count)
            return len([outcome async for outcome in g.stream(source())])

    assert run_virtual(main()) == 1000
    assert max(seen.count(turn) for turn in set(seen)) <= 257
