"""`HuaweiSandbox`: Push Kit v1 and v2, with logins by client id and secret or by signed tokens.

Decided here: a repeated token in a request is pushed twice, as Huawei's page says; a message to a topic reaches the
phones that subscribed to it; `validate_only` checks everything but the tokens.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, Final

from pushgateway.sandbox import Delivery
from pushgateway.sandbox.kit.access_tokens import AccessTokens
from pushgateway.sandbox.kit.options import SandboxOption, one_of
from pushgateway.sandbox.kit.refusals import CallRefused
from pushgateway.vendor import (
    Alert,
    Badge,
    ClickAction,
    OpenActivity,
    OpenApp,
    OpenIntent,
    OpenIntentUri,
    OpenUrl,
    Response,
)
from pushgateway_huawei.sandbox.conditions import holds, topics_of
from pushgateway_huawei.sandbox.server import CLIENT_ID, PACKAGE, PROJECT_ID, PushKitSandbox

CLIENT_SECRET: Final = "sandbox-secret+/="  # noqa: S105 - valid for a sandbox only
_NOTE: Final = "android.notification"
_COMPONENT = re.compile(r"intent:#Intent;component=[^;/]+/([^;]+);end")
_TTL = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?s?", re.ASCII)
_TOPIC = re.compile(r"[0-9A-Za-z_%.~\-\u3400-\u4dbf\u4e00-\u9fff]{1,900}")
_LOGINS_IN: Final = 300.0
"""Seconds in which the number of logins is limited."""


class HuaweiSandbox(PushKitSandbox):
    """Push Kit's server for one app on Android phones."""

    brand = "huawei"
    package = "pushgateway_huawei"
    pushing: Collection[str] = ("send", "send_v2")
    marketing_events: ClassVar[Sequence[str]] = ("201", "102")
    options: ClassVar[Mapping[str, SandboxOption]] = {
        **PushKitSandbox.options,
        "login": one_of("secret", "service account"),
        "version": one_of("v1", "v2"),
    }

    def set_up(self) -> None:
        """Make what the calls need."""
        super().set_up()
        lifetime = self.facts.number("access_lifetime")
        self.access = AccessTokens(self.clock, self._new_access_token, lifetime, always_new=True)
        self._logins: list[float] = []
        self.calls = {
            "login": self._login,
            "send": self._send,
            "send_v2": self._send,
            "subscribe_topic": self._subscribe,
            "unsubscribe_topic": self._unsubscribe,
            "topics": self._topics,
        }

    def settings(self, url: str) -> dict[str, object]:
        """The settings of a certificate that makes the plug-in talk to this sandbox."""
        login: dict[str, object] = {"client_secret": CLIENT_SECRET}
        if self.chosen["login"] == "service account":
            login = {"service_account": self.service_account}
        return {
            **self.settings_of(url),
            **login,
            **({"project_id": PROJECT_ID} if self.chosen["version"] == "v2" else {}),
            "client_id": CLIENT_ID,
            "login_host": url,
            "package": PACKAGE,
            "badge_class": f"{PACKAGE}.MainActivity",
        }

    def make_token(self) -> str:
        """A token that looks like those of Android phones."""
        return f"IQAAAACy{self.random.getrandbits(320):080x}"

    # Login

    def _new_access_token(self) -> str:
        return f"DQEB/{self.random.getrandbits(256):064x}"

    def _login(self, form: Mapping[str, Any]) -> Response:
        now = self.clock()
        self._logins = [then for then in self._logins if then > now - _LOGINS_IN]
        self._logins.append(now)
        if len(self._logins) > self.facts.number("logins"):
            raise CallRefused("503")
        for name, right, code in (
            ("grant_type", "client_credentials", "20182"),
            ("client_id", CLIENT_ID, "20003"),
            ("client_secret", CLIENT_SECRET, "12304"),
        ):
            given = str(form.get(name, ""))
            if name == "client_id" and re.fullmatch(r"[0-9]{1,64}", given) is None:
                return self.login_refusal("20002")
            if given != right:
                return self.login_refusal("20171" if name == "client_secret" and not given else code)
        login = self.access.login()
        reply = self.reply_json(
            {"access_token": login.token, "expires_in": int(self.access.lifetime), "token_type": "Bearer"}
        )
        # Huawei escapes a slash, which JSON allows.
        return Response(reply.status, reply.headers, reply.content.replace(b"/", b"\\/"))

    def login_refusal(self, code: str) -> Response:
        """The reply to a login with this code: that of a login, or of any call."""
        if (row := self.rules.login_codes.get(code)) is None:
            return self.refusal(code)
        return self.reply_json({"error": 1101, "sub_error": int(code), "error_description": row.meaning}, 400)

    def bearer_objection(self, token: str) -> CallRefused | None:
        """A token of the login, or one that the client has signed."""
        if token.count(".") == 2:
            return self.jwt_objection(token)
        state = self.access.state(token)
        if state == "valid":
            return None
        return CallRefused("80200003") if state == "expired" else CallRefused("80200001", status=401)

    # Sending

    def own_checks(self) -> Mapping[str, Any]:
        """A ttl is digits with or without an `s`."""
        most = self.facts.fields["android.ttl"].max or 0

        def ttl(value: Any, _: Any) -> Any:
            if not isinstance(value, str) or not _TTL.fullmatch(value):
                return "wrong"
            return "" if 0 < float(value.removesuffix("s")) <= most else "wrong"

        return {"android.ttl": ttl}

    def _send(self, body: Mapping[str, Any]) -> Response:
        message = body.get("message")
        if not isinstance(message, dict):
            raise CallRefused("80300010")
        targets = {name: message[name] for name in ("token", "topic", "condition") if message.get(name) is not None}
        if not targets:
            raise CallRefused("80300010")
        if len(targets) > 1:
            raise CallRefused("80100003", "more than one of token, topic and condition")
        rest = {name: value for name, value in message.items() if name not in targets}
        fields = self.flat(rest)
        for name in ("title", "body", "image"):  # defaults, which `android.notification` replaces
            if f"notification.{name}" in fields:
                fields.setdefault(f"{_NOTE}.{name}", fields[f"notification.{name}"])
        only_checked = body.get("validate_only", False)
        if not isinstance(only_checked, bool):
            raise CallRefused("80100003", "validate_only")
        name, target = next(iter(targets.items()))
        tokens = self.tokens_of(target) if name == "token" else self._subscribed(name, target)
        self.check(fields, {**body, "message": {**rest, name: [] if name == "token" else target}})
        if fields[f"{_NOTE}.click_action.type"] == 1 and not {
            f"{_NOTE}.click_action.intent",
            f"{_NOTE}.click_action.action",
        }.intersection(fields):
            raise CallRefused("80100003", "click_action needs intent or action")
        if only_checked or not tokens:
            return self.accepted()
        category = self.category(fields.get("android.category"))
        operation = self.asked.operation if name == "token" else name

        def make(token: str, request_id: str) -> Delivery:
            return self._delivery(token, request_id, fields, category, operation)

        return self.send(tokens, fields, make, category)

    def _subscribed(self, name: str, target: object) -> list[str]:
        """The phones that a topic or a condition means."""
        if not isinstance(target, str):
            raise CallRefused("80100003", name)
        if name == "topic":
            if not _TOPIC.fullmatch(target):
                raise CallRefused("82000007")
            return [phone.token for phone in self.phones_known if target in phone.tags]
        try:
            named = topics_of(target)
        except ValueError:
            raise CallRefused("80100003", name) from None
        if len(named) > self.facts.number("condition_topics"):
            raise CallRefused("80100003", name)
        return [phone.token for phone in self.phones_known if holds(target, phone.tags)]

    def failed(self, refused: Mapping[str, Sequence[str]], succeeded: int) -> dict[str, Any]:
        """A list without reasons."""
        listed = [token for tokens in refused.values() for token in tokens]
        return {"success": succeeded, "failure": len(listed), "illegal_tokens": listed}

    def _delivery(
        self, token: str, request_id: str, fields: Mapping[str, Any], category: str, operation: str
    ) -> Delivery:
        note = {name.removeprefix(f"{_NOTE}."): value for name, value in fields.items() if name.startswith(f"{_NOTE}.")}
        row = self.facts.categories.get(category)
        ttl = fields.get("android.ttl")
        data = fields.get("data") or fields.get("android.data") or "{}"
        replaces = f"{note['tag']}" if note.get("tag") else ""
        if note.get("notify_id", -1) >= 0:
            replaces = f"{note['notify_id']} {replaces}".strip()
        return Delivery(
            token,
            note["title"],
            note["body"],
            None,
            request_id,
            operation,
            self.clock(),
            fields,
            click=_click(note),
            data=json.loads(data) if isinstance(data, str) else {},
            ttl=None if ttl is None else int(float(ttl.removesuffix("s"))),
            channel_id=note.get("channel_id", ""),
            category=category,
            private=row is not None and row.private,
            badge=_badge(note),
            replaces=replaces,
            alert={"LOW": Alert.SILENT, "NORMAL": Alert.NORMAL, "HIGH": Alert.URGENT}.get(note.get("importance", "")),
            sound=note.get("sound", "").removeprefix("/raw/"),
            long_body=note.get("big_body", "") if note.get("style") == 1 else "",
            picture=note.get("image", ""),
            icon=note.get("icon", ""),
            group=note.get("group", ""),
            show_in_foreground=note.get("foreground_show", True),
            user_id=note.get("profile_id", ""),
            receipt_url=self.receipts_at,
            receipt_parameter=fields.get("android.bi_tag", ""),
        )

    def receipt(self, token: str, event: str, fields: Mapping[str, Any], request_id: str) -> Mapping[str, Any]:
        """A status of version V1."""
        return {
            "biTag": fields.get("android.bi_tag", ""),
            "appid": CLIENT_ID,
            "token": token,
            "status": int(event),
            "timestamp": int(self.clock() * 1000),
            "requestId": request_id,
        }

    # Topics

    def _subscribe(self, fields: Mapping[str, Any]) -> Response:
        return self._change(fields, lambda tags, topic: tags | {topic})

    def _unsubscribe(self, fields: Mapping[str, Any]) -> Response:
        return self._change(fields, lambda tags, topic: tags - {topic})

    def _change(self, fields: Mapping[str, Any], change: Any) -> Response:
        topic, tokens = fields.get("topic"), fields.get("tokenArray")
        if not isinstance(topic, str) or not _TOPIC.fullmatch(topic):
            raise CallRefused("82000007")
        most = self.facts.number("batch_size")
        if not isinstance(tokens, list) or not 1 <= len(tokens) <= most or not all(isinstance(t, str) for t in tokens):
            raise CallRefused("82000008")
        errors = []
        for place, token in enumerate(tokens):
            phone = self.phones_known.get(token)
            if phone is None:
                errors.append({"index": place, "reason": "invalid token"})  # the words are not documented
            else:
                tags = change(phone.tags, topic)
                if len(tags) > self.facts.number("topics_of_a_phone"):
                    raise CallRefused("82000009")
                self.phones_known.set_tags(token, tags)
        if len(errors) == len(tokens):
            raise CallRefused("82000010")
        return self.accepted(successCount=len(tokens) - len(errors), failureCount=len(errors), errors=errors)

    def _topics(self, fields: Mapping[str, Any]) -> Response:
        token = fields.get("token")
        if not isinstance(token, str) or not token:
            raise CallRefused("82000011")
        if (phone := self.phones_known.get(token)) is None:
            raise CallRefused("82000010")
        return self.accepted(topics=[{"name": name, "addDate": "2026-01-02"} for name in sorted(phone.tags)])


def _click(note: Mapping[str, Any]) -> ClickAction | None:
    match note["click_action.type"]:
        case 3:
            return OpenApp()
        case 2:
            return OpenUrl(note["click_action.url"])
    if "click_action.action" in note:
        return OpenIntent(note["click_action.action"])
    found = _COMPONENT.fullmatch(note["click_action.intent"])
    return OpenIntentUri(note["click_action.intent"]) if found is None else OpenActivity(found[1])


def _badge(note: Mapping[str, Any]) -> Badge | None:
    if "badge.set_num" in note:
        return Badge.set(note["badge.set_num"])
    return Badge.add(note.get("badge.add_num", 1)) if "badge.class" in note else None
