"""What must be true: every push that was submitted, what the vendor did with it, and what its caller was told.

Law of this file: it only writes down and compares. Whoever sees a promise broken calls `broken` with the promise's
name; one list holds them all, so that one fault does not hide another.
"""

from __future__ import annotations

import hashlib
from collections import Counter

from pushgateway import Outcome, Push, Status

PROMISES = {
    "I1": "each push has exactly one outcome, its own",
    "I2": "what is ACCEPTED was pushed",
    "I3": "what is NOT_SENT or REJECTED was not pushed",
    "I4": "nothing is pushed twice unsaid, and nothing without a verdict is repeated where repeats are not dropped",
    "I7": "requests at once, attempts and repeats stay within their limits",
    "I8": "nothing leaves after its deadline, nor after its caller has gone, and every outcome comes in time",
    "I9": "after the close nothing is left and nothing leaves; a close takes no longer than its grace",
    "A1": "one login at a time, none while an access token is good, and none in the pause after a refusal",
    "A9": "an access token is used for its own certificate and region only",
    "B1": "a batch is one region's, of the vendor's size, without a token twice, and mixed only where that is allowed",
    "B9": "a broadcast is never repeated without a verdict, and its outcomes are true",
    "P8": "after its certificate was removed a push does not leave; a bad set of certificates changes nothing",
    "Q2": "once the day is used up nothing is asked before the vendor's midnight",
    "O2": "what does not want to wait has its answer at once where too many wait",
    "O3": "repeats are a tenth of the requests and one a second, and a minute's worth saved up",
    "O4": "a vendor that names its figure seldom has to say that we are too fast",
    "O7": "urgent pushes do not wait behind bulk",
    "T7": "a phone gets what was meant for it, under an id of its own, the same bytes in every attempt",
    "L1": "when the troubles are over everything drains, and a fresh push gets through as on an ordinary day",
    "L2": "and as many requests at once as before",
    "L3": "on a day without troubles whatever has twenty seconds arrives, or is refused for a reason of its own",
}
"""By the names in use: I1-I9 are the invariants, A, B, P and T their groups, L the liveness after the troubles."""


class Order:
    """One push the host submitted, and its history on both sides of the wire."""

    __slots__ = (
        "asked",
        "begun",
        "deadline",
        "dedupe_id",
        "dedupes",
        "first",
        "key",
        "outcome",
        "performed",
        "push",
        "renewing",
        "silent",
        "withdrawn",
    )

    def __init__(self, push: Push, key: tuple[str, str], begun: float, deadline: float, dedupes: bool) -> None:
        self.push = push
        self.key = key
        self.begun = begun
        self.deadline = deadline
        self.dedupes = dedupes
        self.dedupe_id = ""  # under which it went out
        self.first: float | None = None  # when the first request with it left
        self.asked = 0  # requests it was in
        self.performed = 0
        self.silent = False  # one of them ended without a readable verdict
        self.renewing = False  # its access token had expired: it goes again with a new one, as the same request
        self.withdrawn = False
        self.outcome: Outcome | None = None


class Ledger:
    """Both books of one day."""

    def __init__(self) -> None:
        self.orders: dict[tuple[str, str], Order] = {}
        self.faults: list[str] = []
        self.calm = False
        """No trouble is to blame for anything."""
        self.calls: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self._ids: dict[str, tuple[str, str]] = {}
        self._trace = hashlib.blake2b(digest_size=16)

    def event(self, *what: object) -> None:
        """Part of the story; two runs of one seed tell the same."""
        self._trace.update(repr(what).encode())

    @property
    def story(self) -> str:
        """A digest of everything that happened and when."""
        return self._trace.hexdigest()

    def broken(self, promise: str, how: str) -> None:
        """A promise was broken."""
        assert promise in PROMISES, promise
        self.faults.append(f"{promise}: {how}")

    def submit(self, push: Push, begun: float, timeout: float, *, dedupes: bool) -> Order:
        """The host hands in a push; its body is unlike any other's to the same token."""
        key = (push.push_token.token, push.notification.body)
        order = self.orders[key] = Order(push, key, begun, begun + timeout, dedupes)
        return order

    def note_outcome(self, order: Order, outcome: object, now: float, due: float | None = None) -> None:
        """The host gets an outcome; `due`: not before those of others."""
        due = order.deadline if due is None else due
        if not isinstance(outcome, Outcome):
            self.broken("I1", f"{order.key}: {type(outcome).__name__} instead of an outcome")
            return
        self.event("outcome", round(now, 6), order.key, outcome.status.value, outcome.attempts)
        self.outcomes[outcome.status.value] += 1
        if order.outcome is not None:
            self.broken("I1", f"{order.key}: a second outcome")
        if outcome.push_token != order.push.push_token:
            self.broken("I1", f"{order.key}: the outcome of {outcome.push_token.token}")
        if now > due + 0.06:
            self.broken("I8", f"{order.key}: the outcome came {now - due:.3f} s after the deadline")
        order.outcome = outcome

    def dispatch(self, now: float, certificate: str, items: list[list[str]]) -> list[Order]:
        """A request with these items leaves the process."""
        orders = []
        for token, text, dedupe_id in items:
            order = self.orders.get((token, text))
            if order is None or order.push.push_token.certificate_id != certificate:
                self.broken("T7", f"{token} of {certificate} is sent a text that nobody meant for it")
                continue
            orders.append(order)
            self._look_at(order, now, dedupe_id)
        return orders

    def _look_at(self, order: Order, now: float, dedupe_id: str) -> None:
        if self._ids.setdefault(dedupe_id, order.key) != order.key:
            self.broken("T7", f"{order.key}: under the id of {self._ids[dedupe_id]}")
        if order.dedupe_id not in ("", dedupe_id):
            self.broken("T7", f"{order.key}: repeated under another id")
        order.dedupe_id = dedupe_id
        if now > order.deadline:
            self.broken("I8", f"{order.key}: leaves {now - order.deadline:.3f} s after its deadline")
        if order.withdrawn:
            self.broken("I8", f"{order.key}: leaves although its caller has gone")
        if order.outcome is not None:
            self.broken("I1", f"{order.key}: leaves although it has its outcome")
        if order.silent and not order.dedupes:
            self.broken("I4", f"{order.key}: repeated without a verdict, and the vendor does not drop repeats")
        order.asked += 1
        if order.first is None:
            order.first = now

    def check(self, attempts: int) -> None:
        """Compare the books at the end of the day. `attempts`: tries a push may have."""
        for order in self.orders.values():
            self._check(order, attempts)

    def _check(self, order: Order, attempts: int) -> None:
        outcome, times = order.outcome, order.performed
        # Each try may ask twice (an access token that turns out expired), and a split costs a few more.
        if order.asked > 2 * attempts + 12:
            self.broken("I7", f"{order.key}: in {order.asked} requests")
        if times > 1 and (order.dedupes or outcome is None or not outcome.possible_duplicate):
            self.broken("I4", f"{order.key}: pushed {times} times, and nobody says so")
        if outcome is None:
            if not order.withdrawn:
                self.broken("I1", f"{order.key}: no outcome")
            return
        self._compare(order, outcome)

    def _compare(self, order: Order, outcome: Outcome) -> None:
        times, settled_by_plugin = order.performed, not order.push.notification.title
        has_time = order.deadline >= order.begun + 20 and not settled_by_plugin
        if self.calm and has_time and outcome.status in (Status.NOT_SENT, Status.UNKNOWN):
            self.broken("L3", f"{order.key}: {outcome.status.value}, {outcome.detail!r}")
        if outcome.possible_duplicate and order.dedupes:
            self.broken("I4", f"{order.key}: called a possible duplicate where repeats are dropped")
        if outcome.status is Status.ACCEPTED and not times:
            self.broken("I2", f"{order.key}: accepted, and never pushed")
        if outcome.status in (Status.REJECTED, Status.NOT_SENT) and times:
            self.broken("I3", f"{order.key}: {outcome.status.value}, and pushed")
        # One that its plug-in settles itself is in no request, but a plug-in that then fails takes that word with it.
        if outcome.attempts != order.asked and not settled_by_plugin:
            self.broken("I1", f"{order.key}: told {outcome.attempts} attempts, made {order.asked}")
