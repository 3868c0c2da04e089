"""The checks of a simulated day: every push that was submitted, what the vendor did with it, and its outcome.

The ledger only records and compares. Code that finds a broken promise calls `broken` with the promise's name. One list
has them all, so that one fault does not hide another.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from pushgateway import Outcome, Push, Reason, Status
from simulated.wire import CHANNEL, CONTENT, POISON, UNAPPROVED, Item

PROMISES = {
    "I1": "each push has exactly one outcome, its own",
    "I2": "what is ACCEPTED was delivered",
    "I3": "what is NOT_SENT or REJECTED was not delivered",
    "I4": "a push that may arrive twice is marked, and without a verdict it is repeated only if repeats are dropped",
    "I5": "a token is called dead only where the vendor has said so of it",
    "I7": "concurrent requests, attempts and repeats stay within their limits",
    "I8": "nothing is sent after its deadline or after its caller has left, and every outcome is in time",
    "I9": "after the close nothing is left over and nothing is sent; a close takes no longer than its grace",
    "A1": "one login at a time, none while an access token is valid, and none in the pause after a refusal",
    "A9": "an access token is used for its own certificate and region only, and so is a key",
    "A10": "a request that carries a time carries that of the vendor, once that is known",
    "B1": "a batch has one region, quota and compartment, at most the vendor's size, no token twice, and several texts "
    "or message ids only if allowed",
    "B2": "a text is stored once for all who wait for it, used where it was stored only, and puts no push in doubt",
    "B5": "a text or a channel that is refused costs no other push",
    "B9": "a broadcast without a verdict is never repeated, and its outcomes are correct",
    "P8": "after its certificate was removed a push is not sent; a wrong set of certificates changes nothing",
    "Q2": "once a quota is used up or closed, nothing of it is sent before the vendor's midnight or the time that it "
    "names, and it is not held closed for longer",
    "R1": "a receipt that the vendor posts comes out once, of the right push; a forged one never",
    "R2": "a mark for receipts names one push on each phone, and no other message",
    "V1": "what became of a recall and of a check of tokens is what the vendor did",
    "O2": "try_send has its outcome at once if too many pushes wait",
    "O3": "repeats stay within a tenth of the requests, one per second, and a minute's worth saved up",
    "O4": "a vendor with a known rate seldom has to answer that we are too fast",
    "O7": "urgent pushes do not wait behind bulk",
    "T7": "a phone gets its own push, under an id of its own, with the same bytes in every attempt",
    "L1": "when the troubles are over, everything ends, and a new push is accepted as on an ordinary day",
    "L2": "when the troubles are over, as many concurrent requests are possible as before",
    "L3": "on a day without troubles a push with twenty seconds is accepted, or refused for a reason of its own",
}
"""By name: I1-I9 are invariants; A, B, P, Q, R, O and T follow the groups of `catalogue.md`; V is for a vendor's other
calls; L is liveness after the troubles."""


class Order:
    """One push that the host submitted, and its history on both sides."""

    __slots__ = (
        "asked",
        "begun",
        "deadline",
        "dedupe_id",
        "dedupes",
        "first",
        "gateway",
        "handles",
        "key",
        "message_id",
        "outcome",
        "performed",
        "push",
        "renewing",
        "silent",
        "withdrawn",
    )

    def __init__(
        self, push: Push, key: tuple[str, str], begun: float, deadline: float, dedupes: bool, gateway: int
    ) -> None:
        self.push = push
        self.key = key
        self.gateway = gateway  # number of the gateway that it was handed to
        self.begun = begun
        self.deadline = deadline
        self.dedupes = dedupes
        self.dedupe_id = ""  # the id under which it was sent
        self.message_id = ""  # the same, of its message
        self.first: float | None = None  # time of the first request with it
        self.asked = 0  # number of requests with it
        self.performed = 0
        self.handles: set[str] = set()  # by which the vendor would take it back
        self.silent = False  # True: a request with it ended without a readable verdict
        self.renewing = (
            False  # True: its access token had expired, and it is sent again with a new one, as the same request
        )
        self.withdrawn = False
        self.outcome: Outcome | None = None


class Ledger:
    """The records of the host and of the vendor for one day."""

    def __init__(self) -> None:
        self.orders: dict[tuple[str, str], Order] = {}
        self.faults: list[str] = []
        self.calm = False
        """True on a day without troubles."""
        self.calls: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self._dead: set[tuple[str, str]] = set()
        self._ids: dict[str, tuple[str, str]] = {}
        self._messages: dict[tuple[str, str], tuple[str, str]] = {}
        self._trace = hashlib.blake2b(digest_size=16)

    def event(self, *what: object) -> None:
        """Record an event. Two runs of one seed have the same events."""
        self._trace.update(repr(what).encode())

    @property
    def story(self) -> str:
        """A digest of all events and their times."""
        return self._trace.hexdigest()

    def broken(self, promise: str, how: str) -> None:
        """Record a broken promise."""
        assert promise in PROMISES, promise
        self.faults.append(f"{promise}: {how}")

    def submit(self, push: Push, begun: float, timeout: float, *, dedupes: bool, gateway: int) -> Order:
        """The host submits a push. Its body differs from any other's to the same token."""
        key = (push.push_token.token, push.notification.body)
        order = self.orders[key] = Order(push, key, begun, begun + timeout, dedupes, gateway)
        return order

    def named_dead(self, certificate: str, token: str) -> None:
        """The vendor says that a token is dead."""
        self._dead.add((certificate, token))

    def is_named_dead(self, certificate: str, token: str) -> bool:
        """Whether the vendor has said that it is dead."""
        return (certificate, token) in self._dead

    def note_outcome(self, order: Order, outcome: object, now: float, due: float | None = None) -> None:
        """The host gets an outcome. `due`: the latest time, if it is not the push's own deadline."""
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

    def dispatch(self, now: float, certificate: str, items: Sequence[Item]) -> list[Order]:
        """A request with these pushes is sent."""
        orders = []
        for item in items:
            order = self.orders.get(item.key)
            if order is None or order.push.push_token.certificate_id != certificate:
                self.broken("T7", f"{item.token} of {certificate} is sent a text that nobody meant for it")
                continue
            if order.push.notification.channel_id != item.channel:
                self.broken("T7", f"{item.key}: in the channel {item.channel}")
            orders.append(order)
            self._look_at(order, now, item.dedupe_id)
            self._look_at_message(order, item.message_id)
        return orders

    def _look_at_message(self, order: Order, message_id: str) -> None:
        token = order.key[0]
        if self._messages.setdefault((token, message_id), order.key) != order.key:
            self.broken("T7", f"{order.key}: under the message id of {self._messages[token, message_id]}")
        if order.message_id not in ("", message_id):
            self.broken("T7", f"{order.key}: repeated under another message id")
        order.message_id = message_id

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
        """Compare the records at the end of the day. `attempts`: the attempts that a push may have."""
        for order in self.orders.values():
            self._check(order, attempts)

    def _check(self, order: Order, attempts: int) -> None:
        outcome, times = order.outcome, order.performed
        # Each attempt may have two requests (when the access token has expired), and splitting a batch adds a few.
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
        self._compare_reason(order, outcome)
        times, settled_by_plugin = order.performed, not order.push.notification.title
        has_time = order.deadline >= order.begun + 20 and not settled_by_plugin
        is_refused = outcome.vendor_code in (CONTENT, CHANNEL)  # perhaps when it was to be stored
        if self.calm and has_time and outcome.status in (Status.NOT_SENT, Status.UNKNOWN) and not is_refused:
            self.broken("L3", f"{order.key}: {outcome.status.value}, {outcome.detail!r}")
        if outcome.possible_duplicate and order.dedupes:
            self.broken("I4", f"{order.key}: called a possible duplicate where repeats are dropped")
        if outcome.status is Status.UNKNOWN and not order.asked and not settled_by_plugin:
            self.broken("B2", f"{order.key}: in doubt, and in no request")
        if outcome.status is Status.ACCEPTED and not times:
            self.broken("I2", f"{order.key}: accepted, and never pushed")
        handle = outcome.handle or outcome.message_id
        if outcome.status is Status.ACCEPTED and not outcome.repeated and handle not in order.handles:
            self.broken("I1", f"{order.key}: accepted under {handle}, which is another message")
        if outcome.status in (Status.REJECTED, Status.NOT_SENT) and times:
            self.broken("I3", f"{order.key}: {outcome.status.value}, and pushed")
        # A push that the plug-in settles is in no request, but if the plug-in then fails, that outcome is lost with it.
        if outcome.attempts != order.asked and not settled_by_plugin:
            self.broken("I1", f"{order.key}: told {outcome.attempts} attempts, made {order.asked}")

    def _compare_reason(self, order: Order, outcome: Outcome) -> None:
        push_token = order.push.push_token
        is_named = self.is_named_dead(push_token.certificate_id, push_token.token)
        if outcome.reason is Reason.UNREGISTERED and not is_named:
            self.broken("I5", f"{order.key}: called dead")
        if outcome.vendor_code == CONTENT and not order.key[1].endswith(POISON):
            self.broken("B5", f"{order.key}: {outcome.status.value} for a text that is not its own")
        if outcome.vendor_code == CHANNEL and order.push.notification.channel_id != UNAPPROVED:
            self.broken("B5", f"{order.key}: {outcome.status.value} for a channel that is not its own")
