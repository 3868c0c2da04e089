"""A scripted transport and a vendor whose login is written by the test, for tests of `VendorSession`.

There is no network: what comes back is what the script says.
"""

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

import attrs
from login_server import fresh

from pushgateway.engine.session.plugin_guard import GuardedVendor
from pushgateway.engine.session.vendor_session import Ask, FairTurn, VendorSession
from pushgateway.observe.emitter import Emitter
from pushgateway.vendor import AccessToken, Exchange, Request, Response, Vendor


class Script:
    """A transport that answers each request with the next line of its script. `asked` has the requests, `with_`
    their pool and timeout.
    """

    def __init__(self, *lines: Response | BaseException | float) -> None:
        self.lines = list(lines)
        self.asked: list[Request] = []
        self.with_: list[tuple[str, float]] = []

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109 - the port's
        """See `Transport.send`. A number in the script is a pause before the next line."""
        self.asked.append(request)
        self.with_.append((pool, timeout))
        line = self.lines.pop(0)
        await asyncio.sleep(line if isinstance(line, float) else 0)
        if isinstance(line, float):
            line = self.lines.pop(0)
        if isinstance(line, BaseException):
            raise line
        assert isinstance(line, Response)
        return line

    async def aclose(self) -> None:
        """Nothing to close."""


@attrs.frozen
class Scripted(Vendor):
    """A vendor that logs in as the test says."""

    brand: ClassVar[str] = "scripted"
    contract: ClassVar[str] = "0.2"
    logging_in: Callable[[str, float], Any] = lambda _, __: None

    def push(self, batch: Any) -> Any:
        """Not used: tests pass exchanges directly."""
        raise NotImplementedError

    def login(self, region: str, now: float) -> Any:
        """See `Vendor.login`."""
        return self.logging_in(region, now)


def session_over(script: Script, logging_in: Callable[[str, float], Any] = lambda _, __: None) -> VendorSession:
    """A session over this script."""
    emitter = Emitter(None, asyncio.get_running_loop().time)
    vendor = GuardedVendor(Scripted(logging_in), "7005", emitter.complain)
    return VendorSession("7005", vendor, script, fresh(), 5.0, emitter, FairTurn())


class PushAsk(Ask):
    """What is asked for one push; `before` is called before each request is handed to the transport."""

    def __init__(self, region: str = "", before: Callable[[], None] = lambda: None) -> None:
        super().__init__("push", region, 1)
        self._before = before

    def leaving(self, request: Request) -> None:
        """See `Ask`."""
        self._before()
        super().leaving(request)


def ask(number: int) -> Request:
    """Request number `number`."""
    return Request("POST", f"https://host/{number}", {"n": str(number)})


def asking(*numbers: int) -> Exchange[list[int]]:
    """An exchange of these requests. Returns the statuses of their replies."""
    statuses = []
    for number in numbers:
        reply = yield ask(number)
        statuses.append(reply.status)
    return statuses


def log_in_once(region: str, now: float) -> Exchange[AccessToken]:
    """A login of one request: the body of the reply is the access token."""
    reply = yield Request("POST", f"https://login/{region}", {"now": str(now)})
    return AccessToken(reply.content.decode(), 1000.0)


def token(value: str) -> Response:
    """The login server's reply with this token."""
    return Response(200, {}, value.encode())


async def ending(call: Any) -> Any:
    """What a call returns, or the exception that it raises."""
    try:
        return await call
    except Exception as error:
        return error
