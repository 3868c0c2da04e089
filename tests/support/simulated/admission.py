"""Checks of a request at the moment at which the engine sends it: what should never be sent is reported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from simulated.ledger import Ledger
from simulated.logins import Logins
from simulated.quotas import STORING
from simulated.visits import App, Visit
from simulated.wire import EXPIRED, SKEWED, Item

AGAIN = 25.0
"""Seconds in which a request whose access was refused goes again: a login may come between."""


class Admission:
    """Sees every request of the day, when it is sent and when it has ended."""

    def __init__(self, ledger: Ledger, logins: Logins, now: Callable[[], float], wall: Callable[[], float]) -> None:
        """`now`: loop seconds. `wall`: the vendor's clock."""
        self.clock_is_right = True
        """False: with a wrong wall clock the engine cannot know when a quota opens."""
        self.open_requests = Counter[tuple[str, str]]()
        self.peak = Counter[tuple[str, str]]()
        self._ledger = ledger
        self._logins = logins
        self._now = now
        self._wall = wall
        self._storing: set[tuple[object, ...]] = set()
        self._refused_stores: dict[tuple[object, ...], float] = {}
        self._silent_broadcasts: set[tuple[str, ...]] = set()
        self._marked: dict[tuple[str, ...], object] = {}

    def admit(self, visit: Visit) -> None:
        """A request is sent."""
        app, now = visit.app, self._now()
        self.open_requests[visit.place] += 1
        self._count(visit, now)
        if visit.what == "login":
            visit.ticket = self._logins.begin(app.name, visit.region, visit.body[1])
        elif visit.what == "store":
            self._admit_store(visit)
        elif visit.what == "push":
            self._admit_push(visit, now)
        elif visit.what == "broadcast" and tuple(visit.body) in self._silent_broadcasts:
            self._ledger.broken("B9", f"{app.name}: a broadcast goes again without a verdict")
        elif visit.what in ("recall", "alive"):
            self._admit_call(visit)

    def end(self, visit: Visit, *, has_verdict: bool) -> None:
        """A request has ended; `has_verdict`: the engine knows how."""
        self.open_requests[visit.place] -= 1
        for order in visit.orders:
            order.renewing = visit.code in (EXPIRED, SKEWED)
            if not has_verdict or order.key in visit.missing:
                order.silent = True
        if visit.what == "broadcast" and not has_verdict:
            self._silent_broadcasts.add(tuple(visit.body))
        if visit.what == "store":
            self._storing.discard(_as_stored(visit))
            if visit.code in (EXPIRED, SKEWED):
                self._refused_stores[_as_stored(visit)] = self._now()
        if visit.ticket is not None:
            self._logins.end(visit.ticket, visit.code if has_verdict else None)

    def _count(self, visit: Visit, now: float) -> None:
        app, place = visit.app, visit.place
        self.peak[place] = max(self.peak[place], self.open_requests[place])
        # When a removed certificate comes back, the old lane may still have open requests.
        lanes = 1 + sum(now - then < 25 for then in app.removals)
        if visit.what not in ("login", "probe") and self.open_requests[place] > app.connections * lanes:
            detail = f"{self.open_requests[place]} requests at once where {app.connections} may be"
            self._ledger.broken("I7", f"{app.name}: {detail}")

    def _admit_store(self, visit: Visit) -> None:
        app = visit.app
        if _as_stored(visit) in self._storing and not self._is_tried_again(visit):
            self._ledger.broken("B2", f"{app.name} stores {visit.body[0]} while it is being stored")
        self._storing.add(_as_stored(visit))
        if self._is_known_to_be_closed(visit, STORING):
            self._ledger.broken("Q2", f"{app.name} stores in {visit.region} although nothing is stored any more")

    def _is_tried_again(self, visit: Visit) -> bool:
        """Whether it may be a store of former settings, which goes again because its access was refused. A delivery
        that began with those settings ends with them, while those of the new settings store for themselves."""
        *what, gate = _as_stored(visit)
        former = (one for one in self._refused_stores if list(one[:-1]) == what and one[-1] != gate)
        found = next((one for one in former if self._now() - self._refused_stores[one] < AGAIN), None)
        return found is not None and self._refused_stores.pop(found) is not None

    def _admit_push(self, visit: Visit, now: float) -> None:
        app = visit.app
        visit.orders = self._ledger.dispatch(now, app.name, visit.items)
        if self._is_known_to_be_closed(visit, visit.quota) and not all(order.renewing for order in visit.orders):
            self._ledger.broken("Q2", f"{app.name} asks {visit.region} although that quota is closed")
        self._look_at_batch(visit)
        if visit.saved is not None and now > visit.saved.at + app.kind.stored_for + OLD:
            self._ledger.broken("B2", f"{app.name} uses a stored text that is too old")
        for order in visit.orders:
            waited = order.first == now and any(order.begun < then < now for then in app.removals)
            if waited or (app.gone_since is not None and app.gone_since < order.begun):
                self._ledger.broken("P8", f"{order.key}: leaves after {app.name} was removed")

    def _is_known_to_be_closed(self, visit: Visit, quota: str) -> bool:
        known = visit.app.quotas.is_known_to_be_closed(visit.region, quota, visit.gate, self._wall())
        return known and self.clock_is_right

    def _look_at_batch(self, visit: Visit) -> None:
        kind, items, count = visit.app.kind, visit.items, len(visit.items)
        wrong = {
            "more pushes than fit": count > kind.size,
            "a token twice": len({item.token for item in items}) < count,
            "tokens of another region": any(_region(item.token) != visit.region for item in items),
            "different quotas": len({kind.quota_of(item.channel) for item in items}) > 1,
            "different compartments": kind.has_compartments and len({item.channel for item in items}) > 1,
        }
        if not kind.is_mixed:
            wrong["different notifications"] = len({(item.text, item.channel) for item in items}) > 1
            by_phone = kind.repeats == "dropped by phones"
            wrong["different message ids"] = by_phone and len({item.message_id for item in items}) > 1
        for fault, is_there in wrong.items():
            if is_there:
                self._ledger.broken("B1", f"{visit.app.name}: {fault} in a batch of {count}")
        if kind.stores and visit.saved is None and count > 1:
            self._ledger.broken("B2", f"{visit.app.name}: {count} pushes whose text is not stored")
        if visit.saved is not None and (visit.saved.app, visit.saved.region) != (visit.app.name, visit.region):
            self._ledger.broken("B2", f"{visit.app.name} comes to {visit.region} with a text stored elsewhere")
        if visit.saved is not None and count < 2:
            self._ledger.broken("B2", f"{visit.app.name} uses a stored text for a single phone")
        for item in items:
            self._look_at_mark(visit.app, item)

    def _look_at_mark(self, app: App, item: Item) -> None:
        """Receipts find their push by its mark, so it may name no other one."""
        if (item.mark is not None) is not (app.has_receipts and app.kind.marks != "none"):
            self._ledger.broken("R2", f"{item.key}: with the mark {item.mark}")
        if item.mark is None:
            return
        named: list[tuple[tuple[str, ...], object]] = [((app.name, item.mark[1], item.token), item.text)]
        if app.kind.marks == "push":
            named.append(((app.name, item.mark[1]), item.key))
        elif not app.kind.is_mixed:
            named.append(((app.name, item.mark[1]), item.text))
        for mark, meant in named:
            if self._marked.setdefault(mark, meant) != meant:
                self._ledger.broken("R2", f"{item.key}: with the mark of {self._marked[mark]}")

    def _admit_call(self, visit: Visit) -> None:
        tokens = visit.body[1:] if visit.what == "recall" else visit.body
        if len(tokens) > (visit.app.kind.most_tokens or 1000) or any(_region(one) != visit.region for one in tokens):
            self._ledger.broken("V1", f"{visit.app.name}: {visit.what} for {len(tokens)} tokens in {visit.region}")


OLD = 21.0
"""Seconds for which a stored notification may be older than its lifetime: it is looked up before its batch is sent, and
both to store it and to log in may take ten."""


def _as_stored(visit: Visit) -> tuple[object, ...]:
    """What is being stored, where, and by which gateway and settings."""
    return (visit.app.name, visit.body[0], visit.region, visit.gate)


def _region(token: str) -> str:
    return "far" if token.startswith("far-") else "near"
