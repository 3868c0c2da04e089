"""`VivoSandbox`: vivo's server for one app, as strict as its documents and official SDKs say.

A call is refused for the first reason found, in the order path, method, encoding, access token, app, speed, request id,
fields, target, hours, number of the day. It shares the rules with the plug-in and no other code. What no source settles
is an option:

- how texts are counted (`counting`): code points, UTF-16 units, or Chinese twice as in the SDK of 2020; the range of
  `timeToLive` and the entries of `clientCustomMap` (`rules`: of today, or of 2020); `skipContent` of 2048 and
  `callback.param` of 192 characters (`longer`); which class counts without `classification` and `category` (`class`);
- with which code the dead token of a single push comes (`invalid_code`), and a list of which all are dead (`all_dead`);
  whether a phone whose user switched notifications off is named with status 2, or reported by receipt (`muted`);
- receipts of the new or the old style (`receipts`);
- whether the call for taking back exists (`recall`), and what a check of tokens answers (`check`);
- whether a content is refused when its class is closed, or only its messages are (`closed_saves`).

Off unless it is switched on, because tests and demos run at any time and repeat their texts: the hours of operational
messages (`hours`), identical operational texts (`duplicates`), texts that look like tests (`patterns`).

Decided here: a wrong value of a field that has no code is 10050; an unknown task is 10151; a request beyond the day's
number is refused if nothing is left, and otherwise taken as a whole; every registered phone is a test device unless
`test_devices` names some.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final
from urllib.parse import unquote

import attrs

from pushgateway.sandbox import Delivery, Fault, SandboxOption
from pushgateway.sandbox.kit.access_tokens import AccessTokens
from pushgateway.sandbox.kit.admission import Admission, AdmissionCodes, Asked
from pushgateway.sandbox.kit.bounded import Bounded
from pushgateway.sandbox.kit.checks import CheckCodes, Checks
from pushgateway.sandbox.kit.checks import Fault as Wrong
from pushgateway.sandbox.kit.limits import Allowance, Shares, Speed
from pushgateway.sandbox.kit.mangling import ITEM_MANGLINGS, mangle_items
from pushgateway.sandbox.kit.options import count, one_of, truth
from pushgateway.sandbox.kit.outbox import Outbox, by_key
from pushgateway.sandbox.kit.readers import flatten
from pushgateway.sandbox.kit.refusals import CallRefused
from pushgateway.sandbox.kit.ruled import RuledSandbox
from pushgateway.sandbox.kit.signatures import is_digest
from pushgateway.sandbox.kit.values import is_on, whole
from pushgateway.vendor import (
    Alert,
    Badge,
    ClickAction,
    Network,
    OpenActivity,
    OpenApp,
    OpenIntent,
    OpenIntentUri,
    OpenUrl,
    ReceiptKind,
    Response,
)

APP_ID: Final = "100000001"
APP_KEY: Final = "0d0e5a9c-1111-4222-8333-444455556666"
APP_SECRET: Final = "sandbox-secret-of-vivo"  # noqa: S105 - valid for a sandbox only
PACKAGE: Final = "com.example.chat"
RECEIPT_ID: Final = "12345"
_EVENTS: Final[Mapping[ReceiptKind, tuple[str, str]]] = {
    ReceiptKind.ARRIVED: ("0", ""),
    ReceiptKind.UNREGISTERED: ("102", "20002"),
    ReceiptKind.MUTED: ("104", "2333"),
    ReceiptKind.DROPPED: ("103", ""),
    ReceiptKind.LIMITED: ("100", "12000"),
}
"""`ackType` and `subAckType` of a receipt by its kind."""
_SAME: Final = ("104", "2124")
_OPERATIONAL, _SYSTEM = "operational", "system"
_TOTALS: Final = {_OPERATIONAL: "10070", _SYSTEM: "10073", "saves": "10252", "broadcasts": "10254"}
"""The code for the day's number that is used up, by its name."""
_SKIPS: Final = {2: ("10061", "10062"), 3: ("10063", "10064"), 4: ("10068", "10069")}
"""By `skipType`: the codes for a `skipContent` that is missing, and for one that is wrong."""
_MISSING_PAGE, _WRONG_PAGE = "page missing", "page wrong"
_CODES: Final = CheckCodes(
    missing="10050",
    wrong="10050",
    fields={
        "title": "10056",
        "content": "10058",
        "notifyType": "10054",
        "timeToLive": "10059",
        "skipType": "10060",
        "skipContent": _WRONG_PAGE,
        "networkType": "10065",
        "classification": "11000",
        "category": "10096",
        "clientCustomMap": "10067",
        "callback": "10305",
        "callback.param": "10306",
    },
    absent={
        "title": "10055",
        "content": "10057",
        "notifyType": "10054",
        "skipType": "10060",
        "skipContent": _MISSING_PAGE,
    },
)
_NOTHING: Final[tuple[Any, ...]] = (None, "", [], {})
"""How clients write that a field is not set."""
_INTENT = re.compile(r"intent:#Intent;(?:action=([^;]+);(?:package=[^;]+;)?|component=[^;/]+/([^;]+);)end")
_WIDE = re.compile("[\u2000-\u206f\u3000-\u303f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef]")
_PLAIN = re.compile(r"[\x21-\x7e\s]*")
_TESTS: Final = ("测试", "test")

Fields = Mapping[str, Any]


class VivoSandbox(RuledSandbox):
    """vivo's server for one app."""

    brand = "vivo"
    package = "pushgateway_vivo"
    pushing = ("send", "list")
    has_target_codes = True
    manglings = tuple(kind for kind in ITEM_MANGLINGS if kind != "omit")
    receipt_kinds = frozenset(_EVENTS)
    options: ClassVar[Mapping[str, SandboxOption]] = {
        "all_dead": one_of("0", "10302"),
        "check": one_of("lists", "nothing"),
        "class": one_of(0, 1),
        "closed_saves": truth(),
        "counting": one_of("points", "utf16", "2020"),
        "daily_broadcasts": count(),
        "daily_operational": count(),
        "daily_saves": count(),
        "daily_system": count(),
        "duplicates": truth(),
        "hours": truth(),
        "invalid_code": one_of("10302", "0"),
        "longer": truth(),
        "muted": one_of("receipt", "2"),
        "patterns": truth(),
        "per_second": count(least=1),
        "phone_limit": count(),
        "recall": truth(True),
        "receipts": one_of("new", "old"),
        "rules": one_of("today", "2020"),
        "test_devices": SandboxOption(
            lambda value: value is None or (isinstance(value, list) and all(isinstance(one, str) for one in value)),
            "null or a list of tokens",
        ),
    }

    def set_up(self) -> None:
        """Make what the calls need."""
        lifetime = self.facts.number("access_lifetime")
        self.access = AccessTokens(self.clock, self._new_access_token, lifetime, always_new=True)
        self._logins = Speed(self.clock, self.facts.quotas["logins"].value)
        self._speed = Speed(self.clock)
        self._totals, self._shares = Allowance(self.clock), Shares(self.clock)
        self._tasks = 998_877_660_000_000_000 + self.random.getrandbits(40)
        self._contents: Bounded[Fields] = Bounded()
        self._figures: Bounded[dict[str, int]] = Bounded()
        self._texts_seen: Bounded[bool] = Bounded()
        self._reviews: Bounded[str] = Bounded()
        self.tags_known: set[str] = set()
        self.admission = Admission(
            operations=self.facts.operations,
            codes=AdmissionCodes(path="404", method="405", encoding="400", speed="10072"),
            access=self._objection,
            open_calls=("login",),
            speed=self._speed,
        )
        own = {
            "title": self._text_fault("title"),
            "content": self._text_fault("content"),
            "skipContent": self._longer_fault("skipContent", "skip_content_newer"),
            "callback.param": self._longer_fault("callback.param", "parameter_newer"),
            "timeToLive": self._ttl_fault,
        }
        self._checks = Checks(self.facts, _CODES, instead=own, scope=("all", "broadcast", "message"))
        self.outbox = Outbox(by_key("id", joined="targets"))
        tags: Mapping[str, Callable[[Fields], Response]] = {
            **dict.fromkeys(("add_tag", "update_tag", "add_tag_group", "update_tag_group"), self._named),
            **dict.fromkeys(("add_to_tag_group", "add_segment", "update_segment"), self._named),
            **dict.fromkeys(("add_members", "remove_members"), self._members),
        }
        self.calls = {
            "login": self._login,
            "send": self._send,
            "save": self._save,
            "list": self._list,
            "everyone": self._broadcast,
            "tags": self._broadcast,
            "recall": self._recall,
            "statistics": self._statistics,
            "audit": self._audit,
            "check_tokens": self._check_tokens,
            **tags,
        }

    # The methods of every sandbox.

    def settings(self, url: str) -> dict[str, object]:
        """The settings of a certificate that makes the plug-in talk to this sandbox."""
        return {
            "app_id": APP_ID,
            "app_key": APP_KEY,
            "app_secret": APP_SECRET,
            "package": PACKAGE,
            "host": url,
            "experimental_recall": self.chosen["recall"],
            **({"receipt_id": RECEIPT_ID} if self.chosen["receipts"] == "new" else {}),
        }

    def make_token(self) -> str:
        """A regId of today's form."""
        return f"v2-{self.random.getrandbits(240):060x}"

    def apply_option(self, name: str, value: Any) -> None:
        """Change one of `options`."""
        if name.startswith("daily_"):
            self._totals.limits[name.removeprefix("daily_")] = value
        if name == "per_second":
            self._speed.limit = value
        if name == "phone_limit":
            self._shares.limits[_OPERATIONAL] = value
        if name == "receipts":
            self.receipt_kinds = frozenset(_EVENTS if value == "new" else (ReceiptKind.ARRIVED,))

    def refusal(self, code: str, field: str = "") -> Response:
        """vivo's reply with this code; for three digits, that HTTP status without a body of vivo's."""
        if len(code) == 3 and code.isdigit():
            return attrs.evolve(self.reply_json({}, int(code)), content=b"", headers={"date": self._http_date()})
        return self.reply(code, f"{self.text(code)}: {field}" if field else "")

    def reply(self, code: str, desc: str = "", **more: Any) -> Response:
        """vivo's reply with this code and sentence; "": that of the code."""
        number = int(code) if code.lstrip("-").isdigit() else code
        return self.reply_json({"result": number, "desc": desc or self.text(code), **more})

    def mangle(self, response: Response, fault: Fault) -> Response:
        """The correct reply with its list of invalid users changed."""
        body = json.loads(response.content)
        users = body.get("invalidUsers")
        if isinstance(users, list):
            foreign = {"status": 1, "userid": self.make_token()}
            mangle_items(fault.kind, users, self.random, foreign=foreign, code="status")
        return self.reply_json(body, response.status)

    # Access

    def _new_access_token(self) -> str:
        return f"{self.random.getrandbits(128):032x}"

    def _login(self, fields: Fields) -> Response:
        if self._logins.exceeded:
            raise CallRefused("10250")
        self._logins.use()
        for name, code in (("appId", "10200"), ("appKey", "10201"), ("timestamp", "10203"), ("sign", "10204")):
            if fields.get(name) in _NOTHING:
                raise CallRefused(code)
        if str(fields["appId"]) != APP_ID:
            raise CallRefused("10205")
        if fields["appKey"] != APP_KEY:
            raise CallRefused("10202")
        at = whole(fields["timestamp"])
        if at is None or abs(at / 1000 - self.clock()) > self.facts.number("clock_window"):
            raise CallRefused("10207")
        if not is_digest(fields["sign"], (APP_ID, APP_KEY, at, APP_SECRET), "md5"):
            raise CallRefused("10206")
        return self.reply("0", authToken=self.access.login().token)

    def login_refusal(self, code: str) -> Response:
        """The reply to a login with this code."""
        row = self.rules.codes_of("login_codes").get(code)
        return self.reply(code, row.meaning if row else "unknown error")

    def refused(self, refused: CallRefused) -> Response:
        """The reply to a call that is refused; a code of a login has its own text."""
        is_login = self.asked.operation == "login" and refused.code in self.rules.login_codes
        return self.login_refusal(refused.code) if is_login else super().refused(refused)

    def _objection(self, asked: Asked) -> CallRefused | None:
        if not self.access.knows(asked.header("authtoken")):
            return CallRefused("10000")
        app_id = asked.fields.get("appId")
        return CallRefused("10094") if app_id not in _NOTHING and str(app_id) != APP_ID else None

    # Fields

    def _text_fault(self, name: str) -> Callable[[Any, Fields], Wrong]:
        most = self.facts.fields[name].max or 0

        def check(value: Any, _: Fields) -> Wrong:
            return "" if isinstance(value, str) and 0 < self._size(value) <= most else "wrong"

        return check

    def _size(self, text: str) -> int:
        match self.chosen["counting"]:
            case "utf16":
                return len(text.encode("utf-16-le", "replace")) // 2
            case "2020":
                return len(text) + len(_WIDE.findall(text))
        return len(text)

    def _longer_fault(self, name: str, newer: str) -> Callable[[Any, Fields], Wrong]:
        def check(value: Any, _: Fields) -> Wrong:
            most = self.facts.number(newer) if self.chosen["longer"] else self.facts.fields[name].max or 0
            return "" if isinstance(value, str) and 0 < len(value) <= most else "wrong"

        return check

    def _ttl_fault(self, value: Any, fields: Fields) -> Wrong:
        seconds, row = whole(value), self.facts.fields["timeToLive"]
        least, most = row.min or 0, row.max or 0
        if self.chosen["rules"] == "2020":
            least, most = 60 if self.asked.operation == "send" else 900, 7 * 86_400
        return "" if seconds is not None and least <= seconds <= most else "wrong"

    def _check_request_id(self, fields: Fields) -> None:
        request_id = fields.get("requestId")
        if not isinstance(request_id, str) or not request_id.strip():
            raise CallRefused("10352")
        if len(request_id) > self.facts.number("request_id_characters"):
            raise CallRefused("10353")

    def _content(self, fields: Fields) -> dict[str, Any]:
        """The fields of the notification. Raises `CallRefused` for what vivo refuses."""
        self._check_request_id(fields)
        extra = fields.get("extra") or {}
        if not isinstance(extra, dict):
            raise CallRefused("10050", "extra")
        flat = {**flatten({**fields, "extra": None}, self.facts.fields.keys()), **extra}
        given = {name: value for name, value in flat.items() if value not in _NOTHING}
        for name in ("title", "content", "skipContent"):
            if isinstance(given.get(name), str) and not given[name].strip():
                del given[name]
        if self.chosen["rules"] == "2020" and len(given.get("clientCustomMap", ())) > self.facts.number("map_entries"):
            raise CallRefused("10066")
        if (objection := self._checks.objection(given)) is not None:
            code, field = objection
            pages = _SKIPS.get(whole(given.get("skipType")) or 0, ("10060", "10060"))
            raise CallRefused({_MISSING_PAGE: pages[0], _WRONG_PAGE: pages[1]}.get(code, code), field)
        row = self.facts.categories.get(given.get("category", ""))
        if row is not None and "classification" in given and self._class(given) != row.group:
            raise CallRefused("10097")
        if self.chosen["patterns"] and not self._is_test(given):
            texts = (given["title"], given["content"])
            if any(_PLAIN.fullmatch(text) or any(word in text.lower() for word in _TESTS) for text in texts):
                raise CallRefused("10085")
        return {name: value for name, value in given.items() if name in self.facts.fields}

    def _class(self, content: Fields) -> str:
        """The class of messages: by `classification`, or else by `category`."""
        row = self.facts.categories.get(content.get("category", ""))
        given = whole(content.get("classification"))
        if given is None and row is not None:
            return row.group
        return _SYSTEM if (self.chosen["class"] if given is None else given) == 1 else _OPERATIONAL

    def _is_test(self, content: Fields) -> bool:
        return whole(content.get("pushMode")) == 1

    # Sending

    def _send(self, fields: Fields) -> Response:
        content = self._content(fields)
        alias = "" if fields.get("regId") else fields.get("alias")
        target = fields.get("regId") or alias
        if not isinstance(target, str) or not target:
            raise CallRefused("10050")
        if alias and len(alias) > self.facts.number("alias_characters"):
            raise CallRefused("10301")
        self._admit(content, 1)
        task_id = self._new_task(content)
        refused = self._push({target: self._of_alias(target) if alias else target}, content, task_id, "send")
        if not refused:
            return self.reply("0", taskId=task_id)
        (user,) = refused
        status = user["status"]
        if isinstance(status, int) and status < 10:
            code = self.chosen["invalid_code"]
            return self.reply(code, invalidUser=user)
        raise CallRefused(str(status))

    def _save(self, fields: Fields) -> Response:
        content = self._content(fields)
        if not self._is_test(content):
            if self.chosen["closed_saves"]:
                self._check_open(content)
            self._take("saves", 1)
        task_id = self._new_task(content)
        self._contents.put(task_id, content)
        return self.reply("0", taskId=task_id)

    def _list(self, fields: Fields) -> Response:
        self._check_request_id(fields)
        request_id = fields["requestId"]
        task_id = str(fields.get("taskId") or "")
        if (content := self._contents.get(task_id)) is None:
            raise CallRefused("10151")
        name = "regIds" if fields.get("regIds") else "aliases"
        targets = fields.get(name)
        if targets in _NOTHING:
            raise CallRefused("10150")
        least, most = self.facts.number("batch_least"), self.facts.number("batch_size")
        if not isinstance(targets, list) or not least <= len(targets) <= most:
            raise CallRefused("10153" if name == "regIds" else "10154")
        targets = list(dict.fromkeys(map(str, targets)))
        if fields.get("pushMode") not in _NOTHING:
            content = {**content, "pushMode": fields["pushMode"]}
        content = {**content, "requestId": request_id}
        self._admit(content, len(targets))
        pushed = {one: one if name == "regIds" else self._of_alias(one) for one in targets}
        users = self._push(pushed, content, task_id, "list")
        code = self.chosen["all_dead"] if users and len(users) == len(targets) else "0"
        return self.reply(code, requestId=request_id, invalidUsers=users)

    def _broadcast(self, fields: Fields) -> Response:
        content = self._content(fields)
        is_tags = self.asked.operation == "tags"
        phones = self._tagged(fields.get("tagExpression")) if is_tags else self.tokens
        if not (is_tags or self._is_test(content)):
            self._check_open(content)
            self._take("broadcasts", 1)
        self._admit(content, len(phones))
        task_id = self._new_task(content)
        self._push({token: token for token in phones}, content, task_id, self.asked.operation)
        return self.reply("0", taskId=task_id)

    def _tagged(self, expression: object) -> Sequence[str]:
        given = expression if isinstance(expression, dict) else {}
        groups = [given.get(name) or [] for name in ("orTags", "andTags", "notTags")]
        if not all(isinstance(tags, list) and all(isinstance(tag, str) for tag in tags) for tags in groups):
            raise CallRefused("10601")
        if not (groups[0] or groups[1]):
            raise CallRefused("10601")
        return [phone.token for phone in self.phones_known.tagged(*groups)]

    def _of_alias(self, alias: str) -> str:
        phone = self.phones_known.by_alias(alias)
        return "" if phone is None else phone.token

    def _new_task(self, content: Fields) -> str:
        self._tasks += 1
        task_id = str(self._tasks)
        names = ("target", "valid", "send", "receive", "display", "click", "targetInvalid")
        self._figures.put(task_id, dict.fromkeys(names, 0))
        self._reviews.put(task_id, "状态未知")
        return task_id

    def _take(self, name: str, number: int) -> None:
        """Count against a number of the day. Raises `CallRefused` if nothing is left."""
        self._check_left(name)
        self._totals.use(number, name)

    def _check_left(self, name: str) -> None:
        """Raise `CallRefused` if nothing is left of a number of the day."""
        if self._totals.left(name) == 0:
            raise CallRefused(_TOTALS[name])

    def _check_open(self, content: Fields) -> None:
        """Raise `CallRefused` for a message of a class that vivo does not take now or today."""
        kind = self._class(content)
        hour = (self.clock() / 3600 + 8) % 24
        if kind == _OPERATIONAL and self.chosen["hours"] and not 7 <= hour < 23:
            raise CallRefused("10071")
        self._check_left(kind)

    def _admit(self, content: Fields, number: int) -> None:
        """Count messages. Raises `CallRefused` for those of a class that vivo does not take now or today."""
        self._speed.use(number)
        if not self._is_test(content):
            self._check_open(content)
            self._take(self._class(content), number)

    def _push(self, targets: Mapping[str, str], content: Fields, task_id: str, operation: str) -> list[dict[str, Any]]:
        """Push to these phones, given by what the request names them. Returns the invalid users of the reply."""
        names = {token: name for name, token in targets.items() if token}
        reached = self.reach(list(names), unknown="1", muted=None if self.chosen["muted"] == "receipt" else "2")
        refused = {token: code for code, tokens in reached.refused.items() for token in tokens}
        shown = list(reached.tokens)
        devices = self.chosen["test_devices"]
        if self._is_test(content) and devices is not None:
            refused |= {token: "4" for token in shown if token not in devices}
            shown = [token for token in shown if token in devices]
        reports: dict[str, tuple[str, str]] = {token: _EVENTS[kind] for token, kind in reached.reports.items()}
        limited = self._class(content) == _OPERATIONAL and not self._is_test(content)
        if limited and self._is_repeated(content):
            reports |= dict.fromkeys(shown, _SAME)
            shown = []
        if limited:
            within, beyond = self._shares.split(shown, _OPERATIONAL)
            shown, reports = list(within), reports | dict.fromkeys(beyond, _EVENTS[ReceiptKind.LIMITED])
        users = [{"status": int(code), "userid": names[token]} for token, code in refused.items()]
        users += [{"status": 1, "userid": name} for name, token in targets.items() if not token]
        self._note(task_id, len(targets), len(users), len(shown))
        self.deliver_all(shown, lambda token: self._shown(token, content, task_id, operation))
        if operation in ("send", "list"):
            for token, event in {**reports, **dict.fromkeys(shown, _EVENTS[ReceiptKind.ARRIVED])}.items():
                self._report(names[token], event, content, task_id, operation)
        return users

    def _is_repeated(self, content: Fields) -> bool:
        """Whether an operational message with the same title and text was pushed before."""
        key = (content["title"], content["content"])
        is_known = bool(self._texts_seen.get(key))
        self._texts_seen.put(key, True)
        return is_known and bool(self.chosen["duplicates"])

    def _note(self, task_id: str, targets: int, invalid: int, shown: int) -> None:
        figures = self._figures.get(task_id)
        if figures is not None:
            more = {"target": targets, "valid": targets - invalid, "send": targets - invalid, "receive": shown}
            for name, number in {**more, "display": shown, "targetInvalid": invalid}.items():
                figures[name] += number

    def _report(self, name: str, event: tuple[str, str], content: Fields, task_id: str, operation: str) -> None:
        receipt: dict[str, Any] = {"id": task_id, "targets": name, "param": content.get("callback.param", "")}
        if self.chosen["receipts"] == "old":
            if event[0] == "0" and operation == "send" and not self._is_test(content):
                self.outbox.add(content.get("callback"), receipt)
            return
        if content.get("callback.id") == RECEIPT_ID:
            receipt |= {"ackTime": int(self.clock() * 1000), "ackType": event[0]}
            self.outbox.add(self.receipts_at, {**receipt, **({"subAckType": event[1]} if event[1] else {})})

    def _shown(self, token: str, content: Fields, task_id: str, operation: str) -> Delivery:
        category = str(content.get("category", ""))
        row = self.facts.categories.get(category)
        ttl, replaces = whole(content.get("timeToLive")), content.get("notifyId")
        window = [whole(content.get(f"timedDisplay.{name}")) for name in ("showStartTime", "showEndTime")]
        start, end = (None if at is None else at / 1000 for at in window)
        is_old = self.chosen["receipts"] == "old"
        return Delivery(
            *(token, content["title"], content["content"], content.get("requestId"), task_id, operation),
            *(self.clock(), content),
            click=_click(content),
            data=content.get("clientCustomMap", {}),
            ttl=ttl,
            store_offline=not is_on(content.get("sendOnline")),
            network=Network.WIFI if whole(content.get("networkType")) == 1 else Network.ANY,
            show_from=start,
            show_until=end,
            category=category,
            private=row is not None and row.private,
            badge=Badge.add(1) if is_on(content.get("addBadge")) else None,
            replaces="" if replaces is None else str(replaces),
            alert=Alert.SILENT if whole(content["notifyType"]) == 1 else None,
            show_in_foreground=is_on(content.get("foregroundShow"), default=True),
            user_id=str(content.get("profileId", "")),
            receipt_url=str(content.get("callback", "")) if is_old else self.receipts_at,
            receipt_parameter=str(content.get("callback.param", "")),
        )

    # Other calls

    def _recall(self, fields: Fields) -> Response:
        if not self.chosen["recall"]:
            raise CallRefused("404")
        task_id, ids = str(fields.get("taskId") or ""), fields.get("userIds") or []
        if self._figures.get(task_id) is None:
            raise CallRefused("10151")
        if not isinstance(ids, list):
            raise CallRefused("10050", "userIds")
        named = self._named_phones(ids, fields.get("userType"))
        for token in named.values() if named else list(self.tokens):
            self.recall(token, message_id=task_id)
        users = self._unknown(named)
        more: dict[str, Any] = {"invalidUsers": users} if users else {}
        return self.reply("0", **more)

    def _statistics(self, fields: Fields) -> Response:
        known = [(one, self._figures.get(one)) for one in self._tasks_of(fields)]
        return self.reply("0", statistics=[{"taskId": one, **found} for one, found in known if found is not None])

    def _audit(self, fields: Fields) -> Response:
        known = [(one, self._reviews.get(one)) for one in self._tasks_of(fields)]
        return self.reply("0", data=[{"taskId": one, "desc": found} for one, found in known if found is not None])

    def _tasks_of(self, fields: Fields) -> list[str]:
        tasks = [one for one in str(fields.get("taskIds", "")).split(",") if one]
        if not tasks or len(tasks) > self.facts.number("query_size"):
            raise CallRefused("10471" if tasks else "10473")
        return tasks

    def _check_tokens(self, fields: Fields) -> Response:
        ids = fields.get("userIds")
        if not isinstance(ids, list) or not ids:
            raise CallRefused("10609")
        if self.chosen["check"] == "nothing":
            return self.reply("0")
        return self.reply("0", invalidUsers=self._unknown(self._named_phones(ids, fields.get("userType"))))

    def _named_phones(self, ids: Sequence[object], user_type: object) -> dict[str, str]:
        """By regId, or alias where `user_type` is 2: the token, "" for an alias that nobody has."""
        is_alias = whole(user_type) == 2
        return {name: self._of_alias(name) if is_alias else name for name in map(str, ids)}

    def _unknown(self, named: Mapping[str, str]) -> list[dict[str, Any]]:
        """The invalid users of a reply: those whose phone is not known."""
        unknown = [name for name, token in named.items() if self.phones_known.get(token) is None]
        return [{"status": 1, "userid": name} for name in unknown]

    def _named(self, fields: Fields) -> Response:
        """A call about a tag, a group or a segment, which has a name."""
        name = fields.get("name") or fields.get("newName")
        if not isinstance(name, str) or not name.strip():
            raise CallRefused("10601")
        if self.asked.operation == "add_tag":
            self.tags_known.add(name)
        return self.reply("0")

    def _members(self, fields: Fields) -> Response:
        name, ids = fields.get("name"), fields.get("ids")
        if not isinstance(name, str) or not name.strip():
            raise CallRefused("10601")
        if not isinstance(ids, list) or not ids:
            raise CallRefused("10609")
        if len(ids) > self.facts.number("call_size"):
            raise CallRefused("10614")
        if (kind := whole(fields.get("type"))) not in (1, 2):
            raise CallRefused("10616")
        failed = []
        for one in map(str, ids):
            phone = self.phones_known.get(self._of_alias(one) if kind == 2 else one)
            if phone is None or phone.muted:
                failed.append({"status": 1 if phone is None else 2, "userid": one})
                continue
            added = self.asked.operation == "add_members"
            self.phones_known.set_tags(phone.token, phone.tags | {name} if added else phone.tags - {name})
        return self.reply("0", data=failed)


def _click(content: Fields) -> ClickAction | None:
    target = str(content.get("skipContent", ""))
    match whole(content["skipType"]):
        case 1:
            return OpenApp()
        case 2:
            return OpenUrl(target)
        case 4:
            found = _INTENT.fullmatch(target)
            if found is None:
                return OpenIntentUri(target)
            return OpenIntent(unquote(found[1])) if found[1] else OpenActivity(found[2])
    return None
