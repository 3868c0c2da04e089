"""Single sends that arrive in one turn of the loop: each is taken once, in order, and counted correctly."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_runs import Caller, places_of
from toy_vendor import ToyServer, certificate, gateway

from pushgateway import Gateway, Intent, Notification, Priority, Push, PushToken
from pushgateway.engine.pushes.runs import Run
from pushgateway.testing.virtual_time import run_virtual

NOTES = [Notification("t", "b"), Notification("t", "call", intent=Intent.CALL), Notification("t", "c")]


class Arrivals:
    """Collects the runs that arrive at the lane of certificate 1, in place of the lane itself."""

    def __init__(self, g: Gateway) -> None:
        g._enter()
        self._intake = g._intake
        self.lane = g._lanes.lane("1")
        self.lane.submit = self._submit  # type: ignore[method-assign]
        self.taken: list[Run] = []
        self.sink = Caller()

    def _submit(self, runs: Sequence[Run]) -> None:
        self.taken += runs

    def usual(self, number: int) -> None:
        """Hand in one push with all options at their defaults; `number` identifies it."""
        self._intake.take_usual(PushToken(1, str(number)), NOTES[number % 3], self.sink, number)

    def own(self, number: int) -> None:
        """Hand in one push with options of its own: a deadline, and no coalescing for odd numbers."""
        push = Push(
            PushToken(1, str(number)),
            NOTES[0],
            coalesce=number % 2 == 0,
            timeout=100.0 + number // 10,
            dedupe_id=f"id-{number}",
        )
        self._intake.take_one(push, self.sink, number)

    def take(self, most: int) -> list[Run]:
        """Let at most so many pushes in; returns the runs that came in."""
        before = len(self.taken)
        self.lane._let_in(most)
        return self.taken[before:]


def at_intake(act: Callable[[Arrivals], None], **settings: int) -> None:
    """Run `act` within a gateway that sends nothing."""

    async def main() -> None:
        async with gateway(ToyServer(), certificate(**settings)) as g:
            act(Arrivals(g))

    run_virtual(main())


@given(st.lists(st.sampled_from(["usual", "usual", "usual", "own"]) | st.integers(1, 9), max_size=60), st.booleans())
def test_each_is_taken_once_and_in_order(acts: list[str | int], together: bool) -> None:
    """However sends are joined and taken in parts of any size, no push joins a run that is already being taken."""

    def act(arrivals: Arrivals) -> None:
        came, taken = 0, list[int]()
        for one in [*acts, 100]:
            if isinstance(one, int):
                runs = arrivals.take(one)
                assert sum(run.size for run in runs) <= one
                taken += places_of(runs)
            else:
                (arrivals.usual if one == "usual" else arrivals.own)(came)
                came += 1
            assert arrivals.lane.arrived == came - len(taken)
        assert taken == list(range(came))

    at_intake(act, size=10 if together else 1)


def test_pushes_with_equal_options_form_a_run() -> None:
    """The intent decides the priority; each push keeps push token, notification and deadline."""

    def act(arrivals: Arrivals) -> None:
        for number in (0, 2, 3, 5, 6, 1, 4, 7, 10, 13, 8, 9):
            arrivals.usual(number)

        runs = arrivals.take(100)

        assert [run.places for run in runs] == [[0, 2, 3, 5, 6], [1, 4, 7, 10, 13], [8, 9]]
        assert [run.priority for run in runs] == [Priority.NORMAL, Priority.URGENT, Priority.NORMAL]
        for run in runs:
            assert run.deadline - run.begun == 30.0
            for place, push in zip(run.places, run.pushes, strict=True):
                assert push.push_token.token == str(place)
                assert push.notification is NOTES[place % 3]
                assert push.priority is run.priority

    at_intake(act)


def test_pushes_with_options_of_their_own_keep_them() -> None:
    """Deadline, id and coalescing are kept; neighbours with equal options form a run."""

    def act(arrivals: Arrivals) -> None:
        for number in (0, 2, 4, 1, 3, 6, 20, 22):
            arrivals.own(number)
        arrivals.usual(24)
        arrivals.own(26)

        runs = arrivals.take(100)

        assert [list(run.places) for run in runs] == [[0, 2, 4], [1], [3], [6], [20, 22], [24], [26]]
        assert [run.coalesce for run in runs] == [True, False, False, True, True, True, True]
        assert [run.deadline - run.begun for run in runs] == [100.0, 100.0, 100.0, 100.0, 102.0, 30.0, 102.0]
        ids = [one for run in runs for one in run.pushes.dedupe_ids]
        assert [one for one in ids if one.startswith("id-")] == [f"id-{n}" for n in (0, 2, 4, 1, 3, 6, 20, 22, 26)]

    at_intake(act)


@pytest.mark.parametrize("size", [1, 2])
def test_single_sends_of_one_moment_form_a_run(size: int) -> None:
    """Also where a request holds one push: a waiting run takes less memory than its pushes, and the queue splits it."""

    def act(arrivals: Arrivals) -> None:
        for number in (0, 2):
            arrivals.usual(number)

        assert [run.size for run in arrivals.take(100)] == [2]

    at_intake(act, size=size)


def test_neighbours_of_one_call_form_a_run() -> None:
    """Neighbours of a list with equal options are in one run; two pushes for one phone never change places."""

    def act(arrivals: Arrivals) -> None:
        timeouts = [None, None, 5.0, 5.0, None]
        pushes = [Push(PushToken(1, str(place)), NOTES[0], timeout=timeout) for place, timeout in enumerate(timeouts)]
        arrivals._intake.take_each(pushes, arrivals.sink, 7)

        assert [list(run.places) for run in arrivals.taken] == [[7, 8], [9, 10], [11]]
        assert [run.deadline - run.begun for run in arrivals.taken] == [30.0, 5.0, 30.0]

    at_intake(act)
