"""What a request must bring so that the simulated vendor takes it: access tokens, signatures, times and keys.

Access tokens of a login are in `logins`. Reported as broken promises: the key or access token of another app or region,
and a wrong time in a request that is sent after the engine has got to know the vendor's time.
"""

from __future__ import annotations

from collections.abc import Callable

from simulated.ledger import Ledger
from simulated.logins import Logins
from simulated.visits import App, Visit
from simulated.wire import BLOCKED, EXPIRED, SKEWED, TOLERANCE, signature


class Access:
    """Judges what requests bring."""

    def __init__(
        self,
        ledger: Ledger,
        logins: Logins,
        *,
        now: Callable[[], float],
        wall: Callable[[], float],
        hosts_clock: Callable[[], float],
    ) -> None:
        """`now`: loop seconds. `wall`: the vendor's clock, and `hosts_clock` the host's."""
        self._ledger = ledger
        self._logins = logins
        self._now = now
        self._wall = wall
        self._hosts_clock = hosts_clock
        self._corrected: dict[tuple[object, ...], tuple[float, float]] = {}

    def refusal(self, visit: Visit) -> str | None:
        """The code with which a request is refused; None if it brings what it must."""
        headers, app = visit.request.headers, visit.app
        access = headers.get("authorization", "").removeprefix("Bearer ")
        if app.kind.access == "login":
            return None if self._logins.takes(access, app.name, visit.region, self._wall()) else EXPIRED
        if app.kind.access == "signed":
            return self._of_signed_token(visit, access)
        name, _, given = headers.get("key" if app.kind.access == "key" else "signature", "").partition("|")
        self._check_owner(app, name)
        if app.kind.access == "key":
            return None if given in app.secrets else BLOCKED
        parts = (app.name, headers["time"], visit.request.content.decode())
        if not _is_signed(app, given, *parts):
            return BLOCKED
        return self._of_time(visit, abs(float(headers["time"]) - self._wall()))

    def doubt(self, visit: Visit) -> None:
        """The vendor calls an access token expired, rightly or not."""
        self._logins.doubt(visit.request.headers["authorization"].removeprefix("Bearer "))

    def end(self, visit: Visit) -> None:
        """The engine has got a reply to this request, and with it the vendor's time."""
        if visit.is_skewed:
            self._corrected[_caller(visit)] = self._now(), self._error()

    def _of_signed_token(self, visit: Visit, access: str) -> str | None:
        app = visit.app
        name, region, made_at, given = access.split("|")
        self._check_owner(app, name)
        if region != visit.region:
            self._ledger.broken("A9", f"{app.name} comes to {visit.region} with an access token for {region}")
        wrong = EXPIRED if app.kind.is_vague else BLOCKED
        if not _is_signed(app, given, name, region, made_at):
            return wrong
        if self._wall() >= float(made_at) + app.kind.lifetime:
            return EXPIRED
        return self._of_time(visit, float(made_at) - self._wall())

    def _of_time(self, visit: Visit, error: float) -> str | None:
        if error <= TOLERANCE:
            return None
        visit.is_skewed = True
        known_since, former = self._corrected.get(_caller(visit), (visit.sent_at, 0.0))
        if known_since < visit.sent_at and abs(former - self._error()) < 1.0:
            self._ledger.broken(
                "A10", f"{visit.app.name}: a time that is {error:.0f} s off, and the right one is known"
            )
        return EXPIRED if visit.app.kind.is_vague and visit.app.kind.access == "signed" else SKEWED

    def _error(self) -> float:
        """Seconds by which the host's clock is wrong."""
        return self._hosts_clock() - self._wall()

    def _check_owner(self, app: App, name: str) -> None:
        if name != app.name:
            self._ledger.broken("A9", f"{app.name} comes with the key of {name or 'nobody'}")


def _is_signed(app: App, given: str, *parts: str) -> bool:
    return any(signature(secret, *parts) == given for secret in app.secrets)


def _caller(visit: Visit) -> tuple[object, ...]:
    """Who knows the vendor's time, for which server."""
    return (visit.app.name, visit.region, visit.gate)
