"""The sandbox of the plain vendor, and its conformance kits."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from plain_vendor import MOST, REASONS, Group, Plain

from pushgateway.sandbox import Delivery, Fault, Sandbox
from pushgateway.testing.conformance import PluginConformance
from pushgateway.vendor import Reason, Request, Response

KEY = "plain-key"


class PlainSandbox(Sandbox):
    """The sandbox of the plain vendor."""

    brand = "plain"
    operations = ("send",)
    codes: ClassVar[dict[Reason, str | None]] = {
        **{reason: code for code, reason in REASONS.items()},
        Reason.UNAVAILABLE: "9",
        Reason.INVALID_NOTIFICATION: None,
    }

    def settings(self, url: str) -> dict[str, object]:
        return {"key": KEY, "host": url}

    def operation(self, request: Request) -> str:
        return request.url.rpartition("/")[2]

    def refusal(self, code: str) -> Response:
        return self.reply_json({"code": int(code)})

    def mangle(self, response: Response, fault: Fault) -> Response:
        return response

    def perform(self, request: Request, operation: str) -> Response:
        if request.headers.get("x-key") != KEY:
            return self.refusal("8")
        order = json.loads(request.content)
        if len(order["to"]) > MOST:
            return self.refusal("9")
        dead = [token for token in order["to"] if self.phones_known.get(token) is None]
        for token in order["to"]:
            if token not in dead:
                phone = self.phones_known.get(token)
                assert phone is not None
                made = Delivery(token, order["title"], order["text"], None, "", operation, self.clock(), order)
                if not phone.muted:
                    self.deliver(phone, lambda made=made: made)
        return self.reply_json({"code": 0, "dead": dead})


class PlainKit(PluginConformance):
    """The conformance kit for the plain vendor."""

    vendor = Plain

    def make_sandbox(self, **options: Any) -> PlainSandbox:
        return PlainSandbox(**options)

    def with_wrong_secret(self, settings: Any) -> Any:
        return {**settings, "key": "another"}


class GroupKit(PlainKit):
    """The conformance kit for `Group`."""

    vendor = Group
