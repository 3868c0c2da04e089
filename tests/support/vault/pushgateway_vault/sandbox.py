"""A strict imitation of Vault's server, for the conformance kit."""

import base64
import hashlib
import hmac
import json
from typing import Any, ClassVar

from pushgateway.sandbox import Delivery, Sandbox
from pushgateway.vendor import Alert, Badge, ReceiptKind, Request, Response

ACCOUNT, KEY, RECEIPT_KEY, RECEIVER = "house", "vault-key", "vault-receipt-key", "keeper"
EVENTS = {ReceiptKind.ARRIVED: "arrived", ReceiptKind.UNREGISTERED: "gone", ReceiptKind.CLICKED: "clicked"}
KNOWN = {"title", "text", "data", "keep", "badge", "tag", "alert", "user", "receipts", "mark"}


class VaultSandbox(Sandbox):
    """The server of one account at Vault."""

    brand = "vault"
    operations: ClassVar[tuple[str, ...]] = ("save", "one", "list", "cast", "account", "recall", "check")
    pushing: ClassVar[tuple[str, ...]] = ("one", "list")
    receipt_kinds = frozenset(EVENTS)

    def __init__(self, **options: Any) -> None:
        self.contents: dict[str, dict[str, Any]] = {}
        self.ended = 0
        self.due: list[Request] = []
        super().__init__(**options)

    def settings(self, url: str) -> dict[str, object]:
        return {"account": ACCOUNT, "key": KEY, "receipt_key": RECEIPT_KEY, "receiver": RECEIVER, "host": url}

    def operation(self, request: Request) -> str:
        return request.url.rpartition("/")[2]

    def refusal(self, code: str) -> Response:
        return self.reply_json({"code": code})

    def expire_tokens(self) -> None:
        self.ended = int(self.clock() * 1000)

    def callbacks(self) -> list[Request]:
        due, self.due = self.due, []
        return due

    def is_taken(self, answer: Response) -> bool:
        return answer.status == 200 and answer.content == b'{"got": true}'

    def perform(self, request: Request, operation: str) -> Response:
        if code := self._objection(request):
            return self.refusal(code)
        fields = json.loads(request.content)
        if operation == "account":
            return self.reply_json({"code": "ok", "name": ACCOUNT})
        if operation == "save":
            if not _is_right(fields):
                return self.refusal("badContent")
            number = f"content-{len(self.contents) + 1}"
            self.contents[number] = fields
            return self.reply_json({"code": "ok", "id": number})
        if operation == "check":
            return self.reply_json({"code": "ok", "dead": [one for one in fields["to"] if one not in self.tokens]})
        if operation == "recall":
            return self._recall(fields["id"], fields["to"])
        if operation == "cast":
            return self._cast(fields)
        return self._send(fields, operation)

    def _objection(self, request: Request) -> str:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        claims, _, signature = token.rpartition(".")
        account, _, issued = claims.rpartition(".")
        at = request.headers.get("at", "")
        if account != ACCOUNT or signature != _sign(KEY, claims) or not at.isdigit():
            return "denied"
        if request.headers.get("sign") != _sign(KEY, f"{token}{at}{request.content.decode()}"):
            return "denied"
        if abs(int(at) / 1000 - self.clock()) > 300:
            return "clock"
        return "oldToken" if int(issued) <= self.ended or int(at) - int(issued) > 3_600_000 else ""

    def _send(self, fields: dict[str, Any], operation: str) -> Response:
        content, tokens = fields["content"], fields["to"]
        if operation == "list":
            content = self.contents.get(content)
        most = 30 if operation == "list" else 1
        if content is None or not _is_right(content) or not fields["message"] or not 0 < len(tokens) <= most:
            return self.refusal("badContent")
        if operation == "list" and len(set(tokens)) != len(tokens):
            return self.refusal("badContent")
        number = f"v{self.random.getrandbits(48):012x}"
        for token in tokens:
            self._deliver(token, content, number, operation, fields["message"])
        return self.reply_json({"code": "ok", "id": number})

    def _cast(self, fields: dict[str, Any]) -> Response:
        if not _is_right(fields["content"]):
            return self.refusal("badContent")
        tokens = list(self.tokens)
        if "accounts" in fields:
            tokens = [phone.token for name in fields["accounts"] for phone in self.phones_known.by_account(name)]
        number = f"t{self.random.getrandbits(48):012x}"
        for token in tokens:
            self._deliver(token, fields["content"], number, "cast", number)
        return self.reply_json({"code": "ok", "id": number})

    def _recall(self, number: str, tokens: list[str]) -> Response:
        phones = [self.phones_known.get(token) for token in tokens]
        done = [one.token for one in phones if one and one.recall(lambda shown: shown.message_id == number)]
        return self.reply_json({"code": "ok", "done": done})

    def _deliver(self, token: str, content: dict[str, Any], number: str, call: str, message: str) -> None:
        phone = self.phones_known.get(token)
        kind = ReceiptKind.UNREGISTERED if phone is None else self.target_receipts.get(token, ReceiptKind.ARRIVED)
        is_shown = phone is not None and not phone.muted and kind is not ReceiptKind.UNREGISTERED
        if phone is not None and is_shown and self.first_time([token], message):
            self.deliver(phone, lambda: self._shown(token, content, number, call, message))
        if content.get("receipts"):
            at = int(self.clock() * 1000)
            item = {"token": token, "what": EVENTS[kind], "id": number, "mark": content["mark"], "at": at}
            signature = f"at={at}; value={_sign(RECEIPT_KEY, f'{at}{RECEIVER}')}"
            headers = {"content-type": "application/json", "vault-signature": signature}
            self.due.append(Request("POST", content["receipts"], headers, json.dumps({"items": [item]}).encode()))

    def _shown(self, token: str, content: dict[str, Any], number: str, call: str, message: str) -> Delivery:
        badge = next(iter(content.get("badge", {}).items()), None)
        return Delivery(
            *(token, content["title"], content["text"], message, number, call, self.clock(), content),
            data=content["data"],
            ttl=content.get("keep"),
            badge=badge and Badge(*badge),
            replaces=content.get("tag", ""),
            alert=Alert(content["alert"]) if "alert" in content else None,
            user_id=content.get("user", ""),
            receipt_url=content.get("receipts", ""),
            receipt_parameter=content.get("mark", ""),
        )


def _is_right(content: dict[str, Any]) -> bool:
    sizes = len(content["title"]) <= 60 and len(content["text"]) <= 300 and content.get("keep", 0) <= 86_400
    return sizes and bool(content["title"] and content["text"]) and content.keys() <= KNOWN


def _sign(key: str, text: str) -> str:
    digest = hmac.new(key.encode(), text.encode("utf-8", "replace"), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
