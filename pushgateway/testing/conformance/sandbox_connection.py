"""How a request of a plug-in reaches its sandbox: by a call in this process, or over HTTP on loopback.

Both ways give the same `Answer`, so the same scenarios run on both. Over HTTP, one server serves whichever sandbox is
asked; delays that the sandbox asks for are reported and not slept, and the sandbox's clock stays the virtual one. Over
HTTP it needs the extra `sandbox`. Used by `harness` and `exchange_driver`.
"""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import attrs

from pushgateway.model.secret import safe_repr
from pushgateway.sandbox import Answer, Sandbox
from pushgateway.sandbox.serving.server import serve
from pushgateway.testing.virtual_time import VirtualLoop
from pushgateway.vendor import Request, Response

HOST = "https://sandbox.invalid"
"""The address of the sandbox if no network is used."""
EPOCH = 1_700_000_000.0
"""The wall clock at the beginning of a scenario, in epoch seconds."""


class Clock:
    """Epoch seconds of the calling thread's virtual loop; in another thread the last value that was read."""

    def __init__(self) -> None:
        self._now = EPOCH

    def __call__(self) -> float:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return self._now
        if isinstance(loop, VirtualLoop):
            self._now = EPOCH + loop.time()
        return self._now


class _Relay(Sandbox):
    """The served object: it passes each request to the sandbox of the running scenario."""

    brand = "relay"

    def __init__(self) -> None:
        super().__init__(tokens=0, clock=lambda: EPOCH)
        self.serves: Sandbox = self
        self.answered: Answer | Exception | None = None

    def answer(self, request: Request) -> Answer:
        """The answer of the sandbox that is served, at once."""
        try:
            self.answered = self.serves.answer(request)
        except Exception as failed:  # raised again by `carry`, in the thread of the scenario
            self.answered = failed
            return Answer(None)
        return attrs.evolve(self.answered, delay=0.0)

    # Abstract methods that are never called: `answer` does not use them.

    def operation(self, request: Request) -> str:
        raise NotImplementedError

    def perform(self, request: Request, operation: str) -> Response:
        raise NotImplementedError

    def refusal(self, code: str) -> Response:
        raise NotImplementedError

    def settings(self, url: str) -> dict[str, object]:
        raise NotImplementedError


class HttpConnection:
    """A server on loopback and one connection to it."""

    def __init__(self, relay: _Relay, url: str) -> None:
        self.url = url
        self._relay = relay
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)

    def carry(self, sandbox: Sandbox, request: Request) -> Answer:
        """Send a request to `sandbox` over HTTP. Raises what the sandbox raised."""
        sandbox.clock()  # the server's thread has no virtual loop: it sees the moment that is looked up here
        self._relay.serves, self._relay.answered = sandbox, None
        response = self._ask(request)
        answered = self._relay.answered
        if isinstance(answered, Exception):
            raise answered
        if answered is None:
            assert response is not None, "the connection broke before the sandbox was asked"
            return Answer(response)  # the server's own reply, such as 413
        broke = "the sandbox breaks the connection, and over HTTP a reply came"
        assert (response is None) == (answered.response is None), broke
        return attrs.evolve(answered, response=response)

    def _ask(self, request: Request) -> Response | None:
        path = request.url.removeprefix(self.url) or "/"
        for _ in range(2):
            fresh = self._connection.sock is None
            try:
                self._connection.request(request.method, path, request.content, dict(request.headers))
                reply = self._connection.getresponse()
                content = reply.read()
            except (http.client.HTTPException, OSError):
                self._connection.close()
                if fresh or self._relay.answered is not None:
                    return None
                continue  # an idle connection that the server has closed
            names = {name.lower(): value for name, value in reply.getheaders()}
            return Response(reply.status, names, content)
        return None

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@contextmanager
def open_http_connection() -> Iterator[HttpConnection]:
    """A connection to a server that runs until the end of the block."""
    relay = _Relay()
    with serve(relay) as served:
        connection = HttpConnection(relay, served.url)
        try:
            yield connection
        finally:
            connection.close()


@safe_repr
@attrs.frozen
class SandboxConnection:
    """One sandbox, called directly or over a connection; used by `SandboxTransport` and `ExchangeDriver`."""

    sandbox: Sandbox
    http: HttpConnection | None

    def answer(self, request: Request) -> Answer:
        """The sandbox's answer. Raises what the sandbox raises."""
        return self.sandbox.answer(request) if self.http is None else self.http.carry(self.sandbox, request)
