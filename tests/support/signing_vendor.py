"""A vendor that judges times: its access tokens are signed here, or it has no login and each request carries a time.

Virtual time only. The vendor's clock is right; the host's is off by as much as the test says. Both kinds of time stand
in the header `authorization` or `time`, as a number of seconds.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from email.utils import formatdate
from typing import Any, ClassVar

import attrs

from pushgateway import Certificate, Gateway
from pushgateway.vendor import (
    AccessExpired,
    AccessToken,
    AudienceKind,
    Batch,
    Batching,
    Broadcast,
    BroadcastOutcome,
    Call,
    CallBack,
    ClockSkew,
    Exchange,
    Notification,
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

EPOCH = 1_700_000_000.0
LATE = 300.0
"""Seconds that a time may be off."""
URL = "https://signing.example"
KEY, TIME = "11", "19"
"""Codes of a wrong key and a wrong time."""


@attrs.frozen
class Signing(Vendor):
    """An access token is `<secret>:<time>`, made here."""

    brand: ClassVar[str] = "signing"
    contract: ClassVar[str] = "0.2"
    audiences: ClassVar[frozenset[AudienceKind]] = frozenset({AudienceKind.TOKENS})

    secret: Secret
    vague: bool = False
    """The vendor has one code for all that is wrong with an access token, so a wrong time looks as an expired one."""

    def login(self, region: str, now: float) -> Exchange[AccessToken] | None:
        return self._sign(now)

    def _sign(self, now: float) -> Exchange[AccessToken]:
        return AccessToken(f"{self.secret.reveal()}:{now}", 3600.0)
        yield  # an exchange without a request

    def _ask(self, what: str, content: object = None) -> Exchange[dict[str, Any]]:
        response = yield Request("POST", f"{URL}/{what}", content=json.dumps(content).encode())
        if response.status == 401:
            raise AccessExpired(Reason.CREDENTIALS)
        reply = read_reply(response)
        if reply.code in (KEY, TIME):
            raise (ClockSkew if reply.code == TIME and not self.vague else AccessExpired)(
                Reason.CREDENTIALS, reply.code
            )
        return dict(reply.body)

    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        yield from self._ask("push", [push.push_token.token for push in batch])
        return [Outcome.accepted(push, "m") for push in batch]

    def save(self, broadcast: Broadcast) -> Exchange[Saved] | None:
        return self._save()

    def _save(self) -> Exchange[Saved]:
        yield from self._ask("save")
        return Saved("saved")

    def broadcast(self, broadcast: Broadcast, saved: str) -> Exchange[BroadcastOutcome]:
        yield from self._ask("broadcast", broadcast.audience.values)
        outcomes = tuple(
            Outcome(push_token=PushToken(broadcast.certificate_id, token), status=Status.ACCEPTED, attempts=1)
            for token in broadcast.audience.values
        )
        return BroadcastOutcome(certificate_id=broadcast.certificate_id, status=Status.ACCEPTED, outcomes=outcomes)

    def ask_something(self) -> Call[str]:
        """An operation of this vendor."""

        def begin() -> Exchange[str]:
            yield from self._ask("call")
            return "answer"

        return Call(name="call", begin=begin, region="")

    def probe(self) -> Exchange[str] | None:
        return self._probe()

    def _probe(self) -> Exchange[str]:
        yield from self._ask("probe")
        return "the key was accepted"


@attrs.frozen
class Timed(Signing):
    """No login: each request carries the key and the time."""

    brand: ClassVar[str] = "timed"

    def login(self, region: str, now: float) -> None:
        return None

    def finish(self, request: Request, access: AccessToken | None, now: float) -> Request:
        assert access is None
        return attrs.evolve(request, headers={**request.headers, "authorization": f"{self.secret.reveal()}:{now}"})


@attrs.frozen
class Mute(Timed):
    """As `Timed`, but the vendor's code for a wrong time is not known, so it is a refusal like any other."""

    brand: ClassVar[str] = "mute"

    has_time: bool = True
    """False: no time in its requests, so none can be wrong."""

    def finish(self, request: Request, access: AccessToken | None, now: float) -> Request:
        return Timed.finish(self, request, access, now if self.has_time else EPOCH)

    def _ask(self, what: str, content: object = None) -> Exchange[dict[str, Any]]:
        reply = read_reply((yield Request("POST", f"{URL}/{what}", content=json.dumps(content).encode())))
        if reply.code != "0" and self.vague:
            raise AccessExpired(Reason.CREDENTIALS, reply.code)
        if reply.code != "0":
            reason = Reason.CREDENTIALS if reply.code == KEY else Reason.INVALID_NOTIFICATION
            raise Refused(reason, reply.code, about="content")
        return dict(reply.body)


@attrs.frozen
class Storing(Signing):
    """A notification is stored before it goes to phones, to one phone too if the test says so."""

    brand: ClassVar[str] = "storing"

    least: int = 2

    @property
    def batching(self) -> Batching:
        return Batching(10, least=self.least, saves=True)

    def save_push(self, notification: Notification, callback: CallBack | None, region: str) -> Exchange[Saved]:
        yield from self._ask("save", notification.title)
        return Saved("stored", lifetime=3600.0)

    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        saved = Batch.of(batch).saved
        content = [batch[0].notification.title if saved is None else saved.id]
        yield from self._ask("push", content + [push.push_token.token for push in batch])
        return [Outcome.accepted(push, "m") for push in batch]


class SigningServer:
    """The vendor's server and the transport to it. `asked` counts requests by the last part of their path, `refused`
    those that were refused."""

    def __init__(self, *, off: float = 0.0) -> None:
        """`off`: seconds that the host's clock is ahead of the vendor's."""
        self.off = off
        self.key = "s3cret"
        self.asked: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.dated = True
        """Its replies have a `Date`."""
        self.has_codes = True
        """False: a wrong key is answered by HTTP 401 alone."""
        self.refuses = 0
        """So many of the next requests are refused as if their key was wrong."""
        self.takes_no_time = False
        """Every time is wrong."""
        self.times: list[float] = []
        """The time in each request, by the vendor's clock: seconds ahead of it."""

    def clock(self) -> float:
        """The host's wall clock."""
        return self.now() + self.off

    def now(self) -> float:
        """The vendor's clock."""
        return EPOCH + asyncio.get_running_loop().time()

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109
        what = request.url.rpartition("/")[2]
        self.asked[what] += 1
        key, _, at = request.headers["authorization"].removeprefix("Bearer ").partition(":")
        off = float(at) - self.now()
        self.times.append(off)
        await asyncio.sleep(0.05)
        code = "0" if key == self.key and not self.refuses else KEY
        self.refuses = max(0, self.refuses - 1)
        if code == "0" and (self.takes_no_time or abs(off) > LATE):
            code = TIME
        if code != "0":
            self.refused[what] += 1
        date = {"date": formatdate(self.now(), usegmt=True)} if self.dated else {}
        if code == KEY and not self.has_codes:
            return Response(401, date, b"", self.clock())
        return Response(200, date, json.dumps({"code": code}).encode(), self.clock())

    async def aclose(self) -> None:
        """Nothing to close."""


BOTH: tuple[type[Signing], type[Signing]] = (Signing, Timed)
ALL: tuple[type[Signing], ...] = (*BOTH, Mute, Storing)


def certificate(vendor: type[Signing] = Signing, key: int = 1, **settings: object) -> Certificate:
    """A certificate of one of them."""
    return Certificate(key, vendor.brand, {"secret": "s3cret", **settings})


def gateway(server: SigningServer, *certificates: Certificate, **options: Any) -> Gateway:
    """A gateway on this server, with the host's clock."""
    clock: Callable[[], float] = server.clock
    return Gateway(
        certificates, transport=server, clock=clock, vendors={vendor.brand: vendor for vendor in ALL}, **options
    )
