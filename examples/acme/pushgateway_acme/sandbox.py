"""A strict imitation of Acme's server: it refuses what Acme refuses, with Acme's codes.

It reads the plug-in's `rules.toml` but shares no code with it, because a mistake in shared code would not be found.
"""

import hashlib
import json
from typing import Any, ClassVar

from pushgateway.sandbox import Delivery, Fault, Sandbox
from pushgateway.vendor import OpenApp, OpenUrl, ReceiptKind, Request, Response
from pushgateway.vendor.rules import load_rules

RULES = load_rules("pushgateway_acme").dialects["v1"]
APP, SECRET = "sandbox-app", "sandbox-secret"
LIFETIME = 7200


class AcmeSandbox(Sandbox):
    """The server for one app."""

    brand = "acme"
    operations: ClassVar[list[str]] = list(RULES.operations)
    manglings = ("shuffle",)
    has_target_codes = True
    receipt_kinds = frozenset(ReceiptKind[row.kind] for row in RULES.events.values())

    def __init__(self, **options: Any) -> None:
        self.access: dict[str, float] = {}
        self.seen: set[tuple[str, str]] = set()
        self.tasks = 0
        self.due: list[Request] = []
        super().__init__(**options)

    def settings(self, url: str) -> dict[str, object]:
        """What a certificate needs to talk to this sandbox."""
        return {"app_id": APP, "secret": SECRET, "host": url}

    def operation(self, request: Request) -> str:
        """The last word of the path."""
        return request.url.rpartition("/")[2]

    def refusal(self, code: str) -> Response:
        """A code for the whole request."""
        return self.reply_json({"code": int(code)})

    def expire_tokens(self) -> None:
        """End all access tokens."""
        self.access.clear()

    def callbacks(self) -> list[Request]:
        """The receipts that Acme would post now."""
        due, self.due = self.due, []
        return due

    def mangle(self, response: Response, fault: Fault) -> Response:
        """Acme promises no order of the results."""
        body = json.loads(response.content)
        self.random.shuffle(body.get("results", []))
        return self.reply_json(body)

    def perform(self, request: Request, operation: str) -> Response:
        """Check the access token, then the request. One wrong message refuses the whole request."""
        try:
            order = json.loads(request.content)
            if operation == "login":
                return self._log_in(**order)
            if self.access.get(request.headers.get("acme-access", ""), 0.0) <= self.clock():
                return self.refusal("21")
            if operation == "push":
                return self._push(order["messages"])
            if operation == "broadcast":
                return self._broadcast(order["message"], order.get("tokens"))
        except (ValueError, TypeError, KeyError, AttributeError):
            return self.refusal("40")
        return self.refusal("40")

    def _log_in(self, app: str, time: str, sign: str) -> Response:
        right = hashlib.sha256(f"{APP}{time}{SECRET}".encode()).hexdigest()
        if app != APP or sign != right or abs(int(time) / 1000 - self.clock()) > 600:
            return self.refusal("20")
        token = f"access-{self.random.getrandbits(64):016x}"
        self.access[token] = self.clock() + LIFETIME
        return self.reply_json({"code": 0, "token": token, "seconds": LIFETIME})

    def _push(self, messages: list[dict[str, Any]]) -> Response:
        tokens = [message["to"] for message in messages]
        if not 0 < len(messages) <= RULES.number("batch") or len(set(tokens)) < len(tokens):
            return self.refusal("40")
        if not all(self._right(message) for message in messages):
            return self.refusal("40")
        return self.reply_json({"code": 0, "results": [self._deliver(m["to"], m, "push") for m in messages]})

    def _broadcast(self, message: dict[str, Any], tokens: list[str] | None) -> Response:
        if not self._right({"to": "everyone", **message}) or len(tokens or ()) > RULES.number("batch"):
            return self.refusal("40")
        self.tasks += 1
        results = [self._deliver(token, message, "broadcast") for token in (self.tokens if tokens is None else tokens)]
        reply = {"code": 0, "task": f"task-{self.tasks}"}
        return self.reply_json(reply if tokens is None else {**reply, "results": results})

    def _right(self, message: dict[str, Any]) -> bool:
        title, text, token = message["title"], message["text"], message["to"]
        known = {"id", "to", "title", "text", "data", "link", "keep", "receipts", "note"}
        named = token.isascii() and token.isprintable() and 0 < len(token) <= RULES.number("token")
        sizes = {"title": len(title), "text": len(text), "keep": message.get("keep", 0)}
        sizes |= {"link": len(message.get("link", "x")), "note": len(message.get("note", ""))}
        sizes["data"] = len(json.dumps(message.get("data", {})))
        rows = [(RULES.fields[name], size) for name, size in sizes.items()]
        return named and message.keys() <= known and all((r.min or 0) <= size <= (r.max or 0) for r, size in rows)

    def _deliver(self, token: str, message: dict[str, Any], operation: str) -> dict[str, object]:
        phone = self.phones_known.get(token)
        if token in self.target_codes:
            return {"to": token, "code": int(self.target_codes[token])}
        if phone is None or phone.muted:
            return {"to": token, "code": 10 if phone is None else 11}
        if message["id"] and (token, message["id"]) in self.seen:
            return {"to": token, "code": 12}
        self.seen.add((token, message["id"]))
        number = f"m{self.ledger.total + 1}"
        kind = self.target_receipts.get(token, ReceiptKind.ARRIVED)
        if kind is ReceiptKind.ARRIVED:
            self.deliver(phone, lambda: self._shown(token, message, number, operation))
        if message.get("receipts"):
            event = next(name for name, row in RULES.events.items() if row.kind == kind.name)
            receipt = {"to": token, "event": event, "note": message["note"], "at": int(self.clock() * 1000)}
            self.due.append(Request("POST", message["receipts"], {}, json.dumps([receipt]).encode()))
        return {"to": token, "code": 0, "id": number}

    def _shown(self, token: str, message: dict[str, Any], number: str, operation: str) -> Delivery:
        """What the phone shows and does, in the fields that are the same for all vendors."""
        return Delivery(
            *(token, message["title"], message["text"], message["id"], number, operation, self.clock(), message),
            click=OpenUrl(message["link"]) if "link" in message else OpenApp(),
            data=message.get("data", {}),
            ttl=message.get("keep"),
            receipt_url=message.get("receipts", ""),
            receipt_parameter=message.get("note", ""),
        )
