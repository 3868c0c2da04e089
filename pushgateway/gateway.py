"""`Gateway`: takes a push token and a notification, and returns the outcome.

It hands pushes to the lane of their certificate and waits for outcomes; vendors and the network are not here. Sending
raises nothing because of a vendor or the network. Exceptions are for the host's own mistakes: a wrong type, a wrong
configuration, a second event loop.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TypeVar

from pushgateway.certificates.certificate import Certificate
from pushgateway.certificates.plugins import Plugins
from pushgateway.engine.bindings import NO_DEVICES, Bindings
from pushgateway.engine.broadcast import Broadcasting, ended
from pushgateway.engine.explain import BROADCAST_TIMEOUT, Explanation, explain, with_plain_push
from pushgateway.engine.flow_control.retry import RetryPolicy, retry_policy
from pushgateway.engine.intake import Intake
from pushgateway.engine.lanes import Lanes
from pushgateway.engine.loop_binding import LoopBinding
from pushgateway.engine.operations import Operations
from pushgateway.engine.options import LaneOptions
from pushgateway.engine.pushes.ids import Ids
from pushgateway.engine.pushes.runs import Sink
from pushgateway.engine.pushes.sinks import SINGLES, Flow, Many, as_push
from pushgateway.engine.receipts import ReceiptVerifier
from pushgateway.engine.sharing import Sharing
from pushgateway.engine.tasks import Retrying, SupervisedTasks
from pushgateway.engine.token_operations import TokenOperations, as_outcomes, as_push_tokens
from pushgateway.model.audience import Audience, Broadcast, check_display, check_start
from pushgateway.model.checks import (
    as_certificate_id,
    check_connections,
    check_count,
    check_linger,
    check_seconds,
    check_window,
)
from pushgateway.model.errors import FieldError
from pushgateway.model.intent import Priority
from pushgateway.model.notification import Notification
from pushgateway.model.outcome import BroadcastOutcome, CertificateCheck, Outcome, TokenOutcome
from pushgateway.model.push import Push, PushToken
from pushgateway.model.reason import Reason, Status
from pushgateway.model.receipt import Receipt, ReceivedReceipts
from pushgateway.model.secret import safe_repr
from pushgateway.observe.emitter import Emitter, Observer
from pushgateway.observe.events import Shed
from pushgateway.observe.journal import Journal, make_traces
from pushgateway.observe.traces import Trace
from pushgateway.state.address import StateAddress, open_state
from pushgateway.state.guard import GuardedState
from pushgateway.state.protocol import SharedState
from pushgateway.transport import CONNECTIONS, Transport
from pushgateway.transport.auto import TransportName, choose_transport
from pushgateway.vendor import Response, Vendor

logging.getLogger("pushgateway").addHandler(logging.NullHandler())  # what is logged is the host's to show

T = TypeVar("T")

TURN = 1000
"""Pushes taken in before the event loop gets a turn."""


@safe_repr
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
        connections: int | None = None,
        connect_timeout: float | None = None,
        proxy: str | None = None,
        ca_file: str | Path | None = None,
        linger: float = 0.01,
        queue: int = 100_000,
        retry: RetryPolicy | None = None,
        observer: Observer | None = None,
        trace: int = 1000,
        journal: Journal | None = None,
        transport: Transport | TransportName | None = None,
        vendors: Mapping[str, type[Vendor]] | None = None,
        state: SharedState | StateAddress | str | None = None,
        devices: Bindings | None = None,
        clock: Callable[[], float] = time.time,
        rng: random.Random | None = None,
    ) -> None:
        """Raises `ConfigError` naming every problem of `certificates`, `FieldError` for a wrong option.

        `timeout`: until a push must have its outcome. `request_timeout`: for one vendor request, from the moment when
        a connection is free. `connections`: at once to each of a vendor's servers, for each certificate that sets no
        number of its own (default: the plug-in's figure where a request holds one notification, otherwise 8).
        `connect_timeout`: for name and connection, and again for TLS (default: 3).
        `proxy`: URL of an HTTP proxy. `ca_file`: further trusted authorities (PEM). `linger`: how long a push may wait
        for others to share its request when one has just left; 0: each push in a request of its own. `queue`: pushes
        of one certificate that may be there before `try_send` says `OVERLOADED`. `observer`: called with every event
        (see `pushgateway.observe.events`). `trace`: how many of the last pushes `trace()` knows at least, and of the
        lost ones. `journal`: where their ends are written down (closed by you). `transport`: "fast" for `LeanTransport`
        or "httpx" for `HttpTransport` (default: "fast" where the extra `fast` is installed, "httpx" otherwise); or an
        object, closed by you: then `connect_timeout`, `proxy` and `ca_file` are set there, and `connections` must not
        be more than its own. `vendors`: classes by brand that go before installed plug-ins. `state`: what several
        processes with these certificates share (access tokens, rates, quotas, receipts): a URL such as
        "redis://host:6379/0" or "sqlite:///push-state.db", a `StateAddress`, or an object, closed by you; None: this
        process is the only one. `devices`: which phone belongs to which user, as `pushgateway.devices.Devices` (closed
        by you): for `push_to_users`, and to be asked before each request with pushes that have an owner. `clock` (epoch
        seconds), `rng`: for tests.
        """
        check_seconds("Gateway.timeout", timeout, optional=False)
        check_seconds("Gateway.request_timeout", request_timeout, optional=False)
        check_count("Gateway.queue", queue)
        check_linger("Gateway.linger", linger)
        self._timeout, self._clock = timeout, clock
        self._retry = retry_policy("Gateway.retry", retry)
        self._own_transport = transport is None or isinstance(transport, str)
        self._transport = choose_transport(
            "Gateway",
            transport,
            connections=connections,
            connect_timeout=connect_timeout,
            proxy=proxy,
            ca_file=ca_file,
            clock=clock,
        )
        usual, most = _connections(connections, None if self._own_transport else self._transport)
        self._rng = rng or random.SystemRandom()
        self._emitter = Emitter(observer, lambda: asyncio.get_running_loop().time())
        self._traces = make_traces(trace, journal, clock)
        self._bindings = devices
        self._lanes = Lanes(
            lane_options=LaneOptions(
                connections=connections,
                usual_connections=usual,
                most_connections=most,
                linger=linger,
                queue=queue,
                retry=self._retry,
            ),
            request_timeout=request_timeout,
            transport=self._transport,
            plugins=Plugins(vendors),
            emitter=self._emitter,
            clock=clock,
            rng=self._rng,
            traces=self._traces,
            bindings=devices,
        )
        self._own_state = state is None or isinstance(state, str | StateAddress)
        self._state = open_state(state) if isinstance(state, str | StateAddress) else _checked_state(state)
        self._sharing: Sharing | None = None  # begun at the first call
        if devices is not None:
            devices.attach(self._emitter.emit, self._lanes.brand)
        self._verifier = ReceiptVerifier(self._lanes, self._emitter, self._rng, clock, self._traces)
        self._under_way = SupervisedTasks()
        self._flows = dict[Flow, None]()  # as a set, in the order in which they began
        self._enter = LoopBinding(self._bind).enter
        self._closing: asyncio.Task[None] | None = None
        self._ids: Ids  # made at the first call: there may be a fork before it
        self._intake: Intake
        self._lanes.adopt(certificates)

    # Sending

    async def send(
        self,
        push_token: PushToken,
        notification: Notification,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - a push's deadline, not this call's cancellation
        coalesce: bool = True,
        priority: Priority | None = None,
        dedupe_id: str = "",
        context: object = None,
    ) -> Outcome:
        """Send one notification to one phone. Sends of about the same moment share vendor requests.

        Returns its outcome within `timeout` (default: the gateway's). `coalesce=False`: at once and in a request of
        its own. `dedupe_id` and `context` are those of `Push`: with an id of your own, kept before this call, you can
        join a receipt that comes before the outcome (at most 33 letters, digits, `-` and `_`, to come back with it).
        Cancelling takes the push back if it has not left yet. Raises only `FieldError` and `LoopError`.
        """
        outcome: asyncio.Future[Outcome] = self._enter().create_future()
        known = type(push_token) is PushToken and type(notification) is Notification
        usual = known and timeout is None and coalesce is True and priority is None and context is None
        if usual and dedupe_id == "":  # nothing is left to be checked
            self._intake.take_usual(push_token, notification, SINGLES, outcome)
        else:
            push = self._push(
                push_token, notification, timeout, coalesce, priority, dedupe_id=dedupe_id, context=context
            )
            self._intake.take_one(push, SINGLES, outcome)
        try:
            return await outcome
        except asyncio.CancelledError:
            outcome.cancel()  # which says that nobody waits any more
            raise

    async def try_send(
        self,
        push_token: PushToken,
        notification: Notification,
        *,
        timeout: float | None = None,  # noqa: ASYNC109
        coalesce: bool = True,
        priority: Priority | None = None,
        dedupe_id: str = "",
        context: object = None,
    ) -> Outcome:
        """`send`, unless the certificate's queue is full: then it ends `NOT_SENT` / `OVERLOADED` at once.

        For hosts that would rather drop or store a push than hold ever more of them in memory.
        """
        self._enter()
        lane = self._lanes.open.get(push_token.certificate_id) if isinstance(push_token, PushToken) else None
        if lane is None or not lane.is_full:
            return await self.send(
                push_token,
                notification,
                timeout=timeout,
                coalesce=coalesce,
                priority=priority,
                dedupe_id=dedupe_id,
                context=context,
            )
        push = self._push(push_token, notification, timeout, coalesce, priority, dedupe_id=dedupe_id, context=context)
        self._emitter.emit(Shed(certificate_id=push_token.certificate_id, brand=lane.brand, count=1))
        return self._intake.refused(push, Reason.OVERLOADED, "the certificate's queue is full")

    async def send_each(self, pushes: Iterable[Push]) -> list[Outcome]:
        """Send any number of pushes, of any mix of certificates and brands; outcomes in the order given.

        Raises `FieldError` before anything is sent when an element is not a `Push`.
        """
        given = list(pushes)
        if set(map(type, given)) != {Push}:
            for place, push in enumerate(given):
                as_push(push, place)
        self._enter()
        return await self._send_all(given, self._intake.take_each)

    async def multicast(
        self,
        push_tokens: Iterable[PushToken],
        notification: Notification,
        *,
        timeout: float | None = None,  # noqa: ASYNC109
        priority: Priority | None = None,
        context: object = None,
    ) -> list[Outcome]:
        """Send one notification to many phones of any brands, each with an outcome of its own, in the order given.

        A push token given twice counts once, as in `broadcast`: that phone gets it once, and both places have the same
        outcome.

        `context`: handed back with each of them, as `Outcome.context`. Each push has an id of its own; to know the
        ids before, make the pushes yourself (`Push(…, dedupe_id=…)`) and call `send_each`.
        """
        given = list(push_tokens)
        if set(map(type, given)) != {PushToken}:
            for place, push_token in enumerate(given):
                if not isinstance(push_token, PushToken):
                    raise FieldError(f"push_tokens[{place}]", f"must be a PushToken, is {type(push_token).__name__}")
        if not given:
            return []
        self._enter()
        first = Push(given[0], notification, timeout=timeout, priority=priority, context=context)  # checked for all
        take = partial(self._intake.take_all, first)
        # By the tokens' texts alone: to compare all push tokens takes ten times as long.
        if len({push_token.token for push_token in given}) == len(given):
            return await self._send_all(given, take)
        once = list(dict.fromkeys(given))
        outcomes = dict(zip(once, await self._send_all(once, take), strict=True))
        return [outcomes[push_token] for push_token in given]

    async def _send_all(self, given: Sequence[T], take: Callable[[Sequence[T], Sink[int], int], None]) -> list[Outcome]:
        sink = Many(self._enter(), len(given))
        try:
            for place in range(0, len(given), TURN):
                if place:
                    await asyncio.sleep(0)
                take(given[place : place + TURN], sink, place)
            return await sink.outcomes()
        except asyncio.CancelledError:
            sink.withdrawn = True
            raise

    async def stream(
        self, pushes: AsyncIterable[Push] | Iterable[Push], *, window: int = 4000
    ) -> AsyncGenerator[Outcome, None]:
        """Send an endless supply in bounded memory; outcomes come as they are known, not in the order given.

        At most `window` pushes are taken from the source without their outcome having been taken from here. Distinguish
        outcomes by `context`, `push_token` or `dedupe_id`. An error of the source is raised after the outcomes of
        everything it gave before. Leaving early (`aclose()` of the generator) takes back what has not left yet.

        The source is iterated in the event loop: a plain iterable must not block, or everything stands still. Closing
        the gateway takes nothing more from the source (one that waits is cancelled), and the stream ends with the
        outcomes of what was taken. In a stream begun after that every push ends `NOT_SENT` / `CLOSED`.
        """
        check_window(window)
        flow = Flow(self._enter(), window)
        flow.feed(pushes, lambda run, place: self._intake.take_each(run, flow, place))
        self._flows[flow] = None
        try:
            while outcomes := await flow.ready():
                for outcome in outcomes:
                    flow.taken()
                    yield outcome
            await flow.fed()  # raises what the source raised
        finally:
            del self._flows[flow]
            await flow.leave()

    async def push_to_users(
        self,
        users: Iterable[str],
        notification: Notification,
        *,
        timeout: float | None = None,  # noqa: ASYNC109
        priority: Priority | None = None,
        context: object = None,
    ) -> dict[str, dict[str, Outcome]]:
        """Send one notification to all devices of these users, as `Gateway.devices` knows them.

        Returns for each user, in the order given, an outcome for each of his devices by its id; a user without devices
        has an empty dict. A device that is unbound or taken over by another user meanwhile ends `NOT_SENT` / `UNBOUND`,
        and a token that the vendor calls dead is retired by the devices.

        `timeout`, `priority`, `context`: as in `multicast`. Raises `FieldError`, `StoreError` if the devices cannot be
        read, and `LoopError`.
        """
        self._enter()
        if self._bindings is None:
            raise FieldError("Gateway.devices", NO_DEVICES)
        found = await self._bindings.of_users(users)
        bindings = [binding for those in found.values() for binding in those]
        outcomes = iter(
            await self.send_each(
                binding.push(notification, timeout=timeout, priority=priority, context=context) for binding in bindings
            )
        )
        return {user: {binding.device: next(outcomes) for binding in those} for user, those in found.items()}

    async def broadcast(
        self,
        certificate_id: int | str,
        notification: Notification,
        audience: Audience,
        *,
        start_at: datetime | None = None,
        rate: int | None = None,
        timeout: float = BROADCAST_TIMEOUT,  # noqa: ASYNC109
    ) -> BroadcastOutcome:
        """Send one notification to an audience of one certificate; a long list of tokens is cut for the vendor.

        `start_at`: when the vendor shall begin; `rate`: phones per second it shall not exceed; `timeout`: seconds after
        which no further part is begun. A broadcast that left without a verdict is never repeated. Cancelling this call
        stops it after what has left. Raises `FieldError` for a `start_at` or `show_until` in the past, or a start after
        `show_until`.
        """
        self._enter()
        wanted = Broadcast(certificate_id, notification, audience, start_at=start_at, rate=rate)
        check_start("Broadcast.start_at", start_at, self._clock)
        check_display(wanted, self._clock)
        check_seconds("timeout", timeout, optional=False)
        obstacle = self._lanes.obstacle(wanted.certificate_id)
        if obstacle is not None:
            return ended(wanted, wanted.audience, Status.NOT_SENT, *obstacle)
        lane = self._lanes.lane(wanted.certificate_id)
        return await self._under_way.see_through(Broadcasting.through(lane, wanted, self._retrying(timeout)).run())

    def vendor(self, certificate_id: int | str, *, timeout: float | None = None) -> Operations:
        """What the vendor of a certificate can do other than sending, such as aliases, tags and statistics.

        `outcome = await gateway.vendor(7005).statistics(message_id, task_id)`. `timeout`: until each call must have its
        outcome (default: the gateway's). Each vendor's page has its operations; see `Operations`.
        """
        check_seconds("timeout", timeout)
        retrying = partial(self._retrying, timeout or self._timeout)
        return Operations(as_certificate_id(certificate_id), self._lanes, self._under_way, retrying)

    async def recall(
        self,
        outcomes: Iterable[Outcome],
        *,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> list[TokenOutcome]:
        """Take notifications back from the phones, by the outcomes of their pushes: of any mix of certificates and
        brands, in any number. One `TokenOutcome` for each, in the order given.

        Each vendor is asked in lists as long as it takes. Where the vendor cannot take anything back, and where the
        push reached nobody, it is `UNSUPPORTED`. The user may have read it before. `timeout`: seconds until all have
        their outcomes (default: the gateway's). Raises only `FieldError` and `LoopError`.
        """
        given = as_outcomes(outcomes)
        return await self._token_operations(timeout).recall(given)

    async def check_tokens(
        self,
        push_tokens: Iterable[PushToken],
        *,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> list[TokenOutcome]:
        """Ask the vendors whether tokens are alive, without a push: of any mix of certificates and brands, in any
        number. One `TokenOutcome` for each, in the order given: `ok` for a live one, `UNREGISTERED` for a dead one.

        For everything else see `recall`.
        """
        given = as_push_tokens(push_tokens)
        return await self._token_operations(timeout).check(given)

    def _token_operations(self, timeout: float | None) -> TokenOperations:
        check_seconds("timeout", timeout)
        retrying = self._retrying(self._timeout if timeout is None else timeout)
        return TokenOperations(self._lanes, self._under_way, retrying)

    # Receipts

    def receipts(self, certificate_id: int | str, headers: Mapping[str, str], body: bytes) -> ReceivedReceipts:
        """What is new in a request that the vendor has made to you; `pushgateway.receipts` is a whole app around it.

        Receipts are accepted when they prove themselves, by `Certificate.receipt_secret` or by the vendor's signature
        (without either, all are), and each only once; `Receipt.proof` says what is proved. What is no receipt at all is
        a `ReceivedReceipts` with a reason.
        """
        self._enter()
        return self._verifier.verify(as_certificate_id(certificate_id), headers, body)

    async def take_receipts(
        self, certificate_id: int | str, headers: Mapping[str, str], body: bytes
    ) -> ReceivedReceipts:
        """`receipts`, for several processes behind one receipt address that share their state (`Gateway(state=…)`):
        what is new to all of them. Without shared state it is the same as `receipts`.

        Say within a minute by `settle_receipts` whether you could keep them; otherwise they are new again to the other
        processes when they are posted again. If the state cannot be reached, what is new to this process counts as new.
        """
        self._enter()
        return await self._verifier.take(as_certificate_id(certificate_id), headers, body)

    async def settle_receipts(self, receipts: Iterable[Receipt], *, taken: bool) -> None:
        """What `take_receipts` returned is stored (`taken`), and known to all processes for a day; or you could not
        store it, and it is new again when it is posted again."""
        self._enter()
        await self._verifier.settle(receipts, taken=taken)

    def waiting_elsewhere(
        self, pushes: Iterable[tuple[PushToken, str]], take: Callable[[Receipt], None]
    ) -> AbstractContextManager[None]:
        """While this is entered, `take` is called with receipts of some pushes that other processes with the same
        shared state have stored; `pushgateway.receipts.Confirming` waits with it.

        `pushes`: push token and id (dedupe id, message id or task id) of each. A receipt is known here about a second
        after the other process has settled it (`settle_receipts`), and may come more than once; it has no time and no
        event. Without shared state, or while it is gone, nothing is called.
        """
        self._enter()
        return self._verifier.waiting_elsewhere(pushes, take)

    def admits(self, certificate_id: int | str, path_secret: str) -> bool:
        """Whether this is the secret last part of a certificate's receipt URL; compared in constant time."""
        return self._verifier.admits(as_certificate_id(certificate_id), path_secret)

    def receipt_address(self, certificate_id: int | str) -> str:
        """The URL to which the vendor of a certificate posts receipts: `receipt_url`, certificate id and secret part.

        For vendors that want it in their console and not with each push; each vendor's page says which. It is as
        secret as a password: the app at this URL answers nobody else. Raises `FieldError` for a certificate without
        `receipt_url`. Any thread may ask.
        """
        return self._verifier.address(as_certificate_id(certificate_id))

    def receipt_answer(self, certificate_id: int | str, *, taken: bool) -> Response:
        """The answer that the vendor wants to a request with receipts: status, headers and body, as each vendor's
        documents say (default: 200 without a body, or 503).

        For hosts with a web server of their own; `pushgateway.receipts` answers so itself. `taken`: False when you
        could not keep them, or when `ReceivedReceipts.should_repeat`, so that the vendor posts them again.
        """
        self._enter()
        return self._verifier.answer(as_certificate_id(certificate_id), taken=taken)

    def forget_receipts(self, receipts: Iterable[Receipt]) -> None:
        """You could not keep these: when the vendor posts them again, they are new again."""
        self._verifier.forget(receipts)

    # Certificates

    def reload(self, certificates: Iterable[Certificate]) -> None:
        """Swap the whole set at once. Raises `ConfigError` and changes nothing when the new set is bad.

        A changed certificate keeps its waiting pushes and sends them with the new settings; those of a removed one
        end `NOT_SENT` / `CREDENTIALS`. Batches on their way end as they would have.
        """
        self._enter()
        self._emitter.emit(self._lanes.adopt(certificates))

    async def check(self, certificate_id: int | str) -> CertificateCheck:
        """Prove a certificate by its login and the plug-in's probe, without sending anything to a phone.

        `CertificateCheck.proved` says whether the vendor was asked and took the settings. `advice` also says when a
        notification with nothing but a title and a body would not leave, such as with a receipt URL that is too long
        for this vendor.
        """
        self._enter()
        found = await self._under_way.see_through(self._lanes.check(as_certificate_id(certificate_id)))
        return with_plain_push(found, self.explain) if found.ok else found

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """The set in use."""
        return self._lanes.certificates

    def deduplicates(self, certificate_id: int | str) -> bool | Literal["message"]:
        """Whether repeats of one dedupe id are dropped, so that a push whose outcome is not known may be sent again:
        True: by the vendor. "message": by the phone, which drops repeats of one message (`Notification.dedupe_id`).
        False: not at all, or there is no such certificate, or the gateway is closed."""
        self._enter()
        return self._lanes.deduplicates(as_certificate_id(certificate_id))

    # Questions: nothing here waits, sends or changes anything, and any thread may ask, before the first call too

    @property
    def is_closed(self) -> bool:
        """True from the beginning of `aclose` on: whatever is sent now ends `NOT_SENT` / `CLOSED`."""
        return self._closing is not None

    def explain(self, asked: Push | Broadcast) -> Explanation:
        """What sending this would do, without sending anything: the exact request, what is cut, which rules decide.

        A push is explained as it goes alone; together with others it is the same message in a longer request. The
        access token is replaced by a word, and so are an id that is only made when it is sent and every secret of the
        certificate, the secret part of its receipt URL too. Raises only `FieldError`.
        """
        if not isinstance(asked, Push | Broadcast):
            raise FieldError("asked", f"must be a Push or a Broadcast, is {type(asked).__name__}")
        return explain(asked, self._lanes, self._timeout, self._clock)

    def trace(self, dedupe_id: str) -> Trace | None:
        """What happened to the push with this id (`Outcome.dedupe_id`): queued, gathered, sent, receipts; and why it
        was lost and who must act.

        None while it has no outcome, when it never came in, and when `Gateway(trace=…)` others ended after it.
        """
        return None if self._traces is None else self._traces.find(dedupe_id)

    # One push

    def _push(
        self,
        push_token: PushToken,
        notification: Notification,
        timeout: float | None,
        coalesce: bool,
        priority: Priority | None,
        *,
        dedupe_id: str,
        context: object,
    ) -> Push:
        # With its id from the beginning: a second one of each push would be one more thing to be collected.
        if dedupe_id == "" and isinstance(push_token, PushToken) and isinstance(notification, Notification):
            dedupe_id = self._ids.make(push_token, notification)
        return Push(
            push_token,
            notification,
            timeout=timeout,
            coalesce=coalesce,
            priority=priority,
            dedupe_id=dedupe_id,
            context=context,
        )

    def _retrying(self, seconds: float) -> Retrying:
        return Retrying(self._retry, self._rng, self._enter().time() + seconds)

    # Life

    def _bind(self, loop: asyncio.AbstractEventLoop) -> None:
        self._ids = Ids(self._rng)
        if self._state is not None:
            guard = GuardedState(self._state, self._emitter, self._rng)
            self._sharing = self._lanes.sharing = self._verifier.sharing = Sharing(guard, self._emitter, self._rng)
        self._intake = Intake(self._lanes, self._ids, self._emitter, self._traces, now=loop.time, timeout=self._timeout)

    async def aclose(self, grace: float = 5.0) -> None:
        """Close: new sends end `NOT_SENT` / `CLOSED` at once; what waits is sent for up to `grace` seconds.

        What has not left by then ends `NOT_SENT` / `CLOSED`, what is on its way `UNKNOWN`. `grace=0`: nothing more
        leaves. Every accepted send has its outcome when this returns. Safe to call more than once.
        """
        loop = self._enter()
        if self._closing is None:
            self._lanes.close()
            for flow in self._flows:
                flow.stop()
            self._closing = loop.create_task(self._close(grace))
        await asyncio.shield(self._closing)

    async def _close(self, grace: float) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._lanes.aclose(grace))
            group.create_task(self._under_way.aclose(grace))
        await self._lanes.end_logins()
        if self._sharing is not None:
            await self._sharing.aclose()
            if self._own_state:
                await self._sharing.guard.aclose()
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
        return f"Gateway({len(self._lanes.certificates)} certificates)"


def _checked_state(given: SharedState | None) -> SharedState | None:
    if given is not None and not callable(getattr(given, "exchange", None)):
        raise FieldError("Gateway.state", f"must be a URL, a StateAddress or a SharedState, is {type(given).__name__}")
    return given


def _connections(wanted: int | None, given: Transport | None) -> tuple[int, int | None]:
    """Requests at once for each certificate and server where nobody has set a number, and the most that the host's own
    transport can have. `given`: that transport; None: there is none, and the gateway's has as many as are wanted."""
    check_connections("Gateway.connections", wanted)
    own = getattr(given, "connections", None)
    if not isinstance(own, int) or isinstance(own, bool):
        return CONNECTIONS, None
    if wanted is not None and wanted > own:
        name = type(given).__name__
        right = f"is {wanted}, but the transport has {own}: give {name}(connections={wanted}), or leave this out"
        raise FieldError("Gateway.connections", right)
    return own, own
