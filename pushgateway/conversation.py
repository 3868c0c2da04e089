"""Speaking with one vendor for one certificate: exchanges carried through, with an access token.

Law of this file: it carries words and judges none. What a plug-in does beyond its contract is told in one sentence
(`blame`) that quotes no content.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import attrs

from pushgateway.access import AccessTokens, Key
from pushgateway.errors import AccessExpired, ClockSkew, ExchangeError, NoVerdict, Refused
from pushgateway.outcome import Reason
from pushgateway.transport import Transport
from pushgateway.vendor import AccessToken, Exchange, Request, Response, T, Vendor
from pushgateway.verdicts import is_text

log = logging.getLogger(__name__)

MAX_REQUESTS = 16
"""Requests of one exchange; a plug-in that asks for more would ask for ever."""


@attrs.frozen(eq=False)
class Conversation:
    """One vendor, one certificate, and the ways to reach it. Replaced as a whole when the settings change."""

    certificate_id: str
    vendor: Vendor
    transport: Transport
    access: AccessTokens
    request_timeout: float
    serial: int = 0
    """Tells conversations of one certificate apart: what an old one still learns must not reach the new one."""

    def home_region(self) -> str:
        """The region of what is not addressed to tokens. Raises `Refused`."""
        try:
            return is_text(self.vendor.home_region)
        except Exception as broken:
            raise Refused(Reason.CREDENTIALS, detail=blame(self.vendor.brand, broken)) from None

    def key(self, region: str) -> Key:
        """Under which the access token for `region` is kept."""
        return self.certificate_id, f"{self.serial}/{region}"

    async def login(self, region: str) -> AccessToken | None:
        """An access token for `region`, or None at vendors without login.

        Raises `Refused`, or `NoVerdict` with `sent` False: what was to follow the login has not left.
        """
        try:
            first = self.vendor.login(region, 0.0)
            if first is None:
                return None
            first.close()  # only asked whether there is one
        except Exception as broken:
            raise Refused(Reason.CREDENTIALS, detail=blame(self.vendor.brand, broken)) from None
        try:
            return await self.access.get(self.key(region), lambda now: self._log_in(region, now))
        except NoVerdict as silent:
            raise NoVerdict(f"login: {silent.detail}", sent=False) from None

    async def _log_in(self, region: str, now: float) -> AccessToken:
        try:
            begun = self.vendor.login(region, now)
            if begun is None:
                raise TypeError("login() takes back its exchange")  # noqa: TRY301
            access = await self.run(begun, None)
            if not isinstance(access, AccessToken):
                raise TypeError("login() gave no AccessToken")  # noqa: TRY301 - blamed below, as all of it
        except ExchangeError:
            raise
        except Exception as broken:
            raise Refused(Reason.CREDENTIALS, detail=blame(self.vendor.brand, broken)) from None
        return access

    def forget(self, region: str, access: AccessToken) -> None:
        """The vendor does not take `access` (any more)."""
        self.access.forget(self.key(region), access)

    async def run(
        self, exchange: Exchange[T], access: AccessToken | None, asking: Callable[[], None] | None = None
    ) -> T:
        """Carry an exchange through: requests out, replies in, `NoVerdict` thrown in where none came.

        `asking` is called before each request is handed to the transport.
        """
        try:
            request = next(exchange)
            for _ in range(MAX_REQUESTS):
                if access is not None:
                    request = self.vendor.authorize(request, access)
                if asking is not None:
                    asking()
                try:
                    response = await self._ask(request)
                except NoVerdict as silent:
                    request = exchange.throw(silent)
                    continue
                try:
                    request = exchange.send(response)
                except ClockSkew as skew:
                    if response.date is not None and response.received_at is not None:
                        skew.offset = response.date - response.received_at
                    raise
            raise RuntimeError("an exchange of too many requests")
        except StopIteration as done:
            result: T = done.value
            return result
        finally:
            exchange.close()

    async def _ask(self, request: Request) -> Response:
        try:
            return await self.transport.send(request, pool=self.certificate_id, timeout=self.request_timeout)
        except NoVerdict:
            raise
        except Exception as broken:
            # A transport owes NoVerdict for whatever happens to it. How far the request came nobody knows.
            sentence = f"the transport broke its contract: {_where(broken)}"
            log.error("%s", sentence)  # noqa: TRY400 - a traceback may show what was sent
            raise NoVerdict(sentence) from None

    async def run_with_access(
        self,
        region: str,
        access: AccessToken | None,
        begin: Callable[[], Exchange[T]],
        asking: Callable[[], None] | None = None,
    ) -> T:
        """One exchange and, where the vendor says that the access token is no longer good, one more with a new one."""
        try:
            return await self.run(begin(), access, asking)
        except AccessExpired:
            if access is None:
                raise
            self.forget(region, access)
        return await self.run(begin(), await self.renewed(region), asking)

    async def renewed(self, region: str) -> AccessToken | None:
        """The access token after one was refused. What was asked with that one was refused, readably; so where the
        login now gets no answer, that is no doubt but `Refused(UNAVAILABLE)`."""
        try:
            return await self.login(region)
        except NoVerdict as silent:
            raise Refused(Reason.UNAVAILABLE, detail=silent.detail) from None


def blame(brand: str, error: BaseException) -> str:
    """A sentence on a plug-in that broke its promise. The error's message may quote content, so it is not told."""
    sentence = f"the {brand} plug-in broke its contract: {_where(error)}"
    log.error("%s", sentence)
    return sentence


def _where(error: BaseException) -> str:
    place = ""
    if (trace := error.__traceback__) is not None:
        while trace.tb_next is not None:
            trace = trace.tb_next
        module = trace.tb_frame.f_globals.get("__name__", "?")
        place = f" in {module}.{trace.tb_frame.f_code.co_name}, line {trace.tb_lineno}"
    return f"{type(error).__name__}{place}"
