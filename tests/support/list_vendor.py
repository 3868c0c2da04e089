"""A vendor whose requests hold one notification and a list of tokens, and its server, for tests of the engine.

A push request is an object with the `content` or the id of a `saved` one, the list of `tokens`, the `message_id` and
the `parameter` of its receipts. A save holds the `content`. The server pushes to each phone at most once under one
message id, as phones do that drop repeats.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import attrs

from pushgateway import Certificate, Gateway, Notification
from pushgateway.testing.virtual_time import loop_wall_clock
from pushgateway.vendor import (
    Batch,
    Batching,
    CallBack,
    Exchange,
    NoVerdict,
    Outcome,
    Push,
    PushToken,
    Rates,
    Reason,
    Receipt,
    ReceiptKind,
    Refused,
    Reply,
    Request,
    Response,
    Saved,
    Vendor,
    read_reply,
)

URL = "https://list.example"
FORBIDDEN, BUSY, FAST, QUOTA, UNKNOWN_CONTENT = "3", "5", "6", "7", "9"
REASONS = {
    FORBIDDEN: Reason.INVALID_NOTIFICATION,
    BUSY: Reason.UNAVAILABLE,
    FAST: Reason.RATE_LIMITED,
    QUOTA: Reason.QUOTA_EXCEEDED,
    UNKNOWN_CONTENT: Reason.INVALID_NOTIFICATION,
}


@attrs.frozen
class Lister(Vendor):
    """Code 0 is accepted, others by `REASONS`; `about` is what the vendor says of code 3."""

    brand: ClassVar[str] = "list"
    contract: ClassVar[str] = "0.2"

    size: int = 1000
    mixed: bool = False
    least: int = 1
    saves: bool = False
    lifetime: float = 3600.0
    dedupe: Any = False
    marked: Any = "message"
    about: Any = "content"
    rate: float | None = None
    requests: float | None = None
    alone: str = ""
    """The title of notifications that go alone; "": none."""

    @property
    def deduplicates(self) -> bool | Literal["message"]:
        return self.dedupe  # type: ignore[no-any-return]

    @property
    def marks(self) -> Literal["push", "message", "none"]:
        return self.marked  # type: ignore[no-any-return]

    @property
    def batching(self) -> Batching:
        return Batching(self.size, self.mixed, least=self.least, saves=self.saves)

    @property
    def rates(self) -> Rates:
        return Rates(pushes=self.rate, requests=self.requests)

    def is_alone(self, notification: Notification) -> bool:
        return notification.title == self.alone

    def region(self, token: str) -> str:
        return "far" if token.startswith("far-") else "near"

    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        batch = Batch.of(batch)
        body = {
            "saved": None if batch.saved is None else batch.saved.id,
            "contents": None if batch.saved else [_content(note) for note in batch.notifications],
            "tokens": batch.tokens,
            "message_ids": list(batch.message_ids),
            "parameter": None if batch.callback is None else batch.callback.parameter,
            "parameters": None if batch.callbacks is None else [one and one.parameter for one in batch.callbacks],
        }
        reply = yield from self._ask(self.region(batch.tokens[0]), "push", body)
        bad = set(reply.body.get("bad", ()))
        return [
            Outcome.rejected(push, Reason.UNREGISTERED)
            if push.push_token.token in bad
            else Outcome.accepted(push, f"m-{reply.body['number']}")
            for push in batch
        ]

    def save_push(self, notification: Notification, callback: CallBack | None, region: str) -> Exchange[Saved]:
        body = {"content": _content(notification), "parameter": None if callback is None else callback.parameter}
        reply = yield from self._ask(region, "save", body)
        return Saved(str(reply.body["id"]), ("title",), (), self.lifetime)

    def receipts(
        self, certificate_id: str, headers: Mapping[str, str], body: bytes, now: float
    ) -> Sequence[Receipt | None]:
        return [
            Receipt(
                push_token=PushToken(certificate_id, token), kind=ReceiptKind.ARRIVED, event="1", parameter=parameter
            )
            for token, parameter in json.loads(body)
        ]

    def _ask(self, region: str, what: str, body: object) -> Exchange[Reply]:
        reply = read_reply((yield Request("POST", f"{URL}/{region}/{what}", {}, json.dumps(body).encode())))
        if reply.code == "0":
            return reply
        about = {FORBIDDEN: self.about, UNKNOWN_CONTENT: "saved"}.get(reply.code, "")
        raise Refused(REASONS[reply.code], reply.code, about=about)


def _content(note: Notification) -> list[object]:
    return [note.title, dict(note.data)]


class ListServer:
    """The vendor's server and the transport to it in one: no network, virtual time.

    `answers` and `saves` are used one by one for push and save requests: a code for the whole reply, or an exception to
    raise; when none is left everything is accepted. Texts in `forbidden` are refused with code 3 in every request.
    """

    def __init__(self) -> None:
        self.answers: list[str | Exception] = []
        self.saves: list[str | Exception] = []
        self.forbidden: set[str] = set()
        self.latency = 0.05
        self.calls: Counter[str] = Counter()
        self.requests: list[dict[str, Any]] = []
        self.saved: list[dict[str, Any]] = []
        self.shown: Counter[tuple[str, str]] = Counter()
        """What phones have shown: by token and JSON of the content."""
        self.bad: set[str] = set()
        self.forgets: Callable[[str], bool] = lambda saved: False
        """Whether the content of this id is not known any more."""
        self._contents: list[list[Any]] = []
        self._seen: set[tuple[str, str]] = set()

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109
        what = request.url.rsplit("/", 1)[1]
        self.calls[what] += 1
        body = json.loads(request.content)
        (self.saved if what == "save" else self.requests).append(body)
        answers = self.saves if what == "save" else self.answers
        answer = answers.pop(0) if answers else "0"
        async with asyncio.timeout(timeout):
            await asyncio.sleep(self.latency)
        if isinstance(answer, NoVerdict) and not answer.sent:
            raise answer
        region = request.url.rsplit("/", 2)[1]
        reply = self._save(body, region) if what == "save" else self._push(body, region)
        if isinstance(answer, Exception):
            raise answer
        return _reply(reply if answer == "0" else {"code": answer})

    async def aclose(self) -> None:
        pass

    def _save(self, body: dict[str, Any], region: str) -> dict[str, Any]:
        if body["content"][0] in self.forbidden:
            return {"code": FORBIDDEN}
        self._contents.append(body["content"])
        return {"code": "0", "id": f"{region}-{len(self._contents) - 1}"}

    def _push(self, body: dict[str, Any], region: str) -> dict[str, Any]:
        contents = body["contents"]
        if body["saved"] is not None:
            where, _, number = body["saved"].rpartition("-")
            if where != region or self.forgets(body["saved"]):
                return {"code": UNKNOWN_CONTENT}
            contents = [self._contents[int(number)]] * len(body["tokens"])
        if any(content[0] in self.forbidden for content in contents):
            return {"code": FORBIDDEN}
        for token, content, message_id in zip(body["tokens"], contents, body["message_ids"], strict=True):
            if (token, message_id) not in self._seen and token not in self.bad:
                self._seen.add((token, message_id))
                self.shown[token, json.dumps(content)] += 1
        return {"code": "0", "number": self.calls["push"], "bad": [one for one in body["tokens"] if one in self.bad]}


def _reply(body: dict[str, Any]) -> Response:
    return Response(200, {"content-type": "application/json"}, json.dumps(body).encode())


def certificate(key: int | str = 1, *, receipt_url: str | None = None, **settings: Any) -> Certificate:
    """A certificate of this vendor."""
    secret = None if receipt_url is None else "a receipt secret of many characters"
    return Certificate(key, "list", settings, receipt_url=receipt_url, receipt_secret=secret)


def gateway(server: ListServer, *certificates: Certificate, **options: Any) -> Gateway:
    """A gateway on the server, with a fixed random seed."""
    options.setdefault("rng", random.Random(7))
    options.setdefault("clock", loop_wall_clock())
    options.setdefault("vendors", {"list": Lister})
    return Gateway(certificates or [certificate()], transport=server, **options)
