"""A strict imitation of Acme's server: it refuses what Acme refuses, with Acme's codes.

It reads the plug-in's `rules.toml` but shares no code with it, because a mistake in shared code would not be found.
"""

import json
from collections.abc import Mapping
from typing import Any

from pushgateway.sandbox import Delivery, Fault
from pushgateway.sandbox.kit.access_tokens import AccessTokens
from pushgateway.sandbox.kit.admission import Admission, AdmissionCodes, Asked
from pushgateway.sandbox.kit.bounded import Bounded
from pushgateway.sandbox.kit.checks import CheckCodes, Checks
from pushgateway.sandbox.kit.mangling import mangle_items
from pushgateway.sandbox.kit.refusals import CallRefused
from pushgateway.sandbox.kit.ruled import RuledSandbox
from pushgateway.sandbox.kit.signatures import is_digest
from pushgateway.vendor import OpenApp, OpenUrl, ReceiptKind, Response

APP, SECRET = "sandbox-app", "sandbox-secret"
LIFETIME = 7200
MALFORMED = "40"


class AcmeSandbox(RuledSandbox):
    """The server for one app."""

    brand = "acme"
    package = "pushgateway_acme"
    pushing = ("push", "broadcast")
    manglings = ("shuffle",)
    has_target_codes = True

    def set_up(self) -> None:
        """Make what the calls need; called once, before the options are set."""
        codes = AdmissionCodes(path=MALFORMED, method=MALFORMED, encoding=MALFORMED, speed="30")
        self.access = AccessTokens(self.clock, lambda: f"access-{self.new_id()}", LIFETIME)
        self.admission = Admission(
            operations=self.facts.operations, codes=codes, access=self.check_access, open_calls=("login",)
        )
        self.checks = Checks(self.facts, CheckCodes(missing=MALFORMED, wrong=MALFORMED), as_text=False)
        self.receipt_kinds = frozenset(ReceiptKind[row.kind] for row in self.facts.events.values())
        self.seen: Bounded[bool] = Bounded()
        self.calls = {"login": self.log_in, "push": self.push, "broadcast": self.broadcast}

    def settings(self, url: str) -> dict[str, object]:
        """What a certificate needs to talk to this sandbox."""
        return {"app_id": APP, "secret": SECRET, "host": url}

    def refusal(self, code: str, field: str = "") -> Response:
        """A code for the whole request."""
        return self.reply_json({"code": int(code)})

    def mangle(self, response: Response, fault: Fault) -> Response:
        """Acme promises no order of the results."""
        body = json.loads(response.content)
        mangle_items(fault.kind, body.get("results", []), self.random, foreign={})
        return self.reply_json(body)

    def check_access(self, asked: Asked) -> CallRefused | None:
        """The objection to the access token of a call."""
        return None if self.access.knows(asked.header("acme-access")) else CallRefused("21")

    def log_in(self, order: Mapping[str, Any]) -> Response:
        """Check the signature; within its lifetime the access token is always the same."""
        time = str(order.get("time", ""))
        in_time = time.isdigit() and abs(int(time) / 1000 - self.clock()) <= 600
        if order.get("app") != APP or not in_time or not is_digest(order.get("sign"), (APP, time, SECRET)):
            raise CallRefused("20")
        return self.reply_json({"code": 0, "token": self.access.login().token, "seconds": LIFETIME})

    def push(self, order: Mapping[str, Any]) -> Response:
        """Push a list of messages. One that is malformed refuses the whole request."""
        messages = order.get("messages")
        if not isinstance(messages, list) or not 0 < len(messages) <= self.facts.number("batch"):
            raise CallRefused(MALFORMED)
        tokens = [self.check(message, message.get("to")) for message in messages]
        if len(set(tokens)) < len(tokens):
            raise CallRefused(MALFORMED)
        return self.reply_json({"code": 0, "results": [self.result(message["to"], message) for message in messages]})

    def broadcast(self, order: Mapping[str, Any]) -> Response:
        """Push one message to a list of phones, or to everyone."""
        message, tokens = order.get("message") or {}, order.get("tokens")
        self.check(message, "everyone")
        if len(tokens or ()) > self.facts.number("batch"):
            raise CallRefused(MALFORMED)
        results = [self.result(token, message) for token in (self.tokens if tokens is None else tokens)]
        reply = {"code": 0, "task": f"task-{self.new_id()}"}
        return self.reply_json(reply if tokens is None else {**reply, "results": results})

    def check(self, message: Any, token: Any) -> str:
        """The token of a message. Raises `CallRefused` if anything in it is malformed."""
        known = {"id", "to", "receipts", *self.facts.fields}
        right = isinstance(message, dict) and "id" in message and message.keys() <= known
        named = isinstance(token, str) and token.isascii() and token.isprintable()
        if not right or not named or not 0 < len(token) <= self.facts.number("token"):
            raise CallRefused(MALFORMED)
        if (objection := self.checks.objection(message)) is not None:
            raise CallRefused(*objection)
        return str(token)

    def result(self, token: str, message: Mapping[str, Any]) -> dict[str, object]:
        """Push to one phone: the result in the reply."""
        reached = self.reach([token], unknown="10", muted="11")
        for code in reached.refused:
            return {"to": token, "code": int(code)}
        if message["id"] and self.seen.get((token, message["id"])):
            return {"to": token, "code": 12}
        self.seen.put((token, message["id"]), True)
        number = f"m{self.new_id()}"
        kind = reached.reports.get(token, ReceiptKind.ARRIVED)
        if kind is ReceiptKind.ARRIVED:
            self.deliver_all([token], lambda token: self.shown(token, message, number))
        event = next(name for name, row in self.facts.events.items() if row.kind == kind.name)
        receipt = {"to": token, "event": event, "note": message.get("note", ""), "at": int(self.clock() * 1000)}
        self.outbox.add(message.get("receipts"), receipt)
        return {"to": token, "code": 0, "id": number}

    def shown(self, token: str, message: Mapping[str, Any], number: str) -> Delivery:
        """What the phone shows and does, in the fields that are the same for all vendors."""
        made = token, message["title"], message["text"], message["id"], number, self.asked.operation, self.clock()
        return Delivery(
            *made,
            message,
            click=OpenUrl(message["link"]) if "link" in message else OpenApp(),
            data=message.get("data", {}),
            ttl=message.get("keep"),
            channel_id=message.get("channel", ""),
            receipt_url=message.get("receipts", ""),
            receipt_parameter=message.get("note", ""),
        )
