"""`HonorSandbox`: Honor's server for one app, as strict as what is known of it.

A call is refused for the first reason found, in the order path, method, encoding, access token, app id, time, speed,
tokens, fields, size. It shares the rules with the plug-in and no other code. What no source settles is an option:

- the code of a success (`success`), of a success in part (`partial`), and the reply if all tokens are dead
  (`all_invalid`); the HTTP status of a refusal (`statuses`);
- whether the header `timestamp` is needed (`timestamp`), and by how many seconds it may differ (`skew`);
- whether longer texts than the rules have are taken (`long_texts`), and a badge without the activity that it needs,
  which has no effect then (`badge_class`);
- whether a login ends the access tokens before it (`one_token`), and how long one lives (`lifetime`);
- whether a dead token is named in the reply, or accepted and reported by receipt (`late_invalid`).

Decided here: a wrong time is 80100001; an access token that is not known is HTTP 401, one that has expired 80200003; an
app id of another app is 80300002; no token, or a field that is missing or wrong, is 80100003; a message beyond the
number of LOW messages of a phone (`marketing_of_a_phone`) or of test messages (`test_messages`) is accepted, not shown,
and reported by receipt; with `screen_off` a receipt comes before that says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, Final

from pushgateway.sandbox import Delivery, Fault, SandboxOption
from pushgateway.sandbox.kit.access_tokens import AccessTokens
from pushgateway.sandbox.kit.admission import Admission, AdmissionCodes, Asked
from pushgateway.sandbox.kit.checks import CheckCodes, Checks
from pushgateway.sandbox.kit.limits import Allowance, Shares, Speed
from pushgateway.sandbox.kit.mangling import TOKEN_MANGLINGS, mangle_tokens
from pushgateway.sandbox.kit.options import count, one_of, truth
from pushgateway.sandbox.kit.outbox import Outbox, json_rows
from pushgateway.sandbox.kit.readers import flatten
from pushgateway.sandbox.kit.refusals import CallRefused
from pushgateway.sandbox.kit.ruled import RuledSandbox
from pushgateway.vendor import (
    Badge,
    Button,
    ClickAction,
    OpenActivity,
    OpenApp,
    OpenIntent,
    OpenIntentUri,
    OpenUrl,
    Reason,
    ReceiptKind,
    Response,
)

APP_ID: Final = "104400123"
CLIENT_ID: Final = "900000001"
CLIENT_SECRET: Final = "sandboxSecretSandboxSecret"  # noqa: S105 - valid for a sandbox only
PACKAGE: Final = "com.example.chat"
_NOTE: Final = "android.notification"
_BADGE: Final = f"{_NOTE}.badge."
_STRUCTURE, _PARAMETER, _ALL_INVALID = "80100003", "80100001", "80300007"
_EXPIRED, _FAILED = "expireTokens", "failTokens"
_SILENT, _HELD = "40000001", "40000013"
_STATUSES: Final[Mapping[str, int]] = {
    "80200001": 401,
    "80200003": 401,
    "80300002": 403,
    "80600003": 500,
    "81000001": 500,
}
"""The HTTP status of a code, with the option `statuses`; others have 400."""
_KINDS: Final[Mapping[ReceiptKind, str]] = {
    ReceiptKind.ARRIVED: "40000002",
    ReceiptKind.UNREGISTERED: "40000004",
    ReceiptKind.MUTED: "40000005",
    ReceiptKind.CLICKED: "40000007",
    ReceiptKind.LIMITED: "40000009",
    ReceiptKind.DROPPED: "40000015",
}
"""The status of a receipt by its kind."""
_NOTHING: Final[tuple[Any, ...]] = (None, "", [], {})
"""How clients write that a field is not set."""
_COMPONENT = re.compile(r"intent:#Intent;component=[^;/]+/([^;]+);end")
_MILLISECONDS = re.compile(r"[0-9]{13}", re.ASCII)
_TTL = re.compile(r"[0-9]{1,9}s", re.ASCII)

Fields = Mapping[str, Any]


class HonorSandbox(RuledSandbox):
    """Honor's server for one app."""

    brand = "honor"
    package = "pushgateway_honor"
    pushing: Collection[str] = ("send",)
    has_target_codes = True
    manglings = TOKEN_MANGLINGS
    codes: ClassVar[Mapping[Reason, str | None]] = {
        Reason.QUOTA_EXCEEDED: None,
        Reason.INVALID_NOTIFICATION: _STRUCTURE,
    }
    receipt_kinds = frozenset(_KINDS)
    options: ClassVar[Mapping[str, SandboxOption]] = {
        "all_invalid": one_of("lists", _ALL_INVALID),
        "approved": truth(True),
        "badge_class": one_of("optional", "required"),
        "late_invalid": truth(),
        "lifetime": count(3600, least=1),
        "long_texts": truth(),
        "marketing_of_a_phone": count(),
        "one_token": truth(),
        "partial": one_of("80100000", "200"),
        "per_second": count(least=1),
        "screen_off": truth(),
        "skew": count(600),
        "statuses": one_of("200", "by code"),
        "success": one_of("200", "80000000", "0", "12200000"),
        "test_messages": count(1000),
        "timestamp": one_of("needed", "ignored"),
    }

    def set_up(self) -> None:
        """Make what the calls need."""
        self.access = AccessTokens(self.clock, self._new_access_token, self.facts.number("access_lifetime"))
        self.access.always_new = True
        self._speed = Speed(self.clock)
        self._shares, self._tests = Shares(self.clock), Allowance(self.clock)
        self.admission = Admission(
            operations=self.facts.operations,
            codes=AdmissionCodes(path="404", method="404", encoding=_STRUCTURE, speed="429"),
            access=self._objection,
            open_calls=("login", "login_by_realm"),
            speed=self._speed,
        )
        codes = CheckCodes(missing=_STRUCTURE, wrong=_STRUCTURE, fields={"android.ttl": "80100004"})
        own = {"android.data": _is_text, "android.ttl": self._ttl_fault, f"{_NOTE}.buttons": self._buttons_fault}
        longer = {f"{_NOTE}.title": _is_text, f"{_NOTE}.body": _is_text}
        self._checks = {
            takes: Checks(self.facts, codes, as_text=False, instead={**own, **(longer if takes else {})})
            for takes in (False, True)
        }
        self.outbox = Outbox(json_rows("statuses"))
        self.calls = {"send": self._send, "login": self._login, "login_by_realm": self._login}

    def settings(self, url: str) -> dict[str, object]:
        """The settings of a certificate that makes the plug-in talk to this sandbox."""
        return {
            "app_id": APP_ID,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "package": PACKAGE,
            "badge_class": f"{PACKAGE}.MainActivity",
            "host": url,
            "login_host": url,
        }

    def make_token(self) -> str:
        """A token for a new phone."""
        return f"HTOK-{self.random.getrandbits(320):080x}"

    def apply_option(self, name: str, value: Any) -> None:
        """Change one of `options`."""
        match name:
            case "lifetime":
                self.access.lifetime = value or self.facts.number("access_lifetime")
            case "marketing_of_a_phone":
                self._shares.limits["LOW"] = value
            case "one_token":
                self.access.one_at_a_time = value
            case "per_second":
                self._speed.limit = value
            case "test_messages":
                self._tests.limits[""] = value

    def is_taken(self, answer: Response) -> bool:
        """Whether the host's answer to receipts is a success: `code` 0 in JSON, or the bare text 0 of one client."""
        try:
            body = json.loads(answer.content)
        except ValueError:
            return False
        code = body.get("code") if isinstance(body, dict) else body
        return answer.status < 300 and code in ("0", 0) and code is not False

    # Access

    def _new_access_token(self) -> str:
        return f"eyJ-{self.random.getrandbits(256):064x}"

    def _login(self, form: Fields) -> Response:
        if form.get("grant_type") != "client_credentials":
            return self.login_refusal("unsupported_grant_type" if form.get("grant_type") else "invalid_request")
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return self.login_refusal("unauthorized_client")
        token = self.access.login().token
        return self.reply_json({"access_token": token, "expires_in": int(self.access.lifetime), "token_type": "Bearer"})

    def login_refusal(self, code: str) -> Response:
        """The reply to a login with this code: that of OAuth, or of any call."""
        if (row := self.rules.login_codes.get(code)) is None:
            return self.refusal(code)
        status = 401 if "client" in code else 400
        return self.reply_json({"error": code, "error_description": row.text or row.meaning}, status)

    def _objection(self, asked: Asked) -> CallRefused | None:
        """What is wrong with the access token, the app id and the time of a call."""
        kind, _, token = asked.header("authorization").partition(" ")
        state = self.access.state(token) if kind == "Bearer" else "unknown"
        if state != "valid":
            return CallRefused("80200003" if state == "expired" else "401")
        if asked.places["app_id"] != APP_ID:
            return CallRefused("80300002")
        return None if self.chosen["timestamp"] == "ignored" else self._time_objection(asked.header("timestamp"))

    def _time_objection(self, given: str) -> CallRefused | None:
        most = self.chosen["skew"]
        if not _MILLISECONDS.fullmatch(given):
            return CallRefused(_PARAMETER, "timestamp")
        is_near = most is None or abs(int(given) / 1000 - self.clock()) <= most
        return None if is_near else CallRefused(_PARAMETER, "timestamp")

    # Replies

    def refusal(self, code: str, field: str = "") -> Response:
        """Honor's reply with this code. Its HTTP status: the code itself where it is one, else by `statuses`."""
        status = 200 if self.chosen.get("statuses") != "by code" else _STATUSES.get(code, 400)
        if len(code) == 3 and code.isdigit():
            status = int(code)
        text = self.text(code)
        return self._reply_with(code, f"{text}: {field}" if field else text, None, status)

    def _reply_with(self, code: str, message: str, data: Any, status: int = 200) -> Response:
        return self.reply_json({"code": int(code), "message": message, "data": data}, status)

    def mangle(self, response: Response, fault: Fault) -> Response:
        """The correct reply with its lists of failed tokens changed."""
        body = json.loads(response.content)
        for name in (_EXPIRED, _FAILED):
            if body.get("data"):
                mangle_tokens(fault.kind, body["data"][name], self.random, foreign=self.make_token())
        return self.reply_json(body, response.status)

    # Sending

    def _send(self, body: Fields) -> Response:
        for name in ("android", "notification"):
            if body.get(name) not in _NOTHING and not isinstance(body[name], dict):
                raise CallRefused(_STRUCTURE, name)
        tokens, fields = self._tokens(body.get("token")), self._flat(body)
        has_note = any(name.startswith((f"{_NOTE}.", "notification.")) for name in fields)
        if not has_note and "android.data" not in fields:
            raise CallRefused(_STRUCTURE, "notification")
        self._check(fields, has_note)
        text = json.dumps({**body, "token": []}, ensure_ascii=False, separators=(",", ":"))
        if len(text.encode("utf-8", "replace")) > self.facts.number("body_bytes"):
            raise CallRefused("80300008")
        return self._push(tokens, fields, has_note)

    def _tokens(self, given: object) -> list[str]:
        if not isinstance(given, list) or not given or not all(isinstance(one, str) and one for one in given):
            raise CallRefused(_STRUCTURE, "token")
        if len(given) > self.facts.number("batch_size"):
            raise CallRefused("80300010")
        return list(dict.fromkeys(given))

    def _flat(self, body: Fields) -> dict[str, Any]:
        """The fields under dotted names, with those of `notification` and `data`, which `android` replaces."""
        flat = flatten({name: value for name, value in body.items() if name != "token"}, self.facts.fields.keys())
        fields = {name: value for name, value in flat.items() if value not in _NOTHING}
        for outer, inner in (("data", "android.data"), *((f"notification.{one}", f"{_NOTE}.{one}") for one in _OUTER)):
            if outer in fields:
                fields.setdefault(inner, fields[outer])
        if self.chosen["badge_class"] == "optional" and f"{_BADGE}badgeClass" not in fields:
            return {name: value for name, value in fields.items() if not name.startswith(_BADGE)}
        return fields

    def _check(self, fields: Fields, has_note: bool) -> None:
        checks = self._checks[self.chosen["long_texts"]]
        objection = checks.objection(fields if has_note else {**fields, **_SHOWN})
        if objection is not None:
            raise CallRefused(*objection)
        page = fields.get(f"{_NOTE}.clickAction.type") == 1
        if page and not {f"{_NOTE}.clickAction.intent", f"{_NOTE}.clickAction.action"}.intersection(fields):
            raise CallRefused(_STRUCTURE, "clickAction needs intent or action")

    def _ttl_fault(self, value: Any, _: Fields) -> Any:
        most = self.facts.fields["android.ttl"].max or 0
        is_right = isinstance(value, str) and _TTL.fullmatch(value) is not None and int(value[:-1]) <= most
        return "" if is_right else "wrong"

    def _buttons_fault(self, value: Any, _: Fields) -> Any:
        is_right = isinstance(value, list) and len(value) <= self.facts.number("buttons")
        return "" if is_right and all(map(self._is_button, value)) else "wrong"

    def _is_button(self, one: Any) -> bool:
        if not isinstance(one, dict):
            return False
        name, data, kind, target = one.get("name"), one.get("data") or "", one.get("actionType"), one.get("intent")
        texts = (name, self.facts.number("button_characters")), (data, self.facts.number("button_data_characters"))
        if not name or not all(isinstance(text, str) and len(text) <= most for text, most in texts):
            return False
        if type(kind) is not int or kind not in (0, 1, 2):
            return False
        if kind == 0:
            return True
        starts = "https://" if kind == 2 else ""
        is_known = kind == 2 or (type(one.get("intentType")) is int and one["intentType"] in (0, 1))
        return is_known and isinstance(target, str) and target != "" and target.startswith(starts)

    def _push(self, tokens: Sequence[str], fields: Fields, has_note: bool) -> Response:
        self._speed.use(len(tokens))
        reached = self.reach(tokens, unknown=None if self.chosen["late_invalid"] else _EXPIRED, muted=None)
        if not (reached.tokens or reached.reports) and self._names_nobody(reached.refused):
            return self.refusal(_ALL_INVALID)
        lists = {name: list(reached.refused.get(name, ())) for name in (_FAILED, _EXPIRED)}
        request_id = self.new_id()
        data = {"sendResult": len(reached.refused) == 0 or bool(reached.tokens), "requestId": request_id, **lists}
        events = {token: [_KINDS[kind]] for token, kind in reached.reports.items()}
        shown = [token for token in tokens if token in self._arriving(reached.tokens, reached.reports)]
        if has_note:
            shown, beyond = self._within_limits(shown, fields)
            events |= {token: [_KINDS[ReceiptKind.LIMITED]] for token in beyond}
            self.deliver_all(shown, lambda token: self._delivery(token, fields, request_id))
        arrival = _KINDS[ReceiptKind.ARRIVED] if has_note else _SILENT
        before = [_HELD] if has_note and self.chosen["screen_off"] else []
        for token in shown:
            events[token] = [*before, *events.get(token, [arrival])]
        self._report(events, fields, request_id)
        if reached.refused:
            return self._reply_with(self.chosen["partial"], "part of the tokens failed", data)
        return self._reply_with(self.chosen["success"], self.text("200"), data)

    def _names_nobody(self, refused: Mapping[str, Sequence[str]]) -> bool:
        """Whether a request that reached nobody is answered without lists."""
        return _ALL_INVALID in refused or (_FAILED not in refused and self.chosen["all_invalid"] == _ALL_INVALID)

    def _arriving(self, tokens: Sequence[str], reports: Mapping[str, ReceiptKind]) -> set[str]:
        """The phones that get it: those whose user taps it do too."""
        return {*tokens, *(token for token, kind in reports.items() if kind is ReceiptKind.CLICKED)}

    def _within_limits(self, tokens: Sequence[str], fields: Fields) -> tuple[list[str], list[str]]:
        """The phones that show a notification, and those for which a limit is reached."""
        if fields.get("android.targetUserType") == 1:
            left = self._tests.take(len(tokens))
            return list(tokens[:left]), list(tokens[left:])
        within, beyond = self._shares.split(tokens, self._class(fields))
        return list(within), list(beyond)

    def _class(self, fields: Fields) -> str:
        """The class as which a message counts: without the right every message is LOW."""
        given = str(fields.get(f"{_NOTE}.importance", ""))
        return given if self.chosen["approved"] else "LOW"

    def _delivery(self, token: str, fields: Fields, request_id: str) -> Delivery:
        note = {name.removeprefix(f"{_NOTE}."): value for name, value in fields.items() if name.startswith(f"{_NOTE}.")}
        category, ttl = self._class(fields), fields.get("android.ttl")
        number = note.get("notifyId", -1)
        return Delivery(
            token,
            note["title"],
            note["body"],
            None,
            request_id,
            "send",
            self.clock(),
            fields,
            click=_click(note),
            data=_object(fields.get("android.data")),
            ttl=None if ttl is None else int(ttl[:-1]),
            category=category,
            private=category == "NORMAL",
            badge=_badge(note),
            replaces=" ".join([*([str(number)] if number >= 0 else []), *([note["tag"]] if "tag" in note else [])]),
            long_body=note.get("bigBody", "") if note.get("style") == 1 else "",
            picture=note.get("image", ""),
            buttons=tuple(map(_button, note.get("buttons", []))),
            group=note.get("group", ""),
            receipt_url=self.receipts_at,
            receipt_parameter=fields.get("android.biTag", ""),
        )

    def report_tap(self, delivery: Delivery) -> None:
        """A receipt that says that the user tapped it."""
        event = _KINDS[ReceiptKind.CLICKED]
        self._report({delivery.token: [event]}, delivery.notification, delivery.message_id)

    def _report(self, events: Mapping[str, Sequence[str]], fields: Fields, request_id: str) -> None:
        for token, statuses in events.items() if self.receipts_at else ():
            for status in statuses:
                receipt = {
                    "appid": APP_ID,
                    "token": token,
                    "biTag": fields.get("android.biTag", ""),
                    "status": int(status),
                    "timestamp": int(self.clock() * 1000),
                    "requestId": request_id,
                }
                self.outbox.add(self.receipts_at, receipt)


_OUTER: Final = ("title", "body", "image")
_SHOWN: Final[Fields] = {f"{_NOTE}.title": "t", f"{_NOTE}.body": "b", f"{_NOTE}.clickAction.type": 3}
"""What a message without a notification need not have."""


def _is_text(value: Any, _: Fields) -> Any:
    return "" if isinstance(value, str) else "wrong"


def _object(text: Any) -> Mapping[str, Any]:
    """The JSON object of a payload; plain text is none."""
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _click(note: Fields) -> ClickAction | None:
    match note["clickAction.type"]:
        case 3:
            return OpenApp()
        case 2:
            return OpenUrl(note["clickAction.url"])
    return _page(note.get("clickAction.action"), note.get("clickAction.intent"))


def _page(action: Any, uri: Any) -> ClickAction:
    if action:
        return OpenIntent(action)
    found = _COMPONENT.fullmatch(uri)
    return OpenIntentUri(uri) if found is None else OpenActivity(found[1])


def _button(one: Fields) -> Button:
    match one["actionType"], one.get("intentType"):
        case 0, _:
            return Button(one["name"])
        case 2, _:
            return Button(one["name"], OpenUrl(one["intent"]))
        case _, 1:
            return Button(one["name"], OpenIntent(one["intent"]))
    return Button(one["name"], _page(None, one["intent"]))


def _badge(note: Fields) -> Badge | None:
    if "badge.setNum" in note:
        return Badge.set(note["badge.setNum"])
    return Badge.add(note["badge.addNum"]) if note.get("badge.addNum") else None
