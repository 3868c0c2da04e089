"""What an operator does to the gateway of a simulated day, and what befalls the host's process.

Certificates change, go and come back, credentials are renewed, the gateway is closed and a new one takes its place;
calls are cancelled, and the machine's clock is wrong. All of it is drawn before the day begins (`troubles.HOST`).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable

import attrs

from pushgateway import Certificate, ConfigError, Gateway
from pushgateway.vendor import Secret
from simulated.host import Host
from simulated.ledger import Ledger
from simulated.server import SimServer
from simulated.troubles import Trouble


class Operator:
    """Runs the host's process."""

    def __init__(
        self,
        ledger: Ledger,
        server: SimServer,
        host: Host,
        certificates: Iterable[Certificate],
        make: Callable[[Iterable[Certificate]], Gateway],
    ) -> None:
        """`make`: makes a gateway."""
        self.ledger = ledger
        self.server = server
        self.host = host
        self.certificates = {certificate.id: certificate for certificate in certificates}
        """As they should be now."""
        self._known = dict(self.certificates)
        self._make = make
        self._loop = asyncio.get_running_loop()
        self._secrets = 0

    async def run_trouble(self, trouble: Trouble) -> None:
        """Run a trouble that begins now."""
        chance = random.Random(trouble.seed)
        app = trouble.app or chance.choice(list(self.server.apps))
        await getattr(self, f"_{trouble.kind}")(trouble, app, chance)

    async def _cancel(self, trouble: Trouble, app: str, chance: random.Random) -> None:
        for _ in range(5):
            self.host.cancel_some(chance, trouble.strength)
            await asyncio.sleep(chance.choice([0, 0.001, trouble.lasts / 5]))

    async def _revoked(self, trouble: Trouble, app: str, chance: random.Random) -> None:
        self.server.logins.revoke(app)

    async def _clock(self, trouble: Trouble, app: str, chance: random.Random) -> None:
        self.server.hosts_error = chance.choice([-3600.0, -300.0, 300.0, 3600.0])
        await asyncio.sleep(trouble.lasts)
        self.server.hosts_error = 0.0

    async def _reload(self, trouble: Trouble, app: str, chance: random.Random) -> None:
        self.reload()

    async def _reopen(self, trouble: Trouble, app: str, chance: random.Random) -> None:
        await self.reopen(chance.choice([0.0, 0.2, 5.0]))

    async def _flood(self, trouble: Trouble, app: str, chance: random.Random) -> None:
        self.host.flood(app, chance)

    def reload(self) -> None:
        """Reload with the certificates as they should be."""
        before = {certificate.id: certificate for certificate in self.host.gateway.certificates}
        self.host.gateway.reload(list(self.certificates.values()))
        for app in self._known:
            if before.get(app) != self.certificates.get(app):
                self.server.logins.changed[app] += 1

    def renew(self, app: str) -> None:
        """A new secret for an app, from now on the only valid one, and a new secret for receipts."""
        self._secrets += 1
        secret = f"{app}-s{self._secrets}"
        self.server.apps[app].secrets = {secret}
        old = self._known[app]
        new_one = Secret(f"a new receipt secret, number {self._secrets}")
        secrets = (new_one, *old.receipt_secret) if old.receipt_url else None
        new = attrs.evolve(old, settings={**old.settings, "secret": secret}, receipt_secret=secrets)
        self._known[app] = new
        if app in self.certificates:
            self.certificates[app] = new

    async def _nonsense(self, trouble: Trouble, app: str, chance: random.Random) -> None:
        gateway = self.host.gateway
        before = gateway.certificates
        good = next(iter(self.certificates.values()))
        bad = chance.choice([[good, good], [attrs.evolve(good, settings={"nothing": 1})], [good, "certificate"]])
        try:
            gateway.reload(bad)
        except ConfigError:
            if gateway.certificates != before:
                self.ledger.broken("P8", "a bad set of certificates changed something")
        else:
            self.ledger.broken("P8", "a bad set of certificates was taken")

    async def _rotate(self, trouble: Trouble, app: str, chance: random.Random) -> None:
        """The vendor changes the secret first, the configuration follows."""
        self.renew(app)
        self.server.logins.revoke(app)
        await asyncio.sleep(chance.choice([0.0, trouble.lasts]))
        self.reload()

    async def _remove(self, trouble: Trouble, app: str, chance: random.Random) -> None:
        if app not in self.certificates or len(self.certificates) == 1:
            return
        del self.certificates[app]
        self.reload()
        gone = self.server.apps[app]
        gone.gone_since = self._loop.time()
        gone.removals.append(gone.gone_since)
        await asyncio.sleep(trouble.lasts)
        gone.gone_since = None
        self.certificates[app] = self._known[app]
        self.renew(app)
        self.reload()

    async def reopen(self, grace: float) -> None:
        """Close the gateway and go on with a new one."""
        await self.close(grace)
        self.server.is_closed = False
        self.server.logins.gateway += 1
        self.host.gateway = self._make(self.certificates.values())

    async def close(self, grace: float) -> None:
        """Close the gateway; from then on nothing may be sent."""
        begun = self._loop.time()
        await self.host.gateway.aclose(grace)
        took = self._loop.time() - begun
        if took > grace + 0.1:
            self.ledger.broken("I9", f"a close with {grace} s of grace took {took:.3f} s")
        if any(self.server.admission.open_requests.values()):
            self.ledger.broken("I9", "a request is under way after the close")
        self.server.is_closed = True
