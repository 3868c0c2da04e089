"""The gateway: hand in a push token and a notification, get back the truth about it.

Law of this file: it finds the certificate's lane and waits for outcomes; it knows no vendor and no network. Sending
never raises for a vendor's or a network's sake. Exceptions are for the host's own mistakes: a wrong type, a wrong
configuration, a second event loop.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import random
import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Self

from pushgateway.access import AccessTokens
from pushgateway.batching import Sink, Waiting
from pushgateway.broadcasting import Broadcasting, ended
from pushgateway.certificates import Certificate, check_linger, load_vendors
from pushgateway.conversation import Conversation
from pushgateway.errors import FieldError, LoopError, NoVerdict, PluginError, Refused
from pushgateway.flow import Flow, Many, One
from pushgateway.lane import CLOSED, Lane
from pushgateway.model import Audience, Broadcast, Notification, Push, PushToken, as_certificate_id
from pushgateway.outcome import BroadcastOutcome, CertificateCheck, Outcome, Reason, Status
from pushgateway.plugins import Plugins
from pushgateway.retry import RetryPolicy
from pushgateway.transport import HttpTransport, Transport
from pushgateway.vendor import Vendor

log = logging.getLogger(__name__)
logging.getLogger("pushgateway").addHandler(logging.NullHandler())  # what is logged is the host's to show

TURN = 1000
"""Pushes taken in before the event loop gets a turn."""


class Gateway:
    """All certificates of a process, and one call for every phone.

        async with Gateway([Certificate(7005, "oppo", {"app_key": "…", "master_secret": "…"})]) as gateway:
            outcome = await gateway.send(PushToken(7005, reg_id), Notification("Ann", "See you at eight"))

    Make one per process and keep it: it holds connections and access tokens. It belongs to the event loop of its
    first call. All times are in seconds.
    """

    def __init__(
        self,
        certificates: Iterable[Certificate],
        *,
        timeout: float = 30.0,
        request_timeout: float = 10.0,
        connections: int = 8,
        linger: float = 0.01,
        retry: RetryPolicy | None = None,
        transport: Transport | None = None,
        vendors: Mapping[str, type[Vendor]] | None = None,
        clock: Callable[[], float] = time.time,
        rng: random.Random | None = None,
    ) -> None:
        """Raises `ConfigError` naming every problem of `certificates`.

        `timeout`: until a push must have its outcome. `request_timeout`: for one vendor request. `connections`: at
        once to each of a vendor's servers, for each certificate. `linger`: how long a push may wait for others to share
        its request when one has just left; 0: each push in a request of its own. `transport`: instead of HTTP (closed
        by you). `vendors`: classes by brand that go before installed plug-ins. `clock` (wall clock, epoch seconds) and `rng` are for tests.
        """
        for name, value in (("timeout", timeout), ("request_timeout", request_timeout), ("connections", connections)):
            if not value > 0:
                raise FieldError(f"Gateway.{name}", "must be more than 0")
        self._timeout = timeout
        self._request_timeout = request_timeout
        check_linger("Gateway.linger", linger)
        self._connections = connections
        self._linger = linger
        self._retry = retry or RetryPolicy()
        self._own_transport = transport is None
        self._transport: Transport = transport or HttpTransport(connections=connections, clock=clock)
        self._clock = clock
        self._rng = rng or random.SystemRandom()
        self._plugins = Plugins(vendors)
        self._certificates: dict[str, Certificate] = {}
        self._vendors: dict[str, Vendor | PluginError] = {}
        self._lanes: dict[str, Lane] = {}
        self._retired: set[Lane] = set()  # removed certificates whose last batches are still on their way
        self._broadcasts: set[asyncio.Task[BroadcastOutcome]] = set()
        self._access: AccessTokens | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = 0
        self._closing: asyncio.Task[None] | None = None
        self._id_head = ""
        self._id_tail = 0
        self._adopt(certificates)

    # Sending

    async def send(
        self,
        push_token: PushToken,
        notification: Notification,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - a push's deadline, not this call's cancellation
        dedupe_id: str = "",
        coalesce: bool = True,
    ) -> Outcome:
        """Send one notification to one phone. Sends of about the same moment share vendor requests.

        Returns its outcome within `timeout` (default: the gateway's). `coalesce=False`: at once and in a request of
        its own. Cancelling takes the push back if it has not left yet. Raises only `FieldError` and `LoopError`.
        """
        push = Push(push_token, notification, timeout=timeout, dedupe_id=dedupe_id, coalesce=coalesce)
        sink = One(self._enter())
        self._submit(push, sink, 0)
        return await sink.outcome()

    async def send_each(self, pushes: Iterable[Push]) -> list[Outcome]:
        """Send any number of pushes, of any mix of certificates and brands; outcomes in the order given.

        Raises `FieldError` before anything is sent when an element is not a `Push`.
        """
        given = list(pushes)
        for place, push in enumerate(given):
            if not isinstance(push, Push):
                raise FieldError(f"pushes[{place}]", f"must be a Push, is {type(push).__name__}")
        sink = Many(self._enter(), len(given))
        try:
            for place, push in enumerate(given):
                self._submit(push, sink, place)
                if place % TURN == TURN - 1:
                    await asyncio.sleep(0)
            return await sink.outcomes()
        except asyncio.CancelledError:
            sink.withdrawn = True
            raise

    async def multicast(self, tokens: Iterable[PushToken], notification: Notification) -> list[Outcome]:
        """Send one notification to many phones of any brands, each with an outcome of its own, in the order given."""
        return await self.send_each([Push(token, notification) for token in tokens])

    async def stream(
        self, pushes: AsyncIterable[Push] | Iterable[Push], *, window: int = 4000
    ) -> AsyncGenerator[Outcome, None]:
        """Send an endless supply in bounded memory; outcomes come as they are known, not in the order given.

        At most `window` pushes are taken from the source without their outcome having been taken from here. Tell
        outcomes apart by `push_token` and `dedupe_id`. An error of the source is raised after the outcomes of
        everything it gave before. Leaving early (`aclose()` of the generator) takes back what has not left yet.
        """
        if window < 1:
            raise FieldError("window", "must be 1 or more")
        flow = Flow(self._enter(), window)
        feeder = flow.feed(pushes, lambda push, place: self._submit(push, flow, place))
        try:
            while outcomes := await flow.ready():
                for outcome in outcomes:
                    flow.taken()
                    yield outcome
            await feeder  # raises what the source raised
        finally:
            flow.withdrawn = True
            feeder.cancel()
            await asyncio.gather(feeder, return_exceptions=True)

    async def broadcast(
        self,
        certificate_id: int | str,
        notification: Notification,
        audience: Audience,
        *,
        start_at: datetime | None = None,
        rate: int | None = None,
        timeout: float = 300.0,  # noqa: ASYNC109
    ) -> BroadcastOutcome:
        """Send one notification to an audience of one certificate; a long list of tokens is cut for the vendor.

        `start_at`: when the vendor shall begin; `rate`: phones per second it shall not exceed; `timeout`: seconds
        after which no further part is begun. A broadcast that left without a verdict is never repeated. Cancelling
        this call stops it after what has left.
        """
        loop = self._enter()
        wanted = Broadcast(certificate_id, notification, audience, start_at=start_at, rate=rate)
        obstacle = self._obstacle(wanted.certificate_id)
        if obstacle is not None:
            return ended(wanted, wanted.audience, Status.NOT_SENT, *obstacle)
        lane = self._lane(wanted.certificate_id)
        under_way = Broadcasting(lane.conversation, wanted, self._retry, self._rng, loop.time() + timeout)
        task = loop.create_task(under_way.run())
        self._broadcasts.add(task)
        task.add_done_callback(self._broadcasts.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.cancel()
            raise

    # Certificates

    def reload(self, certificates: Iterable[Certificate]) -> None:
        """Swap the whole set at once. Raises `ConfigError` and changes nothing when the new set is bad.

        A changed certificate keeps its waiting pushes and sends them with the new settings; those of a removed one
        end `NOT_SENT` / `CREDENTIALS`. Batches on their way end as they would have.
        """
        self._enter()
        self._adopt(certificates)

    async def check(self, certificate_id: int | str) -> CertificateCheck:
        """Prove a certificate by its login, without sending anything to a phone."""
        self._enter()
        key = as_certificate_id(certificate_id)
        brand = self._certificates[key].brand if key in self._certificates else None
        obstacle = self._obstacle(key)
        if obstacle is not None:
            return CertificateCheck(certificate_id=key, brand=brand, ok=False, reason=obstacle[0], detail=obstacle[1])
        conversation = self._lane(key).conversation
        try:
            access = await conversation.login(conversation.vendor.home_region)
        except Refused as refused:
            detail = refused.detail or f"the vendor refused the login with code {refused.code}"
            return CertificateCheck(
                certificate_id=key,
                brand=brand,
                ok=False,
                reason=refused.reason,
                vendor_code=refused.code,
                detail=detail,
            )
        except NoVerdict as silent:
            return CertificateCheck(
                certificate_id=key, brand=brand, ok=False, reason=Reason.UNAVAILABLE, detail=silent.detail
            )
        detail = "this vendor has no login; settings are well formed" if access is None else "the login was accepted"
        return CertificateCheck(certificate_id=key, brand=brand, ok=True, detail=detail)

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """The set in use."""
        return tuple(self._certificates.values())

    def _adopt(self, certificates: Iterable[Certificate]) -> None:
        given = list(certificates)
        vendors = load_vendors(given, self._plugins)
        # Nothing below can fail: the old set stays whole or the new one is.
        old, self._certificates = self._certificates, {certificate.id: certificate for certificate in given}
        for key, vendor in self._vendors.items():
            if isinstance(vendor, Vendor) and key in vendors and old.get(key) == self._certificates[key]:
                vendors[key] = vendor  # unchanged: keep what it has, such as its access token
        self._vendors = vendors
        for key, vendor in self._vendors.items():
            if isinstance(vendor, PluginError):
                log.error("certificate %s: %s", key, vendor)
        self._retired = {lane for lane in self._retired if lane.busy}
        for key, lane in list(self._lanes.items()):
            self._renew(key, lane)

    def _renew(self, key: str, lane: Lane) -> None:
        vendor = self._vendors.get(key)
        if vendor is lane.conversation.vendor:
            return
        if self._access is not None:
            self._access.drop(key)
        if isinstance(vendor, Vendor) and vendor.brand == lane.conversation.vendor.brand:
            lane.replace(self._conversation(key, vendor), self._linger_of(key))
            return
        # Another brand under the same id is another address space: nothing that waits may go there.
        del self._lanes[key]
        lane.stop(Reason.CREDENTIALS, "the certificate was removed from the configuration")
        self._retired.add(lane)

    def _obstacle(self, key: str) -> tuple[Reason, str] | None:
        """Why nothing can be sent for this certificate, if so."""
        if self._closing is not None:
            return Reason.CLOSED, CLOSED
        vendor = self._vendors.get(key)
        if vendor is None:
            return Reason.CREDENTIALS, f"certificate {key!r} is not configured"
        if isinstance(vendor, PluginError):
            return Reason.CREDENTIALS, str(vendor)
        return None

    def _lane(self, key: str) -> Lane:
        lane = self._lanes.get(key)
        if lane is None:
            vendor = self._vendors[key]
            if isinstance(vendor, PluginError):
                raise vendor
            lane = self._lanes[key] = Lane(
                self._conversation(key, vendor),
                retry=self._retry,
                rng=self._rng,
                connections=self._connections,
                linger=self._linger_of(key),
            )
        return lane

    def _linger_of(self, key: str) -> float:
        own = self._certificates[key].linger
        return self._linger if own is None else own

    def _conversation(self, key: str, vendor: Vendor) -> Conversation:
        if self._access is None:
            self._access = AccessTokens(wall=self._clock, monotonic=asyncio.get_running_loop().time, rng=self._rng)
        return Conversation(key, vendor, self._transport, self._access, self._request_timeout)

    # One push

    def _submit(self, push: Push, sink: Sink, place: int) -> None:
        timeout = self._timeout if push.timeout is None else push.timeout
        if not push.dedupe_id:
            push = push.identified(self._dedupe_id(push))
        key = push.push_token.certificate_id
        lane = self._lanes.get(key)
        if lane is None or self._closing is not None:
            obstacle = self._obstacle(key)
            if obstacle is not None:
                sink.put(place, Outcome.not_sent(push, *obstacle))
                return
            lane = self._lane(key)
        lane.submit(Waiting(push, self._now() + timeout, sink, place))

    def _dedupe_id(self, push: Push) -> str:
        """The id under which the vendor may recognise a repeat: 32 characters of 0-9a-f.

        From the host's id of the message it is derived with the token in it: OPPO's V1.3 pushes an id once in all,
        so phones of one user must not share it. Otherwise it is new.
        """
        message = push.notification.dedupe_id
        if message is None:
            self._id_tail += 1
            return f"{self._id_head}{self._id_tail:016x}"
        address = (message, push.push_token.certificate_id, push.push_token.token)
        text = "\0".join(address).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, digest_size=16, person=b"pushgateway").hexdigest()

    def _now(self) -> float:
        assert self._loop is not None  # noqa: S101 - _enter() came first
        return self._loop.time()

    # Life

    def _enter(self) -> asyncio.AbstractEventLoop:
        if self._pid not in (0, os.getpid()):
            raise LoopError("this gateway was used before a fork: make one in each process, after the fork")
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise LoopError("no event loop runs here: call this from async code, or use pushgateway.sync") from None
        if self._loop is None:
            self._loop, self._pid = loop, os.getpid()
            # Drawn now and not when made: processes forked in between must not make the same ids.
            self._id_head = f"{self._rng.getrandbits(64):016x}"
        elif self._loop is not loop:
            raise LoopError("this gateway lives in another event loop: make one for each loop, or use one loop")
        return loop

    async def aclose(self, grace: float = 5.0) -> None:
        """Close: what waits ends `NOT_SENT` / `CLOSED`, requests on their way get `grace` seconds, then `UNKNOWN`.

        Every accepted send has its outcome when this returns. Safe to call more than once; sends that come later
        end `NOT_SENT` / `CLOSED`.
        """
        loop = self._enter()
        if self._closing is None:
            self._closing = loop.create_task(self._close(grace))
        await asyncio.shield(self._closing)

    async def _close(self, grace: float) -> None:
        lanes = [*self._lanes.values(), *self._retired]
        for lane in lanes:
            lane.stop(Reason.CLOSED, CLOSED)
        broadcasts = set(self._broadcasts)
        async with asyncio.TaskGroup() as group:
            for lane in lanes:
                group.create_task(lane.aclose(grace))
            if broadcasts:
                group.create_task(_wait_then_cancel(broadcasts, grace))
        if self._access is not None:
            await self._access.aclose()
        if self._own_transport:
            await self._transport.aclose()

    async def __aenter__(self) -> Self:
        self._enter()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"Gateway({len(self._certificates)} certificates)"


async def _wait_then_cancel(tasks: set[asyncio.Task[BroadcastOutcome]], grace: float) -> None:
    await asyncio.wait(tasks, timeout=max(grace, 0.0))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
