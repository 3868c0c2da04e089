"""Toy vendors whose receipts are proved in other ways than by a parameter of each push, and their server.

`PerRequest` has one parameter and one message id for all pushes of a request; `Signing` signs what it posts; `Unmarked`
returns nothing of ours and signs nothing. Receipts are those of `operations_vendor.posted`, for `Signing` with a time
as the last element of each.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import attrs
from operations_vendor import SECRET, OperationsVendor
from toy_vendor import URL, ToyServer

from pushgateway import Certificate
from pushgateway.vendor import (
    Batch,
    CallBack,
    Exchange,
    Outcome,
    Push,
    PushToken,
    Reason,
    Receipt,
    ReceiptKind,
    Refused,
    Request,
    Response,
    Secret,
    read_posted,
    read_reply,
)

KEY = "the key of the vendor's receipts"
FRESH = 600.0
"""Seconds for which a signature is good."""
KINDS = {
    "arrived": ReceiptKind.ARRIVED,
    "dead": ReceiptKind.UNREGISTERED,
    "clicked": ReceiptKind.CLICKED,
    "muted": ReceiptKind.MUTED,
    "dropped": ReceiptKind.DROPPED,
    "limited": ReceiptKind.LIMITED,
}


@attrs.frozen
class PerRequest(OperationsVendor):
    """One parameter and one message id for each request."""

    @property
    def marks(self) -> Literal["push", "message", "none"]:
        return "message"

    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        """Sends the parameter in a header; all pushes have the id of the request."""
        whole = Batch.of(batch)
        mark = None if whole.callback is None else [whole.callback.url, whole.callback.parameter]
        items = [[push.push_token.token, push.notification.title, push.dedupe_id] for push in batch]
        request = Request("POST", f"{URL}/near/push", {"mark": json.dumps(mark)}, json.dumps(items).encode())
        reply = read_reply((yield request))
        self._refuse(reply.code)
        return [Outcome.accepted(push, str(reply.body["id"])) for push in batch]

    def receipts(
        self, certificate_id: str, headers: Mapping[str, str], body: bytes, now: float
    ) -> Sequence[Receipt | None]:
        """The toy's, with all kinds and perhaps a replacement: `dead=<other token>`."""
        return [self._read(certificate_id, *one) for one in read_posted(body)]

    def _read(
        self, key: str, token: str, event: str, parameter: str, message_id: str, task_id: str, at: float | None = None
    ) -> Receipt:
        word, _, other = event.partition("=")
        return Receipt(
            push_token=PushToken(key, token),
            kind=KINDS.get(word, ReceiptKind.OTHER),
            event=event,
            message_id=message_id or None,
            task_id=task_id or None,
            at=at,
            parameter=parameter,
            replacement=PushToken(key, other) if other else None,
        )


@attrs.frozen
class Unmarked(PerRequest):
    """Takes no parameter and signs nothing."""

    @property
    def marks(self) -> Literal["push", "message", "none"]:
        return "none"


@attrs.frozen
class Signing(PerRequest):
    """Signs time and body of what it posts, in the header `x-toy-signature: <time>:<HMAC-SHA256>`."""

    proves_receipts: ClassVar[bool] = True  # type: ignore[misc]

    receipts_key: Secret = attrs.field(kw_only=True)

    @property
    def marks(self) -> Literal["push", "message", "none"]:
        return "none"

    def receipts(
        self, certificate_id: str, headers: Mapping[str, str], body: bytes, now: float
    ) -> Sequence[Receipt | None]:
        """Only what is signed, and not long ago."""
        at, _, given = headers.get("x-toy-signature", "").partition(":")
        if not hmac.compare_digest(signature(self.receipts_key.reveal(), at, body), given):
            raise Refused(Reason.CREDENTIALS, detail="the signature of the receipts is wrong")
        if abs(now - float(at)) > FRESH:
            raise Refused(Reason.CREDENTIALS, detail="the signature of the receipts is old")
        return PerRequest.receipts(self, certificate_id, headers, body, now)


def signature(key: str, at: str, body: bytes) -> str:
    """What `Signing` writes into its header."""
    return hmac.digest(key.encode(), at.encode() + b"\0" + body, hashlib.sha256).hex()


def signed(body: bytes, at: float, key: str = KEY) -> dict[str, str]:
    """The headers of a request that the vendor posts at that time (epoch seconds)."""
    return {"X-Toy-Signature": f"{at}:{signature(key, str(at), body)}"}


class RequestServer(ToyServer):
    """The toy's server; `requests` has the tokens, the mark (`[url, parameter]` or None) and the id of each push
    request, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[tuple[list[str], Any, str]] = []

    def _answer(self, what: str, request: Request) -> Response:
        reply = super()._answer(what, request)
        if what != "push":
            return reply
        tokens = [item[0] for item in json.loads(request.content)]
        number = f"r{len(self.requests) + 1}"
        self.requests.append((tokens, json.loads(request.headers["mark"]), number))
        body = {**json.loads(reply.content), "id": number}
        return Response(reply.status, reply.headers, json.dumps(body).encode())

    def callback(self, number: int = -1) -> CallBack:
        """The mark of a request."""
        return CallBack(*self.requests[number][1])


def receipts_certificate(brand: str = "toy", *, receipt_secret: str | None = SECRET, **settings: Any) -> Certificate:
    """A certificate of one of these vendors; it asks for receipts, unless `receipt_secret` is None."""
    url = None if receipt_secret is None else "https://im.example.com/push"
    return Certificate(
        1, brand, {"secret": "s3cret", "mixed": False, **settings}, receipt_url=url, receipt_secret=receipt_secret
    )
