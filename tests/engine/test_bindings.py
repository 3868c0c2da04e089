"""Pushes with an owner in the engine, with any `Bindings`: exchanges of several requests, and a loop that is too busy.

What devices make of it is in `tests/devices`.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from toy_vendor import Toy, ToyServer, gateway, note

from pushgateway import Outcome, Push, PushToken, Reason, Status
from pushgateway.engine.bindings import Confirmation
from pushgateway.engine.delivery import CONFIRMATIONS
from pushgateway.model.binding import Binding
from pushgateway.model.push import Owner
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import Exchange, NoVerdict


class Answers:
    """Bindings that answer what the test says. `asked` has the owners of each question."""

    def __init__(self, answer: Callable[[int], tuple[set[int], float]] = lambda count: (set(), 0.25)) -> None:
        """`answer`: from the number of the question, which bindings are gone and for how many seconds it counts."""
        self.answer = answer
        self.asked: list[list[int]] = []
        self.dead: list[tuple[PushToken, Owner]] = []

    async def of_users(self, users: Iterable[str]) -> Mapping[str, Sequence[Binding]]:
        """Not used here."""
        raise NotImplementedError

    async def confirm(self, owned: Sequence[tuple[PushToken, Owner]]) -> Confirmation:
        """See `Bindings`."""
        self.asked.append([owner.binding for _, owner in owned])
        gone, seconds = self.answer(len(self.asked))
        return Confirmation(frozenset(gone), asyncio.get_running_loop().time() + seconds)

    def report_dead(self, push_token: PushToken, owner: Owner) -> None:
        """See `Bindings`."""
        self.dead.append((push_token, owner))

    def attach(self, emit: object, brand_of: object) -> None:
        """See `Bindings`."""


class OneByOne(Toy):
    """Sends each push of a batch in a request of its own, in one exchange."""

    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        """See `Vendor.push`."""
        outcomes: list[Outcome] = []
        for push in batch:
            try:
                outcomes += yield from Toy.push(self, [push])
            except NoVerdict as silent:
                end = Outcome.unknown(push, silent.detail)
                outcomes.append(end if silent.sent else Outcome.not_sent(push, Reason.UNAVAILABLE, silent.detail))
        return outcomes


def owned(number: int) -> Push:
    """A push whose binding has this number."""
    return Push(PushToken(1, f"a{number}"), note(), owner=Owner("ann", f"d{number}", number, 1))


def send(answers: Answers, *pushes: Push, server: ToyServer | None = None, **options: Any) -> list[Outcome]:
    """Send them in one call."""

    async def scene() -> list[Outcome]:
        async with gateway(server or ToyServer(), devices=answers, **options) as ours:
            return await ours.send_each(pushes)

    return run_virtual(scene())


def test_each_request_of_an_exchange_is_asked_about() -> None:
    """The phone of the second one changes hands after the first has left: the first keeps its outcome, the second is
    not sent, and is asked about alone at its next try."""
    answers = Answers(lambda count: (set() if count == 1 else {2}, 0.25))
    server = ToyServer()

    outcomes = send(answers, owned(1), owned(2), server=server, vendors={"toy": OneByOne})

    assert [one.reason for one in outcomes] == [None, Reason.UNBOUND]
    assert outcomes[1].status is Status.NOT_SENT
    assert [[token for token, *_ in batch] for batch in server.batches] == [["a1"]]
    assert answers.asked == [[1, 2], [1, 2], [2]]


def test_an_answer_that_comes_too_late_is_asked_for_again() -> None:
    """The loop was so busy that the answer no longer counts."""
    answers = Answers(lambda count: (set(), 0.25 if count == CONFIRMATIONS else 0.0))

    (outcome,) = send(answers, owned(1))

    assert outcome.ok
    assert len(answers.asked) == CONFIRMATIONS


def test_answers_that_are_always_too_late_end_the_push() -> None:
    """It is not asked for ever: `UNAVAILABLE` after the tries of the retry policy, without a request."""
    answers = Answers(lambda count: (set(), 0.0))
    server = ToyServer()

    (outcome,) = send(answers, owned(1), server=server)

    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.UNAVAILABLE)
    assert len(answers.asked) == 4 * CONFIRMATIONS
    assert server.batches == []


def test_dead_tokens_are_reported_with_their_owner() -> None:
    """And only those: neither other refusals nor pushes without an owner."""
    answers, server = Answers(), ToyServer()
    server.codes |= {"a1": "2", "a2": "3", "p": "2"}

    send(answers, owned(1), owned(2), owned(3), Push(PushToken(1, "p"), note()), server=server)

    assert answers.dead == [(PushToken(1, "a1"), Owner("ann", "d1", 1, 1))]
