"""The toy vendor with its own operations and receipts, and its server, which answers as a test says.

Virtual time and no network, as in `toy_vendor`. `alias` may be repeated without harm, `upload` may not. Receipts are a
JSON list of [token, event, parameter, message id, task id].
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import attrs
from toy_vendor import REASONS, URL, Toy, ToyServer, certificate, gateway

from pushgateway import Certificate, Gateway, Notification, Statistics
from pushgateway.vendor import (
    AudienceKind,
    Broadcast,
    Call,
    Exchange,
    FieldError,
    NoVerdict,
    Outcome,
    Push,
    PushToken,
    Reason,
    Receipt,
    ReceiptKind,
    Refused,
    Request,
    Response,
    Saved,
    read_posted,
    read_reply,
)

T = TypeVar("T")


@attrs.frozen
class OperationsVendor(Toy):
    """The toy vendor with aliases, uploads and statistics."""

    def alias(self, token: str, alias: str) -> Call[str]:
        """Give a phone a name. Returns the name."""
        if not isinstance(alias, str):
            raise FieldError("alias", "must be a str")
        if not alias:
            raise Refused(Reason.INVALID_NOTIFICATION, detail="alias: must not be empty")
        region = self.region(token)
        return Call(name="set_alias", begin=lambda: self._ask(f"{region}/alias", [token, alias]), region=region)

    def upload(self, picture: bytes, *, twice: bool = False) -> Call[str]:
        """Upload a picture, in one request or (`twice`) in two. Must not be repeated."""

        def begin() -> Exchange[str]:
            if twice:
                yield from self._ask("near/reserve", [])
            return (yield from self._ask("near/upload", [len(picture)]))

        return Call(name="upload_picture", begin=begin, region=self.home_region, repeatable=False)

    def statistics(self, message_id: str, task_id: str) -> Call[Statistics]:
        """How many pushes of a message arrived."""

        def begin() -> Exchange[Statistics]:
            arrived = yield from self._ask("near/statistics", [message_id, task_id])
            return Statistics(valid=3, arrived=int(arrived))

        return Call(name="statistics", begin=begin, region="near")

    def spoilt(self) -> Call[str]:
        """A method that breaks the contract: it returns no exchange of the right type."""
        return "nothing of the kind"  # type: ignore[return-value]

    def broken(self, *, late: bool) -> Call[str]:
        """An exchange that breaks the contract, before any request or (`late`) after one."""

        def begin() -> Exchange[str]:
            if late:
                yield from self._ask("near/alias", ["", ""])
            raise KeyError("secret text")

        return Call(name="broken", begin=begin, region="near")

    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        """The toy's push. Address and parameter for receipts travel in a header."""
        exchange = Toy.push(self, batch)
        marks = {push.push_token.token: [one.url, one.parameter] for push in batch if (one := push.callback)}
        try:
            request = next(exchange)
            assert request is not None
            try:
                reply = yield attrs.evolve(request, headers={"marks": json.dumps(marks)})
            except NoVerdict as silent:
                exchange.throw(silent)
            exchange.send(reply)
        except StopIteration as done:
            outcomes: Sequence[Outcome] = done.value
            return outcomes
        raise AssertionError("one request and no more")

    @property
    def receipt_audiences(self) -> frozenset[AudienceKind]:
        return frozenset({AudienceKind.TOKENS})

    def receipts(
        self, certificate_id: str, headers: Mapping[str, str], body: bytes, now: float
    ) -> Sequence[Receipt | None]:
        """Reads what `posted` makes. An entry of another shape is returned as unreadable."""
        posted = read_posted(body)
        if not isinstance(posted, list):
            raise Refused(Reason.INVALID_NOTIFICATION, detail="no list")
        if posted == ["broken"]:
            raise KeyError("secret text")
        return [self._receipt(certificate_id, *one) if isinstance(one, list) else None for one in posted]

    def _receipt(self, key: str, token: str, event: str, parameter: str, message_id: str, task_id: str) -> Receipt:
        kinds = {"arrived": ReceiptKind.ARRIVED, "dead": ReceiptKind.UNREGISTERED}
        return Receipt(
            push_token=PushToken(key, token),
            kind=kinds.get(event, ReceiptKind.OTHER),
            event=event,
            message_id=message_id or None,
            task_id=task_id or None,
            parameter=parameter,
        )

    def save(self, broadcast: Broadcast) -> Exchange[Saved] | None:
        """The toy's. Address and parameter for receipts are part of the content's id."""
        return self._save_marked(broadcast)

    def _save_marked(self, broadcast: Broadcast) -> Exchange[Saved]:
        note = broadcast.notification
        yield Request("POST", f"{URL}/near/save")
        return Saved(json.dumps([note.receipt_url, note.receipt_parameter]))

    def _ask(self, path: str, content: list[Any]) -> Exchange[str]:
        reply = read_reply((yield Request("POST", f"{URL}/{path}", content=json.dumps(content).encode())))
        if reply.code != "0":
            self._refuse(reply.code) if reply.code == "11" else None
            raise Refused(REASONS[reply.code], reply.code, reply.message, retry_after=reply.body.get("wait"))
        return str(reply.body.get("value", ""))


class OperationsServer(ToyServer):
    """`called` has the requests by operation; `given` has the answers to use first: a body, or an exception."""

    def __init__(self) -> None:
        super().__init__()
        self.called: list[tuple[str, Any]] = []
        self.given: list[dict[str, Any] | Exception] = []
        self.value: Callable[[], object] = lambda: "done"
        self.marks: dict[str, list[str]] = {}
        """By token: URL and parameter of the last push."""

    def _answer(self, what: str, request: Request) -> Response:
        if what == "push":
            self.marks |= json.loads(request.headers["marks"])
        if what not in ("alias", "upload", "reserve", "statistics"):
            return super()._answer(what, request)
        if request.headers.get("authorization", "").removeprefix("Bearer ") in self.refuse_access:
            return _reply({"code": 11})
        self.called.append((what, json.loads(request.content)))
        answer = self.given.pop(0) if self.given else {"code": 0, "value": self.value()}
        if isinstance(answer, Exception):
            raise answer
        return _reply(answer)


def _reply(body: dict[str, Any]) -> Response:
    return Response(200, {"content-type": "application/json"}, json.dumps(body).encode())


def operations_gateway(server: OperationsServer, *certificates: Certificate, **options: Any) -> Gateway:
    """A gateway on the toy's server."""
    return gateway(server, *certificates or [certificate()], vendors={"toy": OperationsVendor}, **options)


SECRET = "a secret of thirty-two characters"


def receipt_certificate(key: int | str = 1, secret: str | list[str] = SECRET, **settings: Any) -> Certificate:
    """A certificate that asks for receipts."""
    url = "https://im.example.com/push"
    return Certificate(key, "toy", {"secret": "s3cret", **settings}, receipt_url=url, receipt_secret=secret)


def posted(*receipts: tuple[str, str, str] | object, message_id: str = "m", task_id: str = "") -> bytes:
    """A request with receipts: (token, event, parameter) each; anything else is put there unchanged."""
    return json.dumps([[*one, message_id, task_id] if isinstance(one, tuple) else one for one in receipts]).encode()


def parameter_of(token: str, dedupe_id: str = "id-1") -> str:
    """The parameter that comes back with the receipts of a push to `token`."""
    signer = receipt_certificate().signer
    assert signer is not None
    return signer.callback_for(Push(PushToken(1, token), Notification("a", "b"), dedupe_id=dedupe_id)).parameter
