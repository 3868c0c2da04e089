"""`MeizuSandbox`: Meizu's servers for one app, as strict as the document and the SDK.

A call is refused for the first reason found, in the order path, method, encoding, empty parameter, app, signature,
speed, daily limit, message, task, targets. It shares the rules with the plug-in and no other code. Truth values may be
0 and 1, true and false, missing or "", as the SDK and the document have them. What no source settles is an option:

- how many targets a request may have (`batch_size`), and what the value of a reply without failures is (`no_failures`);
- whether requests or targets are counted by the rate (`rate_counts`);
- the daily limit of the app (`daily_limit`) and its code (`daily_code`), public messages of a phone and day
  (`public_of_a_phone`), messages to a phone in a minute (`per_minute`): all without a limit at the start;
- whether the app is a VIP app (`vip`), whether the addresses of receipts are registered in the console (`registered`),
  whether pictures must have been uploaded (`uploaded_only`), and whether phones open intent URIs (`intent_uris`).

Decided here: a text that is too long, too many targets, a picture or an address of receipts that is not known, and
vipInfo without VIP are 1005; a token with other signs than letters and digits is 110003, an unknown one 110002; of a
token that is named twice the first counts; a message that is scheduled is shown at once, and can be cancelled as long
as its time has not come.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

import attrs

from pushgateway.sandbox import Delivery, Fault, SandboxOption
from pushgateway.sandbox.kit.admission import Admission, AdmissionCodes, Asked
from pushgateway.sandbox.kit.bounded import Bounded
from pushgateway.sandbox.kit.checks import CheckCodes, Checks
from pushgateway.sandbox.kit.limits import Allowance, Shares, Speed
from pushgateway.sandbox.kit.mangling import TOKEN_MANGLINGS, mangle_tokens
from pushgateway.sandbox.kit.options import count, one_of, truth
from pushgateway.sandbox.kit.outbox import Outbox, by_key, form_field
from pushgateway.sandbox.kit.phones import Phone
from pushgateway.sandbox.kit.readers import flatten, json_field
from pushgateway.sandbox.kit.refusals import CallRefused
from pushgateway.sandbox.kit.ruled import RuledSandbox
from pushgateway.sandbox.kit.signatures import is_signed_form
from pushgateway.sandbox.kit.values import CHINA, is_on, read_date, whole
from pushgateway.vendor import (
    Alert,
    ClickAction,
    OpenActivity,
    OpenApp,
    OpenIntentUri,
    OpenUrl,
    Reason,
    ReceiptKind,
    Response,
)

APP_ID: Final = "123456"
APP_SECRET: Final = "mz-demo-secret"  # noqa: S105 - valid for a sandbox only
RECEIPT_TOKEN: Final = "sandbox-receipts"  # noqa: S105
_EMPTY, _APP, _SIGN, _FAST, _WRONG, _TASK, _OTHER = "110004", "110000", "1006", "110010", "1005", "110032", "500"
_DEAD, _MALFORMED, _ALIAS, _MUTED, _SHARE, _FOLDED = "110002", "110003", "110005", "110010", "110011", "520"
_ONCE: Final = ("everyone", "tags")
"""Calls that make a task and send to it at once."""
_BOOLEANS: Final = {"true": 1, "false": 0}
_MINUTE: Final = 60.0
_TASKS_KEPT: Final = 100_000
_TYPES: Final = {ReceiptKind.ARRIVED: 1, ReceiptKind.CLICKED: 2}
_ALL_TYPES: Final = 3
_IS_TOKEN = re.compile(r"[0-9A-Za-z]{1,256}", re.ASCII)
_LONGEST_RANGE: Final = 30

Fields = Mapping[str, Any]


@attrs.define
class Task:
    """A notification that was saved or sent to many, and its figures."""

    fields: Fields
    starts: float | None = None
    cancelled: bool = False
    figures: dict[str, int] = attrs.field(factory=lambda: dict.fromkeys(_FIGURES, 0))


_FIGURES: Final[Sequence[str]] = ("targetNo", "validNo", "pushedNo", "acceptNo", "displayNo", "clickNo")


class MeizuSandbox(RuledSandbox):
    """Meizu's servers for one app."""

    brand = "meizu"
    package = "pushgateway_meizu"
    pushing = ("push",)
    has_target_codes = True
    manglings = TOKEN_MANGLINGS
    codes: ClassVar[Mapping[Reason, str | None]] = {Reason.RATE_LIMITED: _FAST, Reason.INVALID_NOTIFICATION: _WRONG}
    receipt_kinds = frozenset(_TYPES)
    options: ClassVar[Mapping[str, SandboxOption]] = {
        "batch_size": one_of(100, 1000),
        "daily_code": one_of("110019", "110051"),
        "daily_limit": count(),
        "intent_uris": truth(),
        "no_failures": one_of("object", "text", "missing"),
        "per_minute": count(least=1),
        "per_second": count(least=1),
        "public_of_a_phone": count(),
        "rate_counts": one_of("requests", "targets"),
        "registered": truth(True),
        "uploaded_only": truth(True),
        "vip": truth(True),
    }

    def set_up(self) -> None:
        """Make what the calls need."""
        self._speed = Speed(self.clock)
        self._quota, self._shares = Allowance(self.clock), Shares(self.clock)
        self._minutes: Bounded[list[float]] = Bounded()
        self._tasks: Bounded[Task] = Bounded(_TASKS_KEPT)
        self._days: Bounded[dict[str, int]] = Bounded(400)
        self._uploaded: set[str] = set()
        codes = AdmissionCodes(path="HTTP 404", method="HTTP 405", encoding=_WRONG, speed=_FAST)
        self.admission = Admission(
            operations=self.facts.operations, codes=codes, access=self._objection, speed=self._speed
        )
        wrong = CheckCodes(missing=_WRONG, wrong=_WRONG)
        self._flags = {name for name, row in self.facts.fields.items() if row.choices == (0, 1)}
        self._checks = {timed: Checks(self.facts, wrong, broadcast=timed, zeros=True) for timed in (False, True)}
        self._extra_checks = Checks(self.facts, wrong, scope=("message",))
        self.outbox = Outbox(form_field("cb", by_key("id", joined="targets"), access_token=RECEIPT_TOKEN))
        self.calls = {
            "push": lambda form: self._push(form, self._message(form), "pushIds", self._by_token),
            "push_aliases": lambda form: self._push(form, self._message(form), "alias", self._by_alias),
            "save": self._save,
            "task_push": lambda form: self._push_task(form, "pushIds", self._by_token),
            "task_aliases": lambda form: self._push_task(form, "alias", self._by_alias),
            **dict.fromkeys(_ONCE, self._send_once),
            "cancel": self._cancel,
            **dict.fromkeys(("statistics", "statistics_get"), self._statistics),
            **dict.fromkeys(("daily_statistics", "daily_statistics_get"), self._daily),
            "upload_image": self._upload,
            **dict.fromkeys(("switch", "switch_get"), lambda form: self._switch(self._phone(form))),
            "set_switch": self._set_switch,
            "set_all_switches": self._set_switch,
            "subscribe_alias": self._set_alias,
            "unsubscribe_alias": self._set_alias,
            **dict.fromkeys(("alias", "alias_get"), lambda form: self._alias(self._phone(form))),
            "subscribe_tags": self._set_tags,
            "unsubscribe_tags": self._set_tags,
            **dict.fromkeys(("token_tags", "token_tags_get"), lambda form: self._tags(self._phone(form))),
            "unsubscribe_all_tags": self._no_tags,
        }

    def settings(self, url: str) -> dict[str, object]:
        """The settings of a certificate that makes the plug-in talk to this sandbox."""
        return {
            "app_id": APP_ID,
            "app_secret": APP_SECRET,
            "receipt_token": RECEIPT_TOKEN,
            "vip": self.chosen["vip"],
            "intent_uris": self.chosen["intent_uris"],
            "host": url,
            "subscription_host": url,
        }

    def make_token(self) -> str:
        """A pushId that looks like those of the document."""
        return f"RA5{self.random.getrandbits(168):042x}"

    def verify_picture(self, url: str) -> None:
        """The picture at this URL was uploaded."""
        with self.lock:
            self._uploaded.add(url)

    def apply_option(self, name: str, value: Any) -> None:
        """Change one of `options`."""
        match name:
            case "daily_limit":
                self._quota.limits[""] = value
            case "per_second":
                self._speed.limit = value
            case "public_of_a_phone":
                self._shares.limits["public"] = value

    # Replies

    def refusal(self, code: str, field: str = "") -> Response:
        """Meizu's reply with this code; `HTTP 404` is that status without a reply of Meizu's."""
        if code.startswith("HTTP "):
            return attrs.evolve(self.reply_json({}, int(code[5:])), content=b"")
        message = f"{self.text(code)}: {field}" if field else self.text(code)
        return self.reply_json({"code": code, "message": message, "redirect": "", "value": ""})

    def _accepted(self, value: object, **more: object) -> Response:
        return self.reply_json({"code": "200", "message": "", "redirect": "", "value": value, **more})

    def _delivered(self, failures: Mapping[str, Sequence[str]], message_id: str) -> Response:
        """The reply to a push, which names only those that failed."""
        body: dict[str, object] = {"code": "200", "message": "", "redirect": "", "msgId": message_id}
        shape = self.chosen["no_failures"]
        if failures or shape != "missing":
            body["value"] = "" if not failures and shape == "text" else failures
        return self.reply_json(body)

    def mangle(self, response: Response, fault: Fault) -> Response:
        """The correct reply with its lists of failed targets changed."""
        body = json.loads(response.content)
        value = body.get("value")
        if isinstance(value, dict):
            for listed in value.values():
                if isinstance(listed, list):
                    mangle_tokens(fault.kind, listed, self.random, foreign=self.make_token())
        return self.reply_json(body, response.status)

    # What every call is checked for

    def _objection(self, asked: Asked) -> CallRefused | None:
        form = asked.fields
        for name in ("appId", "sign", *_NEEDED.get(asked.operation.removesuffix("_get"), ())):
            if not form.get(name):
                return CallRefused(_EMPTY, name)
        if form["appId"] != APP_ID:
            return CallRefused(_APP)
        return None if is_signed_form(form, APP_SECRET) else CallRefused(_SIGN)

    def perform(self, request: Any, operation: str) -> Response:
        """Check and do the call; each counts against the requests of its second."""
        response = super().perform(request, operation)
        if self.chosen["rate_counts"] == "requests":
            self._speed.use()
        return response

    def _message(self, form: Fields, *, timed: bool = False) -> dict[str, Any]:
        """The fields of `messageJson`, flat; those of `extra` under their own names."""
        if self._quota.left() == 0:
            raise CallRefused(self.chosen["daily_code"])
        if len(str(form.get("restrictedPackageNames", "")).split(",")) > self.facts.number("packages"):
            raise CallRefused(_WRONG, "restrictedPackageNames")
        if form.get("pushType", "0") != "0":  # of a notification; 1 is a message that is not shown, which are retired
            raise CallRefused(_WRONG, "pushType")
        message = json_field(form, "messageJson", _EMPTY, _WRONG)
        if not isinstance(message, dict):
            raise CallRefused(_WRONG, "messageJson")
        extra = message.pop("extra", None) or {}
        fields = self._present(message)
        objection = self._checks[timed].objection(fields)
        if objection is None and isinstance(extra, dict):
            objection = self._extra_checks.objection(extra)
        if objection is not None or not isinstance(extra, dict):
            raise CallRefused(*(objection or (_WRONG, "extra")))
        self._check_picture(fields)
        if extra and not self.chosen["registered"]:
            raise CallRefused(_WRONG, "callback")
        return {**fields, **extra}

    def _present(self, message: Fields) -> dict[str, Any]:
        """The fields that are set, flat, with truth values as 0 and 1. The SDK writes all of `vipInfo` in each message,
        also of an app without VIP: there 0 and false are not set."""
        fields = {
            name: _BOOLEANS.get(str(one).lower(), one) if name in self._flags else one
            for name, one in flatten(message, self.facts.fields.keys()).items()
            if one not in ("", None)
        }
        return {name: one for name, one in fields.items() if not (name.startswith("vipInfo.") and whole(one) == 0)}

    def _check_picture(self, fields: Fields) -> None:
        vip = [name for name in fields if name.startswith("vipInfo.")]
        picture = fields.get("noticeExpandInfo.noticeExpandImgUrl")
        if not self.chosen["vip"] and (vip or picture):
            raise CallRefused(_WRONG, "vipInfo")
        shown = [picture, *(fields[name] for name in vip if name.endswith("Url"))]
        if self.chosen["uploaded_only"] and not self._uploaded.issuperset(filter(None, shown)):
            raise CallRefused(_WRONG, "a picture that was not uploaded")

    # Pushes

    def _targets(self, form: Fields, name: str) -> list[str]:
        targets = [one for one in str(form[name]).split(",") if one]
        if not 1 <= len(targets) <= self.chosen["batch_size"]:
            raise CallRefused(_WRONG, name)
        return list(dict.fromkeys(targets))

    def _by_token(self, target: str) -> tuple[Phone | None, str]:
        """The phone of a token; without one, the code of the target."""
        return self.phones_known.get(target), _DEAD if _IS_TOKEN.fullmatch(target) else _MALFORMED

    def _by_alias(self, target: str) -> tuple[Phone | None, str]:
        return self.phones_known.by_alias(target), _ALIAS

    def _push(
        self,
        form: Fields,
        fields: Fields,
        name: str,
        find: Callable[[str], tuple[Phone | None, str]],
        task: Task | None = None,
    ) -> Response:
        targets = self._targets(form, name)
        if self.chosen["rate_counts"] == "targets":
            self._speed.use(len(targets))
        message_id = f"{self.new_id()}{'0' * 8}"
        failures: dict[str, list[str]] = {}
        reached: dict[str, str] = {}
        for target in targets:
            phone, code = find(target)
            if target in self.target_codes:
                code = self.target_codes[target]
            elif phone is not None:
                code = self._refuses(phone, fields)
            if code:
                failures.setdefault(code, []).append(target)
            elif phone is not None:
                reached[phone.token] = target
        self._show(list(reached), fields, message_id)
        if task is None:
            self._report(reached, fields, message_id)
        self._count(task, len(targets), len(reached))
        return self._delivered(failures, message_id)

    def _refuses(self, phone: Phone, fields: Fields) -> str:
        """The code for which a phone does not get a message; "": it does."""
        if phone.muted:
            return _MUTED
        if _category(fields) == "public" and not self._shares.use(phone.token, "public"):
            return _SHARE
        most = self.chosen["per_minute"]
        if most is None:
            return ""
        now = self.clock()
        times = [then for then in self._minutes.get(phone.token) or () if then > now - _MINUTE]
        if len(times) >= most:
            return _FOLDED
        self._minutes.put(phone.token, [*times, now])
        return ""

    def _show(self, tokens: Sequence[str], fields: Fields, message_id: str) -> None:
        self._quota.use(len(tokens))
        name = self.asked.operation
        self.deliver_all(tokens, lambda token: self._shown(token, fields, message_id, name))

    def _report(self, reached: Mapping[str, str], fields: Fields, message_id: str) -> None:
        for token, target in reached.items():
            self._report_one(target, self.target_receipts.get(token, ReceiptKind.ARRIVED), fields, message_id)

    def _report_one(self, target: str, kind: ReceiptKind, fields: Fields, message_id: str) -> None:
        number, url = _TYPES[kind], fields.get("callback")
        if url and (whole(fields.get("callback.type", _ALL_TYPES)) or 0) & number:
            receipt = {"param": fields.get("callback.param", ""), "type": number, "targets": [target]}
            self.outbox.add(url, {"id": f"{message_id}-{number}", **receipt})

    def report_tap(self, delivery: Delivery) -> None:
        """A receipt of the type 2, for a push whose sender asked for it. It names the token; that of a push to an alias
        names the alias."""
        phone = self.phones_known.get(delivery.token)
        alias = phone.alias if phone is not None and delivery.operation == "push_aliases" else None
        self._report_one(alias or delivery.token, ReceiptKind.CLICKED, delivery.notification, delivery.message_id)

    def _count(self, task: Task | None, targets: int, reached: int) -> None:
        day = datetime.fromtimestamp(self.clock(), CHINA).strftime("%Y%m%d")
        of_day = self._days.get(day)
        if of_day is None:
            self._days.put(day, of_day := dict.fromkeys(_FIGURES, 0))
        for figures in (of_day, *([] if task is None else [task.figures])):
            for name in _FIGURES[:-1]:
                figures[name] += targets if name == "targetNo" else reached

    # Tasks

    def _save(self, form: Fields) -> Response:
        fields = self._message(form)
        return self._made(Task({name: one for name, one in fields.items() if not name.startswith("callback")}))

    def _made(self, task: Task) -> Response:
        number = 20_000 + self._new_number()
        self._tasks.put(str(number), task)
        return self._accepted({"taskId": number, "pushType": 0, "appId": int(APP_ID)})

    def _new_number(self) -> int:
        return int(self.new_id()[8:], 16)

    def _task(self, form: Fields) -> Task:
        task = self._tasks.get(str(form["taskId"]))
        if task is None:
            raise CallRefused(_TASK)
        return task

    def _push_task(self, form: Fields, name: str, find: Callable[[str], tuple[Phone | None, str]]) -> Response:
        task = self._task(form)
        return self._push(form, task.fields, name, find, task)

    def _send_once(self, form: Fields) -> Response:
        fields = self._message(form, timed=True)
        phones = list(self.phones_known)
        if self.asked.operation == "tags":
            names, scope = str(form["tagNames"]).split(","), form["scope"]
            if scope not in ("0", "1"):
                raise CallRefused(_WRONG, "scope")
            groups = {"any_of": names} if scope == "0" else {"all_of": names}
            phones = self.phones_known.tagged(**groups)
        task = Task(fields, read_date(fields.get("pushTimeInfo.startTime")))
        tokens = [phone.token for phone in phones if not self._refuses(phone, fields)]
        self._show(tokens, fields, "")
        self._count(task, len(phones), len(tokens))
        return self._made(task)

    def _cancel(self, form: Fields) -> Response:
        task = self._task(form)
        if task.cancelled or task.starts is None or task.starts <= self.clock():
            return self._other("任务已取消[已完成]，无法取消")
        task.cancelled = True
        return self._accepted({"result": True})

    def _other(self, message: str) -> Response:
        return self.reply_json({"code": _OTHER, "message": message, "redirect": "", "value": ""})

    def _statistics(self, form: Fields) -> Response:
        task = self._task(form)
        return self._accepted({"taskId": int(form["taskId"]), **task.figures})

    def _daily(self, form: Fields) -> Response:
        try:
            start, end = (
                datetime.strptime(form[name], "%Y%m%d").replace(tzinfo=UTC) for name in ("startTime", "endTime")
            )
        except ValueError:
            raise CallRefused(_WRONG, "startTime") from None
        if end < start:
            return self._other("结束时间不能早于开始时间")
        if (end - start).days > _LONGEST_RANGE:
            return self._other("开始时间和结束时间不能相差30天以上")
        days = [(end - timedelta(days=back)) for back in range((end - start).days + 1)]
        found = [(day, self._days.get(day.strftime("%Y%m%d"))) for day in days]
        return self._accepted([{"date": f"{day:%Y-%m-%d}", **figures} for day, figures in found if figures])

    def _upload(self, form: Fields) -> Response:
        kinds = {str(row.value) for name, row in self.facts.numbers.items() if name.startswith("image_")}
        if form["imgType"] not in kinds or not str(form["imgUrl"]).startswith(("https://", "http://")):
            raise CallRefused(_WRONG, "imgUrl")
        made = f"https://push-image.sandbox.invalid/{self.new_id()}"
        self.verify_picture(made)
        return self._accepted({"imgType": int(form["imgType"]), "imgUrl": made})

    # Subscriptions

    def _phone(self, form: Fields) -> Phone:
        phone, code = self._by_token(str(form["pushId"]))
        if phone is None:
            raise CallRefused(code)
        return phone

    def _switch(self, phone: Phone) -> Response:
        return self._accepted({"pushId": phone.token, "barTypeSwitch": int(not phone.muted), "directTypeSwitch": 1})

    def _set_switch(self, form: Fields) -> Response:
        phone = self._phone(form)
        if form.get("msgType", "0") == "0":
            self.mute(phone.token, not is_on(form["subSwitch"]))
        return self._switch(phone)

    def _alias(self, phone: Phone) -> Response:
        return self._accepted({"pushId": phone.token, "alias": phone.alias or ""})

    def _set_alias(self, form: Fields) -> Response:
        phone, alias = self._phone(form), form.get("alias")
        if self.asked.operation == "unsubscribe_alias":
            alias = None
        elif len(str(alias)) > self.facts.number("alias_characters"):
            raise CallRefused(_WRONG, "alias")
        self.set_alias(phone.token, alias)
        return self._alias(phone)

    def _tags(self, phone: Phone) -> Response:
        tags = [{"tagId": place, "tagName": name} for place, name in enumerate(sorted(phone.tags), 1)]
        return self._accepted({"pushId": phone.token, "tags": tags})

    def _set_tags(self, form: Fields) -> Response:
        phone, tags = self._phone(form), set(str(form["tags"]).split(","))
        if len(tags) > self.facts.number("tags") or max(map(len, tags)) > self.facts.number("tag_characters"):
            raise CallRefused(_WRONG, "tags")
        is_added = self.asked.operation == "subscribe_tags"
        self.set_tags(phone.token, phone.tags | tags if is_added else phone.tags - tags)
        return self._tags(phone)

    def _no_tags(self, form: Fields) -> Response:
        self.set_tags(self._phone(form).token, ())
        return self._accepted(True)

    # What a phone shows

    def _shown(self, token: str, fields: Fields, message_id: str, operation: str) -> Delivery:
        hours, category = whole(fields.get("pushTimeInfo.validTime")), _category(fields)
        expanded = whole(fields.get("noticeExpandInfo.noticeExpandType"))
        is_windowed = is_on(fields.get("advanceInfo.fixDisplay"))
        return Delivery(
            *(token, fields["noticeBarInfo.title"], fields["noticeBarInfo.content"], None, message_id, operation),
            *(self.clock(), fields),
            subtitle=fields.get("vipInfo.subtitle", ""),
            click=self._click(fields),
            data=fields.get("clickTypeInfo.parameters", {}),
            ttl=None if hours is None else hours * 3600,
            store_offline=is_on(fields.get("pushTimeInfo.offLine"), True),
            show_from=read_date(fields.get("advanceInfo.fixStartDisplayTime")) if is_windowed else None,
            show_until=read_date(fields.get("advanceInfo.fixEndDisplayTime")) if is_windowed else None,
            start_at=read_date(fields.get("pushTimeInfo.startTime")),
            rate=whole(fields.get("advanceInfo.fixSpeedRate")) if is_on(fields.get("advanceInfo.fixSpeed")) else None,
            category=category,
            private=category == "private",
            replaces=fields.get("advanceInfo.notifyKey", ""),
            alert=_alert(fields),
            long_body=fields.get("noticeExpandInfo.noticeExpandContent", "") if expanded == 1 else "",
            picture=fields.get("noticeExpandInfo.noticeExpandImgUrl", "") if expanded == 2 else "",
            icon=fields.get("vipInfo.bigIconUrl", ""),
            receipt_url=fields.get("callback", ""),
            receipt_parameter=fields.get("callback.param", ""),
        )

    def _click(self, fields: Fields) -> ClickAction | None:
        match whole(fields.get("clickTypeInfo.clickType", 0)):
            case 0:
                return OpenApp()
            case 1:
                return OpenActivity(fields["clickTypeInfo.activity"])
            case 2:
                url = fields["clickTypeInfo.url"]
                if "#Intent;" not in url:
                    return OpenUrl(url)
                return OpenIntentUri(url) if self.chosen["intent_uris"] else None
        return None


_NEEDED: Final[Mapping[str, Sequence[str]]] = {
    "push": ("pushIds", "messageJson"),
    "push_aliases": ("alias", "messageJson"),
    "save": ("pushType", "messageJson"),
    "task_push": ("taskId", "pushIds"),
    "task_aliases": ("taskId", "alias"),
    "everyone": ("pushType", "messageJson"),
    "tags": ("pushType", "tagNames", "scope", "messageJson"),
    "cancel": ("pushType", "taskId"),
    "statistics": ("taskId",),
    "daily_statistics": ("startTime", "endTime"),
    "upload_image": ("imgType", "imgUrl"),
    **dict.fromkeys(("switch", "alias", "unsubscribe_alias", "token_tags", "unsubscribe_all_tags"), ("pushId",)),
    "set_switch": ("pushId", "msgType", "subSwitch"),
    "set_all_switches": ("pushId", "subSwitch"),
    "subscribe_alias": ("pushId", "alias"),
    **dict.fromkeys(("subscribe_tags", "unsubscribe_tags"), ("pushId", "tags")),
}
"""The parameters that each call needs besides `appId` and `sign`."""


def _category(fields: Fields) -> str:
    return "private" if is_on(fields.get("noticeBarInfo.noticeMsgType")) else "public"


def _alert(fields: Fields) -> Alert | None:
    names = ("notificationType.vibrate", "notificationType.sound", "suspend")
    given = [fields.get(f"advanceInfo.{name}") for name in names]
    if all(one is None for one in given):
        return None
    vibrates, sounds, suspends = (is_on(one, True) for one in given)
    return Alert.SILENT if not (vibrates or sounds or suspends) else Alert.URGENT if suspends else Alert.NORMAL
