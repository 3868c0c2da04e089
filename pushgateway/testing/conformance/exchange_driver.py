"""Runs a plug-in's exchanges without a gateway: shows what the plug-in itself returns, raises and sends.

The gateway retries and corrects much of what a plug-in does; here nothing is retried or corrected. What the core adds
to a batch is added here too: the ids of messages, the receipt parameter of a request, and the content that the vendor
has saved. The requests of the last exchange are kept, so that a scenario can check them. Used by the scenarios.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, TypeVar

import attrs

from pushgateway.certificates.certificate import Certificate
from pushgateway.certificates.plugins import Plugins
from pushgateway.certificates.settings import load_vendors
from pushgateway.model.audience import AudienceKind, Broadcast
from pushgateway.model.secret import safe_repr
from pushgateway.sandbox import Sandbox
from pushgateway.testing.conformance.sandbox_connection import EPOCH, HOST, HttpConnection, SandboxConnection
from pushgateway.vendor import (
    AccessToken,
    Batch,
    BroadcastOutcome,
    Exchange,
    Notification,
    Outcome,
    Push,
    Request,
    Response,
    Saved,
    Vendor,
)
from pushgateway.vendor.refusals import NoVerdict, Refused

T = TypeVar("T")
V = TypeVar("V", bound=Vendor)
MOST_STEPS = 10_000
"""Most requests and checkpoints (`yield None`) of one exchange; more is an endless loop."""

Watch = Callable[[], AbstractContextManager[object]]


def load_plugin(vendor: type[V], /, **settings: Any) -> V:
    """The plug-in of a certificate with these settings, checked as the gateway checks them. Raises `ConfigError`."""
    found = load_vendors([Certificate(1, vendor.brand, settings)], Plugins({vendor.brand: vendor}))["1"]
    assert isinstance(found, vendor)
    return found


def drive_plugin(
    vendor: type[Vendor], sandbox: type[Sandbox], /, settings: Mapping[str, Any] | None = None, **options: Any
) -> ExchangeDriver:
    """A plug-in with its own sandbox. `settings`: further ones of the certificate, None leaves one out; `options`: of
    the sandbox, whose clock stands at `EPOCH` unless there is one.
    """
    made = sandbox(**{"clock": lambda: EPOCH, **options})
    given = {**made.settings(HOST), **(settings or {})}
    return ExchangeDriver(load_plugin(vendor, **{name: one for name, one in given.items() if one is not None}), made)


@safe_repr
@attrs.define
class ExchangeDriver:
    """Runs a plug-in's exchanges with its sandbox.

    `requests`: those of the last exchange, finished. `saves`: those of the last `save_push`. `unfinished`: those of the
    last exchange as the plug-in yielded them.
    """

    vendor: Vendor
    sandbox: Sandbox
    spoil: Callable[[Response], Response] = lambda response: response
    """Changes each reply except those to logins and to `save_push`."""
    spoil_save: Callable[[Response], Response] = lambda response: response
    spoil_login: Callable[[Response], Response] = lambda response: response
    http: HttpConnection | None = None
    """The connection over HTTP; None: the sandbox is called directly."""
    watching: Watch = nullcontext
    """A context in which all code of the plug-in runs."""
    requests: list[Request] = attrs.field(factory=list)
    saves: list[Request] = attrs.field(factory=list)
    unfinished: list[Request] = attrs.field(factory=list)
    saved: list[Saved] = attrs.field(factory=list)
    """The results of `save_push`, in order."""
    is_saving: bool = False
    """The last error was raised while the content was saved: the pushes were not sent."""
    access: AccessToken | None = None
    _message_ids: dict[Notification, str] = attrs.field(factory=dict)

    @property
    def home(self) -> str:
        """The start of every address of the sandbox."""
        return HOST if self.http is None else self.http.url

    def push(self, batch: Sequence[Push]) -> Sequence[Outcome]:
        """What `push` returns for a batch; raises what it raises, or what `save_push` raises before it."""
        self.requests.clear()
        self.is_saving = False
        given = self.batch(batch)
        return self.carry(lambda: self.vendor.push(given), self.vendor.region(given.tokens[0]))

    def batch(self, pushes: Sequence[Push]) -> Batch:
        """The batch that the core would make of these pushes, its content saved where the vendor wants that."""
        given = Batch.of(list(pushes))
        if self.vendor.deduplicates == "message":
            known = self._message_ids
            given.under([known.setdefault(note, f"message-{len(known) + 1}") for note in given.notifications])
        if self.vendor.marks == "message" and given.callbacks is not None:
            given.callback = next(callback for callback in given.callbacks if callback is not None)
        batching = self.vendor.batching
        self.saves.clear()
        if batching.saves and len(given) >= batching.least:
            given.saved = self.save(given)
        return given

    def save(self, batch: Batch) -> Saved:
        """What `save_push` returns for the notification of a batch."""
        region = self.vendor.region(batch.tokens[0])
        if self.access is None:
            self.log_in(region)
        self.is_saving = True
        with self.watching():
            exchange = self.vendor.save_push(batch.notifications[0], batch.callback, region)
        kept, self.requests = self.requests, self.saves
        try:
            saved = self._run(exchange, self.access, self.spoil_save)
        finally:
            self.requests = kept
        self.is_saving = False
        self.saved.append(saved)
        return saved

    def asked(self, batch: Sequence[Push]) -> list[Request]:
        """The requests that `push` makes for a batch, whatever becomes of it; without those that save its content."""
        with suppress(Refused, NoVerdict):
            self.push(batch)
        return list(self.requests)

    def broadcast(self, broadcast: Broadcast) -> BroadcastOutcome:
        """What `save` and `broadcast` return for an audience that fits into one request."""
        values = broadcast.audience.values if broadcast.audience.kind is AudienceKind.TOKENS else ()
        region = self.vendor.region(values[0]) if values else self.vendor.home_region
        with self.watching():
            saving = self.vendor.save(broadcast)
        saved = "" if saving is None else self.carry(lambda: saving, region).id
        return self.carry(lambda: self.vendor.broadcast(broadcast, saved), region)

    def log_in(self, region: str) -> None:
        """Fetch an access token, if the vendor has a login."""
        with self.watching():
            exchange = self.vendor.login(region, EPOCH)
        if exchange is not None:
            self.access = self._run(exchange, None, self.spoil_login, finished=False)

    def carry(self, begin: Callable[[], Exchange[T]], region: str) -> T:
        """Log in, and run an exchange to its end."""
        if self.access is None:
            self.log_in(region)
        self.requests.clear()
        self.unfinished.clear()
        with self.watching():
            exchange = begin()
        return self._run(exchange, self.access, self.spoil)

    def _run(
        self,
        exchange: Exchange[T],
        access: AccessToken | None,
        spoil: Callable[[Response], Response],
        *,
        finished: bool = True,
    ) -> T:
        try:
            step: Callable[[], Request | None] = exchange.__next__
            for _ in range(MOST_STEPS):
                with self.watching():
                    request = step()
                if request is None:  # a checkpoint
                    step = exchange.__next__
                    continue
                self.unfinished.append(request)
                if finished:
                    with self.watching():
                        request = self.vendor.finish(request, access, EPOCH)
                self.requests.append(request)
                step = self._answered(exchange, request, spoil)
        except StopIteration as done:
            result: T = done.value
            return result
        finally:
            exchange.close()
        raise AssertionError(f"the exchange did not end within {MOST_STEPS} requests and yields")

    def _answered(
        self, exchange: Exchange[T], request: Request, spoil: Callable[[Response], Response]
    ) -> Callable[[], Request | None]:
        if not request.url.startswith(self.home):
            elsewhere = NoVerdict("no server of the sandbox's settings has this address", sent=False)
            return lambda: exchange.throw(elsewhere)
        answer = SandboxConnection(self.sandbox, self.http).answer(request)
        if answer.response is None:
            silence = NoVerdict("the connection broke", sent=answer.sent)
            return lambda: exchange.throw(silence)
        response = attrs.evolve(spoil(answer.response), received_at=EPOCH)
        return lambda: exchange.send(response)
