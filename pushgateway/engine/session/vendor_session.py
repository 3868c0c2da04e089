"""The exchanges of one certificate with its vendor: carried through, with an access token where one is needed.

Here are `VendorSession`, `Ask` (what is asked, and what of it has left) and `FairTurn`. Not here: what the end of an
exchange means for pushes (`results`), when something may be sent (`flow_control`), how access tokens are kept
(`access_tokens`). Used by `Delivery`, broadcasts and vendors' own operations.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeAlias
from urllib.parse import urlsplit

import attrs

from pushgateway.engine.hiding import secrets_of
from pushgateway.engine.session.access_tokens import AccessTokens, HeldToken, Key, WithoutLogin
from pushgateway.engine.session.plugin_guard import (
    BrokenPromise,
    GuardedVendor,
    as_access_token,
    as_exchange,
    as_request,
    as_text,
    guarded,
    raise_again,
)
from pushgateway.engine.session.results import OF_THE_VENDOR, SignatureRefused
from pushgateway.model.outcome import CertificateCheck, Outcome
from pushgateway.model.reason import Reason, Status
from pushgateway.model.secret import safe_repr, where
from pushgateway.observe.emitter import Emitter
from pushgateway.observe.events import LoginDone, Operation, RequestDone
from pushgateway.transport import Transport
from pushgateway.vendor import AccessToken, Exchange, Request, Response, Vendor
from pushgateway.vendor.exchange import T
from pushgateway.vendor.refusals import AccessExpired, ClockSkew, NoVerdict, Refused

MAX_REQUESTS = 16
"""Requests of one exchange: a plug-in that yields more would go on for ever."""
RENEWALS = 3
"""Access tokens that one exchange gets after its first one was refused, where they are those of other processes."""
HEAVY = 32
"""Pushes from which on a batch is built and read in a `FairTurn`."""
PIECE, LONGEST_PIECE = 0.005, 0.02
"""Seconds that a large batch is built or read before it gives way at its next checkpoint: in an idle loop, and in one
with so much other work that a quarter of a turn is longer than `PIECE`. A batch has up to 100 checkpoints; if it gave
way at each, it would take 100 turns of the loop, which are 20 seconds beside hundreds of single requests."""
SKEW = 60.0
"""Seconds that our clock must be off, by the `Date` of a reply, to be the cause when the vendor does not take an access
token that was signed here. Vendors accept a few minutes; without such a cause the token is signed anew all the same."""
_MAY_BE_THE_TIME = frozenset({Reason.CREDENTIALS, Reason.INVALID_NOTIFICATION})
"""Reasons of a refusal that may mean a wrong time in the request, where the vendor's code for that is not known."""
MAX_CHECKPOINTS = 10_000
"""Checkpoints (`yield None`) of one exchange, a few milliseconds apart; as `MAX_REQUESTS`."""


class Ask:
    """What a vendor is asked for, and what of it has left: the same for pushes, broadcasts and operations.

    `VendorSession.run` calls `leaving` before each request, `run_with_access` calls `access_refused`. Requests are
    counted for this try and in all; after a refusal of the access token this try begins anew, because what was asked
    with that token was refused, readably.
    """

    __slots__ = ("doubtful", "has_owners", "host", "name", "of_this_try", "operation", "pushes", "region", "requests")

    def __init__(self, operation: Operation, region: str, pushes: int = 0, *, name: str = "") -> None:
        """`pushes`: how many it is about. `name`: of a `call`, what the vendor calls it."""
        self.operation: Operation = operation
        self.region = region
        self.pushes = pushes
        self.name = name
        self.has_owners = False
        """Whether each request has to be `confirmed` before it leaves."""
        self.host = ""
        """Of a `login`: the server asked last, as `https://host`."""
        self.requests = 0
        """Requests that were handed to the transport."""
        self.of_this_try = 0
        """Those of the present try. 0: whatever ends it, nothing of it has left."""
        self.doubtful = False
        """A try before ended without a verdict."""

    def leaving(self, request: Request) -> None:
        """A request is about to be handed to the transport. What this raises ends the exchange, and nothing leaves."""
        if self.operation == "login":
            self.host = "{0.scheme}://{0.netloc}".format(urlsplit(request.url))
        self.requests += 1
        self.of_this_try += 1

    async def confirmed(self, request: Request) -> Request | NoVerdict:
        """The request with the time before which it must leave, or what the exchange gets in place of a reply. What
        this raises ends the exchange, and nothing leaves."""
        raise NotImplementedError

    def begin_try(self) -> None:
        """Another try begins: what the one before had sent was answered, or is in `doubtful`."""
        self.of_this_try = 0

    def access_refused(self) -> None:
        """The vendor refused the access token or the time, and so everything of this try."""
        self.of_this_try = 0

    def may_begin_again(self) -> bool:
        """Whether the exchange may be begun anew after its last request was refused, so that what the requests before
        had done is done twice."""
        return True

    def ending(self, error: Refused | NoVerdict) -> Status:
        """How it ended with this error."""
        if isinstance(error, NoVerdict):
            return Status.UNKNOWN if error.sent else Status.NOT_SENT
        return Status.REJECTED if self.of_this_try else Status.NOT_SENT


class FairTurn(AbstractAsyncContextManager[float]):
    """A turn for one piece of heavy work in each turn of the event loop: first come, first served.

    Lanes take turns at it, however many batches each of them builds at once, and between two pieces everything else in
    the process has the loop. `async with` returns how long the piece should last: `PIECE` seconds, or a quarter of what
    the turn of the loop after the last piece took if that is longer, and at most `LONGEST_PIECE`.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._turn = 0.0  # seconds that everything else took in the turn of the loop after the last piece

    async def __aenter__(self) -> float:
        self._waiting += 1
        try:
            await self._lock.acquire()
        finally:
            self._waiting -= 1
        return min(max(PIECE, self._turn / 4), LONGEST_PIECE)

    async def __aexit__(self, *_: object) -> None:  # no await: nothing cuts in
        loop = asyncio.get_running_loop()
        is_handed_over = self._waiting > 0
        loop.call_soon(self._next_turn, loop.time(), is_handed_over)
        if is_handed_over:
            self._lock.release()  # who has waited longest takes it in the next turn, and nobody before

    def _next_turn(self, ended: float, is_handed_over: bool) -> None:
        self._turn = asyncio.get_running_loop().time() - ended
        if not is_handed_over:
            self._lock.release()


def login_digest(plugin: Vendor, region: str) -> str | None:
    """A digest of a login: the plug-in's class, its secrets, and the first request that it logs in with at the time 0.
    The same in every process. None: there is no login, or it makes no request, or the plug-in fails at it, or its
    settings are not separable from its secrets."""
    kind = type(plugin)
    try:
        exchange = guarded(plugin.login, region, 0.0) if attrs.has(kind) else None
        if exchange is None:
            return None
        try:
            request = guarded(next, exchange)
        finally:
            guarded(exchange.close)
        if request is None:
            return None
        first = (request.method, request.url, sorted(request.headers.items()), request.content)
        secrets = [secret.reveal() for secret in secrets_of(plugin)]
        text = repr((kind.__module__, kind.__qualname__, secrets, first)).encode("utf-8", "backslashreplace")
    except Exception:  # `StopIteration`: no request. Of all else the login itself reports what is wrong
        return None
    return hashlib.sha256(text).hexdigest()


@safe_repr
@attrs.frozen(eq=False)
class VendorSession:
    """One vendor, one certificate, and the ways to reach it. Replaced as a whole when the settings change."""

    certificate_id: str
    vendor: GuardedVendor
    transport: Transport
    access: AccessTokens
    request_timeout: float
    """Seconds for one request."""
    emitter: Emitter
    fair_turn: FairTurn
    """Where large batches are built and read; one for all certificates of a gateway."""
    serial: int = 0
    """Distinguishes sessions of one certificate: what an old one still learns must not reach the new one."""
    _keys: dict[str, Key] = attrs.field(factory=dict, init=False, repr=False)
    _without_login: set[str] = attrs.field(factory=set, init=False, repr=False)
    """Regions where the vendor has none."""
    _signed_here: set[str] = attrs.field(factory=set, init=False, repr=False)
    """Regions where the last login made no request: the access token was signed here, and the vendor has not seen
    it."""

    # Access tokens

    def key(self, region: str) -> Key:
        """Under which the access token for `region` is kept: one key for all certificates that have the same login."""
        key = self._keys.get(region)
        if key is None:
            login = login_digest(self.vendor.plugin, region)
            own = (self.certificate_id, f"{self.serial}/{region}")
            key = self._keys[region] = own if login is None else ("", login)
            self.access.join(self.certificate_id, key)
        return key

    def held(self, region: str) -> HeldToken | WithoutLogin | None:
        """The access token for `region`, where there is one and nothing has to be done for it; or that none is
        needed."""
        return _WITHOUT_LOGIN if region in self._without_login else self.access.held(self.key(region))

    def end_pause(self, region: str) -> None:
        """Do not wait any longer after a failed login; see `AccessTokens.end_pause`."""
        self.access.end_pause(self.key(region))

    async def login(self, region: str) -> AccessToken | None:
        """An access token for `region`, or None at vendors without login.

        Raises `Refused`, or `NoVerdict` with `sent` False: what was to follow the login has not left.
        """
        if (held := self.held(region)) is not None:
            return held.access
        try:
            first = guarded(self.vendor.plugin.login, region, 0.0)
            if first is None:
                self._without_login.add(region)
                return None
            first.close()  # only to know whether there is one
        except Exception as broken:
            raise Refused(Reason.CREDENTIALS, detail=self.vendor.blame(broken), about="login") from None
        key = self.key(region)
        self.access.join(self.certificate_id, key)  # again, for one that was dropped and has pushes on their way
        try:
            return await self.access.get(key, lambda now: self._observed_login(region, now))
        except NoVerdict as silent:
            raise NoVerdict(f"login: {silent.detail}", sent=False) from None

    async def renewed(self, region: str) -> AccessToken | None:
        """The access token after one was refused. What was asked with that one was refused, readably; so where the
        login now gets no answer, that is no doubt but `Refused(UNAVAILABLE)`."""
        try:
            return await self.login(region)
        except NoVerdict as silent:
            raise Refused(Reason.UNAVAILABLE, detail=silent.detail) from None

    async def prove(self) -> CertificateCheck:
        """Whether the vendor takes these settings: by a login, and by the plug-in's probe if it has one; and what they
        lack, as the plug-in says. A cancellation ends it with `CLOSED`."""
        found = functools.partial(CertificateCheck, certificate_id=self.certificate_id, brand=self.vendor.brand)
        try:
            advice, region = self.vendor.advice(), self.vendor.home_region
        except Exception as broken:
            return found(ok=False, reason=Reason.CREDENTIALS, detail=self.vendor.blame(broken))
        found = functools.partial(found, advice=advice)
        probe = Ask("call", region, name="probe")
        try:
            proved, said = await self._proof(region, probe)
        except Refused as refused:
            what = "request" if probe.requests else "login"
            detail = refused.detail or f"the vendor refused the {what} with code {refused.code}"
            return found(ok=False, reason=refused.reason, vendor_code=refused.code, detail=detail)
        except NoVerdict as silent:
            return found(ok=False, reason=Reason.UNAVAILABLE, detail=silent.detail)
        except asyncio.CancelledError:
            return found(ok=False, reason=Reason.CLOSED, detail="the gateway was closed")
        except Exception as broken:
            return found(ok=False, reason=Reason.CREDENTIALS, detail=self.vendor.blame(broken))
        return found(ok=True, proved=proved, detail=said)

    async def _proof(self, region: str, ask: Ask) -> tuple[bool, str]:
        """Whether the vendor was asked and took the settings, and in words what was found out. `ask`: of the probe."""
        access = await self.login(region)
        if (probe := guarded(self.vendor.plugin.probe)) is not None:
            probe.close()  # only to know whether there is one

            def begin() -> Exchange[str]:
                begun = guarded(self.vendor.plugin.probe)
                if begun is None:
                    raise BrokenPromise("probe() takes back its exchange")
                return begun

            said = as_text("probe()", await self.run_with_access(access, begin, ask))
            return ask.requests > 0, said
        if access is None:
            return False, "settings are well formed; nothing was asked: there is no login and no probe"
        if region in self._signed_here:
            return False, "the access token was signed here; nothing was asked, so nothing is proved"
        return True, "the login was accepted"

    async def _observed_login(self, region: str, now: float) -> AccessToken:
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
        """One login. Whatever is refused during it is said of the login and of no push: it ends `CREDENTIALS`, or
        `UNAVAILABLE` and the like."""
        ask = Ask("login", region)
        try:
            exchange = guarded(self.vendor.plugin.login, region, now)
            if exchange is None:
                raise BrokenPromise("login() takes back its exchange")  # noqa: TRY301 - blamed below, as all of it
            access = as_access_token(await self.run(exchange, None, ask))
            if ask.requests:
                self._signed_here.discard(region)
            else:
                self._signed_here.add(region)
            return access
        except NoVerdict as silent:
            _locate(silent, ask)
            raise
        except Refused as refused:
            failed = _of_a_login(refused, asked=ask.requests > 0)
            _locate(failed, ask)
            raise failed from None
        except Exception as broken:
            raise Refused(Reason.CREDENTIALS, detail=self.vendor.blame(broken), about="login") from None

    # Exchanges

    async def run(
        self, exchange: Exchange[T], access: AccessToken | None, ask: Ask, *, is_corrected: bool = False
    ) -> T:
        """Carry an exchange through: requests out, replies in, `NoVerdict` thrown in where none came.

        At a checkpoint (`yield None`) no request has left: the event loop turns, for a large batch only if its piece of
        the turn is over. `is_corrected`: it was begun anew by the vendor's clock, so a refusal is not taken for one of
        the time again.
        """
        as_exchange(ask.operation, exchange)
        loop, send = asyncio.get_running_loop(), self.transport.send
        requests = checkpoints = 0
        request: Request | None = None
        reply: Response | NoVerdict | None = None  # to the last request
        news: Response | NoVerdict | None = None  # the same until the exchange has got it
        clock = 0.0  # seconds that the vendor's is ahead of ours, as the last request was finished by it
        try:
            while checkpoints <= MAX_CHECKPOINTS:
                step, passed = (
                    (_step(exchange, news), 0)
                    if ask.pushes < HEAVY
                    else await self._piece_in_turn(exchange, news, MAX_CHECKPOINTS - checkpoints)
                )
                checkpoints += passed
                if isinstance(step, _End):
                    return step.value
                if step is None:
                    checkpoints, news = checkpoints + 1, None
                    await asyncio.sleep(0)
                    continue
                request = step
                requests += 1
                if requests > MAX_REQUESTS:
                    break
                reply = None
                finished, clock = self._finished(request, access, ask)
                leaving = await ask.confirmed(finished) if ask.has_owners else finished
                if isinstance(leaving, NoVerdict):
                    news = leaving
                    continue
                ask.leaving(leaving)
                begun = loop.time()
                try:
                    reply = await send(leaving, pool=self.certificate_id, timeout=self.request_timeout)
                except Exception as failed:
                    reply = self._silence(failed)
                finally:
                    if self.emitter.is_observed:
                        self._report(ask, loop.time() - begun, reply)
                news = reply
            raise RuntimeError("an exchange with too many requests or yields")
        except Refused as refused:
            if request is None or not isinstance(reply, Response):
                raise
            raise self._dated(refused, request, reply, access, ask, clock=clock, is_corrected=is_corrected) from None
        finally:
            guarded(exchange.close)

    def _dated(
        self,
        refused: Refused,
        request: Request,
        reply: Response,
        access: AccessToken | None,
        ask: Ask,
        *,
        clock: float,
        is_corrected: bool,
    ) -> Refused:
        """The refusal that a reply was read as, with what the `Date` of that reply says of our clock. `clock`: seconds
        that the vendor's was taken to be ahead of ours."""
        offset = _offset(reply)
        if isinstance(refused, ClockSkew | AccessExpired):
            refused.offset = offset
        if offset is None or is_corrected:
            return refused
        return self._perhaps_of_the_time(refused, request, access, ask, (clock, offset))

    def _perhaps_of_the_time(
        self, refused: Refused, request: Request, access: AccessToken | None, ask: Ask, clocks: tuple[float, float]
    ) -> Refused:
        """The refusal, as `ClockSkew` where it may be for the time in the request, at a vendor whose code for that is
        not known: the time was off, and `finish` makes another request by the right one.

        `clocks`: seconds that the vendor's clock is ahead of ours, as the request was finished by it and by the `Date`
        of the reply. What was learned meanwhile from other replies says nothing about this request.
        """
        used, right = clocks
        is_known = isinstance(refused, ClockSkew) or refused.reason not in _MAY_BE_THE_TIME
        if is_known or not self.vendor.finishes or ask.operation == "login" or abs(right - used) < SKEW:
            return refused
        wall, finish = self.access.wall(), self.vendor.plugin.finish
        ours, theirs = (guarded(finish, request, access, wall + clock) for clock in clocks)
        if ours == theirs:
            return refused
        skew = ClockSkew(refused.reason, refused.code, refused.message, refused.retry_after, refused.detail)
        skew.offset = right
        return skew.keeping(refused.kept)

    async def _piece_in_turn(
        self, exchange: Exchange[T], reply: Response | NoVerdict | None, most: int
    ) -> tuple[_Step[T], int]:
        """Steps of an exchange up to its next request, its end, or the checkpoint at which its piece is over; returns
        the last step and how many checkpoints were passed before it, `most` at most.

        If the loop's clock has not moved since the piece began (virtual time, a coarse clock), it is over at the first
        checkpoint.
        """
        time = asyncio.get_running_loop().time
        async with self.fair_turn as seconds:
            began, passed = time(), 0
            step = _step(exchange, reply)
            while step is None and passed < most and 0.0 < time() - began < seconds:
                passed += 1
                step = _step(exchange, None)
            return step, passed

    def _finished(self, request: Request, access: AccessToken | None, ask: Ask) -> tuple[Request, float]:
        """What an exchange yielded, checked and finished by the plug-in, and how many seconds the vendor's clock, by
        which it was finished, is ahead of ours."""
        request = as_request(ask.operation, request)
        if (access is None and not self.vendor.finishes) or ask.operation == "login":
            return request, 0.0
        tokens, key = self.access, self._keys.get(ask.region) or self.key(ask.region)
        clock = tokens.offsets.get(key, 0.0)
        try:
            finished = self.vendor.plugin.finish(request, access, tokens.wall() + clock)
        except Exception:
            raise
        except BaseException as odd:  # as `guarded` does it, with a call less for each request
            raise_again(odd)
            raise BrokenPromise(where(odd)) from None
        return as_request("finish()", finished), clock

    def _silence(self, failed: Exception) -> NoVerdict:
        """What a transport raised. It raises `NoVerdict` whatever happens to it; after anything else, how far the
        request came is unknown."""
        if isinstance(failed, NoVerdict):
            return failed
        sentence = f"the transport broke its contract: {where(failed)}"
        self.emitter.complain(sentence)
        return NoVerdict(sentence)

    def _report(self, ask: Ask, duration: float, reply: Response | NoVerdict | None) -> None:
        done = RequestDone(
            certificate_id=self.certificate_id,
            brand=self.vendor.brand,
            region=ask.region,
            operation=ask.operation,
            name=ask.name,
            pushes=ask.pushes,
            duration=duration,
            status=reply.status if isinstance(reply, Response) else None,
            ending="cancelled" if reply is None else "no_verdict" if isinstance(reply, NoVerdict) else "reply",
            sent=reply.sent if isinstance(reply, NoVerdict) else True,
        )
        self.emitter.emit(done)

    async def run_with_access(self, access: AccessToken | None, begin: Callable[[], Exchange[T]], ask: Ask) -> T:
        """One exchange. It is begun once more with a new access token where the vendor no longer takes this one (again
        where the new one is another process's, which may have ended too), and once more by the vendor's clock where
        that does not take our time.

        Raises `SignatureRefused` for an access token that was signed here and is refused the second time.
        """
        corrected, renewals = False, 0
        while True:
            try:
                return await self.run(begin(), access, ask, is_corrected=corrected)
            except (ClockSkew, AccessExpired) as refused:
                if not corrected and self._is_of_the_clock(refused, access, ask.region):
                    corrected = True
                elif isinstance(refused, ClockSkew) or access is None:
                    raise
                else:
                    key, is_signed_here = self.key(ask.region), ask.region in self._signed_here
                    is_ours = renewals == RENEWALS or self.access.is_own(key, access)
                    if renewals and is_ours and not is_signed_here:
                        raise
                    self.access.forget(key, access, contended=not is_signed_here)
                    if renewals and is_signed_here:
                        raise SignatureRefused.of(refused) from None
                    renewals += 1
                if not ask.may_begin_again() or any(map(_was_asked, refused.kept.values())):
                    # What an earlier request of this exchange did is kept; of the pushes the others are tried again.
                    detail = refused.detail or "the access token or the time was refused after a part was done"
                    rest = Refused(Reason.UNAVAILABLE, refused.code, refused.message, detail=detail)
                    raise rest.keeping(refused.kept) from None
            ask.access_refused()
            access = await self.renewed(ask.region)

    def _is_of_the_clock(self, refused: ClockSkew | AccessExpired, access: AccessToken | None, region: str) -> bool:
        """Whether it was refused because our clock is wrong. If so, the vendor's time is known from now on if its reply
        has a `Date`, and what was made by our own is forgotten."""
        if access is None and (refused.offset is None or not self.vendor.finishes):
            return False  # nothing can be made in another way
        key = self.key(region)
        if isinstance(refused, AccessExpired):
            error = 0.0 if refused.offset is None else abs(refused.offset - self.access.offsets.get(key, 0.0))
            if region not in self._signed_here or error < SKEW:
                return False
        if refused.offset is not None:
            self.access.join(self.certificate_id, key)  # again, as for a login
            self.access.learn_offset(key, refused.offset)
        if access is not None:
            self.access.forget(key, access, contended=False)
        return True


_WITHOUT_LOGIN = WithoutLogin()


def _was_asked(outcome: object) -> bool:
    """Whether a request with this push has left."""
    return isinstance(outcome, Outcome) and outcome.attempts > 0


def _offset(reply: Response) -> float | None:
    """Seconds that the vendor's clock is ahead of ours, by this reply; None where it does not say."""
    return None if reply.date is None or reply.received_at is None else reply.date - reply.received_at


class _End(Generic[T]):
    """The end of an exchange. A class of our own, because a plug-in may yield anything that it can make."""

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value


_Step: TypeAlias = Request | _End[T] | None
"""What an exchange does next: a request, its end with a result, or a checkpoint."""


def _step(exchange: Exchange[T], reply: Response | NoVerdict | None) -> _Step[T]:
    """The next step of an exchange, given the reply to its last request; None at the beginning and after a checkpoint.
    Raises what the plug-in raises, as `guarded` does."""
    try:
        if isinstance(reply, NoVerdict):
            return exchange.throw(reply)
        return next(exchange) if reply is None else exchange.send(reply)
    except StopIteration as done:
        return _End(done.value)
    except Exception:
        raise
    except BaseException as odd:
        raise_again(odd)
        raise BrokenPromise(where(odd)) from None


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
