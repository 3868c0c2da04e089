"""A strict imitation of Beam's server, for the conformance kit."""

import json
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode

from pushgateway.sandbox import Delivery, Phone, Sandbox
from pushgateway.vendor import OpenApp, OpenUrl, Reason, ReceiptKind, Request, Response

KEY = "beam-key"
EVENTS = {ReceiptKind.ARRIVED: "arrived", ReceiptKind.UNREGISTERED: "gone", ReceiptKind.LIMITED: "full"}


class BeamSandbox(Sandbox):
    """The server of one app at Beam."""

    brand = "beam"
    operations = ("send", "cast", "stats")
    has_target_codes = True
    receipt_kinds = frozenset(EVENTS)
    codes: ClassVar[dict[Reason, str | None]] = {
        Reason.RATE_LIMITED: "4",
        Reason.QUOTA_EXCEEDED: "5",
        Reason.INVALID_NOTIFICATION: "6",
        Reason.CREDENTIALS: "8",
        Reason.UNAVAILABLE: "9",
    }

    def __init__(self, **options: Any) -> None:
        self.due: list[Request] = []
        super().__init__(**options)

    def settings(self, url: str) -> dict[str, object]:
        return {"key": KEY, "host": url, "us_host": url}

    def operation(self, request: Request) -> str:
        return request.url.partition("?")[0].rpartition("/")[2]

    def refusal(self, code: str) -> Response:
        return self.reply_json({"code": int(code) if code.removeprefix("-").isdigit() else code})

    def callbacks(self) -> list[Request]:
        due, self.due = self.due, []
        return due

    def perform(self, request: Request, operation: str) -> Response:
        if request.headers.get("x-key") != KEY:
            return self.refusal("8")
        form = dict(parse_qsl(request.content.decode(), keep_blank_values=True))
        if operation == "stats":
            return self.reply_json({"code": 0, "arrived": self.ledger.total})
        too_long = len(form["title"]) > 30 or len(form["text"]) > 60 or len(form.get("payload", "")) > 500
        if too_long or not form["title"] or not form["text"] or int(form.get("keep_ms", 0)) > 86_400_000:
            return self.refusal("6")
        if operation == "send":
            return self._send(form)
        targets = self._audience(form)
        if targets is None:
            return self.refusal("6")
        refused: dict[str, list[str]] = {}
        for token in targets:
            self._deliver(token, form, "", "cast", refused)
        return self.reply_json({"code": 0, "task": "task-1", "refused": refused})

    def _send(self, form: dict[str, str]) -> Response:
        tokens = form["tokens"].split(",")
        if len(tokens) > 50 or len(set(tokens)) < len(tokens):
            return self.refusal("6")
        marks = json.loads(form.get("marks", "[]")) or [""] * len(tokens)
        refused: dict[str, list[str]] = {}
        ids = {}
        for token, mark in zip(tokens, marks, strict=True):
            number = self._deliver(token, form, mark, "send", refused)
            if number:
                ids[token] = number
        return self.reply_json({"code": 0, "ids": ids, "refused": refused})

    def _audience(self, form: dict[str, str]) -> list[str] | None:
        match form["to"]:
            case "everyone":
                return list(self.tokens)
            case "tags":
                groups = json.loads(form["tags"])
                wanted = [set(groups.get(name, ())) for name in ("any", "all", "none")]
                phones = [phone for phone in self.phones_known if _means(phone, *wanted)]
                return [phone.token for phone in phones]
            case "aliases":
                found = [self.phones_known.by_alias(name) for name in form["names"].split("|")]
                return [phone.token for phone in found if phone is not None]
            case "tokens":
                return form["names"].split("|")
        return None

    def _deliver(self, token: str, form: dict[str, str], mark: str, call: str, refused: dict[str, list[str]]) -> str:
        phone = self.phones_known.get(token)
        code = self.target_codes.get(token) or ("1" if phone is None else "2" if phone.muted else "")
        if code or phone is None:
            refused.setdefault(code, []).append(token)
            return ""
        number = f"b{self.ledger.total + 1}"
        kind = self.target_receipts.get(token, ReceiptKind.ARRIVED)
        if kind is ReceiptKind.ARRIVED:
            self.deliver(phone, lambda: self._shown(token, form, mark, number, call))
        if form.get("receipts"):
            receipt = {"token": token, "what": EVENTS[kind], "mark": mark, "id": number}
            receipt["at_ms"] = str(int(self.clock() * 1000))
            headers = {"content-type": "application/x-www-form-urlencoded"}
            self.due.append(Request("POST", form["receipts"], headers, urlencode(receipt).encode()))
        return number

    def _shown(self, token: str, form: dict[str, str], mark: str, number: str, call: str) -> Delivery:
        return Delivery(
            *(token, form["title"], form["text"], None, number, call, self.clock(), form),
            click=OpenUrl(form["open"]) if "open" in form else OpenApp(),
            data=json.loads(form.get("payload", "{}")),
            ttl=int(form["keep_ms"]) // 1000 if "keep_ms" in form else None,
            start_at=float(form["at"]) if "at" in form else None,
            rate=int(form["speed"]) if "speed" in form else None,
            channel_id=form["channel"],
            private=form["channel"] == "private",
            template=form.get("template", ""),
            parameters=json.loads(form.get("places", "{}")),
            replaces=form.get("notify_id", ""),
            receipt_url=form.get("receipts", ""),
            receipt_parameter=mark,
        )


def _means(phone: Phone, any_of: set[str], all_of: set[str], none_of: set[str]) -> bool:
    return (not any_of or bool(phone.tags & any_of)) and phone.tags >= all_of and not phone.tags & none_of
