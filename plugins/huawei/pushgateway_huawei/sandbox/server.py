"""`PushKitSandbox`, what the sandboxes of both brands share: access, codes, tokens that fail, and signed receipts.

Strict as Huawei's pages are. Not documented, decided here or switched by an option:

- the HTTP status of a code (`statuses`): by what the code means, or always 200; an unknown or missing access token is
  401 always;
- a token that was signed in the future, or for somebody else, is 80200001;
- too many logins are HTTP 503;
- a dead token is named in the reply, or accepted and reported by receipt (`late_invalid`);
- whether the JSON in `msg` has blanks around a key, as in Huawei's sample (`blanks`);
- which of the two encodings of the secret signs receipts (`receipt_secret`).

A category without the right (`approved`) is shown as MARKETING; beyond `marketing_of_a_phone` a message is accepted,
not shown, and reported.
"""

from __future__ import annotations

import base64
import json
from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar, Final

import attrs

from pushgateway.sandbox import Delivery, Fault
from pushgateway.sandbox.kit.admission import Admission, AdmissionCodes, Asked
from pushgateway.sandbox.kit.checks import CheckCodes, Checks
from pushgateway.sandbox.kit.limits import Shares, Speed
from pushgateway.sandbox.kit.mangling import TOKEN_MANGLINGS, mangle_tokens
from pushgateway.sandbox.kit.options import SandboxOption, count, one_of, truth
from pushgateway.sandbox.kit.outbox import Outbox, json_rows, signed
from pushgateway.sandbox.kit.readers import flatten
from pushgateway.sandbox.kit.refusals import CallRefused
from pushgateway.sandbox.kit.ruled import RuledSandbox
from pushgateway.sandbox.kit.signatures import JwtCheck, hmac_sha256, make_key
from pushgateway.vendor import Reason, ReceiptKind, Response

CLIENT_ID: Final = "100000001"
PROJECT_ID: Final = "388420000000000001"
KEY_ID: Final = "sandbox-key"
SUB_ACCOUNT: Final = "101010101"
AUDIENCE: Final = "https://oauth-login.cloud.huawei.com/oauth2/v3/token"
CALLBACK_USER: Final = "sandbox"
CALLBACK_SECRET: Final = base64.b64encode(b"sandbox callback secret").decode()
PACKAGE: Final = "com.example.chat"
_FLOW_CONTROL: Final = "503"
_STATUSES: Mapping[str, int] = {
    **dict.fromkeys(("80000000", "80100000", "80100020", "83010000"), 200),
    **dict.fromkeys(("80200001", "80200003", "80200005"), 401),
    **dict.fromkeys(("80000001", "80600003", "81000001"), 500),
}
"""The HTTP status of a code; others have 400."""
_JWT_CODES: Mapping[str, str] = {"expired": "80200005", "too_long": "80300036"}
"""Codes for what is wrong with a signed token; others are 80200001."""
_KINDS: Mapping[ReceiptKind, str] = {
    ReceiptKind.ARRIVED: "0",
    ReceiptKind.UNREGISTERED: "2",
    ReceiptKind.MUTED: "6",
    ReceiptKind.DROPPED: "15",
    ReceiptKind.LIMITED: "102",
}
"""The status of a receipt by its kind."""


class PushKitSandbox(RuledSandbox):
    """Push Kit's server for one app."""

    pushing: Collection[str] = ("send",)
    has_target_codes = True
    manglings = TOKEN_MANGLINGS
    codes: ClassVar[Mapping[Reason, str | None]] = {
        Reason.QUOTA_EXCEEDED: None,
        Reason.RATE_LIMITED: _FLOW_CONTROL,
        Reason.INVALID_NOTIFICATION: "80100003",
    }
    receipt_kinds = frozenset(_KINDS)
    options: ClassVar[Mapping[str, SandboxOption]] = {
        "approved": truth(True),
        "blanks": truth(True),
        "late_invalid": truth(),
        "marketing_of_a_phone": count(),
        "per_second": count(),
        "receipt_secret": one_of("text", "base64"),
        "statuses": one_of("by code", "200"),
    }
    marketing_events: ClassVar[Sequence[str]]
    """The statuses that may report a message beyond the limit of MARKETING; the first is the usual one."""

    def set_up(self) -> None:
        """Make what the calls need."""
        self.speed = Speed(self.clock)
        self.shares = Shares(self.clock)
        self.admission = Admission(
            operations=self.facts.operations,
            codes=AdmissionCodes(path="404", method="405", encoding="80100001", speed=_FLOW_CONTROL),
            access=self.access_objection,
            open_calls=("login",),
            speed=self.speed,
        )
        codes = CheckCodes(missing="80100003", wrong="80100003")
        self.checks = Checks(self.facts, codes, as_text=False, instead=self.own_checks())
        self.outbox = Outbox(signed(json_rows("statuses"), "x-huawei-callback-id", self._sign))
        self._signed_tokens: set[str] = set()
        self._ended_tokens: set[str] = set()
        self._jwt: JwtCheck | None = None

    # Of each brand

    @abstractmethod
    def own_checks(self) -> Mapping[str, Any]:
        """Checks of fields in the place of those by their rows."""

    @abstractmethod
    def failed(self, refused: Mapping[str, Sequence[str]], succeeded: int) -> dict[str, Any]:
        """The details of a success in part. `refused`: by code, the tokens that failed."""

    @abstractmethod
    def receipt(self, token: str, event: str, fields: Mapping[str, Any], request_id: str) -> Mapping[str, Any]:
        """One status of a receipt."""

    @abstractmethod
    def bearer_objection(self, token: str) -> CallRefused | None:
        """What is wrong with an access token."""

    # Access

    @property
    def service_account(self) -> str:
        """The key file of the app's service account, made for this process."""
        return json.dumps(
            {
                "project_id": PROJECT_ID,
                "key_id": KEY_ID,
                "private_key": make_key()[0],
                "sub_account": SUB_ACCOUNT,
                "token_uri": AUDIENCE,
            }
        )

    def access_objection(self, asked: Asked) -> CallRefused | None:
        """What is wrong with the access token or the path of a call."""
        kind, _, token = asked.header("authorization").partition(" ")
        refused = CallRefused("80200001", status=401) if kind != "Bearer" or not token else self.bearer_objection(token)
        right = {"client_id": CLIENT_ID, "project_id": PROJECT_ID}
        if refused is None and any(asked.places[name] != right[name] for name in asked.places):
            return CallRefused("80300002")
        return refused

    def jwt_objection(self, token: str) -> CallRefused | None:
        """What is wrong with a token that the client has signed."""
        if self._jwt is None:
            most = float(self.facts.number("jwt_longest"))
            self._jwt = JwtCheck(make_key()[1].encode(), SUB_ACCOUNT, AUDIENCE, most, KEY_ID)
        fault = "expired" if token in self._ended_tokens else self._jwt.objection(token, self.clock())
        if fault is None:
            self._signed_tokens.add(token)
            return None
        return CallRefused(_JWT_CODES.get(fault, "80200001"))

    def expire_tokens(self) -> None:
        """Make all access tokens invalid, those that clients have signed too."""
        with self.lock:
            super().expire_tokens()
            self._ended_tokens |= self._signed_tokens

    # Replies

    def refusal(self, code: str, field: str = "") -> Response:
        """Huawei's reply with this code; for three digits, that HTTP status without a body of Huawei's."""
        if len(code) == 3 and code.isdigit():
            return attrs.evolve(self.reply_json({}, int(code)), content=b"", headers={"date": self._http_date()})
        return self._reply_with(code, f"{self.text(code)}, {field}" if field else self.text(code))

    def _reply_with(self, code: str, message: str, **more: Any) -> Response:
        status = 200 if self.chosen.get("statuses") == "200" else _STATUSES.get(code, 400)
        return self.reply_json({"code": code, "msg": message, "requestId": self.new_id(), **more}, status)

    def accepted(self, **more: Any) -> Response:
        """The reply to a call that was done."""
        return self._reply_with("80000000", "Success", **more)

    def mangle(self, response: Response, fault: Fault) -> Response:
        """The correct reply with its lists of failed tokens changed."""
        try:
            body = json.loads(response.content)
            details = json.loads(body["msg"])
        except (ValueError, KeyError, TypeError):
            return response  # it lists none
        for value in details.values():
            for listed in value.values() if isinstance(value, dict) else (value,):
                if isinstance(listed, list):
                    mangle_tokens(fault.kind, listed, self.random, foreign=self.make_token())
        return self.reply_json({**body, "msg": json.dumps(details)}, response.status)

    # Sending

    def apply_option(self, name: str, value: Any) -> None:
        """Change one of `options`."""
        if name == "per_second":
            self.speed.limit = value
        if name == "marketing_of_a_phone":
            self.shares.limits["MARKETING"] = value

    def flat(self, tree: Mapping[str, Any]) -> dict[str, Any]:
        """Nested fields under dotted names; null and "" count as missing."""
        flat = flatten(tree, self.facts.fields.keys())
        return {name: value for name, value in flat.items() if value is not None and value != ""}

    def check(self, fields: Mapping[str, Any], body: Mapping[str, Any]) -> None:
        """Raise `CallRefused` for fields that Huawei refuses. `body`: the whole body without its tokens."""
        size = len(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))
        if size > self.facts.number("body_bytes"):
            raise CallRefused("80300008")
        if (objection := self.checks.objection(fields)) is not None:
            raise CallRefused(*objection)

    def tokens_of(self, given: object) -> list[str]:
        """The tokens of a request. Raises `CallRefused` unless there are 1 to 1,000 of them."""
        most = self.facts.number("batch_size")
        if not isinstance(given, list) or not 1 <= len(given) <= most or not all(isinstance(t, str) for t in given):
            raise CallRefused("80300010")
        return given

    def category(self, given: object) -> str:
        """The category as which a message counts."""
        category = given if isinstance(given, str) else ""
        row = self.facts.categories.get(category)
        return "MARKETING" if row is not None and row.private and not self.chosen["approved"] else category

    def send(
        self, tokens: Sequence[str], fields: Mapping[str, Any], make: Callable[[str, str], Delivery], category: str
    ) -> Response:
        """Push to these tokens. `make`: the delivery for a token and the id of the request."""
        self.speed.use(len(tokens))
        dead = None if self.chosen["late_invalid"] else "dead"
        reached = self.reach(tokens, unknown=dead, muted=None)
        if len(reached.refused) and not (reached.tokens or reached.reports):
            return self.all_invalid(reached.refused)
        failed = sum(map(len, reached.refused.values()))
        details = self.failed(reached.refused, len(tokens) - failed) if failed else {}
        response = self._reply_with("80100000", self.spelled(details)) if failed else self.accepted()
        request_id = json.loads(response.content)["requestId"]
        if "MARKETING" in self.shares.limits and category == "MARKETING":
            shown = [token for token in reached.tokens if self.shares.use(token, "MARKETING")]
            beyond = set(reached.tokens).difference(shown)
        else:
            shown, beyond = list(reached.tokens), set()
        self.deliver_all(self.seen_first(shown, fields), lambda token: make(token, request_id))
        if self.receipts_at:
            events = {token: _KINDS[kind] for token, kind in reached.reports.items()}
            events |= dict.fromkeys(beyond, self.marketing_events[0]) | dict.fromkeys(shown, "0")
            for token, event in events.items():
                self.outbox.add(self.receipts_at, self.receipt(token, event, fields, request_id))
        return response

    def seen_first(self, tokens: Sequence[str], fields: Mapping[str, Any]) -> Sequence[str]:
        """The phones that show this message: all, unless they drop repeats."""
        return tokens

    def all_invalid(self, refused: Mapping[str, Sequence[str]]) -> Response:
        """The reply if all tokens failed."""
        return self.refusal("80300007")

    def spelled(self, details: Mapping[str, Any]) -> str:
        """The details of a reply as the text of `msg`, with blanks around a key as in Huawei's sample."""
        first = next(iter(details))
        named = {f" {name} " if name == first and self.chosen["blanks"] else name: details[name] for name in details}
        return json.dumps(named)

    def _sign(self, _: bytes) -> str:
        at, nonce = str(int(self.clock() * 1000)), f"{self.random.getrandbits(128):032x}"
        is_text = self.chosen["receipt_secret"] == "text"  # noqa: S105 - the name of an option
        secret = CALLBACK_SECRET.encode() if is_text else base64.b64decode(CALLBACK_SECRET)
        return f"timestamp={at}; nonce={nonce}; value={hmac_sha256(secret, at, nonce, CALLBACK_USER)}"

    def is_taken(self, answer: Response) -> bool:
        """Whether the host's answer to receipts is the one that Huawei's pages show: `code` "0", or `errno` 0."""
        try:
            body = json.loads(answer.content)
        except ValueError:
            return False
        return isinstance(body, dict) and (body.get("code") == "0" or body.get("errno") == 0)

    def settings_of(self, url: str) -> dict[str, object]:
        """The settings that both brands have."""
        return {"host": url, "callback_user": CALLBACK_USER, "callback_secret": CALLBACK_SECRET}
