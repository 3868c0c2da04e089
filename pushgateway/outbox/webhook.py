"""`Webhook`: hands over results by HTTP, signed as https://www.standardwebhooks.com describes.

    Worker(outbox, gateway, results=Webhook("https://im.example/push-results", "whsec_…"))

The receiver answers 2xx when it has kept them. Anything else, or no answer, and the same results are posted again
later, until it has: so it may get one twice, which it recognises by `dedupe_id`. A body is

    {"type": "push.results", "data": [{"dedupe_id": …, "certificate_id": …, "token": …, "status": "accepted", …}]}

with the fields of `Result` and `Outcome`. Verify it with any library for standard webhooks.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs

from pushgateway.model.checks import check_seconds
from pushgateway.model.errors import FieldError, NotTaken
from pushgateway.model.secret import Secret, safe_repr
from pushgateway.outbox.content import outcome_fields
from pushgateway.outbox.outbox import Result
from pushgateway.transport import Transport
from pushgateway.transport.auto import make_transport
from pushgateway.vendor import NoVerdict, Request
from pushgateway.vendor.urls import check_base_url

PREFIX: Final = "whsec_"
_POOL: Final = "webhook"


def webhook_key(field: str, secret: Secret | str) -> Secret:
    """A webhook's secret, `whsec_` and the Base64 of 24 to 64 bytes, checked. Raises `FieldError`."""
    text = secret.reveal() if isinstance(secret, Secret) else secret
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        key = b""
    if not isinstance(text, str) or not text.startswith(PREFIX) or not 24 <= len(key) <= 64:
        del text, key, secret  # a crash reporter stores the variables of this frame
        raise FieldError(field, f"must be {PREFIX} and the Base64 of 24 to 64 random bytes")
    return Secret(text)


@safe_repr
class Webhook:
    """A handler of results that posts them to a URL. The worker closes it."""

    def __init__(
        self,
        url: str,
        secret: Secret | str,
        *,
        timeout: float = 15.0,
        transport: Transport | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`url`: https, or http to this machine. `secret`: `whsec_` and the Base64 of 24 to 64 random bytes, the same
        for the receiver. `timeout`: seconds for one request. `transport`: yours, closed by you (default: one like a
        gateway's). Raises `FieldError`."""
        check_seconds("Webhook.timeout", timeout, optional=False)
        self._url = check_base_url("Webhook.url", url)
        self._secret = webhook_key("Webhook.secret", secret)
        self._timeout, self._clock = timeout, clock
        self._owns = transport is None
        self._transport: Transport = make_transport() if transport is None else transport

    async def __call__(self, results: Sequence[Result]) -> None:
        """Post these results. Raises `NotTaken`."""
        data = [result_fields(result) for result in results]
        body = json.dumps({"type": "push.results", "data": data}, separators=(",", ":")).encode()
        headers = {
            "content-type": "application/json",
            **signed_headers(self._secret, message_id(results), int(self._clock()), body),
        }
        request = Request("POST", self._url, headers, body)
        try:
            response = await self._transport.send(request, pool=_POOL, timeout=self._timeout)
        except NoVerdict as silence:
            raise NotTaken(f"the webhook did not answer ({silence})") from None
        if not 200 <= response.status < 300:
            raise NotTaken(f"the webhook answered {response.status}")

    async def aclose(self) -> None:
        """Close the connections."""
        if self._owns:
            await self._transport.aclose()

    def __repr__(self) -> str:
        return "Webhook(…)"


def result_fields(result: Result) -> dict[str, Any]:
    """A result as JSON: what it is about, whose it is, and how it ended. Fields that say nothing are left out."""
    outcome = result.outcome
    owner = {} if result.owner is None else attrs.asdict(result.owner)
    whose = {"context": outcome.context, **owner}
    return {
        "dedupe_id": outcome.dedupe_id,
        "certificate_id": outcome.push_token.certificate_id,
        "token": outcome.push_token.token,
        **{name: value for name, value in whose.items() if value is not None},
        "put_at": result.put_at,
        "tries": result.tries,
        "dead": result.dead,
        **outcome_fields(outcome),
    }


def message_id(results: Sequence[Result]) -> str:
    """The id of a request: the same when the same results are posted again. A push that was put again under the same
    id, or a dead letter that was sent again, was put at another time."""
    endings = "\0".join(f"{one.outcome.dedupe_id} {one.put_at} {one.tries} {one.dead}" for one in results)
    return f"msg_{hashlib.blake2b(endings.encode(), digest_size=16).hexdigest()}"


def signed_headers(secret: Secret, name: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of a standard webhook. `timestamp`: whole epoch seconds."""
    key = base64.b64decode(secret.reveal().removeprefix(PREFIX))
    digest = hmac.new(key, f"{name}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": name, "webhook-timestamp": str(timestamp), "webhook-signature": signature}
