"""A toy vendor and its server, for tests of the engine: small enough to see that a fault is the engine's.

Requests and replies are JSON: a push request is a list of [token, title, dedupe id]; the reply is a list of [token,
code].
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import attrs

from pushgateway import Certificate, Gateway, Notification
from pushgateway.testing.virtual_time import loop_wall_clock
from pushgateway.vendor import (
    AccessExpired,
    AccessToken,
    Audience,
    AudienceKind,
    Batching,
    Broadcast,
    BroadcastOutcome,
    Call,
    Exchange,
    NoVerdict,
    Outcome,
    Push,
    PushToken,
    Reason,
    Refused,
    Request,
    Response,
    Saved,
    Secret,
    Status,
    Vendor,
    read_reply,
)

REASONS = {
    "2": Reason.UNREGISTERED,
    "3": Reason.INVALID_NOTIFICATION,
    "5": Reason.UNAVAILABLE,
    "6": Reason.RATE_LIMITED,
    "7": Reason.QUOTA_EXCEEDED,
    "8": Reason.CREDENTIALS,
}
URL = "https://toy.example"


@attrs.frozen
class Toy(Vendor):
    """Code 0 is accepted, 11 an expired access token, 32 a dropped repeat; others by `REASONS`."""

    brand: ClassVar[str] = "toy"
    contract: ClassVar[str] = "0.2"
    audiences: ClassVar[frozenset[AudienceKind]] = frozenset({AudienceKind.TOKENS, AudienceKind.EVERYONE})
    audience_size: ClassVar[int] = 3

    secret: Secret
    size: int = 1000
    mixed: bool = True
    max_bytes: int | None = None
    dedupe: bool = True
    logs_in: bool = True
    saves: bool = True

    @property
    def deduplicates(self) -> bool:  # type: ignore[override]
        return self.dedupe

    @property
    def batching(self) -> Batching:
        return Batching(self.size, self.mixed, self.max_bytes)

    def region(self, token: str) -> str:
        return "far" if token.startswith("far-") else "near"

    def login(self, region: str, now: float) -> Exchange[AccessToken] | None:
        return self._login(region, now) if self.logs_in else None

    def _login(self, region: str, now: float) -> Exchange[AccessToken]:
        body = json.dumps({"secret": self.secret.reveal(), "now": now}).encode()
        reply = read_reply((yield Request("POST", f"{URL}/{region}/login", content=body)))
        self._refuse(reply.code)
        return AccessToken(str(reply.body["token"]), 86400.0, None)

    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        kept = {
            place: Outcome.not_sent(push, Reason.INVALID_NOTIFICATION, "title: must not be empty")
            for place, push in enumerate(batch)
            if not push.notification.title
        }
        asked = [push for place, push in enumerate(batch) if place not in kept]
        if not asked:
            return list(kept.values())
        region = self.region(asked[0].push_token.token)
        items = [[push.push_token.token, push.notification.title, push.dedupe_id] for push in asked]
        try:
            reply = read_reply((yield Request("POST", f"{URL}/{region}/push", content=json.dumps(items).encode())))
            self._refuse(reply.code)
        except (Refused, NoVerdict) as failed:
            raise failed.keeping(kept) from None
        codes = dict(reply.body["codes"])
        return [
            kept[place] if place in kept else self._outcome(push, codes.get(push.push_token.token))
            for place, push in enumerate(batch)
        ]

    def _outcome(self, push: Push, code: str | None) -> Outcome:
        if code is None:
            return Outcome.unknown(push, "no verdict on this one")
        if code == "0":
            return Outcome.accepted(push, f"m-{push.dedupe_id}")
        if code == "32":
            return Outcome.rejected(push, Reason.INVALID_NOTIFICATION, code=code, repeated=True)
        return Outcome.rejected(push, REASONS[code], code=code)

    def _refuse(self, code: str) -> None:
        if code == "11":
            raise AccessExpired(Reason.CREDENTIALS, code)
        if code != "0":
            raise Refused(REASONS[code], code)

    def save(self, broadcast: Broadcast) -> Exchange[Saved] | None:
        return self._save(broadcast) if self.saves else None

    def _save(self, broadcast: Broadcast) -> Exchange[Saved]:
        if not broadcast.notification.title:
            raise Refused(Reason.INVALID_NOTIFICATION, detail="title: must not be empty")
        reply = read_reply((yield Request("POST", f"{URL}/{self._home(broadcast.audience)}/save")))
        self._refuse(reply.code)
        return Saved(str(reply.body["id"]), ("body",), ("group",))

    def broadcast(self, broadcast: Broadcast, saved: str) -> Exchange[BroadcastOutcome]:
        tokens = broadcast.audience.values
        body = json.dumps([saved, *tokens]).encode()
        url = f"{URL}/{self._home(broadcast.audience)}/broadcast"
        reply = read_reply((yield Request("POST", url, content=body)))
        self._refuse(reply.code)
        bad = set(reply.body.get("bad", ()))
        return BroadcastOutcome(
            certificate_id=broadcast.certificate_id,
            status=Status.ACCEPTED,
            task_ids=(str(reply.body["task"]),),
            outcomes=tuple(
                Outcome(
                    push_token=PushToken(broadcast.certificate_id, token),
                    status=Status.REJECTED if token in bad else Status.ACCEPTED,
                    reason=Reason.UNREGISTERED if token in bad else None,
                    attempts=1,
                )
                for token in tokens
            ),
        )

    def ping(self) -> Call[str]:
        """An operation: asks whether the vendor can be reached."""

        def begin() -> Exchange[str]:
            reply = read_reply((yield Request("POST", f"{URL}/near/ping")))
            self._refuse(reply.code)
            return reply.code

        return Call(name="ping", begin=begin, region="near")

    def _home(self, audience: Audience) -> str:
        return self.region(audience.values[0]) if audience.values else self.home_region


class ToyServer:
    """The toy vendor's server and the transport to it in one: no network, virtual time.

    `answers` are used one by one for push requests: a code for the whole reply, an exception to raise, or a function of
    the items. When none is left, every item gets its code in `codes` (default 0). Every delivered push is in `ledger`,
    by token.
    """

    def __init__(self) -> None:
        self.answers: list[str | Exception | Callable[[list[list[str]]], object]] = []
        self.broadcasts: list[str | Exception] = []
        self.saves: list[str | Exception] = []
        self.login_answers: list[str | Exception] = []
        self.codes: dict[str, str] = {}
        self.latency = 0.01
        self.refuse_access: set[str] = set()
        self.calls: Counter[str] = Counter()
        self.ledger: Counter[tuple[str, str]] = Counter()
        self.batches: list[list[list[str]]] = []
        self.sent_to: list[list[str]] = []
        self.secrets: list[str] = []
        self.open_requests = self.peak = 0
        self.closed = False
        self.dedupes = True
        self._seen: set[str] = set()
        self._bad: set[str] = set()

    @property
    def bad(self) -> set[str]:
        """Tokens that a broadcast refuses."""
        return self._bad

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109
        what = request.url.rsplit("/", 1)[1]
        self.calls[what] += 1
        self.open_requests += 1
        self.peak = max(self.peak, self.open_requests)
        try:
            async with asyncio.timeout(timeout):
                await asyncio.sleep(self.latency)
                return self._answer(what, request)
        except TimeoutError:
            raise NoVerdict("timeout") from None
        finally:
            self.open_requests -= 1

    async def aclose(self) -> None:
        self.closed = True

    def _answer(self, what: str, request: Request) -> Response:
        if what == "login":
            self.secrets.append(json.loads(request.content)["secret"])
            return self._whole(self.login_answers, {"token": f"t{self.calls['login']}"})
        if request.headers.get("authorization", "").removeprefix("Bearer ") in self.refuse_access:
            return _reply({"code": 11})
        if what == "ping":
            return _reply({"code": 0})
        if what == "save":
            return self._whole(self.saves, {"id": "content-1"})
        if what == "broadcast":
            self.sent_to.append(json.loads(request.content))
            values = self.sent_to[-1][1:]
            task = {"task": f"task-{self.calls['broadcast']}", "bad": [v for v in values if v in self._bad]}
            return self._whole(self.broadcasts, task)
        return self._push(json.loads(request.content))

    def _whole(self, answers: list[str | Exception], body: dict[str, object]) -> Response:
        answer = answers.pop(0) if answers else "0"
        if isinstance(answer, Exception):
            raise answer
        return _reply({"code": answer, **body})

    def _push(self, items: list[list[str]]) -> Response:
        self.batches.append(items)
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, str):
            return _reply({"code": answer})
        if isinstance(answer, NoVerdict) and not answer.sent:
            raise answer
        codes = {token: self._perform(token, title, dedupe_id) for token, title, dedupe_id in items}
        if isinstance(answer, Exception):
            raise answer
        return _reply({"code": 0, "codes": answer(items)} if callable(answer) else {"code": 0, "codes": codes})

    def _perform(self, token: str, title: str, dedupe_id: str) -> str:
        code = self.codes.get(token, "0")
        if code == "0" and self.dedupes and dedupe_id in self._seen:
            return "32"
        if code == "0":
            self._seen.add(dedupe_id)
            self.ledger[token, title] += 1
        return code


def _reply(body: dict[str, object]) -> Response:
    return Response(200, {"content-type": "application/json"}, json.dumps(body).encode())


def certificate(key: int | str = 1, **settings: Any) -> Certificate:
    """A certificate of the toy vendor."""
    return Certificate(key, "toy", {"secret": "s3cret", **settings})


def gateway(server: ToyServer, *certificates: Certificate, **options: Any) -> Gateway:
    """A gateway on the toy server, with a fixed random seed."""
    options.setdefault("rng", random.Random(7))
    options.setdefault("clock", loop_wall_clock())
    options.setdefault("vendors", {"toy": Toy})
    return Gateway(certificates or [certificate()], transport=server, **options)


def note(title: str = "title", body: str = "body", **more: Any) -> Notification:
    """A notification."""
    return Notification(title, body, **more)
