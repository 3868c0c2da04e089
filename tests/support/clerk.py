"""The toy vendor with operations of its own, and its server that answers them as a test says.

Law of this file: virtual time and no network, as in `toy`. `alias` may be asked again without harm, `upload` may not.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import attrs
from toy import REASONS, URL, Toy, ToyServer, certificate, gateway

from pushgateway import Gateway, Statistics
from pushgateway.vendor import Call, Exchange, FieldError, Reason, Refused, Request, Response, read_reply

T = TypeVar("T")


@attrs.frozen
class Clerk(Toy):
    """Toy with aliases, uploads and statistics."""

    def alias(self, token: str, alias: str) -> Call[str]:
        """Name a phone; gives the name."""
        if not isinstance(alias, str):
            raise FieldError("alias", "must be a str")
        if not alias:
            raise Refused(Reason.INVALID_NOTIFICATION, detail="alias: must not be empty")
        region = self.region(token)
        return Call(name="set_alias", begin=lambda: self._ask(f"{region}/alias", [token, alias]), region=region)

    def upload(self, picture: bytes, *, twice: bool = False) -> Call[str]:
        """Upload a picture, in one request or in two; not to be done twice."""

        def begin() -> Exchange[str]:
            if twice:
                yield from self._ask("near/reserve", [])
            return (yield from self._ask("near/upload", [len(picture)]))

        return Call(name="upload_picture", begin=begin, region=self.home_region, repeatable=False)

    def statistics(self, message_id: str, task_id: str) -> Call[Statistics]:
        """How many arrived."""

        def begin() -> Exchange[Statistics]:
            arrived = yield from self._ask("near/statistics", [message_id, task_id])
            return Statistics(valid=3, arrived=int(arrived))

        return Call(name="statistics", begin=begin, region="near")

    def spoilt(self) -> Call[str]:
        """A method that breaks the contract."""
        return "nothing of the kind"  # type: ignore[return-value]

    def broken(self, *, late: bool) -> Call[str]:
        """An exchange that breaks the contract, before any request or after one."""

        def begin() -> Exchange[str]:
            if late:
                yield from self._ask("near/alias", ["", ""])
            raise KeyError("secret text")

        return Call(name="broken", begin=begin, region="near")

    def _ask(self, path: str, content: list[Any]) -> Exchange[str]:
        reply = read_reply((yield Request("POST", f"{URL}/{path}", content=json.dumps(content).encode())))
        if reply.code != "0":
            self._refuse(reply.code) if reply.code == "11" else None
            raise Refused(REASONS[reply.code], reply.code, reply.message, retry_after=reply.body.get("wait"))
        return str(reply.body.get("value", ""))


class ClerkServer(ToyServer):
    """`called` has what was asked, by operation; `given` the answers that come first: a body, or an exception."""

    def __init__(self) -> None:
        super().__init__()
        self.called: list[tuple[str, Any]] = []
        self.given: list[dict[str, Any] | Exception] = []
        self.value: Callable[[], object] = lambda: "done"

    def _answer(self, what: str, request: Request) -> Response:
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


def clerks(server: ClerkServer, **options: Any) -> Gateway:
    """A gateway on the clerk's server."""
    return gateway(server, certificate(), vendors={"toy": Clerk}, **options)
