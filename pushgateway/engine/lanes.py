"""The certificates in use, each with its vendor and, once it is needed, its lane.

The set is replaced as a whole or not at all. An unchanged certificate keeps everything it has; a changed one keeps its
waiting pushes; for a removed one these end, what is on its way ends as it would have, and its connections are closed.
Made by `Gateway`.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Literal

import attrs

from pushgateway.certificates.certificate import Certificate
from pushgateway.certificates.plugins import Plugins
from pushgateway.certificates.settings import load_vendors
from pushgateway.engine.bindings import Bindings
from pushgateway.engine.endpoint import CLOSED
from pushgateway.engine.lane import Lane
from pushgateway.engine.options import LaneOptions
from pushgateway.engine.session.access_tokens import AccessTokens
from pushgateway.engine.session.plugin_guard import GuardedVendor
from pushgateway.engine.session.shared_logins import SharedLogins
from pushgateway.engine.session.vendor_session import FairTurn, VendorSession
from pushgateway.engine.sharing import Sharing
from pushgateway.model.errors import FieldError, PluginError
from pushgateway.model.outcome import CertificateCheck
from pushgateway.model.reason import Reason
from pushgateway.observe.emitter import Emitter
from pushgateway.observe.events import Reloaded
from pushgateway.observe.log_lines import plain
from pushgateway.observe.traces import Traces
from pushgateway.transport import Forgetful, Resizable, Transport
from pushgateway.vendor import Vendor

log = logging.getLogger(__name__)

TURN = 50
"""Lanes that take the settings of a reload before the event loop gets a turn, some 5 ms."""
REMOVED = "the certificate was removed from the configuration"


class Lanes:
    """Who may send, and through which lane."""

    def __init__(
        self,
        *,
        lane_options: LaneOptions,
        request_timeout: float,
        transport: Transport,
        plugins: Plugins,
        emitter: Emitter,
        clock: Callable[[], float],
        rng: random.Random,
        traces: Traces | None = None,
        bindings: Bindings | None = None,
    ) -> None:
        """`lane_options`: where a certificate says nothing else. `request_timeout`: seconds for one vendor request.
        `bindings`: whom to ask about pushes that have an owner."""
        self._options = lane_options
        self._request_timeout = request_timeout
        self._emitter = emitter
        self._transport = transport
        self._plugins = plugins
        self._clock = clock
        self._rng = rng
        self._traces = traces
        self._bindings = bindings
        self._certificates: dict[str, Certificate] = {}
        self._vendors: dict[str, Vendor | PluginError] = {}
        self._lanes: dict[str, Lane] = {}
        self.open: dict[str, Lane] = {}
        """The lanes that take pushes, by certificate; for one that is not here ask `obstacle` and `lane`."""
        self._stale: dict[str, Lane] = {}  # to be renewed, some in each turn of the loop
        self._retiring: dict[asyncio.Task[None], Lane] = {}
        self._serials = itertools.count(1)
        self._fair_turn = FairTurn()
        self._access: AccessTokens | None = None
        self.sharing: Sharing | None = None
        """What other processes know too, if anything; set before the first lane is made."""
        self._closed = False

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """The set in use."""
        return tuple(self._certificates.values())

    def adopt(self, certificates: Iterable[Certificate]) -> Reloaded:
        """Swap the whole set; what changed by it.

        Raises `ConfigError` or `FieldError` and changes nothing when the new one is bad.
        """
        try:
            given = list(certificates)
        except TypeError:
            raise FieldError("certificates", "must be an iterable of Certificate") from None
        vendors = load_vendors(given, self._plugins, self._unchanged)
        # Nothing below can fail: the old set stays whole or the new one is.
        old, self._certificates = self._certificates, {certificate.id: certificate for certificate in given}
        before, self._vendors = self._vendors, vendors
        different: list[str] = []
        for key, loaded in vendors.items():
            if isinstance(loaded, PluginError):
                log.error("certificate %s: %s", key, loaded)
                if old.get(key) != self._certificates[key]:
                    different.append(key)
            elif loaded is not before.get(key):
                different.append(key)
        self._warn(different)
        for key, lane in list(self._lanes.items()):
            self._outdate(key, lane)
        return Reloaded(
            added=tuple(key for key in self._certificates if key not in old),
            changed=tuple(key for key in different if key in old),
            removed=tuple(key for key in old if key not in self._certificates),
        )

    def _unchanged(self, certificate: Certificate) -> Vendor | None:
        """The vendor in use, if the certificate is the same: it keeps what it has, such as its access token."""
        if self._certificates.get(certificate.id) != certificate:
            return None
        return self.vendor(certificate.id)

    def _warn(self, new: Iterable[str]) -> None:
        """One line for each caution of new certificates, however many they are."""
        keys: dict[str, list[str]] = {}
        for key in new:
            vendor = self._vendors[key]
            with suppress(Exception):  # a plug-in that cannot say it is still good for pushes
                caution = vendor.caution if isinstance(vendor, Vendor) else ""
                if isinstance(caution, str) and caution:
                    keys.setdefault(caution, []).append(key)
        for caution, those in keys.items():
            named = plain(", ".join(those[:10]))
            more = f" and {len(those) - 10} more" if len(those) > 10 else ""
            log.warning("certificate %s%s: %s", named, more, plain(caution))

    def certificate(self, key: str) -> Certificate | None:
        """The certificate of this id, None when there is none."""
        return self._certificates.get(key)

    def brand(self, key: str) -> str | None:
        """The brand of a certificate, None when there is no such certificate."""
        certificate = self._certificates.get(key)
        return None if certificate is None else certificate.brand

    def vendor(self, key: str) -> Vendor | None:
        """The vendor of a certificate, None when there is no such certificate or no plug-in for it."""
        vendor = self._vendors.get(key)
        return vendor if isinstance(vendor, Vendor) else None

    def obstacle(self, key: str) -> tuple[Reason, str] | None:
        """Why nothing can be sent for this certificate, if so."""
        if self._closed:
            return Reason.CLOSED, CLOSED
        vendor = self._vendors.get(key)
        if vendor is None:
            return Reason.CREDENTIALS, f"certificate {key!r} is not configured"
        if isinstance(vendor, PluginError):
            return Reason.CREDENTIALS, str(vendor)
        return None

    def deduplicates(self, key: str) -> bool | Literal["message"]:
        """As the vendor of a certificate has it; False if there is none."""
        return False if self.obstacle(key) else self.lane(key).settings.vendor.deduplicates

    def lane(self, key: str) -> Lane:
        """The lane of a certificate to which there is no obstacle."""
        lane = self._lanes.get(key)
        if lane is None:
            vendor = self._vendors[key]
            if isinstance(vendor, PluginError):
                raise vendor
            session = self._session(key, vendor)
            lane = self._lanes[key] = self.open[key] = Lane(
                session,
                self._pace_of(key),
                emitter=self._emitter,
                clock=self._clock,
                rng=self._rng,
                traces=self._traces,
                sharing=self.sharing,
                bindings=self._bindings,
            )
            self._resize(key, lane)
        return lane

    async def check(self, key: str) -> CertificateCheck:
        """Prove a certificate by its login and its probe."""
        obstacle = self.obstacle(key)
        if obstacle is None:
            return await self.lane(key).session.prove()
        reason, detail = obstacle
        return CertificateCheck(certificate_id=key, brand=self.brand(key), ok=False, reason=reason, detail=detail)

    def close(self) -> None:
        """From now on there is an obstacle to everything."""
        self._closed = True
        self.open.clear()

    async def aclose(self, grace: float) -> None:
        """Close every lane within `grace` seconds."""
        self.close()
        retiring = dict(self._retiring)
        for task in retiring:
            task.cancel()
        await asyncio.gather(*retiring, return_exceptions=True)
        async with asyncio.TaskGroup() as group:
            for lane in self._lanes.values():
                group.create_task(lane.aclose(grace))
            for lane in retiring.values():
                group.create_task(lane.aclose(grace, drain=False))

    async def end_logins(self) -> None:
        """The very last: nobody needs an access token any more."""
        if self._access is not None:
            await self._access.aclose()

    def _outdate(self, key: str, lane: Lane) -> None:
        """After a reload. A lane takes new settings when it decides something next, and at the latest in some turns of
        the loop: thousands of them at once would hold it."""
        vendor = self._vendors.get(key)
        if vendor is lane.vendor.plugin:
            lane.settings.renewal = None
            return
        if isinstance(vendor, Vendor) and vendor.brand == lane.brand:
            lane.settings.renewal = partial(self._renew, key, lane, vendor)
            if not self._stale:
                asyncio.get_running_loop().call_soon(self._renew_some)
            self._stale[key] = lane
            return
        if self._access is not None:
            self._access.drop(key)
        # Another brand under the same id is another address space: nothing that waits may go there.
        lane.settings.renewal = None
        del self._lanes[key]
        self.open.pop(key, None)
        lane.refuse(Reason.CREDENTIALS, REMOVED)
        task = asyncio.get_running_loop().create_task(self._retire(key, lane))
        self._retiring[task] = lane
        task.add_done_callback(self._retiring.pop)

    def _renew(self, key: str, lane: Lane, vendor: Vendor) -> None:
        if self._access is not None:
            self._access.drop(key)
        lane.replace(self._session(key, vendor), self._pace_of(key))
        self._resize(key, lane)

    def _renew_some(self) -> None:
        for key in list(itertools.islice(self._stale, TURN)):
            self._stale.pop(key).settings.catch_up()
        if self._stale:
            asyncio.get_running_loop().call_soon(self._renew_some)

    def _resize(self, key: str, lane: Lane) -> None:
        """Gateway and transport must have the same figure: a request that waits inside the transport for a connection
        would be counted as one that the vendor does not answer."""
        if isinstance(self._transport, Resizable):
            self._transport.resize(key, lane.settings.connections)

    async def _retire(self, key: str, lane: Lane) -> None:
        await lane.aclose(2 * self._request_timeout, drain=False)
        if key not in self._lanes and isinstance(self._transport, Forgetful):
            await self._transport.forget(key)

    def _pace_of(self, key: str) -> LaneOptions:
        own = self._certificates[key]
        return attrs.evolve(
            self._options,
            linger=self._options.linger if own.linger is None else own.linger,
            pushes_per_second=own.pushes_per_second,
            requests_per_second=own.requests_per_second,
            connections=self._options.connections if own.connections is None else own.connections,
            signer=own.signer,
        )

    def _session(self, key: str, vendor: Vendor) -> VendorSession:
        if self._access is None:
            sharing, time = self.sharing, asyncio.get_running_loop().time
            shared = None if sharing is None else SharedLogins(sharing.guard, sharing.owner, self._rng)
            self._access = AccessTokens(wall=self._clock, monotonic=time, rng=self._rng, shared=shared)
        serial = next(self._serials)
        guarded = GuardedVendor(vendor, key, self._emitter.complain, self._certificates[key].signer)
        return VendorSession(
            key, guarded, self._transport, self._access, self._request_timeout, self._emitter, self._fair_turn, serial
        )
