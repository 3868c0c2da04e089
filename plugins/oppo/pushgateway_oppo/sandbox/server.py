"""OPPO's server, as strict as OPPO's document V1.3 of 2018 and OPPO's later pages.

A call is refused for the first reason found, in the order path, method, encoding, access token, rate, arguments,
target, repetition, quota; a call that is refused pushes nothing. HTTP is 200 throughout, errors included.

Not documented, decided here:

- an unknown path is code 20 ("no such method"), a body that is not a UTF-8 form code 25;
- a batch whose items have no target is refused as a whole; any other error of an item is reported at that item;
- when the day's quota ends inside a batch, the first items are pushed and the others are 33 each; a broadcast that is
  larger than the rest of the quota is refused as a whole;
- a repeated `app_message_id` of a unicast is 32 (`repeats="refuse"`), or 0 with the first message id and nothing
  pushed (`repeats="absorb"`). V1.3 counts an id once, the current pages once per target. An id is only used up by a
  push that was accepted;
- a scheduled broadcast is shown at once, and receipts are due at once;
- with `late_invalid` a push to an app that was uninstalled is accepted, and a receipt reports that the token is
  invalid; with `phone_limit` a phone that had that many pushes today gets no more, and a receipt reports it. Both
  concern single pushes in a dialect that has such receipts;
- keys of a notification in camelCase, as OPPO's own sample prints them beside a table in snake_case, are unknown ones
  unless `camel_case` is switched on.

The same for the other calls is in `aliases_and_tags`, `feedback` and `pictures`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from pushgateway.sandbox import Delivery, Fault, Phone, SandboxOption
from pushgateway.sandbox.kit.access_tokens import AccessTokens
from pushgateway.sandbox.kit.admission import Admission, AdmissionCodes
from pushgateway.sandbox.kit.bounded import Bounded
from pushgateway.sandbox.kit.checks import Fields
from pushgateway.sandbox.kit.limits import Allowance, Shares, Speed
from pushgateway.sandbox.kit.mangling import ITEM_MANGLINGS, mangle_items
from pushgateway.sandbox.kit.options import count, one_of, templates, truth
from pushgateway.sandbox.kit.outbox import Outbox, json_rows
from pushgateway.sandbox.kit.readers import json_field
from pushgateway.sandbox.kit.refusals import CallRefused
from pushgateway.sandbox.kit.ruled import RuledSandbox
from pushgateway.vendor import ReceiptKind, Response
from pushgateway_oppo.sandbox.aliases_and_tags import Device
from pushgateway_oppo.sandbox.feedback import Feedback
from pushgateway_oppo.sandbox.field_checks import MISSING, WRONG, OppoChecks, late_start, message_checks
from pushgateway_oppo.sandbox.login import access_objection, login_objection
from pushgateway_oppo.sandbox.pictures import UPLOADS, Media
from pushgateway_oppo.sandbox.shown import shown
from pushgateway_oppo.sandbox.targets import Targets, in_snake_case, read_notification
from pushgateway_oppo.sandbox.templates import NO_TEMPLATE_ID, PARTS, template_objection

APP_KEY = "sandbox-app-key"
MASTER_SECRET = "sandbox-master-secret"  # noqa: S105 - valid for a sandbox only
APP_ID = "SandboxAppIdSandboxAppId"
ARRIVED, DEAD, LIMIT_REACHED = "push_arrive", "regid_invalid", "user_daily_limit"
"""The events that the sandbox produces itself."""
_CODES = AdmissionCodes(path="20", method="12", encoding="25", speed="-2")
_OWN_HOSTS = ("device", "feedback", "media")
"""Hosts of the rules that have a setting of their own, where a dialect has them."""


class OppoSandbox(RuledSandbox):
    """OPPO's push server for one app, in one dialect of `rules.toml`.

    `daily_limit` and `per_second` count targets, `daily_pictures` uploads (None: no limit); `text_create_time` gives
    `create_time` as text, as the documents print it, instead of the number that clients decode; `feedback_page` is how
    many invalid ids one reply lists; `created_tags_only` skips tags that `add_tag` did not create; `camel_case` accepts
    `clickActionType` for `click_action_type`; `object_parameters` accepts nothing but a JSON object as
    `action_parameters`; `templates` are the approved private templates, by id (None: templates are not checked).
    """

    brand = "oppo"
    package = "pushgateway_oppo"
    pushing = ("broadcast", "unicast", "unicast_batch")
    manglings = (*ITEM_MANGLINGS, "text_data")
    has_target_codes = True
    options: ClassVar[Mapping[str, SandboxOption]] = {
        "camel_case": truth(),
        "created_tags_only": truth(),
        "daily_limit": count(),
        "daily_pictures": count(),
        "feedback_page": count(least=1),
        "last_login_wins": truth(),
        "late_invalid": truth(),
        "object_parameters": truth(),
        "per_second": count(),
        "phone_limit": count(),
        "repeats": one_of("refuse", "absorb"),
        "templates": templates(*PARTS),
        "text_create_time": truth(),
    }

    def __init__(
        self,
        *,
        dialect: str = "v1.3",
        app_key: str = APP_KEY,
        master_secret: str = MASTER_SECRET,
        paths: Mapping[str, str] | None = None,
        **others: Any,
    ) -> None:
        """`paths`: the paths of calls for which the rules have none. `others`: as for `RuledSandbox`, with the
        `options`."""
        self._app_key = app_key
        self._master_secret = master_secret
        self._paths = paths or {}
        super().__init__(dialect=dialect, **others)

    def set_up(self) -> None:
        """Make what the calls need, by the rules of the dialect."""
        facts, former = self.facts, self.dialect == "v1.3"
        offset = facts.number("daily_reset_offset")
        self.allowance, self.shares = Allowance(self.clock, offset), Shares(self.clock, offset)
        self.speed = Speed(self.clock)
        lifetime, overlap = facts.number("access_lifetime"), facts.number("access_overlap")
        self.access = AccessTokens(self.clock, lambda: f"{self.random.getrandbits(96):024x}", lifetime, overlap)
        self.admission = Admission(
            operations=self.operations_with(self._paths),
            codes=_CODES,
            access=lambda asked: access_objection(asked, self.access),
            open_calls=("auth",),
            speed=self.speed,
            names_field=True,
        )
        self._targets = Targets(facts, self.phones_known, self.target_codes, registration_ids=former)
        self._unicast_checks = OppoChecks(facts, broadcast=False)
        self._broadcast_checks = OppoChecks(facts, broadcast=True)
        self._message_checks = message_checks(facts)
        self.outbox = Outbox(json_rows())
        self.receipt_kinds = frozenset(ReceiptKind[row.kind] for row in facts.events.values())
        self._receipt_audiences = facts.fields["call_back_url"].audiences
        self._uninstalled: Bounded[bool] = Bounded()
        self._pushed: Bounded[str] = Bounded()
        self._saved: Bounded[Fields] = Bounded()
        self._saved_once: Bounded[str] = Bounded()
        self._device = Device(facts, self.phones_known, self.new_id, former=former)
        self._feedback = Feedback(self.phones_known, self.allowance)
        self._media = Media(facts, self.allowance, self.new_id)
        giving: Mapping[str, Callable[[Fields], Any]] = {
            "auth": self._auth,
            "unicast": self._unicast,
            "unicast_batch": self._unicast_batch,
            "save": self._save,
            "broadcast": self._broadcast,
            **self._device.calls,
            **self._feedback.calls,
            **self._media.calls,
        }
        self.calls = {name: self._answering(call) for name, call in giving.items()}

    def _answering(self, call: Callable[[Fields], Any]) -> Callable[[Fields], Response]:
        """The call with OPPO's reply around the `data` that it returns; None: a reply without data."""

        def answer(fields: Fields) -> Response:
            data = call(fields)
            body = {"code": 0, "message": self.texts["0"]}
            return self.reply_json(body if data is None else {**body, "data": data})

        return answer

    def settings(self, url: str) -> dict[str, object]:
        """The settings of a certificate that makes the plug-in talk to this sandbox, for all regions."""
        return {
            "app_key": self._app_key,
            "master_secret": self._master_secret,
            "dialect": self.dialect,
            "host": url,
            "overseas_host": url,
            **{f"{name}_host": url for name in _OWN_HOSTS if name in self.facts.hosts},
            **({"paths": dict(self._paths)} if self._paths else {}),
        }

    def make_token(self) -> str:
        """A registration id like those of phones in the mainland."""
        return f"CN_{super().make_token()}"

    def uninstall(self, token: str) -> bool:
        """The app is removed from this phone: its token is dead, and `invalid_tokens` lists it."""
        with self.lock:
            gone = super().uninstall(token)
            if gone:
                self._feedback.uninstalled(token)
                self._uninstalled.put(token, True)
            return gone

    def keep_picture(self, kind: str, picture_id: str, ttl: float = 86_400.0) -> None:
        """Keep a picture id (`kind` is `big` or `small`) as if it had been uploaded, for `ttl` seconds."""
        with self.lock:
            self._media.keep(kind, picture_id, ttl)

    def apply_option(self, name: str, value: Any) -> None:
        """Change one of `options`; the others are read from `chosen`."""
        match name:
            case "created_tags_only":
                self._device.created_tags_only = value
            case "daily_limit":
                self.allowance.limits[""] = value
            case "daily_pictures":
                self.allowance.limits[UPLOADS] = value
            case "feedback_page":
                self._feedback.page = value
            case "last_login_wins":
                self.access.one_at_a_time = value
            case "object_parameters":
                self._unicast_checks.json_objects = self._broadcast_checks.json_objects = value
            case "per_second":
                self.speed.limit = value
            case "phone_limit":
                self.shares.limits[""] = value

    def refusal(self, code: str, field: str = "") -> Response:
        """OPPO's reply with this code. Its message is OPPO's text and the name of `field`, if given, never a value."""
        number = int(code) if code.removeprefix("-").isdigit() else code
        return self.reply_json({"code": number, "message": self._message(code, field)})

    def _message(self, code: str, field: str) -> str:
        if field == NO_TEMPLATE_ID:
            return field  # OPPO sends this as the whole message (rules S22c)
        return f"{self.text(code)}: {field}" if field else self.text(code)

    def mangle(self, response: Response, fault: Fault) -> Response:
        """The correct reply, changed as the fault says: the items of a batch in disorder, `text_codes` with codes as
        text, `text_data` with data as JSON text."""
        reply = json.loads(response.content)
        data = reply.get("data")
        if fault.kind == "text_data" and data is not None:
            reply["data"] = json.dumps(data, ensure_ascii=False)
        if fault.kind == "text_codes":
            reply["code"] = str(reply["code"])
        if fault.kind in ITEM_MANGLINGS and isinstance(data, list):
            foreign = {"messageId": f"{self.random.getrandbits(96):024x}", "registrationId": self.make_token()}
            mangle_items(fault.kind, data, self.random, foreign=foreign, code="errorCode")
        return self.reply_json(reply)

    # Logging in.

    def _auth(self, form: Mapping[str, str]) -> Any:
        tolerance = self.facts.number("clock_tolerance")
        code = login_objection(form, self._app_key, self._master_secret, self.clock(), tolerance)
        if code is not None:
            raise CallRefused(code)
        token, created_at = self.access.login()
        created = int(created_at * 1000)
        return {"auth_token": token, "create_time": str(created) if self.chosen["text_create_time"] else created}

    # Single pushes and batches.

    def _unicast(self, form: Mapping[str, str]) -> Any:
        message = json_field(form, "message", MISSING, WRONG)
        if not isinstance(message, dict):
            raise CallRefused(WRONG, "message")
        return {"messageId": self._push(message, *self._targets.of_message(message), "unicast")}

    def _unicast_batch(self, form: Mapping[str, str]) -> Any:
        messages = json_field(form, "messages", MISSING, WRONG)
        fits = isinstance(messages, list) and 1 <= len(messages) <= self.facts.number("batch_size")
        if not fits or not all(isinstance(message, dict) for message in messages):
            raise CallRefused(WRONG, "messages")
        targets = [self._targets.of_message(message) for message in messages]
        if self.allowance.left() == 0:
            raise CallRefused("33")
        return [self._item(message, *target) for message, target in zip(messages, targets, strict=True)]

    def _item(self, message: Fields, kind: str, target: str) -> dict[str, object]:
        try:
            return {"messageId": self._push(message, kind, target, "unicast_batch"), "registrationId": target}
        except CallRefused as refused:
            return {
                "messageId": self._message_id(),
                "registrationId": target,
                "errorCode": int(refused.code),
                "errorMessage": self._message(refused.code, refused.field),
            }

    def _push(self, message: Fields, kind: str, target: str, operation: str) -> str:
        """Push to one phone and return the message id. Raises `CallRefused`."""
        fields = read_notification(message)
        if self.chosen["camel_case"]:
            fields = in_snake_case(fields, self.facts.fields)
        wrong = self._unicast_checks.objection(fields) or self._message_checks.objection(message)
        wrong = wrong or template_objection(fields, self.facts, self.chosen["templates"])
        if wrong is not None:
            raise CallRefused(*wrong)
        phone = self._reachable(kind, target)
        dedupe_id = fields.get("app_message_id") or None
        key = dedupe_id if self.dialect == "v1.3" else (dedupe_id, phone.token)
        former = None if dedupe_id is None else self._pushed.get(key)
        if former is not None:
            if self.chosen["repeats"] == "absorb":
                return former
            raise CallRefused("32")
        if not self.allowance.take(1):
            raise CallRefused("33")
        self.speed.use()
        message_id = self._message_id()
        if dedupe_id is not None:
            self._pushed.put(key, message_id)
        event = self._event(phone)
        if event == ARRIVED:
            self._show(phone, fields, message_id, operation)
        if kind in self._receipt_audiences:
            self._report(fields, [phone.token], message_id, event=event)
        return message_id

    def _reachable(self, kind: str, target: str) -> Phone:
        phone, code = self._targets.find(kind, target)
        if phone is not None:
            return phone
        if self.chosen["late_invalid"] and self._uninstalled.get(target):
            return Phone(target)  # OPPO does not know yet that the app is gone
        raise CallRefused(code)

    def _event(self, phone: Phone) -> str:
        """The event of the receipt for a push to this phone."""
        if (kind := self.target_receipts.get(phone.token)) is not None:
            return next((event for event, row in self.facts.events.items() if row.kind == kind.name), ARRIVED)
        if self.phones_known.get(phone.token) is None:
            return DEAD
        return ARRIVED if self.shares.use(phone.token) else LIMIT_REACHED

    def _message_id(self) -> str:
        # V1.3 shows no format of it; the current pages show AppId-1-1-<unique id>.
        return self.new_id() if self.dialect == "v1.3" else f"{APP_ID}-1-1-{self.new_id()}"

    def _show(self, phone: Phone, fields: Fields, message_id: str, operation: str) -> None:
        def delivery() -> Delivery:
            dedupe_id, at = fields.get("app_message_id") or None, self.clock()
            texts = fields["title"], fields["content"]
            seen = shown(fields, self.facts)
            return Delivery(phone.token, *texts, dedupe_id, message_id, operation, at, fields, **seen)

        self.deliver(phone, delivery)

    def _report(
        self, fields: Fields, tokens: Sequence[str], message_id: str, *, task_id: str = "", event: str = ARRIVED
    ) -> None:
        """A receipt about the push `message_id` at `tokens`, if its `fields` ask for receipts (rules S1, S3c)."""
        url = fields.get("call_back_url")
        if not url or not tokens or event not in self.facts.events:
            return
        receipt = {
            "messageId": message_id,
            "taskId": task_id or message_id,
            "registrationIds": ", ".join(tokens),
            "param": fields.get("call_back_parameter") or "",
            "eventType": event,
        }
        if self.dialect != "v1.3":
            receipt |= {"appId": APP_ID, "eventTime": str(int(self.clock() * 1000))}
        self.outbox.add(url, receipt)

    # Broadcasts.

    def _save(self, form: Mapping[str, str]) -> Any:
        fields = {name: value for name, value in form.items() if name != "auth_token"}
        wrong = self._broadcast_checks.objection(fields) or late_start(fields, self.clock())
        wrong = wrong or template_objection(fields, self.facts, self.chosen["templates"])
        if wrong is not None:
            raise CallRefused(*wrong)
        self._media.check(fields)
        once = fields.get("app_message_id") or None
        message_id = None if once is None else self._saved_once.get(once)
        if message_id is None:
            message_id = self.new_id()
            self._saved.put(message_id, fields)
            if once is not None:
                self._saved_once.put(once, message_id)
        return {"message_id": message_id}

    def _broadcast(self, form: Mapping[str, str]) -> Any:
        message_id = form.get("message_id")
        if not message_id:
            raise CallRefused(MISSING, "message_id")
        audience = self._targets.of_broadcast(form)
        fields = self._saved.get(message_id)
        if fields is None:
            raise CallRefused("31", "message_id")
        left, size = self.allowance.left(), len(audience.phones)
        if left is not None and size > left:
            raise CallRefused("33")
        self.allowance.use(size)
        self.speed.use(size)
        task_id, before = self.new_id(), self.ledger.total
        for phone in audience.phones:
            self._show(phone, fields, message_id, "broadcast")
        self._feedback.broadcast(message_id, task_id, audience, self.ledger.total - before)
        if audience.kind in self._receipt_audiences:
            self._report(fields, [phone.token for phone in audience.phones], message_id, task_id=task_id)
        return {"message_id": message_id, "task_id": task_id, **audience.refused}
