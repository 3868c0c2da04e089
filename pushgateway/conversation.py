"""Speaking with one vendor for one certificate: exchanges carried through, with an access token.

Law of this file: it carries words and judges none. What a plug-in does beyond its contract is told in one sentence
(`blame`) that quotes no content.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import attrs

from pushgateway.access import AccessTokens
from pushgateway.errors import AccessExpired, ClockSkew, ExchangeError, NoVerdict, Refused
from pushgateway.outcome import Reason
from pushgateway.transport import Transport
from pushgateway.vendor import AccessToken, Exchange, T, Vendor

log = logging.getLogger(__name__)


@attrs.frozen(eq=False)
class Conversation:
    """One vendor, one certificate, and the ways to reach it. Replaced as a whole when the settings change."""

    certificate_id: str
    vendor: Vendor
    transport: Transport
    access: AccessTokens
    request_timeout: float

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

        async def log_in(now: float) -> AccessToken:
            begun = self.vendor.login(region, now)
            if begun is None:
                raise Refused(Reason.CREDENTIALS, detail=f"the {self.vendor.brand} plug-in takes back its login")
            try:
                return await self.run(begun, None)
            except ExchangeError:
                raise
            except Exception as broken:
                raise Refused(Reason.CREDENTIALS, detail=blame(self.vendor.brand, broken)) from None

        try:
            return await self.access.get((self.certificate_id, region), log_in)
        except NoVerdict as silent:
            raise NoVerdict(f"login: {silent.detail}", sent=False) from None

    async def run(
        self, exchange: Exchange[T], access: AccessToken | None, asking: Callable[[], None] | None = None
    ) -> T:
        """Carry an exchange through: requests out, replies in, `NoVerdict` thrown in where none came.

        `asking` is called before each request is handed to the transport.
        """
        try:
            request = next(exchange)
            while True:
                if access is not None:
                    request = self.vendor.authorize(request, access)
                if asking is not None:
                    asking()
                try:
                    response = await self.transport.send(
                        request, pool=self.certificate_id, timeout=self.request_timeout
                    )
                except NoVerdict as silent:
                    request = exchange.throw(silent)
                    continue
                try:
                    request = exchange.send(response)
                except ClockSkew as skew:
                    if response.date is not None and response.received_at is not None:
                        skew.offset = response.date - response.received_at
                    raise
        except StopIteration as done:
            result: T = done.value
            return result
        finally:
            exchange.close()

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
            self.access.forget((self.certificate_id, region), access)
        try:
            access = await self.login(region)
        except NoVerdict as silent:
            # What was asked before was refused, readably; only the login after it got no answer.
            raise Refused(Reason.UNAVAILABLE, detail=silent.detail) from None
        return await self.run(begin(), access, asking)


def blame(brand: str, error: BaseException) -> str:
    """A sentence on a plug-in that broke its promise. The error's message may quote content, so it is not told."""
    place = ""
    if (trace := error.__traceback__) is not None:
        while trace.tb_next is not None:
            trace = trace.tb_next
        place = f" in {trace.tb_frame.f_code.co_name}, line {trace.tb_lineno}"
    sentence = f"the {brand} plug-in broke its contract: {type(error).__name__}{place}"
    log.error("%s", sentence)
    return sentence
