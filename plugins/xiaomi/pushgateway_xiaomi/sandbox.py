"""Xiaomi's server, as strict as its pages and the notices of 2026.

A call is refused for the first reason found, in the order path, method, encoding, key, speed, package, targets,
channel, fields, quota; a call that is refused pushes nothing. It shares the rules with the plug-in and no other code.

What no source confirms is an option: the HTTP status of refusals (`auth_status`), the code for a text that is too long
(`size_code`), templates, dead tokens in the reply (`bad_regids`), a time to live above the maximum of the channel's
class (`long_ttl`), how far ahead a message may be scheduled (`schedule_days`), what the former calls for taking back
answer (`gone`). Not documented and decided here: a missing field of the notification has the code of a wrong one; more
targets than 1,000 are 10008; one wrong message of `push_each` refuses the request; a quota that ends inside a request
drops its last messages in `push_each`, and is exceeded by the whole request in the other calls; a message that is
scheduled is shown at once; a phone shows nothing for a notification without `extra.notify_effect`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import unquote

from pushgateway.sandbox import Delivery, SandboxOption
from pushgateway.sandbox.kit.admission import Admission, AdmissionCodes, Asked
from pushgateway.sandbox.kit.bounded import Bounded
from pushgateway.sandbox.kit.checks import CheckCodes, Checks
from pushgateway.sandbox.kit.limits import Allowance, Shares, Speed
from pushgateway.sandbox.kit.options import count, one_of, truth
from pushgateway.sandbox.kit.outbox import Outbox, by_key, form_field
from pushgateway.sandbox.kit.readers import read_json_text
from pushgateway.sandbox.kit.refusals import CallRefused
from pushgateway.sandbox.kit.ruled import RuledSandbox
from pushgateway.sandbox.kit.values import whole
from pushgateway.vendor import (
    Alert,
    Button,
    ClickAction,
    Network,
    OpenActivity,
    OpenApp,
    OpenIntent,
    OpenIntentUri,
    OpenUrl,
    ReceiptKind,
    Request,
    Response,
)

SECRET, PACKAGE = "sandboxSecretSandboxSecret==", "com.example.chat"
PUBLIC, PRIVATE = "150001", "150002"
"""The channels of the app at the start, named by their classes."""
BAD, EXCEEDED = "bad_regids", "channel_exceed_quota"
"""Words in a reply whose code is 0."""
TYPES = {
    ReceiptKind.ARRIVED: 1,
    ReceiptKind.CLICKED: 2,
    ReceiptKind.UNREGISTERED: 16,
    ReceiptKind.MUTED: 32,
    ReceiptKind.DROPPED: 64,
    ReceiptKind.LIMITED: 128,
}
"""The type of receipt for each kind."""
REPORTED = ("push", "push_each")
"""The calls whose pushes have receipts: those to tokens."""
MESSAGES_TRACED = 100_000
"""Messages whose figures are kept, at most; then the oldest is forgotten."""
ENDED = 1_796_054_400.0
"""2026-12-01 00:00 in China: from then on the calls `recall_v1` and `recall_v2` are gone (M15)."""
_LISTS = (
    *("registration_id", "registration_ids", "alias", "aliases", "user_account", "user_accounts"),
    *("msg_ids", "job_keys"),
)
_INTENT = re.compile(r"intent:#Intent;(?:action=([^;]+);package=[^;]+|component=[^;/]+/([^;]+));end")
_SIDES = ("left", "mid", "right")
_SENDS = ("push", "push_v2", "push_v4", "aliases", "aliases_v2", "accounts", "topic", "topic_v2", "topics", "topics_v2")

Fields = Mapping[str, Any]


class XiaomiSandbox(RuledSandbox):
    """The server for one app."""

    brand = "xiaomi"
    package = "pushgateway_xiaomi"
    pushing = ("push", "push_v2", "push_each")
    has_target_codes = True
    receipt_kinds = frozenset(TYPES)
    options: ClassVar[Mapping[str, SandboxOption]] = {
        "auth_status": one_of(200, 401),
        "bad_regids": truth(),
        "channels": SandboxOption(
            lambda value: isinstance(value, dict) and set(value.values()) <= {"public", "private"},
            "an object of channels with public or private",
            {PUBLIC: "public", PRIVATE: "private"},
        ),
        "daily_limit": count(),
        "gone": one_of("10020", "404"),
        "late_invalid": truth(),
        "long_ttl": one_of("clamp", "refuse"),
        "per_second": count(least=1),
        "phone_limit": count(),
        "schedule_days": one_of(7, 30),
        "size_code": one_of("10017", "65009"),
        "templates": SandboxOption(
            lambda value: value is None or isinstance(value, dict), "null or an object of names by template"
        ),
        "templates_required": truth(),
    }

    def set_up(self) -> None:
        """Make what the calls need."""
        offset = self.facts.number("daily_reset_offset")
        self._speed = Speed(self.clock)
        self._quota = Allowance(self.clock, offset)
        self._shares = Shares(self.clock, offset)
        self._replaced: dict[str, str] = {}
        self._traced: Bounded[dict[str, int]] = Bounded(MESSAGES_TRACED)
        self._outbox = self.outbox = Outbox(form_field("data", by_key("id", joined="targets")))
        codes = AdmissionCodes(path="10020", method="10021", encoding="10007", speed="200002")
        self.admission = Admission(
            operations=self.facts.operations, codes=codes, access=self._check_key, lists=_LISTS, speed=self._speed
        )
        ask = dict.fromkeys(("topics_of", "aliases_of", "accounts_of", "presence"), self._ask)
        self.calls = {
            **dict.fromkeys(_SENDS, self._send),
            **dict.fromkeys(("everyone", "everyone_v2"), self._send),
            "push_each": self._send_each,
            **dict.fromkeys(("subscribe_topic", "unsubscribe_topic"), self._subscribe),
            **dict.fromkeys(("subscribe_alias_topic", "unsubscribe_alias_topic"), self._subscribe),
            "region_of_token": self._region_of,
            "tokens_of_alias": self._of_alias,
            **ask,
            "check_tokens": self._validate,
            **dict.fromkeys(("recall", "recall_alias", "recall_account"), self._recall),
            **dict.fromkeys(("recall_v1", "recall_v2"), self._former_recall),
            "trace": self._trace,
            "quota": lambda _: self._accepted({"day_quota": str(self._quota.limits.get("public") or "")}),
            **dict.fromkeys(
                ("job_exists", "cancel_job", "cancel_jobkey", "stop_message", "stop_jobkey", "counters", "traces"),
                lambda _: self._accepted({"list": []}),
            ),
        }

    # The methods of every sandbox.

    def settings(self, url: str) -> dict[str, object]:
        """The settings of a certificate that makes the plug-in talk to this sandbox."""
        return {
            "app_secret": SECRET,
            "package_name": PACKAGE,
            "host": url,
            "channel_id": PRIVATE,
            "channels": dict(self.chosen["channels"]),
            "intents": {word: {"channel_id": PUBLIC} for word in ("marketing", "news")},
        }

    def make_token(self) -> str:
        """A regid: like those of phones, with signs that have to be quoted."""
        return f"{super().make_token()}+/="

    def apply_option(self, name: str, value: Any) -> None:
        """Change one of `options`."""
        match name:
            case "daily_limit":
                self._quota.limits = {"public": value, "": value}
            case "per_second":
                self._speed.limit = value
            case "phone_limit":
                self._shares.limits = {"public": value, "": value}
            case "size_code":
                own = {"notify_id": "22103", "extra.callback": "10025", "extra.callback.param": "65036"}
                codes = CheckCodes(missing="10017", wrong="10017", size=value, fields=own)
                any_text = {"payload": _payload_fault}
                self._checks = Checks(self.facts, codes, broadcast=True, blanks=False, instead=any_text)

    def replace(self, token: str) -> str:
        """The app gets a new regid on this phone; the former one is dead, and receipts name the new one."""
        with self.lock:
            self.uninstall(token)
            (self._replaced[token],) = self.register(1)
            return self._replaced[token]

    def report_tap(self, delivery: Delivery) -> None:
        """A receipt of the type 2, for a push to tokens whose sender asked for it."""
        if delivery.operation in REPORTED:
            self._report(delivery.token, delivery.notification, delivery.message_id, ReceiptKind.CLICKED)

    def refusal(self, code: str, field: str = "") -> Response:
        """Xiaomi's reply with this code."""
        number: object = int(code) if code.lstrip("-").isdigit() else code
        reason = f"{self.text(code)}: {field}" if field else self.text(code)
        body = {"result": "error", "reason": reason, "trace_id": f"X{self.new_id()}", "code": number}
        return self.reply_json({**body, "description": "发送消息失败"})

    def _accepted(self, data: object = None) -> Response:
        body = {"result": "ok", "trace_id": f"X{self.new_id()}", "code": 0, "description": "成功"}
        return self.reply_json(body if data is None else {**body, "data": data})

    def perform(self, request: Request, operation: str) -> Response:
        """Check and do the call; each counts against the requests of its second."""
        response = super().perform(request, operation)
        self._speed.use()
        return response

    def _check_key(self, asked: Asked) -> CallRefused | None:
        if asked.header("authorization") != f"key={SECRET}":
            return CallRefused("21301", status=self.chosen["auth_status"])
        package = asked.fields.get("restricted_package_name", PACKAGE)
        return None if package == PACKAGE else CallRefused("22022")

    # Sending

    def _send(self, fields: Fields) -> Response:
        operation = self.asked.operation.removesuffix("_v2").removesuffix("_v4")
        tokens = self._targets(operation, fields)
        if (problem := self._problem(fields)) is not None:
            raise problem
        if self._quota.left(self._class(fields)) == 0:
            raise CallRefused("200001")
        message_id = f"s{self.new_id()}"
        dropped, dead = self._push(dict.fromkeys(tokens, fields), message_id, operation)
        if dropped:
            raise CallRefused("200001")
        return self._sent(message_id, {}, dead)

    def _send_each(self, fields: Fields) -> Response:
        try:
            messages = read_json_text(str(fields.get("messages", "")))
        except ValueError:
            raise CallRefused("10017", "messages") from None
        if not isinstance(messages, list) or not messages:
            raise CallRefused("10016", "messages")
        if len(messages) > self.facts.number("batch_size"):
            raise CallRefused("10008", "messages")
        items = dict(map(self._item, messages))
        self._check_targets(list(items))
        message_id = f"s{self.new_id()}"
        return self._sent(message_id, *self._push(items, message_id, "push_each"))

    def _sent(self, message_id: str, dropped: Mapping[str, int], dead: Sequence[str]) -> Response:
        data: dict[str, object] = {"id": message_id, "day_acked": str(self._quota.used("public"))}
        if dropped:
            data["channel_exceed_quota"] = " ".join(f"{name}:{number}" for name, number in dropped.items())
        if dead:
            data["bad_regids"] = ",".join(dead)
        return self._accepted(data)

    def _check_targets(self, tokens: Sequence[str]) -> None:
        """Refuse a request whose targets are all dead, or one of which the tests have a code for."""
        codes = {self.target_codes[token] for token in tokens if token in self.target_codes} - {BAD, EXCEEDED}
        if codes:
            raise CallRefused(codes.pop())
        known = any(self.phones_known.get(token) is not None for token in tokens)
        if not known and not self.chosen["late_invalid"] and not any(token in self.target_receipts for token in tokens):
            raise CallRefused("20301")

    def _item(self, message: object) -> tuple[str, Fields]:
        """The target of a message of `push_each` and its fields, named as in a form."""
        inner = message.get("message") if isinstance(message, dict) else None
        target = message.get("target") if isinstance(message, dict) else None
        if not isinstance(inner, dict) or not isinstance(target, str) or not target:
            raise CallRefused("10016", "target")
        extra = inner.get("extra", {})
        if not isinstance(extra, dict) or not all(isinstance(value, str) for value in extra.values()):
            raise CallRefused("10017", "extra")
        plain = {name: str(value) if type(value) is int else value for name, value in inner.items() if name != "extra"}
        fields = {**plain, **{f"extra.{name}": value for name, value in extra.items()}}
        if fields.get("restricted_package_name") != PACKAGE:
            raise CallRefused("22022")
        if (problem := self._problem(fields)) is not None:
            raise problem
        return target, fields

    def _targets(self, operation: str, fields: Fields) -> Sequence[str]:
        """The tokens of the phones that a call is for."""
        phones = self.phones_known
        match operation:
            case "push":
                tokens = self._list(fields, "registration_id")
                self._check_targets(tokens)
                return tokens
            case "aliases":
                found = [phones.by_alias(alias) for alias in self._list(fields, "alias")]
                tokens = [phone.token for phone in found if phone is not None]
            case "accounts":
                accounts = self._list(fields, "user_account")
                tokens = [phone.token for account in accounts for phone in phones.by_account(account)]
            case "everyone":
                tokens = list(phones.tokens)
            case _:
                tokens = [phone.token for phone in phones if self._has_topics(phone.tags, fields)]
        if not tokens:
            raise CallRefused("20301")
        return tokens

    def _list(self, fields: Fields, name: str) -> list[str]:
        values = [value for value in fields.get(name, ()) if value]
        if not values:
            raise CallRefused("10016", name)
        if len(values) > self.facts.number("batch_size"):
            raise CallRefused("10008", name)
        return list(dict.fromkeys(values))

    def _has_topics(self, tags: frozenset[str], fields: Fields) -> bool:
        if "topic" in fields:
            return fields["topic"] in tags
        topics = str(fields.get("topics", "")).split(";$;")
        if not all(topics) or len(topics) > self.facts.number("topics"):
            raise CallRefused("65013" if not all(topics) else "65035")
        match fields.get("topic_op"):
            case "UNION":
                return not tags.isdisjoint(topics)
            case "INTERSECTION":
                return tags >= set(topics)
            case "EXCEPT":
                return topics[0] in tags and tags.isdisjoint(topics[1:])
        raise CallRefused("10017", "topic_op")

    def _class(self, fields: Fields) -> str:
        """The class of the channel of a message: public, private, or "" without a channel."""
        return str(self.chosen["channels"].get(fields.get("extra.channel_id"), ""))

    def _problem(self, fields: Fields) -> CallRefused | None:
        """Why Xiaomi refuses a message."""
        if (wrong := self._channel_problem(fields)) is not None:
            return CallRefused("27001", wrong)
        if (found := self._checks.objection(fields)) is not None:
            return CallRefused(*found)
        start, ttl = whole(fields.get("time_to_send")) or 0, whole(fields.get("time_to_live")) or 0
        if start / 1000 > self.clock() + 86_400 * self.chosen["schedule_days"]:
            return CallRefused("10017", "time_to_send")
        if self.chosen["long_ttl"] == "refuse" and (self._ttl(fields) or 0) < ttl // 1000:
            return CallRefused("10017", "time_to_live")
        return None

    def _channel_problem(self, fields: Fields) -> str | None:
        """What is wrong with channel and template; "" for the channel itself."""
        kind, template = self._class(fields), fields.get("extra.template_id")
        if fields.get("extra.channel_id") and not kind:
            return ""
        if kind == "private" and not template and self.chosen["templates_required"]:
            return "extra.template_id"
        known = self.chosen["templates"]
        if template and known is not None:
            given = _object(fields, "extra.template_param")
            if template not in known or set(known[template]) != given.keys():
                return "extra.template_param"
        return None

    def _push(self, items: Mapping[str, Fields], message_id: str, operation: str) -> tuple[dict[str, int], list[str]]:
        """Push to these phones, each with its own fields, and report to those that asked for it. Returns how many were
        dropped for lack of quota, by channel, and the dead tokens that the reply lists."""
        dropped, figures = dict[str, int](), {"resolved": 0, "delivered": 0, "click": 0}
        reached = self.reach(list(items), unknown=None, muted=None)
        listed = [token for code, tokens in reached.refused.items() if code == BAD for token in tokens]
        over = {token for code, tokens in reached.refused.items() if code == EXCEEDED for token in tokens}
        same = len({id(fields) for fields in items.values()}) == 1
        shown: dict[int, list[str]] = {}
        for token, fields in items.items():
            kind, channel = self._class(fields), str(fields.get("extra.channel_id") or "no_channel")
            if token in listed:
                continue
            if token in over or (operation == "push_each" and self._quota.left(kind) == 0):
                dropped[channel] = dropped.get(channel, 0) + 1
                continue
            report = reached.reports.get(token, ReceiptKind.ARRIVED)
            arrives = report in (ReceiptKind.ARRIVED, ReceiptKind.CLICKED)
            if arrives and not self._shares.use(token, kind):
                report, arrives = ReceiptKind.LIMITED, False
            if arrives:
                self._quota.use(1, kind)
                shown.setdefault(0 if same else id(fields), []).append(token)
            if report is ReceiptKind.UNREGISTERED and self.chosen["bad_regids"]:
                listed.append(token)
            figures["resolved"] += 1
            figures["delivered"] += arrives
            figures["click"] += report is ReceiptKind.CLICKED
            if operation in REPORTED:
                self._report(token, fields, message_id, report)
        for tokens in shown.values():
            self._show(tokens, items[tokens[0]], message_id, operation)
        self._traced.put(message_id, figures)
        return dropped, listed

    def _show(self, tokens: Sequence[str], fields: Fields, message_id: str, operation: str) -> None:
        fresh = self.first_time(tokens, str(fields.get("extra.jobkey") or ""))
        if fields.get("extra.notify_effect"):
            self.deliver_all(fresh, lambda token: self._shown(token, fields, message_id, operation))

    def _report(self, token: str, fields: Fields, message_id: str, kind: ReceiptKind) -> None:
        number, url = TYPES[kind], fields.get("extra.callback")
        if not url or not (whole(fields.get("extra.callback.type", 3)) or 0) & number:
            return
        receipt: dict[str, Any] = {
            "id": message_id,
            "param": fields.get("extra.callback.param", ""),
            "type": number,
            "targets": token,
            "timestamp": int(self.clock() * 1000),
        }
        if jobkey := fields.get("extra.jobkey"):
            receipt["jobkey"] = jobkey
        if kind is ReceiptKind.ARRIVED:
            receipt["barStatus"] = "Enable"
        if kind is ReceiptKind.UNREGISTERED:
            receipt["errorCode"] = 1
            if token in self._replaced:
                receipt["replaceTarget"] = {token: self._replaced[token]}
        if kind is ReceiptKind.LIMITED:
            receipt["extra"] = {"device_acked": "1", "device_quota": "1"}
        self._outbox.add(url, receipt)

    def _ttl(self, fields: Fields) -> int | None:
        """The seconds that a message is kept, as its channel allows."""
        asked, kind = whole(fields.get("time_to_live")), self._class(fields)
        if asked is None:
            return None
        return min(asked // 1000, self.facts.number(f"{kind}_ttl")) if kind else asked // 1000

    def _shown(self, token: str, fields: Fields, message_id: str, operation: str) -> Delivery:
        channel = str(fields.get("extra.channel_id", ""))
        notify_id, style = fields.get("notify_id", 0), fields.get("extra.notification_style_type")
        start = whole(fields.get("time_to_send")) or 0
        sound = str(fields.get("extra.sound_uri", "")).rpartition("/")[2]
        return Delivery(
            *(token, fields["title"], fields["description"], fields.get("extra.jobkey"), message_id, operation),
            *(self.clock(), fields),
            click=_click(fields, "extra."),
            data=_object(fields, "payload"),
            ttl=self._ttl(fields),
            store_offline=fields.get("extra.only_send_once") != "1",
            network=Network.WIFI if fields.get("extra.connpt") == "wifi" else Network.ANY,
            start_at=start / 1000 if start else None,
            rate=whole(fields.get("extra.flow_control")),
            channel_id=channel,
            private=self._class(fields) == "private",
            template=str(fields.get("extra.template_id", "")),
            parameters=_object(fields, "extra.template_param"),
            replaces=str(notify_id),
            alert=Alert.SILENT if whole(fields.get("notify_type")) == 4 else None,
            sound=f"{sound}.mp3" if sound else "",
            picture=str(fields.get("extra.notification_bigPic_uri", "")) if style == "2" else "",
            icon=str(fields.get("extra.notification_large_icon_uri", "")),
            buttons=tuple(_buttons(fields)),
            show_in_foreground=fields.get("extra.notify_foreground") != "0",
            receipt_url=str(fields.get("extra.callback", "")),
            receipt_parameter=str(fields.get("extra.callback.param", "")),
        )

    # Other calls

    def _subscribe(self, fields: Fields) -> Response:
        topic = str(fields.get("topic", ""))
        if not topic.strip():
            raise CallRefused("65013")
        if "alias" in self.asked.operation:
            phones = [self.phones_known.by_alias(alias) for alias in self._list(fields, "aliases")]
        else:
            phones = [self.phones_known.get(token) for token in self._list(fields, "registration_id")]
        for phone in phones:
            if phone is not None:
                added = self.asked.operation.startswith("subscribe")
                self.phones_known.set_tags(phone.token, phone.tags | {topic} if added else phone.tags - {topic})
        return self._accepted()

    def _region_of(self, fields: Fields) -> Response:
        tokens = [token for token in str(fields.get("regIds", "")).split(",") if token]
        return self._accepted({token: "China" for token in tokens if self.phones_known.get(token) is not None})

    def _of_alias(self, fields: Fields) -> Response:
        phone = self.phones_known.by_alias(str(fields.get("aliasName", "")))
        if phone is None:
            raise CallRefused("22006")
        return self._accepted({"list": [phone.token]})

    def _ask(self, fields: Fields) -> Response:
        phones = [self.phones_known.get(token) for token in self._list(fields, "registration_id")]
        known = [phone for phone in phones if phone is not None]
        if not known:
            raise CallRefused("20301")
        answers: Mapping[str, Callable[[], object]] = {
            "topics_of": lambda: sorted(known[0].tags),
            "aliases_of": lambda: [known[0].alias] if known[0].alias else [],
            "accounts_of": lambda: [known[0].account] if known[0].account else [],
            "presence": lambda: {phone.token: "online" for phone in known},
        }
        data = answers[self.asked.operation]()
        return self._accepted({"list": data} if isinstance(data, list) else data)

    def _validate(self, fields: Fields) -> Response:
        groups: dict[str, list[str]] = {"valid_regids": [], "invalid_regids": []}
        for token in self._list(fields, "registration_ids"):
            groups["valid_regids" if self.phones_known.get(token) else "invalid_regids"].append(token)
        return self._accepted(groups)

    def _recall(self, fields: Fields) -> Response:
        """Take a notification back from the phones that show it under this `notify_id`."""
        number = whole(fields.get("notify_id"))
        if number is None:
            raise CallRefused("22103")
        phones = self.phones_known
        match self.asked.operation:
            case "recall_alias":
                found = [phones.by_alias(alias) for alias in self._list(fields, "aliases")]
                tokens = [phone.token for phone in found if phone is not None]
            case "recall_account":
                accounts = self._list(fields, "user_accounts")
                tokens = [phone.token for account in accounts for phone in phones.by_account(account)]
            case _:
                tokens = self._list(fields, "registration_ids")
        taken = [self.recall(token, replaces=str(number)) for token in tokens]
        if not any(taken):
            raise CallRefused("65028")
        return self._accepted()

    def _former_recall(self, fields: Fields) -> Response:
        if self.clock() < ENDED:
            return self._recall({"registration_ids": self.tokens, **fields})
        raise CallRefused("10020", status=404 if self.chosen["gone"] == "404" else 0)

    def _trace(self, fields: Fields) -> Response:
        figures = self._traced.get(str(fields.get("msg_id", "")))
        if figures is None:
            raise CallRefused("65028")
        return self._accepted({"data": {"id": fields["msg_id"], **figures}})


def _payload_fault(value: object, _: Fields) -> Any:
    return "" if isinstance(value, str) and len(unquote(value).encode("utf-8", "replace")) <= 4096 else "size"


def _object(fields: Fields, name: str) -> Mapping[str, Any]:
    """The JSON object of a field; a payload may be percent-encoded once more."""
    text = str(fields.get(name, ""))
    try:
        value = json.loads(unquote(text) if text.startswith("%7B") else text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _click(fields: Fields, prefix: str) -> ClickAction | None:
    match fields.get(f"{prefix}notify_effect"):
        case "1":
            return OpenApp()
        case "3":
            return OpenUrl(str(fields.get(f"{prefix}web_uri", "")))
        case "2":
            uri = str(fields.get(f"{prefix}intent_uri", ""))
            found = _INTENT.fullmatch(uri)
            if found is None:
                return OpenIntentUri(uri)
            return OpenIntent(unquote(found[1])) if found[1] else OpenActivity(found[2])
    return None


def _buttons(fields: Fields) -> Any:
    for side in _SIDES:
        prefix = f"extra.notification_style_button_{side}_"
        if name := fields.get(f"{prefix}name"):
            yield Button(str(name), _click(fields, prefix) or OpenApp())
