"""`ReceiptSender` posts the receipts of a sandbox, to loopback addresses only. Needs the extra `sandbox`."""

from __future__ import annotations

import asyncio
import ssl
from urllib.parse import urlsplit

import httpx

from pushgateway.sandbox.kit.base import Sandbox
from pushgateway.sandbox.kit.receipt_log import PostedReceipts, PostEnding
from pushgateway.vendor import Request, Response, is_loopback

RECEIPT_TIMEOUT = 5.0
"""Seconds in which a receiver of receipts must reply."""
GRACE = 1.0
"""Seconds for the request under way when the server stops."""


class ReceiptSender:
    """Posts receipts, to loopback addresses only: a sandbox must not send requests to other machines."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    def post_due(self) -> None:
        """Post the receipts that are due, in a task. A task that is running already posts them too."""
        if not self._closing and (self._task is None or self._task.done()):
            due = self._take()
            if due:
                self._task = asyncio.get_running_loop().create_task(self._post_all(due))

    async def aclose(self) -> None:
        """Post no more, and wait for the request under way. One that is cancelled while it connects would leave a
        warning of the HTTP client behind."""
        self._closing = True
        if self._task is not None:
            await asyncio.wait([self._task], timeout=GRACE)
            self._task.cancel()

    def _take(self) -> list[PostedReceipts]:
        due = self._sandbox.callbacks()
        with self._sandbox.lock:
            now = self._sandbox.clock()
            return [self._sandbox.receipt_log.add(request, now) for request in due]

    async def _post_all(self, due: list[PostedReceipts]) -> None:
        while due and not self._closing:
            context = _trust(any(post.request.url.startswith("https:") for post in due))
            async with httpx.AsyncClient(timeout=RECEIPT_TIMEOUT, trust_env=False, verify=context) as client:
                for post in due:
                    if self._closing:
                        return
                    ending = await self._post(client, post.request)
                    with self._sandbox.lock:
                        self._sandbox.receipt_log.end(post, ending)
                        self._sandbox.ledger.receipts[ending] += 1
                        self._sandbox.phones_known.changes.note()
            due = self._take()

    async def _post(self, client: httpx.AsyncClient, request: Request) -> PostEnding:
        try:
            if not is_loopback(urlsplit(request.url).hostname or ""):
                return "refused"
            reply = await client.request(
                request.method, request.url, headers=dict(request.headers), content=request.content
            )
        except (httpx.HTTPError, httpx.InvalidURL, ValueError):
            return "failed"
        answer = Response(
            reply.status_code, {name.lower(): value for name, value in reply.headers.items()}, reply.content
        )
        return "posted" if self._sandbox.is_taken(answer) else "failed"


def _trust(tls: bool) -> ssl.SSLContext:
    # Reading the system's authorities takes 20 ms, and most receivers are plain HTTP. For an authority of one's own
    # OpenSSL looks at SSL_CERT_FILE.
    return ssl.create_default_context() if tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
