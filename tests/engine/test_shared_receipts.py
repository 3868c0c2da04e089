"""A receipt that a vendor posts to several processes is handed over once, and never lost with a process.

Virtual time; the processes are gateways on one shared state, each with its receipts app.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from asgi_client import Post
from operations_vendor import OperationsServer, operations_gateway, parameter_of, posted, receipt_certificate
from shared_gateways import UnsteadyState, closed, unsteady

from pushgateway import Gateway, Receipt
from pushgateway.engine.receipts import CLAIMED
from pushgateway.observe.events import Event, ReceiptsReceived
from pushgateway.receipts import Receipts
from pushgateway.testing.virtual_time import run_virtual

SIGNER = receipt_certificate().signer
assert SIGNER is not None
HERE = SIGNER.url.removeprefix("https://im.example.com/push")


class Processes:
    """Gateways with one state, their apps, and what their handlers have stored."""

    def __init__(self, number: int, state: UnsteadyState | None, events: list[Event]) -> None:
        self.takes, self.failures = 0.0, 0
        self.kept: list[str] = []
        self.gateways: list[Gateway] = [
            operations_gateway(
                OperationsServer(),
                receipt_certificate(),
                state=state,
                observer=events.append,
                rng=random.Random(one),
            )
            for one in range(number)
        ]
        self.apps = [Receipts(gate, self.store) for gate in self.gateways]

    async def store(self, receipts: Sequence[Receipt]) -> None:
        """What a host does with receipts."""
        await asyncio.sleep(self.takes)
        if self.failures:
            self.failures -= 1
            raise OSError("the database is down")
        self.kept += [receipt.push_token.token for receipt in receipts]

    async def post(self, process: int, *tokens: str) -> int:
        """The status of the answer of one process to a request with these receipts."""
        body = posted(*[(token, "arrived", parameter_of(token)) for token in tokens])
        return (await Post(HERE, [body]).to(self.apps[process])).status


Program = Callable[[Processes, UnsteadyState], Awaitable[Any]]


def shared_run(number: int, program: Program) -> tuple[Any, list[str], list[Event]]:
    """What a program returns, what was stored, and the events of all processes."""
    events: list[Event] = []
    kept: list[str] = []

    async def main() -> Any:
        state = unsteady()
        all_of_them = Processes(number, state, events)
        try:
            return await program(all_of_them, state)
        finally:
            kept.extend(all_of_them.kept)
            await closed(all_of_them.gateways)

    return run_virtual(main()), kept, events


def test_one_receipt_posted_to_all_is_one_event() -> None:
    """One after the other, each process gets the same receipt: one stores it, the others say that they have it, and one
    event counts it as new."""

    async def program(them: Processes, _: UnsteadyState) -> list[int]:
        return [await them.post(number, "a") for number in range(4)]

    statuses, kept, events = shared_run(4, program)

    received = [event for event in events if isinstance(event, ReceiptsReceived)]
    assert statuses == [200] * 4
    assert kept == ["a"]
    assert [event.fresh for event in received] == [1, 0, 0, 0]
    assert [event.duplicates for event in received] == [0, 1, 1, 1]


def test_one_receipt_posted_to_all_at_once_is_stored_once() -> None:
    """All get it in the same moment: one stores it, and the others want it again, because that one may still fail."""

    async def program(them: Processes, _: UnsteadyState) -> list[int]:
        them.takes = 1.0
        first = await asyncio.gather(*(them.post(number, "a") for number in range(4)))
        return [*sorted(first), *[await them.post(number, "a") for number in range(4)]]

    statuses, kept, _ = shared_run(4, program)

    assert statuses == [200, 503, 503, 503] + [200] * 4
    assert kept == ["a"]


def test_what_one_process_could_not_store_another_one_may() -> None:
    """The handler fails: the vendor posts again, to another process, and there it is new."""

    async def program(them: Processes, _: UnsteadyState) -> list[int]:
        them.failures = 1
        return [await them.post(0, "a"), await them.post(1, "a"), await them.post(0, "a")]

    statuses, kept, _ = shared_run(2, program)

    assert statuses == [503, 200, 200]
    assert kept == ["a"]


def test_a_receipt_of_a_killed_process_is_not_lost() -> None:
    """A process is killed between taking a receipt and storing it: another one says "again" for a minute, and then
    takes it."""

    async def program(them: Processes, state: UnsteadyState) -> list[int]:
        killed = asyncio.ensure_future(them.post(0, "a"))
        them.takes = 1000.0
        await asyncio.sleep(0.1)
        them.takes = 0.0
        before = await them.post(1, "a")
        await asyncio.sleep(CLAIMED)
        after = await them.post(1, "a")
        killed.cancel()
        await asyncio.gather(killed, return_exceptions=True)
        return [before, after, await them.post(0, "a")]

    statuses, kept, _ = shared_run(2, program)

    assert statuses == [503, 200, 200]
    assert kept == ["a"]


def test_a_receipt_is_not_lost_with_a_request_that_was_cancelled() -> None:
    """A request is cancelled while the store is asked: the store has done its part, but nobody has the receipt. When it
    is posted again, to the same process, it is stored."""

    async def program(them: Processes, state: UnsteadyState) -> int:
        state.slow_answers = 0.2
        cancelled = asyncio.ensure_future(them.post(0, "a"))
        await asyncio.sleep(0.1)
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        return await them.post(0, "a")

    status, kept, _ = shared_run(1, program)

    assert status == 200
    assert kept == ["a"]


def test_a_receipt_is_not_lost_with_the_store() -> None:
    """The handler fails, and so does the call to the store that says so. The vendor posts the receipt again to the same
    process, which takes it at once."""

    async def program(them: Processes, state: UnsteadyState) -> list[int]:
        them.failures, them.takes = 1, 0.2
        first = asyncio.ensure_future(them.post(0, "a"))
        await asyncio.sleep(0.1)
        state.failure = ConnectionError()
        await first
        state.failure = None
        await asyncio.sleep(10)
        return [first.result(), await them.post(0, "a")]

    statuses, kept, _ = shared_run(1, program)

    assert statuses == [503, 200]
    assert kept == ["a"]


def test_new_ones_are_stored_beside_those_of_others() -> None:
    """A request has a receipt that another process is storing and a new one: the new one is stored, and the request is
    wanted again for the other one."""

    async def program(them: Processes, _: UnsteadyState) -> list[int]:
        them.takes = 1.0
        first = asyncio.ensure_future(them.post(0, "a"))
        await asyncio.sleep(0.1)
        second = await them.post(1, "a", "b")
        return [await first, second, await them.post(1, "a", "b")]

    statuses, kept, _ = shared_run(2, program)

    assert statuses == [200, 503, 200]
    assert sorted(kept) == ["a", "b"]


def test_a_receipt_is_known_for_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A repeat less than a second before its end is known to all; half a second after it it is new again. (The time is
    a day; here ten minutes.)"""
    monkeypatch.setattr("pushgateway.engine.receipts.KEPT", 600.0)

    async def program(them: Processes, _: UnsteadyState) -> list[int]:
        statuses = [await them.post(0, "a")]
        for pause in (599.0, 1.5):
            await asyncio.sleep(pause)
            statuses.append(len(them.kept))
            statuses.append(await them.post(1 + (pause < 599.0), "a"))
        return [*statuses, len(them.kept)]

    found, _, _ = shared_run(3, program)

    assert found == [200, 1, 200, 1, 200, 2]


@pytest.mark.parametrize("gone", [True, False])
def test_without_the_store_each_process_takes_receipts_by_itself(gone: bool) -> None:
    """It cannot be asked: better a receipt twice than none. One that hangs costs the vendor half a second, once."""

    async def program(them: Processes, state: UnsteadyState) -> list[Any]:
        if gone:
            state.failure = ConnectionError()
        else:
            state.delay = 60.0
        begun = asyncio.get_running_loop().time()
        statuses = [await them.post(0, "a"), await them.post(0, "a"), await them.post(1, "a")]
        return [*statuses, asyncio.get_running_loop().time() - begun]

    (*statuses, took), kept, _ = shared_run(2, program)

    assert statuses == [200, 200, 200]
    assert kept == ["a", "a"]
    assert took < 2.1


def test_a_host_with_a_web_server_of_its_own_settles_by_itself() -> None:
    """It takes, stores and settles: taken is known to the others, not taken is new to them; and `receipts` still says
    what this process alone knows."""

    async def program(them: Processes, _: UnsteadyState) -> list[tuple[int, int, int]]:
        body = posted(("a", "arrived", parameter_of("a")))
        one, other = them.gateways
        found = []
        taken = await one.take_receipts(1, {}, body)
        found.append(taken)
        await one.settle_receipts(taken.receipts, taken=False)
        taken = await other.take_receipts(1, {}, body)
        found.append(taken)
        found.append(await one.take_receipts(1, {}, body))
        await other.settle_receipts(taken.receipts, taken=True)
        found.append(await one.take_receipts(1, {}, body))
        await one.settle_receipts([], taken=True)
        return [(len(each.receipts), each.elsewhere, each.duplicates) for each in found]

    found, _, _ = shared_run(2, program)

    assert found == [(1, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]


def test_the_store_has_no_token_of_a_phone() -> None:
    """It holds digests of receipts."""

    async def program(them: Processes, state: UnsteadyState) -> str:
        await them.post(0, "a-token-of-a-phone")
        return repr(vars(state.inner))

    shown, kept, _ = shared_run(1, program)

    assert kept == ["a-token-of-a-phone"]
    assert "a-token-of-a-phone" not in shown
