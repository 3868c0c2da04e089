"""`Confirming` in one process learns of receipts that another process has stored. Virtual time.

Each gateway is what a process of its own would be; the store answers after a millisecond.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from operations_vendor import OperationsServer, operations_gateway, posted, receipt_certificate
from shared_gateways import UnsteadyState, closed, now

from pushgateway import Audience, Notification, Outcome, PushToken, Receipt, ReceiptKind
from pushgateway.engine import awaited_receipts
from pushgateway.receipts.confirm import Confirmation, Confirming
from pushgateway.state import MemoryState
from pushgateway.testing.virtual_time import run_virtual

NOTE = Notification("title", "body")


class RecordedState(UnsteadyState):
    """A store that notes each call: name and arguments."""

    def __init__(self) -> None:
        super().__init__(MemoryState(asyncio.get_running_loop().time))
        self.asked: list[tuple[str, str]] = []

    def __getattr__(self, name: str) -> Any:
        call = super().__getattr__(name)

        def recorded(*values: Any, **named: Any) -> Any:
            self.asked.append((name, repr((values, named))))
            return call(*values, **named)

        return recorded

    def count(self, *names: str) -> int:
        """How often these methods were called."""
        return sum(name in names for name, _ in self.asked)


class Processes:
    """Gateways with one state and one server, the first of which waits for receipts."""

    def __init__(self, number: int) -> None:
        self.server = OperationsServer()
        self.state = RecordedState()
        self.gateways = [
            operations_gateway(self.server, receipt_certificate(), state=self.state, rng=random.Random(one))
            for one in range(number)
        ]
        self.here = self.gateways[0]
        self.confirming = Confirming(self.here)

    async def sent(self, tokens: str) -> Sequence[Outcome]:
        """Outcomes of pushes that the first gateway has sent, one to each letter."""
        return await self.here.multicast([PushToken(1, token) for token in tokens], NOTE)

    async def post(self, process: int, events: dict[str, str], *, after: float = 0.0, taken: bool = True) -> None:
        """A process receives and stores receipts of the last push to each token."""
        await asyncio.sleep(after)
        for token, event in events.items():
            parameter = self.server.marks[token][1]
            body = posted((token, event, parameter), message_id=f"m-{parameter.partition('.')[0]}")
            received = await self.gateways[process].take_receipts(1, {}, body)
            await self.gateways[process].settle_receipts(received.receipts, taken=taken)


Program = Callable[[Processes], Awaitable[Any]]


def shared_run(program: Program, number: int = 2) -> Any:
    """What a program with so many gateways returns."""

    async def main() -> Any:
        processes = Processes(number)
        try:
            return await program(processes)
        finally:
            await closed(processes.gateways)

    return run_virtual(main())


def names(tokens: Sequence[PushToken]) -> str:
    return "".join(token.token for token in tokens)


ALL_KNOWN_WITHIN = 1.5
"""Seconds until the process that waits knows what another one has stored: two exchanges and an announcement."""


def test_a_receipt_that_another_process_has_stored_confirms_the_push() -> None:
    """Arrived and dead phones are known within a second or so, in whichever process their receipts came, and a phone
    without a receipt is unconfirmed. The dead token is confirmed here, where its push was sent."""

    async def program(processes: Processes) -> tuple[Confirmation, float]:
        outcomes = await processes.sent("abcd")
        begun = now()
        found, *_ = await asyncio.gather(
            processes.confirming.confirm(outcomes[:3], within=600.0),
            processes.post(1, {"a": "arrived", "b": "dead"}, after=5.0),
            processes.post(2, {"c": "arrived"}, after=30.0),
        )
        took = now() - begun
        unknown = await processes.confirming.confirm(outcomes, within=5.0)
        assert names(unknown.unconfirmed) == "d"
        assert names(unknown.arrived) == "ac"
        return found, took

    found, took = shared_run(program, 3)

    assert (names(found.arrived), names(found.dead), found.missing, found.unconfirmed) == ("ac", "b", (), ())
    assert took <= 30.0 + ALL_KNOWN_WITHIN


def test_a_receipt_that_came_before_it_was_waited_for_counts() -> None:
    """The other process still has what it has stored, also after an earlier call that ended without it."""

    async def program(processes: Processes) -> list[Confirmation]:
        outcomes = await processes.sent("abc")
        await processes.post(1, {"a": "arrived"})
        first = await processes.confirming.confirm(outcomes, within=3.0)
        await processes.post(1, {"b": "arrived"})
        second = await processes.confirming.confirm(outcomes, within=3.0)
        await processes.post(1, {"c": "arrived"}, after=300.0)
        return [first, second, await processes.confirming.confirm(outcomes, within=3.0)]

    assert [names(found.arrived) for found in shared_run(program)] == ["a", "ab", "abc"]


def test_an_arrival_is_final_whichever_comes_first() -> None:
    """Of two receipts of one push in another process the arrival counts, before and after the other one."""

    async def program(processes: Processes) -> Confirmation:
        outcomes = await processes.sent("ab")
        await processes.post(1, {"a": "arrived"})
        await processes.post(1, {"b": "dead"})
        await processes.post(1, {"a": "dead", "b": "arrived"})
        return await processes.confirming.confirm(outcomes, within=3.0)

    assert names(shared_run(program).arrived) == "ab"


def test_what_another_process_could_not_store_does_not_count() -> None:
    """Its receipts are new again, and nobody has learned of them."""

    async def program(processes: Processes) -> Confirmation:
        outcomes = await processes.sent("a")
        confirming = asyncio.ensure_future(processes.confirming.confirm(outcomes, within=5.0))
        await processes.post(1, {"a": "arrived"}, after=1.0, taken=False)
        return await confirming

    assert names(shared_run(program).unconfirmed) == "a"


def test_a_process_can_wait_for_long() -> None:
    """An announcement counts for half a minute, and is made again while somebody waits; a while after the end nothing
    is announced any more."""

    async def program(processes: Processes) -> tuple[Confirmation, int, int]:
        outcomes = await processes.sent("ab")
        confirming = asyncio.ensure_future(processes.confirming.confirm(outcomes, within=3600.0))
        await processes.post(1, {"a": "arrived"}, after=100.0)
        await processes.post(1, {"b": "arrived"}, after=3000.0)
        found = await confirming
        during = processes.state.count("await_receipts")
        await asyncio.sleep(100.0)
        return found, during, processes.state.count("await_receipts") - during

    found, during, after = shared_run(program)

    assert names(found.arrived) == "ab"
    assert during <= 3110 / awaited_receipts.RENEWED
    assert after == 0


def test_receipts_that_nobody_waits_for_cost_nothing() -> None:
    """Without a `confirm` call, with one that has all its receipts, and with `all_receipts`, the store is asked for
    nothing but what it is asked for anyhow."""

    async def program(processes: Processes) -> int:
        outcomes = await processes.sent("abcd")
        await processes.post(1, {"a": "arrived", "b": "arrived", "c": "dead"})
        arrival = ReceiptKind.ARRIVED
        here = Receipt(push_token=PushToken(1, "d"), kind=arrival, event="", dedupe_id=outcomes[3].dedupe_id)
        await processes.confirming.receive([here])
        await processes.confirming.confirm(outcomes[3], within=10.0)
        await Confirming(processes.here, all_receipts=True).confirm(outcomes, within=10.0)
        return processes.state.count("await_receipts", "awaited_receipts", "post_receipts")

    assert shared_run(program) == 0


def test_only_receipts_that_are_waited_for_are_posted() -> None:
    """A process that receives many receipts reads what is waited for once, and posts the one receipt; who waits does
    not ask for each."""

    async def program(processes: Processes) -> tuple[Confirmation, RecordedState]:
        tokens = [f"phone-{number}" for number in range(200)]
        outcomes = await processes.here.multicast([PushToken(1, token) for token in tokens], NOTE)
        confirming = asyncio.ensure_future(processes.confirming.confirm(outcomes[7], within=60.0))
        await processes.post(1, {token: "arrived" for token in tokens if token != "phone-7"}, after=1.0)
        await processes.post(1, {"phone-7": "arrived"})
        return await confirming, processes.state

    found, state = shared_run(program)

    assert found.ok
    assert state.count("await_receipts") == 1
    assert state.count("awaited_receipts") == 2  # once in each process
    assert state.count("post_receipts") == 1
    shared = [what for name, what in state.asked if name in ("await_receipts", "post_receipts")]
    assert not any("phone" in what or "title" in what for what in shared)


def test_without_the_store_a_phone_is_unconfirmed() -> None:
    """Nothing raises and nothing waits longer. When the store is back, what came meanwhile is learned."""

    async def program(processes: Processes) -> tuple[Confirmation, float, Confirmation]:
        outcomes = await processes.sent("a")
        processes.state.failure = ConnectionError("gone")
        begun = now()
        gone, _ = await asyncio.gather(
            processes.confirming.confirm(outcomes, within=20.0), processes.post(1, {"a": "arrived"}, after=1.0)
        )
        took = now() - begun
        processes.state.failure = None
        return gone, took, await processes.confirming.confirm(outcomes, within=30.0)

    gone, took, back = shared_run(program)

    assert (names(gone.unconfirmed), took) == ("a", pytest.approx(20.0))
    assert names(back.arrived) == "a"


def test_after_the_store_lost_everything_the_waiting_is_announced_again() -> None:
    """It comes back empty, and its numbers begin anew: the process that waits announces itself again within
    seconds."""

    async def program(processes: Processes) -> Confirmation:
        outcomes = await processes.sent("ab")
        confirming = asyncio.ensure_future(processes.confirming.confirm(outcomes[0], within=60.0))
        await processes.confirming.confirm(outcomes[1], within=2.0)
        processes.state.inner = MemoryState(asyncio.get_running_loop().time)
        await processes.post(1, {"a": "arrived"}, after=2.0)
        return await confirming

    assert names(shared_run(program).arrived) == "a"


def test_a_broadcast_to_tokens_is_confirmed_too() -> None:
    """Its phones are known by the task, as in one process."""

    async def program(processes: Processes) -> Confirmation:
        outcome = await processes.here.broadcast(1, NOTE, Audience.of_tokens(["a", "b"]))
        _, parameter = json.loads(outcome.message_id or "")
        reports = [(token, "arrived", parameter) for token in "ab"]
        body = posted(*reports, message_id=outcome.message_id or "", task_id=outcome.task_ids[0])
        received = await processes.gateways[1].take_receipts(1, {}, body)
        await processes.gateways[1].settle_receipts(received.receipts, taken=True)
        return await processes.confirming.confirm(outcome, within=3.0)

    assert names(shared_run(program).arrived) == "ab"


def test_what_cannot_be_read_is_ignored(caplog: pytest.LogCaptureFixture) -> None:
    """Another version of the program may post something else: nothing fails, and the waiting goes on."""

    async def program(processes: Processes) -> Confirmation:
        outcomes = await processes.sent("a")
        confirming = asyncio.ensure_future(processes.confirming.confirm(outcomes, within=60.0))
        await asyncio.sleep(1.0)
        owners = list((await processes.state.inner.contents()).processes)
        shapes = ('["n", "new kind", "push", "", "", "", ""]', '["n", "arrived", "new proof", "", "", "", ""]')
        odd = ('[["n"], "arrived", "push", "", "", "", ""]', '["n", "arrived", "push", [], "", "", ""]', "[" * 100_000)
        texts = ["", "1", "{", "[1, 2]", *shapes, *odd]
        await processes.state.inner.post_receipts([(owner, text) for owner in owners for text in texts], seconds=30.0)
        await processes.post(1, {"a": "arrived"}, after=1.0)
        return await confirming

    assert shared_run(program).ok
    assert caplog.records == []


@pytest.mark.parametrize("first", [0, 1])
def test_a_dead_token_is_one_event_though_its_push_is_known_in_one_process_only(first: int) -> None:
    """The same receipt is posted to two processes. Where its push was sent the token is dead, and the other process
    then has nothing new. The other one alone can only suspect it: the one that knows the push confirms it later."""

    async def program(processes: Processes) -> list[Any]:
        await processes.sent("a")
        parameter = processes.server.marks["a"][1]
        body = posted(("a", "dead", parameter), message_id=f"m-{parameter.partition('.')[0]}")
        found = []
        for gate in (processes.gateways[first], processes.gateways[1 - first]):
            received = await gate.take_receipts(1, {}, body)
            await gate.settle_receipts(received.receipts, taken=True)
            found.append(([receipt.kind.value for receipt in received.receipts], received.duplicates))
        return found

    known_first, suspect_first = [(["unregistered"], 0), ([], 1)], [(["suspect"], 0), (["unregistered"], 0)]
    assert shared_run(program) == (suspect_first if first else known_first)


def test_a_function_of_the_host_that_fails_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """It raises for a receipt of another process: the log says so without its text, and everybody else who waits has
    their receipts."""

    def failing(_: Receipt) -> None:
        raise OSError("canary")

    async def program(processes: Processes) -> Confirmation:
        outcomes = await processes.sent("ab")
        waited_for = [(outcome.push_token, outcome.dedupe_id) for outcome in outcomes]
        with processes.here.waiting_elsewhere(waited_for, failing):
            confirming = asyncio.ensure_future(processes.confirming.confirm(outcomes, within=60.0))
            await processes.post(1, {"a": "arrived", "b": "arrived"}, after=2.0)
            return await confirming

    assert shared_run(program).ok
    assert "has failed: OSError" in caplog.text
    assert "canary" not in caplog.text


@pytest.mark.parametrize(
    ("name", "limit", "arrived"), [("MOST", 5, "abc"), ("MOST", 4, "ab"), ("RECENT", 3, "abc"), ("RECENT", 2, "bc")]
)
def test_what_a_process_announces_and_remembers_is_bounded(
    monkeypatch: pytest.MonkeyPatch, name: str, limit: int, arrived: str
) -> None:
    """`MOST`: of more announced names the last are left out, and their phones are unconfirmed. Each push here has two
    names, and its receipt has the first of them. `RECENT`: of receipts that nobody waits for yet the oldest are
    forgotten first."""
    monkeypatch.setattr(awaited_receipts, name, limit)

    async def program(processes: Processes) -> Confirmation:
        outcomes = await processes.sent("abc")
        await processes.post(1, dict.fromkeys("abc", "arrived"))
        return await processes.confirming.confirm(outcomes, within=3.0)

    assert names(shared_run(program).arrived) == arrived


@pytest.mark.parametrize(("limit", "arrived"), [(4, ("a", "b")), (3, ("", "b"))])
def test_what_a_process_knows_of_others_is_bounded(
    monkeypatch: pytest.MonkeyPatch, limit: int, arrived: tuple[str, str]
) -> None:
    """Of more announced names than the limit the oldest announcement is forgotten. Each push here has two names."""
    monkeypatch.setattr(awaited_receipts, "MOST_OF_OTHERS", limit)

    async def program(processes: Processes) -> list[Confirmation]:
        outcomes = await processes.sent("ab")
        processes.gateways[1].receipt_answer(1, taken=True)  # its first call: from now on it reads announcements
        first = asyncio.ensure_future(processes.confirming.confirm(outcomes[0], within=5.0))
        await asyncio.sleep(1.0)
        second = asyncio.ensure_future(Confirming(processes.gateways[2]).confirm(outcomes[1], within=4.0))
        await processes.post(1, {"a": "arrived", "b": "arrived"}, after=1.0)
        return [await first, await second]

    assert tuple(names(found.arrived) for found in shared_run(program, 3)) == arrived
