"""The simulated vendor's access tokens, and the checks of logins.

An access token belongs to one app and one region, and expires. Reported as broken promises: a login that nothing needs,
a second concurrent login, and one in the pause after a refusal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import attrs

from simulated.ledger import Ledger
from simulated.wire import BLOCKED, SKEWED

Key = tuple[str, str, str, int, int]

YOUNG = 45.0
"""Seconds in which an access token that the vendor accepts need not be renewed: the core uses one for at least 60, and
renewal begins after four fifths of that."""
REFUSED_PAUSE = 300.0
FAILED_PAUSE = 0.45


@attrs.define(eq=False)
class _Issued:
    value: str
    app: str
    region: str
    expires: float
    refused: bool = False
    doubted: bool = False


@attrs.define(eq=False)
class _Book:
    """What one gateway has done for one app, region and secret."""

    under_way: int = 0
    failed_at: float | None = None
    pause: float = 0.0
    got_at: float = 0.0
    got: _Issued | None = None


@attrs.frozen(eq=False)
class Ticket:
    """A login in progress."""

    key: Key


class Logins:
    """All access tokens of the vendor."""

    def __init__(self, ledger: Ledger, now: Callable[[], float]) -> None:
        self._ledger = ledger
        self._now = now
        self._books: dict[Key, _Book] = {}
        self._issued: dict[str, _Issued] = {}
        self.gateway = 0
        """Number of the gateway that logs in; a new gateway starts without access tokens."""
        self.changed = Counter[str]()
        """By app: how often its certificate was changed. Checks start anew with each change."""

    def begin(self, app: str, region: str, secret: str) -> Ticket:
        """A login is sent."""
        key = (app, region, secret, self.gateway, self.changed[app])
        book = self._books.setdefault(key, _Book())
        now = self._now()
        if book.under_way:
            self._ledger.broken("A1", f"{app} logs in for {region} while a login is under way")
        if book.failed_at is not None and now < book.failed_at + book.pause:
            self._ledger.broken("A1", f"{app} logs in {now - book.failed_at:.1f} s after a login failed")
        got = book.got
        if got is not None and not (got.refused or got.doubted) and now < book.got_at + YOUNG:
            self._ledger.broken("A1", f"{app} logs in again {now - book.got_at:.1f} s after it got a good access token")
        book.under_way += 1
        return Ticket(key)

    def end(self, ticket: object, code: str | None) -> None:
        """A login ended with this code; None without a verdict."""
        assert isinstance(ticket, Ticket)
        book = self._books[ticket.key]
        book.under_way -= 1
        if code == SKEWED:
            return  # the core repeats it once, immediately, with the right time
        if code == "0":
            book.failed_at, book.got_at = None, self._now()
            book.got = next(
                (one for one in reversed(self._issued.values()) if (one.app, one.region) == ticket.key[:2]), None
            )
            return
        book.failed_at, book.pause = self._now(), REFUSED_PAUSE if code == BLOCKED else FAILED_PAUSE

    def issue(self, app: str, region: str, expires: float, *, last_wins: bool) -> str:
        """A new access token."""
        if last_wins:
            self.revoke(app, region)
        value = f"{app}-{region}-{len(self._issued)}"
        self._issued[value] = _Issued(value, app, region, expires)
        return value

    def revoke(self, app: str, region: str = "") -> None:
        """The access tokens issued so far are no longer accepted."""
        for one in self._issued.values():
            if one.app == app and region in ("", one.region):
                one.refused = True

    def doubt(self, value: str) -> None:
        """The vendor reports this access token as expired, correctly or not: from now on a login is justified."""
        if value in self._issued:
            self._issued[value].doubted = True

    def takes(self, value: str, app: str, region: str, wall: float) -> bool:
        """Whether the vendor accepts this access token for a request of `app` at the host of `region`."""
        issued = self._issued.get(value)
        if issued is None:
            self._ledger.broken("A9", f"{app} comes without an access token")
            return False
        if (issued.app, issued.region) != (app, region):
            self._ledger.broken(
                "A9", f"{app} comes to {region} with the access token of {issued.app} for {issued.region}"
            )
            return False
        if wall >= issued.expires:
            issued.refused = True
        return not issued.refused
