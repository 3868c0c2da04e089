"""The host of a simulated day: it submits pushes, asks for broadcasts, recalls and checks, and cancels calls.

Every push is entered in the ledger before it is submitted, and so is every outcome. What an operator does to the
gateway is in `operator`.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import attrs

from pushgateway import (
    Audience,
    Gateway,
    Intent,
    Notification,
    Outcome,
    Priority,
    Push,
    PushToken,
    Reason,
    Status,
)
from simulated.ledger import Ledger, Order
from simulated.server import SimServer
from simulated.tasks import Tasks
from simulated.token_calls import TokenCalls
from simulated.wire import NEWS, POISON, UNAPPROVED

TIMEOUT = 30.0
QUEUE = 60
PHONES = 40
"""Phones of each app in each region."""
Act = tuple[float, str, int]
"""(time, name of the method, seed of its random generator)."""


_INTENTS = {Priority.URGENT: Intent.CALL, Priority.BULK: Intent.NEWS}
_CHANNELS = (NEWS, NEWS, NEWS, UNAPPROVED, *[None] * 12)


class Host:
    """One process that uses one gateway after the other."""

    def __init__(self, ledger: Ledger, server: SimServer, gateway: Gateway) -> None:
        self.ledger = ledger
        self.server = server
        self.gateway = gateway
        """The one in use."""
        self.tasks = Tasks()
        """Calls under way."""
        self.waiting: dict[tuple[int, str], set[Order]] = defaultdict(set)
        """Single sends in progress, by gateway and certificate."""
        self._ended_at: dict[Order, float] = {}  # single sends
        self._loop = asyncio.get_running_loop()
        self._numbers = 0
        self._recallable: list[Outcome] = []
        self._token_calls = TokenCalls(ledger, server)

    # Sending

    def _note(self, chance: random.Random) -> Notification:
        self._numbers += 1
        text = f"n{self._numbers}" + (POISON if chance.random() < 0.02 else "")
        shared = f"host-{self._numbers}" if chance.random() < 0.2 else None
        title, channel = "" if chance.random() < 0.02 else "title", chance.choice(_CHANNELS)
        return Notification(title, text, dedupe_id=shared, channel_id=channel)

    def _address(self, chance: random.Random) -> PushToken:
        app = chance.choice(list(self.server.apps))
        return PushToken(app, chance.choice(["", "", "far-"]) + f"{app}-{chance.randrange(PHONES)}")

    def _push(self, chance: random.Random) -> Push:
        timeout = chance.choice([None, None, 0.3, 1.0, 5.0, 20.0])
        coalesce = chance.random() < 0.9
        return Push(
            self._address(chance),
            self._note(chance),
            timeout=timeout,
            coalesce=coalesce,
            priority=chance.choice(list(Priority)),
            context=object(),
        )

    def _some(self, chance: random.Random, count: int) -> list[Push]:
        """Random pushes; in 7 of 10 cases all of one app, region and priority, because such pushes share runs."""
        if chance.random() < 0.3:
            return [self._push(chance) for _ in range(count)]
        first = attrs.evolve(self._push(chance), coalesce=True)
        app = first.push_token.certificate_id
        region = "far-" if first.push_token.token.startswith("far-") else ""
        numbers = (
            chance.sample(range(PHONES), count) if chance.random() < 0.8 else chance.choices(range(PHONES), k=count)
        )
        phones = [PushToken(app, f"{region}{app}-{number}") for number in numbers]
        return [attrs.evolve(first, push_token=to, notification=self._note(chance), context=object()) for to in phones]

    def _submit(self, push: Push) -> Order:
        app = self.server.apps[push.push_token.certificate_id]
        timeout = TIMEOUT if push.timeout is None else push.timeout
        gateway = self.server.logins.gateway
        return self.ledger.submit(push, self._loop.time(), timeout, dedupes=app.drops_repeats, gateway=gateway)

    def _note_outcome(self, order: Order, outcome: object, due: float | None = None) -> None:
        self.ledger.note_outcome(order, outcome, self._loop.time(), due)
        if isinstance(outcome, Outcome):
            self._recallable.append(outcome)
            self._look_at_quota(order, outcome)

    def _look_at_quota(self, order: Order, outcome: Outcome) -> None:
        """A push is refused for its quota only if that may still have been closed when the push was handed in: a call
        for many pushes returns with the slowest of them."""
        app = self.server.apps[order.push.push_token.certificate_id]
        if outcome.reason is not Reason.QUOTA_EXCEEDED or not self.server.admission.clock_is_right:
            return
        region = "far" if order.key[0].startswith("far-") else "near"
        quota = app.kind.quota_of(order.push.notification.channel_id)
        since = self._loop.time() - order.begun
        if not app.quotas.may_be_thought_closed(region, quota, self.server.wall() - since):
            self.ledger.broken("Q2", f"{order.key}: refused for a quota that is open")

    def _wanted(self, push: Push) -> tuple[Notification, Priority | None]:
        """The notification and the priority argument, as hosts write them: none for the normal priority; for
        others, half of them are given by the intent.
        """
        if push.priority is Priority.NORMAL:
            return push.notification, None
        if self._numbers % 2:
            return attrs.evolve(push.notification, intent=_INTENTS[push.priority]), None
        return push.notification, push.priority

    async def one(self, push: Push, *, hasty: bool = False) -> Outcome:
        """A single send; `hasty`: by `try_send`, which ends at once if too many wait."""
        order = self._submit(push)
        waiting = self.waiting[self.server.logins.gateway, push.push_token.certificate_id]
        # What was on its way when the certificate was removed counts no more where that has come back.
        since = max(self.server.apps[push.push_token.certificate_id].removals, default=-math.inf)
        others = [other for other in waiting if other.begun > since] if hasty else []
        waiting.add(order)
        try:
            send = self.gateway.try_send if hasty else self.gateway.send
            note, priority = self._wanted(push)
            outcome = await send(push.push_token, note, timeout=push.timeout, coalesce=push.coalesce, priority=priority)
        except asyncio.CancelledError:
            order.withdrawn = True
            raise
        finally:
            waiting.discard(order)
            self._ended_at[order] = self._loop.time()
        self._note_outcome(order, outcome)
        # A send that got its outcome in this very moment, and whose task has not resumed yet, no longer waits.
        too_many = sum(self._ended_at.get(other, math.inf) > order.begun for other in others) >= QUEUE
        if too_many and (self._loop.time() > order.begun or outcome.status is not Status.NOT_SENT):
            self.ledger.broken("O2", f"{order.key}: {outcome.status.value} after {len(waiting)} others that wait")
        return outcome

    async def crowd(self, chance: random.Random) -> None:
        """Many single sends at about the same time."""
        pauses = chance.choice([0.0, 0.2])
        for push in self._some(chance, chance.choice([1, 1, 5, 25])):
            self.tasks.begin(self._lone(push, hasty=chance.random() < 0.3))
            if chance.random() < pauses:
                await asyncio.sleep(chance.choice([0, 0.003, 0.3]))

    async def _lone(self, push: Push, *, hasty: bool = False) -> None:
        await self.one(push, hasty=hasty)

    def flood(self, app: str, chance: random.Random) -> None:
        """A hundred concurrent single sends for one certificate."""
        for number in range(100):
            push_token = PushToken(app, f"{app}-{number % PHONES}")
            self.tasks.begin(self._lone(Push(push_token, self._note(chance), timeout=5.0), hasty=True))

    async def several(self, chance: random.Random) -> None:
        """`send_each` with a list, sometimes with a token twice."""
        orders = [self._submit(push) for push in self._some(chance, chance.randrange(40))]
        await self._each(orders, lambda: self.gateway.send_each([order.push for order in orders]))

    async def multicast(self, chance: random.Random) -> None:
        """One notification for many phones of several apps."""
        note = self._note(chance)
        tokens = list({self._address(chance): None for _ in range(chance.randrange(1, 30))})
        if chance.random() < 0.5:
            tokens = [one for one in tokens if not one.token.startswith("far-")] or tokens
        timeout = chance.choice([None, 1.0])
        orders = [self._submit(Push(token, note, timeout=timeout)) for token in tokens]
        await self._each(orders, lambda: self.gateway.multicast(tokens, note, timeout=timeout))

    async def group(self, chance: random.Random) -> None:
        """One notification for phones of one app, in several calls at about the same time, as of group chats."""
        storing = [app.name for app in self.server.apps.values() if app.kind.stores]
        app = chance.choice(storing if storing and chance.random() < 0.8 else list(self.server.apps))
        note, numbers = self._note(chance), chance.sample(range(PHONES), chance.randrange(2, PHONES))
        region = chance.choice(["", "", "far-"])
        size = chance.choice([len(numbers), 8, 3])
        for start in range(0, len(numbers), size):
            tokens = [PushToken(app, f"{region}{app}-{number}") for number in numbers[start : start + size]]
            self.tasks.begin(self._lone_group(tokens, note, chance.choice([None, None, 3.0, 20.0])))
            is_last = start + size < len(numbers) <= start + 2 * size
            await asyncio.sleep(chance.choice([0, 0, 0.003, 0.1, 40.0] if is_last else [0, 0, 0.003, 0.1]))

    async def _lone_group(self, tokens: list[PushToken], note: Notification, seconds: float | None) -> None:
        orders = [self._submit(Push(token, note, timeout=seconds)) for token in tokens]
        await self._each(orders, lambda: self.gateway.multicast(tokens, note, timeout=seconds))

    async def _each(self, orders: list[Order], send: Callable[[], Coroutine[Any, Any, list[Outcome]]]) -> None:
        try:
            outcomes = await send()
        except asyncio.CancelledError:
            for order in orders:
                order.withdrawn = True
            raise
        if len(outcomes) != len(orders):
            self.ledger.broken("I1", f"{len(outcomes)} outcomes for {len(orders)} pushes")
        due = max((order.deadline for order in orders), default=0.0)
        for order, outcome in zip(orders, outcomes, strict=False):
            self._note_outcome(order, outcome, due)

    async def stream(self, chance: random.Random) -> None:
        """A stream whose source pauses and whose reader may leave early."""
        given: dict[object, Order] = {}

        async def source() -> AsyncIterator[Push]:
            for _ in range(chance.randrange(40)):
                if chance.random() < 0.2:
                    await asyncio.sleep(chance.random())
                push = self._push(chance)
                given[push.context] = self._submit(push)
                yield push

        leaves_after = chance.randrange(120)
        pushes = source()
        outcomes = self.gateway.stream(pushes, window=chance.choice([1, 2, 10, 100]))
        taken = 0
        try:
            async for outcome in outcomes:
                order = given.get(outcome.context)
                if order is None:
                    self.ledger.broken("I1", "a stream gives the outcome of another push")
                    continue
                self._note_outcome(order, outcome)
                taken += 1
                if taken > leaves_after:
                    break
        finally:
            left_early = taken > leaves_after
            await outcomes.aclose()
            await pushes.aclose()
            for order in given.values():
                order.withdrawn = order.withdrawn or (order.outcome is None and (left_early or _cancelled()))

    async def broadcast(self, chance: random.Random) -> None:
        """To everyone, or to some tokens of one app in both regions."""
        app = chance.choice(list(self.server.apps))
        self._numbers += 1
        text = f"b{self._numbers}"
        tokens = [f"{chance.choice(['', 'far-'])}{app}-{number}" for number in range(chance.randrange(1, 12))]
        audience = Audience.everyone() if chance.random() < 0.3 else Audience.of_tokens(tokens)
        outcome = await self.gateway.broadcast(
            app, Notification("title", text), audience, timeout=chance.choice([1.0, 60.0])
        )
        self.ledger.event("broadcast", self._loop.time(), outcome.status.value)
        parts = {part: times for part, times in self.server.answers.broadcasts.items() if part[0] == text}
        reached = {token for part in parts for token in part[1:]}
        if any(times > 1 for times in parts.values()):
            self.ledger.broken("B9", f"{text} was broadcast twice")
        if outcome.status is Status.ACCEPTED and not parts:
            self.ledger.broken("B9", f"{text} was accepted and never broadcast")
        for one in outcome.outcomes:
            token = one.push_token.token
            if one.status is not Status.UNKNOWN and one.ok is not (token in reached):
                self.ledger.broken("B9", f"{text}: {token} ended {one.status.value}, which is not what happened")

    async def check(self, chance: random.Random) -> None:
        """An operator checks a certificate."""
        await self.gateway.check(chance.choice(list(self.server.apps)))

    async def recall(self, chance: random.Random) -> None:
        """Some notifications are taken back."""
        chance.shuffle(self._recallable)
        count = chance.randrange(1, 20)
        outcomes, self._recallable = self._recallable[:count], self._recallable[count:]
        await self._token_calls.recall(self.gateway, outcomes, chance.choice([1.0, 20.0]))

    async def alive(self, chance: random.Random) -> None:
        """Which of these tokens are alive?"""
        tokens = [self._address(chance) for _ in range(chance.randrange(1, 20))]
        await self._token_calls.alive(self.gateway, tokens, chance.choice([1.0, 20.0]))

    def cancel_some(self, chance: random.Random, share: float) -> None:
        """Cancel about this share of the calls under way."""
        for task in list(self.tasks.under_way):
            if chance.random() < share and _sends(task):
                task.cancel()


def _cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _sends(task: asyncio.Task[None]) -> bool:
    coroutine = task.get_coro()
    return getattr(coroutine, "__qualname__", "").rsplit(".", 1)[-1] in SENDING


SENDING = ("_lone", "_lone_group", "several", "multicast", "stream", "broadcast", "check", "recall", "alive")
"""Calls that may be cancelled: those of the gateway, but not an operator's."""
