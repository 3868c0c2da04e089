"""How somebody outside the project writes a plug-in, for the type checker. Never run; checked against the installed
package.

It imports from `pushgateway.vendor` only.
"""

import json
from collections.abc import Sequence
from typing import Any, ClassVar, assert_type

import attrs

from pushgateway.vendor import (
    AccessExpired,
    AccessToken,
    AudienceKind,
    Batching,
    Broadcast,
    BroadcastOutcome,
    Exchange,
    Outcome,
    Push,
    Reason,
    Refused,
    Reply,
    Request,
    Response,
    Secret,
    Status,
    Vendor,
    read_json,
    read_reply,
)

API = "https://push.acme.example"


@attrs.frozen
class Acme(Vendor):
    """A vendor with a login, batches and broadcasts: everything that the contract has."""

    brand: ClassVar[str] = "acme"
    contract: ClassVar[str] = "0.2"
    deduplicates: ClassVar[bool] = True
    audiences: ClassVar[frozenset[AudienceKind]] = frozenset({AudienceKind.EVERYONE})

    app_id: str
    secret: Secret
    size: int = 100

    @property
    def batching(self) -> Batching:
        """The size is a setting."""
        return Batching(size=self.size, mixed=True, max_bytes=1_000_000)

    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        """One request. A long loop yields `None` so that the event loop can run. The reply is read once, for all
        pushes.
        """
        messages = []
        for place, push in enumerate(batch, 1):
            messages.append({"to": push.push_token.token, "title": push.notification.title})
            if place % 500 == 0:
                yield None
        response = yield Request("POST", f"{API}/send", content=json.dumps(messages).encode())
        assert_type(response, Response)
        reply = read_reply(response)
        assert_type(reply, Reply)
        if reply.code == "11":
            raise AccessExpired(Reason.CREDENTIALS, reply.code, reply.message)
        if reply.code != "0":
            raise Refused(Reason.UNAVAILABLE, reply.code, reply.message, response.retry_after)
        return [Outcome.accepted(push, None) for push in batch]

    def broadcast(self, broadcast: Broadcast, saved: str) -> Exchange[BroadcastOutcome]:
        """The second step of a broadcast, or the only one."""
        yield Request("POST", f"{API}/broadcast/{saved}")
        return BroadcastOutcome(certificate_id=broadcast.certificate_id, status=Status.ACCEPTED)

    def login(self, region: str, now: float) -> Exchange[AccessToken]:
        """The type says that this vendor always has a login."""
        response = yield Request("POST", f"{API}/login", {"x-time": f"{now:.0f}"}, self.secret.reveal().encode())
        body: Any = read_json(response)
        return AccessToken(str(body["token"]), lifetime=3600.0, created_at=response.date)

    def finish(self, request: Request, access: AccessToken | None, now: float) -> Request:
        """The same request with the access token in it."""
        if access is None:
            return request
        return attrs.evolve(request, headers={**request.headers, "x-token": access.value})


@attrs.frozen
class Plain(Vendor):
    """The smallest possible plug-in."""

    brand: ClassVar[str] = "plain"
    contract: ClassVar[str] = "0.2"

    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        """One push per request, without a login."""
        reply = read_reply((yield Request("POST", API)))
        if reply.code != "0":
            raise Refused(Reason.INVALID_NOTIFICATION, reply.code, reply.message)
        return [Outcome.accepted(push, None) for push in batch]


def mistakes() -> None:
    """What a checker must refuse. An `ignore` that is no longer needed fails the check."""

    class Silent(Vendor):
        brand: ClassVar[str] = "silent"
        contract: ClassVar[str] = "0.2"

    Silent()  # type: ignore[abstract]
    Acme(app_id="an app", secret="not wrapped")  # type: ignore[arg-type]
