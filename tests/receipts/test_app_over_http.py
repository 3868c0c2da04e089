"""The whole way of a receipt: the push is sent, the sandbox posts the receipt over real HTTP, the app under uvicorn
receives it and hands it to the host.

Loopback and port 0. The gateway and the app run in the test's loop, the sandbox in a thread.
"""

import asyncio
import logging
import socket
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from faulty_server import Authority
from pushgateway_oppo.sandbox import OppoSandbox
from starlette.applications import Starlette
from starlette.routing import Mount

from pushgateway import Certificate, Gateway, Notification, PushToken, Receipt, ReceiptKind
from pushgateway.receipts import Busy, Receipts
from pushgateway.sandbox.serving.server import serve

SECRET = "a secret of thirty-two characters"
NOTE = Notification("Ann", "See you at eight")


class Host:
    """Stores receipts, and lets a test wait until there are so many."""

    def __init__(self) -> None:
        self.kept: list[Receipt] = []
        self.busy = 0
        self._came = asyncio.Condition()

    async def __call__(self, receipts: Sequence[Receipt]) -> None:
        if self.busy:
            self.busy -= 1
            raise Busy
        async with self._came:
            self.kept.extend(receipts)
            self._came.notify_all()

    async def has(self, count: int) -> list[Receipt]:
        """The receipts, as soon as there are so many."""
        async with asyncio.timeout(20), self._came:
            await self._came.wait_for(lambda: len(self.kept) >= count)
        return self.kept


@asynccontextmanager
async def listening(app: Any, listener: socket.socket, **tls: Any) -> AsyncIterator[None]:
    """The app under uvicorn, on a socket that is bound already."""
    config = uvicorn.Config(app, log_config=None, lifespan="on", **{"log_level": "critical", **tls})
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    running = asyncio.ensure_future(server._serve([listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await running


@asynccontextmanager
async def world(oppo: OppoSandbox, host: Host, base: str, listener: socket.socket, **more: Any) -> AsyncIterator[Any]:
    """A gateway whose pushes go to `oppo`, and the app that receives their receipts."""
    with serve(oppo) as served:
        settings = oppo.settings(served.url)
        certificate = Certificate(7005, "oppo", {**settings}, receipt_url=base, receipt_secret=SECRET)
        async with Gateway([certificate]) as gateway:
            app: Any = Receipts(gateway, host, retry_after=1.0)
            if more.pop("mounted", False):
                app = Starlette(routes=[Mount("/push", app)])
            async with listening(app, listener, **more):
                yield gateway


def bound() -> tuple[socket.socket, int]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()  # early connections wait
    return listener, listener.getsockname()[1]


@pytest.mark.parametrize("dialect", ["v1.3", "current"])
@pytest.mark.parametrize("mounted", [False, True], ids=["alone", "mounted"])
def test_a_push_is_confirmed_by_its_receipt(dialect: str, mounted: bool) -> None:
    """Sent alone, in a batch and by a broadcast: the host gets a receipt for each phone, with the dedupe id of its
    push."""
    oppo = OppoSandbox(dialect=dialect)
    listener, port = bound()

    async def main() -> None:
        host = Host()
        base = f"http://127.0.0.1:{port}" + "/push" * mounted
        async with world(oppo, host, base, listener, mounted=mounted) as gateway:
            one, *others = [PushToken(7005, token) for token in oppo.tokens[:4]]
            outcomes = [await gateway.send(one, NOTE), *await gateway.multicast(others, NOTE)]

            receipts = await host.has(4)

            assert {(r.push_token, r.dedupe_id, r.message_id) for r in receipts} == {
                (outcome.push_token, outcome.dedupe_id, outcome.message_id) for outcome in outcomes
            }
            assert {receipt.kind for receipt in receipts} == {ReceiptKind.ARRIVED}

    before = threading.active_count()
    asyncio.run(main())

    assert oppo.ledger.receipts == {"posted": oppo.ledger.receipts["posted"]}
    assert threading.active_count() == before


@pytest.mark.parametrize("http", ["h11", "httptools"])
def test_a_gateway_of_the_lifespan_and_an_access_log_without_the_secret(
    http: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A host mounts the app before it has a gateway, which its lifespan makes. The server's access log, which is on by
    default, has a line for each receipt, and none holds the secret part of the address."""
    oppo = OppoSandbox()
    listener, port = bound()
    host = Host()

    async def main(url: str) -> str:
        settings = {**oppo.settings(url)}
        base = f"http://127.0.0.1:{port}/push"
        certificate = Certificate(7005, "oppo", settings, receipt_url=base, receipt_secret=SECRET)

        @asynccontextmanager
        async def lifespan(app: Starlette) -> AsyncIterator[None]:
            async with Gateway([certificate]) as app.state.gateway:
                yield

        app = Starlette(lifespan=lifespan, routes=[Mount("/push", Receipts(lambda: app.state.gateway, host))])
        async with listening(app, listener, http=http, log_level="info"):
            while not hasattr(app.state, "gateway"):  # noqa: ASYNC110 - the server has no event for it
                await asyncio.sleep(0.01)
            await app.state.gateway.send(PushToken(7005, oppo.tokens[0]), NOTE)
            await host.has(1)
        assert certificate.signer is not None
        return certificate.signer.url.rsplit("/", 1)[1]

    with serve(oppo) as served:  # this switches off the access log of this process
        logging.getLogger("uvicorn.access").addHandler(caplog.handler)
        try:
            secret = asyncio.run(main(served.url))
        finally:
            logging.getLogger("uvicorn.access").removeHandler(caplog.handler)

    logged = [record.getMessage() for record in caplog.records if record.name == "uvicorn.access"]
    assert any('"POST /push/7005/hidden HTTP/1.1" 200' in line for line in logged)
    assert secret not in caplog.text


def test_a_receipt_over_tls_is_received(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox trusts only the authority that SSL_CERT_FILE names."""
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.pem))
    files = {"ssl_keyfile": tmp_path / "key.pem", "ssl_certfile": tmp_path / "cert.pem"}
    leaf = authority.ca.issue_cert("127.0.0.1")
    leaf.private_key_pem.write_to_path(str(files["ssl_keyfile"]))
    leaf.cert_chain_pems[0].write_to_path(str(files["ssl_certfile"]))
    oppo = OppoSandbox()
    listener, port = bound()

    async def main() -> None:
        host = Host()
        async with world(oppo, host, f"https://127.0.0.1:{port}", listener, **files) as gateway:
            outcome = await gateway.send(PushToken(7005, oppo.tokens[0]), NOTE)
            (receipt,) = await host.has(1)
            assert receipt.dedupe_id == outcome.dedupe_id

    asyncio.run(main())

    assert oppo.ledger.receipts == {"posted": 1}


def test_a_host_that_cannot_store_a_receipt_gives_503() -> None:
    """The vendor gets 503 for what could not be stored, and the app continues."""
    oppo = OppoSandbox()
    listener, port = bound()

    async def main() -> None:
        host = Host()
        host.busy = 1
        async with world(oppo, host, f"http://127.0.0.1:{port}", listener) as gateway:
            await gateway.send(PushToken(7005, oppo.tokens[0]), NOTE)
            while not oppo.ledger.receipts:  # noqa: ASYNC110 - another thread's
                await asyncio.sleep(0.01)
            second = await gateway.send(PushToken(7005, oppo.tokens[1]), NOTE)
            (receipt,) = await host.has(1)
            assert receipt.dedupe_id == second.dedupe_id

    asyncio.run(main())

    assert oppo.ledger.receipts["failed"] == 1


def test_a_large_body_is_refused_before_it_is_read() -> None:
    """Ten megabytes are announced and never sent: 413 at once with the right address, 404 with a wrong one."""
    oppo = OppoSandbox()
    listener, port = bound()

    async def ask(path: str) -> tuple[bytes, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000\r\n\r\n".encode())
        async with asyncio.timeout(5):
            answer = await reader.read()  # to its end: the connection is closed
        writer.close()
        return answer.split(b" ")[1], answer.partition(b"\r\n\r\n")[2]

    async def main() -> list[tuple[bytes, bytes]]:
        host = Host()
        async with world(oppo, host, f"http://127.0.0.1:{port}", listener) as gateway:
            (certificate,) = gateway.certificates
            return [await ask(certificate.signer.url.partition(str(port))[2]), await ask("/7005/guess")]

    assert asyncio.run(main()) == [(b"413", b""), (b"404", b"")]
