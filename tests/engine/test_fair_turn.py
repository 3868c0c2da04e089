"""Heavy work takes turns: in each turn of the event loop one piece of it, which is long enough for a batch to be built
soon in a busy loop, and short enough for everything else.

Virtual time: a step of an exchange, and the other work in a turn of the loop, move the clock by what they would take.
"""

import asyncio
import math
from collections.abc import Sequence

import pytest
from scripted_transport import Script, ask, ending, session_over

from pushgateway.engine.session.vendor_session import (
    HEAVY,
    LONGEST_PIECE,
    MAX_CHECKPOINTS,
    PIECE,
    Ask,
    FairTurn,
)
from pushgateway.testing.virtual_time import VirtualLoop, run_virtual
from pushgateway.vendor import Exchange, Response

STEPS, STEP = 91, 0.0003
"""Checkpoints of a batch of 1,000 different texts for OPPO, and seconds of CPU that a step takes."""


class Turns:
    """Counts the turns of the loop; each takes some seconds of other work, and notes what was done in it."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.number = 0
        self.over = False
        self.notes: list[tuple[int, str]] = []

    async def count(self) -> None:
        """Count until `over`."""
        while not self.over:
            self.number += 1
            takes(self.seconds)
            await asyncio.sleep(0)

    def building(self, name: str, checkpoints: int, seconds: float) -> Exchange[str]:
        """An exchange of one request with so many checkpoints before it; each of its steps takes some seconds."""
        for _ in range(checkpoints):
            takes(seconds)
            self.notes.append((self.number, name))
            yield None
        self.notes.append((self.number, f"{name} asks"))
        yield ask(1)
        return name

    def sizes(self, name: str) -> list[int]:
        """How many steps each piece of `name` had."""
        places = [number for number, noted in self.notes if noted == name]
        return [places.count(number) for number in dict.fromkeys(places)]


def takes(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.advance(seconds)


def run_beside(turns: Turns, *exchanges: Exchange[str], pushes: int = HEAVY) -> Sequence[str]:
    """What these exchanges return, carried through at the same time by one session."""

    async def main() -> Sequence[str]:
        session = session_over(Script(*[Response(200)] * len(exchanges)))
        counting = asyncio.create_task(turns.count())
        results = await asyncio.gather(*(session.run(one, None, Ask("push", "", pushes)) for one in exchanges))
        turns.over = True
        await counting
        return results

    return run_virtual(main())


@pytest.mark.parametrize(
    ("other", "steps"),
    [(0.0, 5), (0.019, 5), (0.040, 10), (0.079, 20), (0.081, 20), (2.0, 20)],
    ids=["idle", "short turns", "turns of 40 ms", "just below the limit", "just above the limit", "long turns"],
)
def test_a_piece_lasts_a_quarter_of_a_turn(other: float, steps: int) -> None:
    """Steps of a millisecond: 5 in one turn where the loop has little else to do, and 20 at most."""
    turns = Turns(other)

    run_beside(turns, turns.building("a", 100, 0.001001))

    first, second, *_ = turns.sizes("a")
    assert (first, second) == (5, steps)


def test_a_step_that_is_longer_than_a_piece_ends_it() -> None:
    """Nothing can interrupt a step; after it everything else has the loop."""
    turns = Turns()

    run_beside(turns, turns.building("a", 4, LONGEST_PIECE * 2))

    assert turns.sizes("a") == [1, 1, 1, 1]


def test_where_the_clock_does_not_move_each_checkpoint_gives_way() -> None:
    """In virtual time, or by a coarse clock, it is unknown how long a step took."""
    turns = Turns()

    run_beside(turns, turns.building("a", 4, 0.0))

    assert turns.sizes("a") == [1, 1, 1, 1]


def test_a_small_batch_gives_way_at_each_checkpoint() -> None:
    """Many of them are built side by side, in no turn of their own, so each of them has to give way."""
    turns = Turns()

    run_beside(turns, turns.building("a", 4, 0.001), pushes=HEAVY - 1)

    assert turns.sizes("a") == [1, 1, 1, 1]


def test_two_batches_take_turns() -> None:
    """Their pieces alternate, at most one in a turn of the loop, and of the turns at most every third has none."""
    turns = Turns()

    run_beside(turns, turns.building("a", 20, 0.001001), turns.building("b", 20, 0.001001))

    pieces = list(dict.fromkeys(turns.notes))[:8]
    numbers = [number for number, _ in pieces]
    assert [name for _, name in pieces] == ["a", "b"] * 4
    assert len(set(numbers)) == 8
    assert numbers[-1] - numbers[0] < 8 * 1.5


@pytest.mark.parametrize("other", [0.0, 0.05, 0.1, 0.4], ids=["idle", "50 ms", "100 ms", "400 ms"])
def test_a_large_batch_is_ready_soon_in_a_busy_loop(other: float) -> None:
    """Two batches of 1,000 different texts side by side: they need as many turns of the loop as they have pieces, and
    half as many more; not one for each of their checkpoints."""
    turns = Turns(other)

    run_beside(turns, turns.building("a", STEPS, STEP), turns.building("b", STEPS, STEP))

    asked = [number for number, name in turns.notes if name.endswith("asks")]
    pieces = 1 + math.ceil(STEPS * STEP / min(max(PIECE, other / 4), LONGEST_PIECE))
    assert len(asked) == 2
    assert max(asked) <= 2 * pieces * 1.5


@pytest.mark.parametrize("checkpoints", [MAX_CHECKPOINTS, MAX_CHECKPOINTS + 1])
def test_checkpoints_that_do_not_give_way_are_bounded_too(checkpoints: int) -> None:
    """The limit of an exchange counts all its checkpoints."""
    turns = Turns()
    exchange = turns.building("a", checkpoints, 1e-6)

    async def main() -> object:
        return await ending(session_over(Script(Response(200))).run(exchange, None, Ask("push", "", HEAVY)))

    result = run_virtual(main())

    assert result == "a" if checkpoints <= MAX_CHECKPOINTS else isinstance(result, RuntimeError)
    assert exchange.gi_frame is None  # type: ignore[attr-defined]


@pytest.mark.parametrize("cancelled", [0, 1, 2], ids=["the first", "the last", "both"])
def test_a_caller_that_is_cancelled_while_it_waits_keeps_nobody_from_a_turn(cancelled: int) -> None:
    """Also one that is cancelled in the very turn in which it would be next."""

    async def main() -> list[str]:
        turn, done = FairTurn(), list[str]()

        async def use(name: str) -> None:
            async with turn:
                done.append(name)

        async with turn:
            waiting = [asyncio.create_task(use(name)) for name in ("first", "last")]
            await asyncio.sleep(0)
        for task in waiting if cancelled == 2 else [waiting[cancelled]]:
            task.cancel()
        await asyncio.wait(waiting)
        await use("later")
        return done

    left = {0: ["last"], 1: ["first"], 2: []}[cancelled]
    assert run_virtual(main()) == [*left, "later"]
