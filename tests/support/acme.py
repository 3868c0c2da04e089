"""The sandbox of an invented vendor in a few lines, for tests of the sandbox kit that need no real vendor."""

from __future__ import annotations

import json
from typing import Any

from pushgateway.sandbox import Delivery, Fault, Sandbox
from pushgateway.vendor import Request, Response

NOW = 1_700_000_000.0


class AcmeSandbox(Sandbox):
    """Accepts {"token", "text", "receipts"} as JSON; replies with code 0, or 7 for an unknown or muted token."""

    brand = "acme"
    operations = ("push", "poll")
    manglings = ("upper",)

    def __init__(self, **options: Any) -> None:
        self.expired = 0
        self.due: list[Request] = []
        super().__init__(clock=lambda: NOW, **options)

    def operation(self, request: Request) -> str:
        return request.url.rpartition("/")[2]

    def perform(self, request: Request, operation: str) -> Response:
        if operation != "push":
            return self.reply_json({"code": 0, "path": request.url, "echo": len(request.content)})
        order = json.loads(request.content)
        phone = self.phones_known.get(order["token"])
        if phone is None or phone.muted:
            return self.refusal("7")
        fields = {"text": order["text"]}
        made = Delivery(phone.token, order["text"], order["text"], None, "m1", operation, self.clock(), fields)
        self.deliver(phone, lambda: made)
        if "receipts" in order:
            self.due.append(Request("POST", order["receipts"], {"content-type": "application/json"}, b"[1]"))
        return self.reply_json({"code": 0})

    def refusal(self, code: str) -> Response:
        return self.reply_json({"code": int(code)})

    def settings(self, url: str) -> dict[str, object]:
        return {"host": url}

    def mangle(self, response: Response, fault: Fault) -> Response:
        return Response(response.status, response.headers, response.content.upper())

    def expire_tokens(self) -> None:
        self.expired += 1

    def callbacks(self) -> list[Request]:
        due, self.due = self.due, []
        return due
