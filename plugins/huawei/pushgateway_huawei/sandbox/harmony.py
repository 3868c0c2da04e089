"""`HarmonySandbox`: Push Kit v3, with signed tokens only.

Decided here: only notifications (`push-type` 0); a token of no phone is `tokenFormatError`, an Android token `noRight`;
if all tokens failed, the reply names them (`plain_all_invalid`: it does not); the shape of a recall that was done in
part is that of a send; a notification of an unknown id is taken back without an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from pushgateway.sandbox import Delivery
from pushgateway.sandbox.kit.limits import Allowance
from pushgateway.sandbox.kit.options import SandboxOption, count, truth
from pushgateway.sandbox.kit.refusals import CallRefused
from pushgateway.vendor import Badge, ClickAction, OpenApp, OpenIntent, OpenIntentUri, Response
from pushgateway_huawei.replies import ALL_INVALID
from pushgateway_huawei.sandbox.server import CLIENT_ID, PACKAGE, PushKitSandbox

_NOTE: Final = "payload.notification"
_LARGEST: Final = 2**31 - 1


class HarmonySandbox(PushKitSandbox):
    """Push Kit's server for one app on HarmonyOS phones."""

    brand = "harmony"
    package = "pushgateway_huawei"
    rules_name = "harmony"
    marketing_events = ("256",)
    options: ClassVar[Mapping[str, SandboxOption]] = {
        **PushKitSandbox.options,
        "plain_all_invalid": truth(),
        "test_messages": count(1000),
    }

    def set_up(self) -> None:
        """Make what the calls need."""
        super().set_up()
        self._allowance = Allowance(self.clock)
        self.calls = {"send": self._send, "recall": self._recall, "verify_image": self._verify}
        self._verified: set[str] = set()

    def settings(self, url: str) -> dict[str, object]:
        """The settings of a certificate that makes the plug-in talk to this sandbox."""
        return {**self.settings_of(url), "service_account": self.service_account, "client_id": CLIENT_ID}

    def make_token(self) -> str:
        """A token that looks like those of HarmonyOS phones."""
        return f"MAMzL{self.random.getrandbits(320):080x}"

    def verify_picture(self, url: str) -> None:
        """The picture at this URL may be shown."""
        with self.lock:
            self._verified.add(url)

    def apply_option(self, name: str, value: Any) -> None:
        """Change one of `options`."""
        super().apply_option(name, value)
        if name == "test_messages":
            self._allowance.limits["test"] = value

    def bearer_objection(self, token: str) -> CallRefused | None:
        """Only tokens that the client has signed: others cannot be read."""
        return self.jwt_objection(token)

    # Sending

    def own_checks(self) -> Mapping[str, Any]:
        """The rows say everything."""
        return {}

    def _send(self, body: Mapping[str, Any]) -> Response:
        if self.asked.header("push-type") != "0":
            raise CallRefused("80100001", "push-type")
        target = body.get("target")
        tokens = self.tokens_of(target.get("token") if isinstance(target, dict) else None)
        rest = {name: value for name, value in body.items() if name != "target"}
        fields = self.flat(rest)
        self.check(fields, {**rest, "target": {"token": []}})
        kind = fields[f"{_NOTE}.clickAction.actionType"]
        if kind == 1 and not {f"{_NOTE}.clickAction.action", f"{_NOTE}.clickAction.uri"}.intersection(fields):
            raise CallRefused("80100003", "clickAction needs action or uri")
        picture = fields.get(f"{_NOTE}.image")
        if picture is not None and picture not in self._verified:
            raise CallRefused("80100022")
        if fields.get("pushOptions.testMessage"):
            if len(tokens) > self.facts.number("test_batch_size"):
                raise CallRefused("80300030")
            if not self._allowance.take(1, "test"):
                raise CallRefused("80300029")
        category = self.category(fields[f"{_NOTE}.category"])

        def make(token: str, request_id: str) -> Delivery:
            return self._delivery(token, request_id, fields, category)

        return self.send(tokens, fields, make, category)

    def seen_first(self, tokens: Sequence[str], fields: Mapping[str, Any]) -> Sequence[str]:
        """A phone shows the first of a day with one `appMessageId`."""
        return self.first_time(tokens, fields.get(f"{_NOTE}.appMessageId", ""))

    def failed(self, refused: Mapping[str, Sequence[str]], succeeded: int) -> dict[str, Any]:
        """Lists by reason."""
        lists: dict[str, list[str]] = {}
        for code, tokens in refused.items():
            for token in tokens:
                reason = code if code in self.rules.target_codes or code == ALL_INVALID else "tokenFormatError"
                lists.setdefault("noRight" if code == "dead" and token.startswith("IQAAAA") else reason, []).append(
                    token
                )
        failure = sum(map(len, lists.values()))
        return {"illegalTokens": lists, "success": succeeded, "failure": failure}

    def all_invalid(self, refused: Mapping[str, Sequence[str]]) -> Response:
        """The reply if all tokens failed, with their reasons."""
        if self.chosen["plain_all_invalid"]:
            return self.refusal(ALL_INVALID)
        details = self.failed(refused, 0)
        return self._reply_with(
            ALL_INVALID, self.spelled({name: details[name] for name in ("failure", "illegalTokens")})
        )

    def _delivery(self, token: str, request_id: str, fields: Mapping[str, Any], category: str) -> Delivery:
        note = {name.removeprefix(f"{_NOTE}."): value for name, value in fields.items() if name.startswith(f"{_NOTE}.")}
        row = self.facts.categories.get(category)
        notify_id = note.get("notifyId", -1)
        return Delivery(
            token,
            note["title"],
            note["body"],
            note.get("appMessageId"),
            request_id,
            "send",
            self.clock(),
            fields,
            click=_click(note),
            data=note.get("clickAction.data") or {},
            ttl=fields.get("pushOptions.ttl"),
            category=category,
            private=row is not None and row.private,
            badge=_badge(note),
            replaces=str(notify_id) if notify_id >= 0 else "",
            sound=note.get("sound", ""),
            long_body=note.get("bigBody", "") if note.get("style") == 1 else "",
            picture=note.get("image", ""),
            show_in_foreground=note.get("foregroundShow", True),
            user_id=note.get("profileId", ""),
            receipt_url=self.receipts_at,
            receipt_parameter=fields.get("pushOptions.biTag", ""),
        )

    def receipt(self, token: str, event: str, fields: Mapping[str, Any], request_id: str) -> Mapping[str, Any]:
        """A status of version V2."""
        return {
            "biTag": fields.get("pushOptions.biTag", ""),
            "pushType": 0,
            "appPackageName": PACKAGE,
            "token": token,
            "requestId": request_id,
            "deliveryStatus": {"result": int(event), "timestamp": int(self.clock() * 1000)},
        }

    # Other calls

    def _recall(self, fields: Mapping[str, Any]) -> Response:
        if self.asked.header("push-type") not in ("0", "2"):
            raise CallRefused("80100001", "push-type")
        tokens, notify_id = self.tokens_of(fields.get("token")), fields.get("notifyId")
        if type(notify_id) is not int or not 0 <= notify_id <= _LARGEST:
            raise CallRefused("80100001", "notifyId")
        dead = [token for token in tokens if self.phones_known.get(token) is None]
        for token in tokens:
            self.recall(token, replaces=str(notify_id))
        if len(dead) == len(tokens):
            raise CallRefused("80300028")
        if dead:
            return self._reply_with("80100020", self.spelled(self.failed({"dead": dead}, len(tokens) - len(dead))))
        return self.accepted()

    def _verify(self, fields: Mapping[str, Any]) -> Response:
        url = fields.get("imageUrl")
        if not isinstance(url, str) or not url.startswith("https://"):
            raise CallRefused("83010005")
        made = f"https://push-image.sandbox.invalid/{self.new_id()}"
        self.verify_picture(made)
        return self._reply_with("83010000", "success", downloadUrl=made, expireTime=86_400)


def _click(note: Mapping[str, Any]) -> ClickAction | None:
    if note["clickAction.actionType"] == 0:
        return OpenApp()
    if "clickAction.action" in note:
        return OpenIntent(note["clickAction.action"])
    return OpenIntentUri(note["clickAction.uri"])


def _badge(note: Mapping[str, Any]) -> Badge | None:
    if "badge.setNum" in note:
        return Badge.set(note["badge.setNum"])
    return Badge.add(note["badge.addNum"]) if "badge.addNum" in note else None
