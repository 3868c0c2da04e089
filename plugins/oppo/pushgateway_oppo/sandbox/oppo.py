"""OPPO's five calls, as strict as the founding document and OPPO's later pages.

Law of this file: a call is refused for the first reason found, in the order path, method, encoding, access token, rate,
arguments, target, repetition, quota; whatever is refused is not pushed. HTTP is 200 throughout, errors included.

The documents leave these open, and here they are decided:

- an unknown path is code 20 ("no such method"), a body that is not a UTF-8 form code 25;
- a batch whose items have no target is refused as a whole; whatever else is wrong with an item is said at that item;
- when the day's share runs out inside a batch, the first items get through and the others are 33 each; a broadcast
  that is larger than what is left is refused as a whole;
- a repeated `app_message_id` of a unicast is 32 (`repeats="refuse"`), or 0 with the first message id and nothing
  pushed (`repeats="absorb"`). V1.3 counts an id once, the current pages once per target. An id is only used up by a
  push that was accepted;
- a scheduled broadcast is shown at once, and receipts are due at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

from pushgateway.rules import load_rules
from pushgateway.sandbox import Delivery, Fault, Phone, Sandbox, Switch
from pushgateway.vendor import Request, Response
from pushgateway_oppo.sandbox.access import Access
from pushgateway_oppo.sandbox.checks import MISSING, WRONG, Checks
from pushgateway_oppo.sandbox.door import Door
from pushgateway_oppo.sandbox.mangling import MANGLINGS, mangle
from pushgateway_oppo.sandbox.memory import Allowance, Bounded, Saved
from pushgateway_oppo.sandbox.receipts import Receipts
from pushgateway_oppo.sandbox.targets import CallRefused, Targets, read_json_field, read_notification

APP_KEY = "sandbox-app-key"
MASTER_SECRET = "sandbox-master-secret"  # noqa: S105 - opens nothing but a sandbox
APP_ID = "SandboxAppIdSandboxAppId"
REMEMBERED = 1_000_000
"""Ids of pushes, and saved contents, that are remembered; then the oldest is forgotten."""
_COUNT = Switch(lambda value: value is None or (type(value) is int and value >= 0), "a whole number or null")
_TRUTH = Switch(lambda value: type(value) is bool, "true or false")


class OppoSandbox(Sandbox):
    """OPPO's push server for one app, in one dialect of `rules.toml`."""

    brand = "oppo"
    operations = ("auth", "broadcast", "save", "unicast", "unicast_batch")
    manglings = tuple(MANGLINGS)
    switches: ClassVar[Mapping[str, Switch]] = {
        "daily_limit": _COUNT,
        "last_login_wins": _TRUTH,
        "per_second": _COUNT,
        "repeats": Switch(lambda value: value in ("refuse", "absorb"), "refuse or absorb"),
        "text_create_time": _TRUTH,
    }

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        seed: int = 0,
        tokens: int = 20,
        keep: bool = True,
        dialect: str = "v1.3",
        app_key: str = APP_KEY,
        master_secret: str = MASTER_SECRET,
        last_login_wins: bool = False,
        daily_limit: int | None = None,
        per_second: int | None = None,
        repeats: Literal["refuse", "absorb"] = "refuse",
        text_create_time: bool = False,
    ) -> None:
        """`daily_limit` and `per_second` count targets (None: no limit); `text_create_time` gives `create_time` as
        text, as the documents print it, instead of the number that clients decode. `switch` changes these and
        `last_login_wins` and `repeats` later; wrong values are a `FieldError`."""
        super().__init__(clock=clock, seed=seed, tokens=tokens, keep=keep)
        rules = load_rules("pushgateway_oppo")
        facts = rules.dialects[dialect]
        self._dialect = dialect
        self._texts = {code: rule.meaning for code, rule in rules.codes.items()} | {"0": "Success"}
        self._batch_size = facts.number("batch_size")
        self._master_secret = master_secret
        self._access = Access(
            app_key,
            master_secret,
            clock,
            lambda: f"{self.random.getrandbits(96):024x}",
            facts.number("access_lifetime"),
            facts.number("access_overlap"),
            facts.number("clock_tolerance"),
        )
        self._allowance = Allowance(clock, None, None, facts.number("daily_reset_offset"))
        self._door = Door({name: facts.operations[name] for name in self.operations}, self._access, self._allowance)
        self._targets = Targets(facts, self.phones_known, registration_ids=dialect == "v1.3")
        self._unicast_checks = Checks(facts, broadcast=False)
        self._broadcast_checks = Checks(facts, broadcast=True)
        self._receipts = Receipts(None if dialect == "v1.3" else APP_ID)
        self._receipt_kinds = facts.fields["call_back_url"].audiences
        self._pushed: Bounded[str] = Bounded(REMEMBERED)
        self._saved: Bounded[Saved] = Bounded(REMEMBERED)
        self._saved_once: Bounded[Saved] = Bounded(REMEMBERED)
        self._ids = 0
        self._id_start = f"{self.random.getrandbits(32):08x}"
        self._calls: Mapping[str, Callable[[Mapping[str, str]], Response]] = {
            "auth": self._auth,
            "unicast": self._unicast,
            "unicast_batch": self._unicast_batch,
            "save": self._save,
            "broadcast": self._broadcast,
        }
        given = (daily_limit, last_login_wins, per_second, repeats, text_create_time)
        for name, value in zip(self.switches, given, strict=True):
            self.switch(name, value)

    # The contract of a sandbox.

    def settings(self, url: str) -> dict[str, object]:
        """The settings of a certificate that makes the plug-in talk to this sandbox, for all regions."""
        return {
            "app_key": self._access.app_key,
            "master_secret": self._master_secret,
            "dialect": self._dialect,
            "host": url,
            "overseas_host": url,
        }

    def make_token(self) -> str:
        """A registration id as phones in the mainland have."""
        return f"CN_{super().make_token()}"

    def expire_tokens(self) -> None:
        """All access tokens die now; the next login gives a new one."""
        with self.lock:
            self._access.expire()

    def turn(self, name: str, value: Any) -> None:
        """Set one of `switches`."""
        match name:
            case "daily_limit" | "per_second":
                setattr(self._allowance, name, value)
            case "last_login_wins":
                self._access.last_login_wins = value
            case "repeats":
                self._absorbs = value == "absorb"
            case "text_create_time":
                self._text_create_time = value

    def callbacks(self) -> list[Request]:
        """Receipts that are due, by URL."""
        with self.lock:
            return self._receipts.take()

    def operation(self, request: Request) -> str:
        """Which of the five calls this is."""
        return self._door.operation(request)

    def refusal(self, code: str, field: str = "") -> Response:
        """OPPO's reply with this code; the sentence names the field, where there is one, and never a value."""
        text = self._texts.get(code, "unknown error")
        number = int(code) if code.removeprefix("-").isdigit() else code
        return self.reply_json({"code": number, "message": f"{text}: {field}" if field else text})

    def mangle(self, response: Response, fault: Fault) -> Response:
        """The true reply, spoilt as the fault asks."""
        return self.reply_json(mangle(fault.kind, response.content, self.random))

    def perform(self, request: Request, operation: str) -> Response:
        """Do what OPPO does."""
        try:
            form = self._door.admit(request, operation)
            return self._calls[operation](form)
        except CallRefused as refused:
            return self.refusal(refused.code, refused.field)

    # Logging in.

    def _accepted(self, data: object) -> Response:
        return self.reply_json({"code": 0, "message": self._texts["0"], "data": data})

    def _new_id(self) -> str:
        self._ids += 1
        return f"{self._id_start}{self._ids:016x}"

    def _auth(self, form: Mapping[str, str]) -> Response:
        code = self._access.objection(form)
        if code is not None:
            raise CallRefused(code)
        token, created = self._access.login()
        return self._accepted({"auth_token": token, "create_time": str(created) if self._text_create_time else created})

    # One phone at a time.

    def _unicast(self, form: Mapping[str, str]) -> Response:
        message = read_json_field(form, "message")
        if not isinstance(message, dict):
            raise CallRefused(WRONG, "message")
        kind, target = self._targets.of_message(message)
        message_id = self._push(message, kind, target, "unicast")
        return self._accepted({"messageId": message_id})

    def _unicast_batch(self, form: Mapping[str, str]) -> Response:
        messages = read_json_field(form, "messages")
        if not isinstance(messages, list) or not 1 <= len(messages) <= self._batch_size:
            raise CallRefused(WRONG, "messages")
        if not all(isinstance(message, dict) for message in messages):
            raise CallRefused(WRONG, "messages")
        targets = [self._targets.of_message(message) for message in messages]
        if self._left_today() == 0:
            raise CallRefused("33")
        return self._accepted([self._item(message, *target) for message, target in zip(messages, targets, strict=True)])

    def _item(self, message: Mapping[str, Any], kind: str, target: str) -> dict[str, object]:
        try:
            return {"messageId": self._push(message, kind, target, "unicast_batch"), "registrationId": target}
        except CallRefused as refused:
            text = self._texts[refused.code]
            return {
                "messageId": self._message_id(),
                "registrationId": target,
                "errorCode": int(refused.code),
                "errorMessage": f"{text}: {refused.field}" if refused.field else text,
            }

    def _push(self, message: Mapping[str, Any], kind: str, target: str, operation: str) -> str:
        """Push to one phone and return the message id. Raises `CallRefused`."""
        fields = read_notification(message)
        objection = self._unicast_checks.objection(fields)
        if objection is None:
            objection = self._unicast_checks.objection_beside(message)
        if objection is not None:
            raise CallRefused(*objection)
        phone, code = self._targets.find(kind, target)
        if phone is None:
            raise CallRefused(code)
        dedupe_id = fields.get("app_message_id") or None
        key = dedupe_id if self._dialect == "v1.3" else (dedupe_id, phone.token)
        former = None if dedupe_id is None else self._pushed.get(key)
        if former is not None:
            if self._absorbs:
                return former
            raise CallRefused("32")
        if self._left_today() == 0:
            raise CallRefused("33")
        message_id = self._message_id()
        if dedupe_id is not None:
            self._pushed.put(key, message_id)
        self._allowance.use(1)
        self._show(phone, fields, message_id, operation)
        if kind in self._receipt_kinds:
            self._receipts.note(fields, [phone.token], message_id, self.clock())
        return message_id

    def _message_id(self) -> str:
        # V1.3 shows no shape; the current pages show AppId-1-1-<unique id>.
        return self._new_id() if self._dialect == "v1.3" else f"{APP_ID}-1-1-{self._new_id()}"

    def _left_today(self) -> int | None:
        left = self._allowance.left_today
        return None if left is None else max(left, 0)

    def _show(self, phone: Phone, fields: Mapping[str, Any], message_id: str, operation: str) -> None:
        def delivery() -> Delivery:
            dedupe_id, at = fields.get("app_message_id") or None, self.clock()
            return Delivery(
                phone.token, fields["title"], fields["content"], dedupe_id, message_id, operation, at, fields
            )

        self.deliver(phone, delivery)

    # Many phones at once.

    def _save(self, form: Mapping[str, str]) -> Response:
        fields = {name: value for name, value in form.items() if name != "auth_token"}
        objection = self._broadcast_checks.objection(fields)
        if objection is not None:
            raise CallRefused(*objection)
        once = fields.get("app_message_id") or None
        saved = None if once is None else self._saved_once.get(once)
        if saved is None:
            saved = Saved(self._new_id(), fields)
            self._saved.put(saved.message_id, saved)
            if once is not None:
                self._saved_once.put(once, saved)
        return self._accepted({"message_id": saved.message_id})

    def _broadcast(self, form: Mapping[str, str]) -> Response:
        message_id = form.get("message_id")
        if not message_id:
            raise CallRefused(MISSING, "message_id")
        audience = self._targets.of_broadcast(form)
        saved = self._saved.get(message_id)
        if saved is None:
            raise CallRefused("31", "message_id")
        left = self._left_today()
        if left is not None and len(audience.phones) > left:
            raise CallRefused("33")
        self._allowance.use(len(audience.phones))
        task_id = self._new_id()
        for phone in audience.phones:
            self._show(phone, saved.fields, message_id, "broadcast")
        if audience.kind in self._receipt_kinds:
            tokens = [phone.token for phone in audience.phones]
            self._receipts.note(saved.fields, tokens, message_id, self.clock(), task_id=task_id)
        return self._accepted({"message_id": message_id, "task_id": task_id, **audience.refused})
