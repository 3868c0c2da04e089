"""Speaking with one vendor for one certificate: exchanges carried through, with an access token.

Law of this file: it carries words and judges none. What a plug-in does beyond its contract is told in one sentence
(`blame`) that quotes no content.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from urllib.parse import urlsplit

import attrs

from pushgateway.engine.hiding import secrets_of
from pushgateway.engine.session import claims
from pushgateway.engine.session.access_tokens import AccessTokens, Key
from pushgateway.engine.session.claims import BrokenPromise
from pushgateway.engine.session.results import OF_THE_VENDOR
from pushgateway.model.outcome import CertificateCheck
from pushgateway.model.reason import Reason
from pushgateway.model.secret import safe_repr, where
from pushgateway.observe.emitter import Emitter
from pushgateway.observe.events import Ending, LoginDone, Operation, RequestDone
from pushgateway.transport import Transport
from pushgateway.vendor import AccessToken, Exchange, Request, Response, Vendor
from pushgateway.vendor.exchange import T
from pushgateway.vendor.refusals import AccessExpired, ClockSkew, NoVerdict, Refused

MAX_REQUESTS = 16
"""Requests of one exchange; a plug-in that asks for more would ask for ever."""
HEAVY = 32
"""Pushes from which on a batch is built and read at the desk."""
MAX_BREATHS = 10_000
"""Breaths of one exchange, a few milliseconds apart; the same."""


def _untold() -> None:
    """Nobody wants to know."""


class Ask:
    """What a vendor is asked for."""

    __slots__ = ("asking", "host", "name", "operation", "pushes", "region")

    def __init__(
        self,
        operation: Operation,
        region: str,
        pushes: int = 0,
        asking: Callable[[], None] = _untold,
        *,
        name: str = "",
    ) -> None:
        self.operation: Operation = operation
        self.region = region
        self.pushes = pushes
        self.asking = asking
        """Called before each request is handed to the transport."""
        self.name = name
        """Of a `call`: what the vendor calls it."""
        self.host = ""
        """Of a `login`: the server asked last, as `https://host`."""


class FairTurn(AbstractAsyncContextManager[None]):
    """A place for one piece of work in each turn of the event loop: first come, first served.

    Lanes take turns at it, however many batches each of them builds at once, and between two pieces everybody else in
    the process has the loop.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> None:
        await self._lock.acquire()

    async def __aexit__(self, *_: object) -> None:
        asyncio.get_running_loop().call_soon(self._lock.release)  # in the next turn, and no await: nothing cuts in


@safe_repr
@attrs.frozen(eq=False)
class VendorSession:
    """One vendor, one certificate, and the ways to reach it. Replaced as a whole when the settings change."""

    certificate_id: str
    vendor: Vendor
    transport: Transport
    access: AccessTokens
    request_timeout: float
    emitter: Emitter
    fair_turn: FairTurn
    """Where large batches are built and read; one for all certificates of a gateway."""
    serial: int = 0
    """Tells conversations of one certificate apart: what an old one still learns must not reach the new one."""
    _keys: dict[str, Key] = attrs.field(factory=dict, init=False, repr=False)

    def home_region(self) -> str:
        """The region of what is not addressed to tokens. Raises `Refused`."""
        try:
            return claims.home_region(self.vendor)
        except BaseException as broken:
            raise Refused(Reason.CREDENTIALS, detail=self.blame(broken)) from None

    def key(self, region: str) -> Key:
        """Under which the access token for `region` is kept: one key for all certificates that have the same login."""
        key = self._keys.get(region)
        if key is None:
            login = self._identify(region)
            own = (self.certificate_id, f"{self.serial}/{region}")
            key = self._keys[region] = own if login is None else ("", login)
            self.access.join(self.certificate_id, key)
        return key

    def _identify(self, region: str) -> str | None:
        """A digest of the login: the plug-in's class, its secrets, and the first request that it logs in with at the
        time 0. None: there is no login, or the plug-in fails at it, or its settings cannot be told from its secrets."""
        kind = type(self.vendor)
        try:
            exchange = claims.asked(self.vendor.login, region, 0.0) if attrs.has(kind) else None
            if exchange is None:
                return None
            try:
                request = claims.asked(next, exchange)
            finally:
                claims.asked(exchange.close)
            if request is None:
                return None
            asked = (request.method, request.url, sorted(request.headers.items()), request.content)
            secrets = [secret.reveal() for secret in secrets_of(self.vendor)]
            told = repr((kind.__module__, kind.__qualname__, secrets, asked)).encode("utf-8", "backslashreplace")
        except Exception:  # whoever logs in says what is wrong with it
            return None
        return hashlib.sha256(told).hexdigest()

    def held(self, region: str) -> AccessToken | None:
        """The access token for `region`, where there is one and nothing has to be done for it."""
        return self.access.held(self.key(region))

    async def login(self, region: str) -> AccessToken | None:
        """An access token for `region`, or None at vendors without login.

        Raises `Refused`, or `NoVerdict` with `sent` False: what was to follow the login has not left.
        """
        if (held := self.held(region)) is not None:
            return held
        try:
            first = claims.asked(self.vendor.login, region, 0.0)
            if first is None:
                return None
            first.close()  # only asked whether there is one
        except Exception as broken:
            raise Refused(Reason.CREDENTIALS, detail=self.blame(broken), about="login") from None
        key = self.key(region)
        self.access.join(self.certificate_id, key)  # again, for one that was dropped and has pushes on their way
        try:
            return await self.access.get(key, lambda now: self._watched_login(region, now))
        except NoVerdict as silent:
            raise NoVerdict(f"login: {silent.detail}", sent=False) from None

    async def prove(self) -> CertificateCheck:
        """Whether the vendor takes these settings, by a login; and what they lack, by the plug-in's word."""
        found = functools.partial(CertificateCheck, certificate_id=self.certificate_id, brand=self.vendor.brand)
        try:
            advice = claims.advice(self.vendor)
        except Exception as broken:
            return found(ok=False, reason=Reason.CREDENTIALS, detail=self.blame(broken))
        try:
            access = await self.login(self.home_region())
        except Refused as refused:
            detail = refused.detail or f"the vendor refused the login with code {refused.code}"
            return found(ok=False, reason=refused.reason, vendor_code=refused.code, detail=detail, advice=advice)
        except NoVerdict as silent:
            return found(ok=False, reason=Reason.UNAVAILABLE, detail=silent.detail, advice=advice)
        detail = "this vendor has no login; settings are well formed" if access is None else "the login was accepted"
        return found(ok=True, detail=detail, advice=advice)

    async def _watched_login(self, region: str, now: float) -> AccessToken:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        reason: Reason | None = None
        code, detail = None, ""
        try:
            return await self._log_in(region, now)
        except Refused as refused:
            reason, code, detail = refused.reason, refused.code, refused.detail
            raise
        except NoVerdict as silent:
            reason, detail = Reason.UNAVAILABLE, silent.detail
            raise
        except asyncio.CancelledError:
            reason = Reason.CLOSED
            raise
        finally:
            done = LoginDone(
                certificate_id=self.certificate_id,
                brand=self.vendor.brand,
                region=region,
                ok=reason is None,
                reason=reason,
                vendor_code=code,
                duration=loop.time() - begun,
            )
            self.emitter.emit(done, detail)

    async def _log_in(self, region: str, now: float) -> AccessToken:
        """One login. Whatever is refused during it, it is said of the login and of no push: it ends `CREDENTIALS`, or
        `UNAVAILABLE` and the like."""
        left: list[None] = []
        ask = Ask("login", region, asking=lambda: left.append(None))
        try:
            begun = claims.asked(self.vendor.login, region, now)
            if begun is None:
                raise BrokenPromise("login() takes back its exchange")  # noqa: TRY301 - blamed below, as all of it
            return claims.access_token(await self.run(begun, None, ask))
        except NoVerdict as silent:
            _locate(silent, ask)
            raise
        except Refused as refused:
            failed = _of_a_login(refused, asked=bool(left))
            _locate(failed, ask)
            raise failed from None
        except Exception as broken:
            raise Refused(Reason.CREDENTIALS, detail=self.blame(broken), about="login") from None

    def forget(self, region: str, access: AccessToken) -> None:
        """The vendor does not take `access` (any more)."""
        self.access.forget(self.key(region), access)

    async def run(self, exchange: Exchange[T], access: AccessToken | None, ask: Ask) -> T:
        """Carry an exchange through: requests out, replies in, `NoVerdict` thrown in where none came.

        At a breath the event loop turns, and that is all: no request has left.
        """
        claims.check_exchange(ask.operation, exchange)
        requests = breaths = 0
        response: Response | None = None
        is_heavy = ask.pushes >= HEAVY
        step: Callable[[], Request | None] = functools.partial(next, exchange)
        try:
            while breaths <= MAX_BREATHS:
                if is_heavy:
                    async with self.fair_turn:
                        request = claims.asked(step)
                else:
                    request = claims.asked(step)
                if request is None:
                    breaths += 1
                    await asyncio.sleep(0)
                    step = functools.partial(next, exchange)
                    continue
                requests += 1
                if requests > MAX_REQUESTS:
                    break
                request = claims.request(ask.operation, request)
                if access is not None:
                    request = claims.request("authorize()", claims.asked(self.vendor.authorize, request, access))
                ask.asking()
                try:
                    response = await self._ask(request, ask)
                    step = functools.partial(exchange.send, response)
                except NoVerdict as silent:
                    response = None
                    step = functools.partial(exchange.throw, silent)
            raise RuntimeError("an exchange with too many requests or yields")
        except ClockSkew as skew:
            if response is not None and response.date is not None and response.received_at is not None:
                skew.offset = response.date - response.received_at
            raise
        except StopIteration as done:
            result: T = done.value
            return result
        finally:
            claims.asked(exchange.close)

    async def _ask(self, request: Request, ask: Ask) -> Response:
        loop = asyncio.get_running_loop()
        if ask.operation == "login":
            ask.host = "{0.scheme}://{0.netloc}".format(urlsplit(request.url))
        begun = loop.time() if self.emitter.is_observed else 0.0
        status: int | None = None
        ending: Ending = "cancelled"
        sent = True
        try:
            response = await self.transport.send(request, pool=self.certificate_id, timeout=self.request_timeout)
            status, ending = response.status, "reply"
            return response
        except NoVerdict as silent:
            ending, sent = "no_verdict", silent.sent
            raise
        except Exception as broken:
            # A transport owes NoVerdict for whatever happens to it. How far the request came nobody knows.
            ending = "no_verdict"
            sentence = f"the transport broke its contract: {where(broken)}"
            self.emitter.complain(sentence)
            raise NoVerdict(sentence) from None
        finally:
            if self.emitter.is_observed:
                done = RequestDone(
                    certificate_id=self.certificate_id,
                    brand=self.vendor.brand,
                    region=ask.region,
                    operation=ask.operation,
                    name=ask.name,
                    pushes=ask.pushes,
                    duration=loop.time() - begun,
                    status=status,
                    ending=ending,
                    sent=sent,
                )
                self.emitter.emit(done)

    async def run_with_access(self, access: AccessToken | None, begin: Callable[[], Exchange[T]], ask: Ask) -> T:
        """One exchange and, where the vendor says that the access token is no longer good, one more with a new one."""
        return await self.with_access(ask.region, access, lambda access: self.run(begin(), access, ask))

    async def with_access(
        self,
        region: str,
        access: AccessToken | None,
        attempt: Callable[[AccessToken | None], Awaitable[T]],
        expired: Callable[[], None] | None = None,
    ) -> T:
        """The same with an attempt of any kind; `expired` is called before the new login."""
        try:
            return await attempt(access)
        except AccessExpired:
            if access is None:
                raise
            self.forget(region, access)
        if expired is not None:
            expired()
        return await attempt(await self.renewed(region))

    def blame(self, error: BaseException) -> str:
        """A sentence on a plug-in that broke its promise. The error's message may quote content, so it is not told,
        unless it is ours. Raises the error again where it is none of the plug-in's."""
        claims.passed_on(error)
        what = str(error) if isinstance(error, BrokenPromise) else where(error)
        sentence = f"the {self.vendor.brand} plug-in broke its contract: {what}"
        self.emitter.complain(f"certificate {self.certificate_id}: {sentence}")
        return sentence

    async def renewed(self, region: str) -> AccessToken | None:
        """The access token after one was refused. What was asked with that one was refused, readably; so where the
        login now gets no answer, that is no doubt but `Refused(UNAVAILABLE)`."""
        try:
            return await self.login(region)
        except NoVerdict as silent:
            raise Refused(Reason.UNAVAILABLE, detail=silent.detail) from None


def _of_a_login(refused: Refused, *, asked: bool) -> Refused:
    """The same refusal, said of a login. `asked`: a request of it was answered.

    A reply without the vendor's own code, such as HTTP 413, is something in between that may pass: `UNAVAILABLE`. All
    else that would be said of a notification or a phone means that the settings or the plug-in are wrong.
    """
    if refused.reason not in OF_THE_VENDOR:
        passes = asked and refused.code is None and refused.reason is Reason.INVALID_NOTIFICATION
        reason = Reason.UNAVAILABLE if passes else Reason.CREDENTIALS
    else:
        reason = refused.reason
    kind = ClockSkew if isinstance(refused, ClockSkew) else Refused  # "log in again" would lead in a circle
    said = kind(reason, refused.code, refused.message, refused.retry_after, refused.detail, about="login")
    if isinstance(said, ClockSkew) and isinstance(refused, ClockSkew):
        said.offset = refused.offset
    return said


def _locate(failed: Refused | NoVerdict, ask: Ask) -> None:
    """Say behind its detail which server refused the login: a wrong region looks like wrong credentials."""
    if not ask.host:
        return
    place = f"login at {ask.host}{f', region {ask.region}' if ask.region else ''}"
    detail = failed.detail
    if not detail and isinstance(failed, Refused) and failed.code is not None:
        detail = f"the vendor refused it with code {failed.code}"
    failed.detail = f"{detail} ({place})" if detail else place
    if isinstance(failed, NoVerdict):
        failed.args = (failed.detail,)
