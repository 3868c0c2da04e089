"""The simulated vendors and the transport to them in one, with the troubles of the network.

It keeps the contract of `Transport`. `admission` checks every request when it is sent, `answers` acts on those that
arrive. The vendor's clock is right; the host's may be wrong.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence

from pushgateway.vendor import NoVerdict, Request, Response
from simulated.access import Access
from simulated.admission import Admission
from simulated.answers import Answers
from simulated.ledger import Ledger
from simulated.logins import Logins
from simulated.quotas import MIDNIGHT, STORING
from simulated.reports import Reports
from simulated.troubles import WIRE, TroubleSchedule
from simulated.visits import App, Visit
from simulated.wire import QUOTA


class SimServer:
    """The vendors of all apps; an app's name is its certificate id."""

    def __init__(
        self,
        ledger: Ledger,
        schedule: TroubleSchedule,
        apps: Sequence[App],
        make_reports: Callable[[Callable[[], float]], Reports],
        seed: int,
    ) -> None:
        """`make_reports`: makes what posts the receipts, by the vendor's clock."""
        self.apps = {app.name: app for app in apps}
        self.latency = 0.0
        """Seconds in one direction; 0: drawn for each request."""
        self.hosts_error = 0.0
        """Seconds by which the host's clock is wrong."""
        self.is_closed = False
        """The gateway was closed."""
        self.now = asyncio.get_running_loop().time
        self.logins = Logins(ledger, self.now)
        self.admission = Admission(ledger, self.logins, self.now, self.wall)
        self.reports = make_reports(self.wall)
        self._access = Access(ledger, self.logins, now=self.now, wall=self.wall, hosts_clock=self.hosts_clock)
        self._ledger = ledger
        self._schedule = schedule
        self._chance = random.Random(seed)
        self.answers = Answers(
            ledger,
            schedule,
            self.logins,
            self._access,
            self.reports,
            now=self.now,
            wall=self.wall,
            chance=self._chance,
        )

    def wall(self) -> float:
        """The vendor's clock, which is right. The day begins 400 seconds before midnight."""
        return MIDNIGHT - 400.0 + self.now()

    def hosts_clock(self) -> float:
        """The wall clock of the host's machine."""
        return self.wall() + self.hosts_error

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109
        app, now = self.apps[pool], self.now()
        gate = (self.logins.gateway, self.logins.changed[pool], *sorted(app.secrets))
        visit = Visit.of(request, app, gate, now)
        self.answers.resolve(visit)
        self._ledger.calls[visit.what] += 1
        self._ledger.event("request", now, pool, visit.region, visit.what, len(request.content))
        if self.is_closed:
            self._ledger.broken("I9", f"a {visit.what} leaves after the close")
        self.admission.admit(visit)
        has_verdict = False
        try:
            async with asyncio.timeout(timeout):
                response = await self._carry(visit, timeout)
            has_verdict = visit.is_readable
            return Response(response.status, response.headers, response.content, self.hosts_clock())
        except TimeoutError:
            raise NoVerdict("timeout") from None
        except NoVerdict as silent:
            has_verdict = not silent.sent
            raise
        finally:
            self._end(visit, has_verdict=has_verdict)

    async def aclose(self) -> None:
        raise AssertionError("the transport is the host's to close")

    def _end(self, visit: Visit, *, has_verdict: bool) -> None:
        self.admission.end(visit, has_verdict=has_verdict)
        if has_verdict:
            self._access.end(visit)
        if visit.code == QUOTA and has_verdict:
            quota = STORING if visit.what == "store" else visit.quota
            visit.app.quotas.report(visit.region, quota, visit.gate, self.wall())
        self._ledger.event("end", self.now(), visit.app.name, visit.region, visit.what, has_verdict)

    async def _carry(self, visit: Visit, limit: float) -> Response:
        struck = self._schedule.strikes(self.now(), visit.app.name, WIRE)
        kind, chance, _ = struck or ("", self._chance, 0.0)
        up = self.latency or self._chance.choice([0.005, 0.02, 0.02, 0.05, 0.4])
        if kind == "refused":
            await asyncio.sleep(chance.choice([0, 0.01]))
            raise NoVerdict("refused", sent=False)
        if kind == "connecting":
            await asyncio.sleep(min(3.0, limit))
            raise NoVerdict("connect timeout", sent=False)
        if kind == "odd":
            await asyncio.sleep(0)
            raise OSError("not what a transport may raise")
        await asyncio.sleep(up if kind != "slow" else chance.choice([0.5, 2.0, 9.0, 30.0]))
        response: Response | None = None
        if not (kind == "lost" or (kind in ("late", "html", "status") and chance.random() < 0.3)):
            response = self.answers.answer(visit)  # otherwise it was lost before the vendor acted on it
        if kind in ("lost", "late"):
            await asyncio.sleep(limit + 1)
        if kind == "cut":
            raise NoVerdict("cut")
        if kind in ("html", "status"):
            visit.is_readable = False
            return Response(200 if kind == "html" else chance.choice([500, 502, 504]), {}, b"<html>")
        await asyncio.sleep(up)
        assert response is not None
        return response
