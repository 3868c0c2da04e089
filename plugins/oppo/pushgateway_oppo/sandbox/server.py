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

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

from pushgateway.sandbox import Delivery, Fault, Phone, Sandbox, SandboxOption
from pushgateway.vendor import ReceiptKind, Request, Response
from pushgateway.vendor.rules import Dialect, load_rules
from pushgateway_oppo.sandbox.access_tokens import Access
from pushgateway_oppo.sandbox.admission import Admission
from pushgateway_oppo.sandbox.allowance import Allowance, Bounded, PhoneLimit, Saved
from pushgateway_oppo.sandbox.field_checks import MISSING, WRONG, Checks, late_start
from pushgateway_oppo.sandbox.mangling import MANGLINGS, mangle
from pushgateway_oppo.sandbox.other_calls import COUNT, PAGE, TRUTH, OtherCalls, with_paths
from pushgateway_oppo.sandbox.receipts import ARRIVED, DEAD, LIMIT_REACHED, Receipts
from pushgateway_oppo.sandbox.shown import shown
from pushgateway_oppo.sandbox.targets import CallRefused, Targets, in_snake_case, read_json_field, read_notification
from pushgateway_oppo.sandbox.templates import NO_TEMPLATE_ID, are_templates, template_objection

APP_KEY = "sandbox-app-key"
MASTER_SECRET = "sandbox-master-secret"  # noqa: S105 - valid for a sandbox only
APP_ID = "SandboxAppIdSandboxAppId"
REMEMBERED = 1_000_000
"""Ids of pushes, and saved contents, that are remembered at most; then the oldest is forgotten."""
_RULES = load_rules("pushgateway_oppo")
_OWN_HOSTS = ("device", "feedback", "media")
"""Hosts of the rules that have a setting of their own, where a dialect has them."""


class OppoSandbox(Sandbox):
    """OPPO's push server for one app, in one dialect of `rules.toml`."""

    brand = "oppo"
    operations = tuple(sorted({name for dialect in _RULES.dialects.values() for name in dialect.operations}))
    manglings = tuple(MANGLINGS)
    has_target_codes = True
    demo_options: ClassVar[Mapping[str, Any]] = {"dialect": "current"}
    options: ClassVar[Mapping[str, SandboxOption]] = {
        "camel_case": TRUTH,
        "created_tags_only": TRUTH,
        "daily_limit": COUNT,
        "daily_pictures": COUNT,
        "feedback_page": PAGE,
        "last_login_wins": TRUTH,
        "late_invalid": TRUTH,
        "object_parameters": TRUTH,
        "per_second": COUNT,
        "phone_limit": COUNT,
        "repeats": SandboxOption(lambda value: value in ("refuse", "absorb"), "refuse or absorb"),
        "templates": SandboxOption(are_templates, 'null or {id: {"title": [names], "content": [names]}}'),
        "text_create_time": TRUTH,
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
        late_invalid: bool = False,
        object_parameters: bool = False,
        per_second: int | None = None,
        phone_limit: int | None = None,
        repeats: Literal["refuse", "absorb"] = "refuse",
        templates: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
        text_create_time: bool = False,
        daily_pictures: int | None = None,
        feedback_page: int | None = None,
        created_tags_only: bool = False,
        camel_case: bool = False,
        paths: Mapping[str, str] | None = None,
    ) -> None:
        """`daily_limit` and `per_second` count targets, `daily_pictures` uploads (None: no limit); `text_create_time`
        gives `create_time` as text, as the documents print it, instead of the number that clients decode;
        `feedback_page` is how many invalid ids one reply lists; `created_tags_only` skips tags that `add_tag` did not
        create; `camel_case` accepts `clickActionType` for `click_action_type`; `object_parameters` accepts nothing but
        a JSON object as `action_parameters`; `templates` are the approved private templates, by id (None: templates are
        not checked). `set_option` changes these and `last_login_wins` and `repeats` later; a wrong value raises
        `FieldError`. `paths` are the paths of calls for which the rules have none.
        """
        super().__init__(clock=clock, seed=seed, tokens=tokens, keep=keep)
        facts = self._facts = _RULES.dialects[dialect]
        self._dialect = dialect
        # Clients compare these texts, so they are OPPO's own where a document shows them.
        self._texts = {code: rule.text or rule.meaning for code, rule in _RULES.codes.items()}
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
        self._set_up(facts, paths or {})
        given = (
            *(camel_case, created_tags_only, daily_limit, daily_pictures, feedback_page),
            *(last_login_wins, late_invalid, object_parameters, per_second, phone_limit),
            *(repeats, templates, text_create_time),
        )
        for name, value in zip(self.options, given, strict=True):
            self.set_option(name, value)

    def _set_up(self, facts: Dialect, paths: Mapping[str, str]) -> None:
        """Make what the calls need, by the rules of the dialect."""
        former = self._dialect == "v1.3"
        self._fields = facts.fields
        self._hosts = tuple(name for name in _OWN_HOSTS if name in facts.hosts)
        self._paths = paths
        self._batch_size = facts.number("batch_size")
        self._allowance = Allowance(self.clock, None, None, facts.number("daily_reset_offset"))
        self._admission = Admission(with_paths(facts.operations, paths), self._access, self._allowance)
        self._targets = Targets(facts, self.phones_known, self.target_codes, registration_ids=former)
        self._unicast_checks = Checks(facts, broadcast=False)
        self._broadcast_checks = Checks(facts, broadcast=True)
        self._receipts = Receipts(None if former else APP_ID, facts.events)
        self._phone_limit = PhoneLimit(self.clock, facts.number("daily_reset_offset"))
        self._uninstalled: Bounded[bool] = Bounded(REMEMBERED)
        self.receipt_kinds = frozenset(ReceiptKind[row.kind] for row in facts.events.values())
        self._receipt_kinds = facts.fields["call_back_url"].audiences
        self._pushed: Bounded[str] = Bounded(REMEMBERED)
        self._saved: Bounded[Saved] = Bounded(REMEMBERED)
        self._saved_once: Bounded[Saved] = Bounded(REMEMBERED)
        self._ids = 0
        self._id_start = f"{self.random.getrandbits(32):08x}"
        self._other_calls = OtherCalls(facts, self.phones_known, self._allowance, self._new_id, former=former)
        self._calls: Mapping[str, Callable[[Mapping[str, Any]], Response]] = {
            "auth": self._auth,
            "unicast": self._unicast,
            "unicast_batch": self._unicast_batch,
            "save": self._save,
            "broadcast": self._broadcast,
        }

    # The methods of every sandbox.

    def settings(self, url: str) -> dict[str, object]:
        """The settings of a certificate that makes the plug-in talk to this sandbox, for all regions."""
        return {
            "app_key": self._access.app_key,
            "master_secret": self._master_secret,
            "dialect": self._dialect,
            "host": url,
            "overseas_host": url,
            **{f"{name}_host": url for name in self._hosts},
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
                self._other_calls.uninstalled(token)
                self._uninstalled.put(token, True)
            return gone

    def keep_picture(self, kind: str, picture_id: str, ttl: float = 86_400.0) -> None:
        """Keep a picture id (`kind` is `big` or `small`) as if it had been uploaded, for `ttl` seconds."""
        with self.lock:
            self._other_calls.keep_picture(kind, picture_id, ttl)

    def expire_tokens(self) -> None:
        """Make all access tokens invalid; the next login returns a new one."""
        with self.lock:
            self._access.expire()

    def apply_option(self, name: str, value: Any) -> None:
        """Change one of `options`."""
        match name:
            case "daily_limit" | "per_second":
                setattr(self._allowance, name, value)
            case "camel_case":
                self._takes_camel_case = value
            case "last_login_wins":
                self._access.last_login_wins = value
            case "late_invalid":
                self._late_invalid = value
            case "object_parameters":
                self._unicast_checks.object_parameters = self._broadcast_checks.object_parameters = value
            case "phone_limit":
                self._phone_limit.most = value
            case "repeats":
                self._absorbs = value == "absorb"
            case "templates":
                self._approved = value
            case "text_create_time":
                self._text_create_time = value
            case _:
                self._other_calls.apply_option(name, value)

    def callbacks(self) -> list[Request]:
        """The requests that post the receipts which are due; each is returned once."""
        with self.lock:
            return self._receipts.take()

    def operation(self, request: Request) -> str:
        """The name of the call that this request makes, as in the rules."""
        return self._admission.operation(request)

    def refusal(self, code: str, field: str = "") -> Response:
        """OPPO's reply with this code. Its message is OPPO's text and the name of `field`, if given, never a value."""
        number = int(code) if code.removeprefix("-").isdigit() else code
        return self.reply_json({"code": number, "message": self._message(code, field)})

    def _message(self, code: str, field: str) -> str:
        text = self._texts.get(code, "unknown error")
        if field == NO_TEMPLATE_ID:
            return field  # OPPO sends this as the whole message (rules S22c)
        return f"{text}: {field}" if field else text

    def mangle(self, response: Response, fault: Fault) -> Response:
        """The correct reply, changed as the fault says."""
        return self.reply_json(mangle(fault.kind, response.content, self.random))

    def perform(self, request: Request, operation: str) -> Response:
        """Check and do the call; the reply is OPPO's, refusals included."""
        try:
            fields = self._admission.admit(request, operation)
            if operation in self._calls:
                return self._calls[operation](fields)
            return self._accepted(self._other_calls.calls[operation](fields))
        except CallRefused as refused:
            return self.refusal(refused.code, refused.field)

    # Logging in.

    def _accepted(self, data: object) -> Response:
        body = {"code": 0, "message": self._texts["0"]}
        return self.reply_json(body if data is None else {**body, "data": data})

    def _new_id(self) -> str:
        self._ids += 1
        return f"{self._id_start}{self._ids:016x}"

    def _auth(self, form: Mapping[str, str]) -> Response:
        code = self._access.objection(form)
        if code is not None:
            raise CallRefused(code)
        token, created = self._access.login()
        return self._accepted({"auth_token": token, "create_time": str(created) if self._text_create_time else created})

    # Single pushes and batches.

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
            return {
                "messageId": self._message_id(),
                "registrationId": target,
                "errorCode": int(refused.code),
                "errorMessage": self._message(refused.code, refused.field),
            }

    def _push(self, message: Mapping[str, Any], kind: str, target: str, operation: str) -> str:
        """Push to one phone and return the message id. Raises `CallRefused`."""
        fields = read_notification(message)
        if self._takes_camel_case:
            fields = in_snake_case(fields, self._fields)
        self._check(message, fields)
        phone = self._reachable(kind, target)
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
        event = self._event(phone)
        if event == ARRIVED:
            self._show(phone, fields, message_id, operation)
        if kind in self._receipt_kinds:
            self._receipts.note(fields, [phone.token], message_id, self.clock(), event=event)
        return message_id

    def _reachable(self, kind: str, target: str) -> Phone:
        phone, code = self._targets.find(kind, target)
        if phone is not None:
            return phone
        if self._late_invalid and self._uninstalled.get(target):
            return Phone(target)  # OPPO does not know yet that the app is gone
        raise CallRefused(code)

    def _event(self, phone: Phone) -> str:
        """The event of the receipt for a push to this phone."""
        if (kind := self.target_receipts.get(phone.token)) is not None:
            return next((event for event, row in self._facts.events.items() if row.kind == kind.name), ARRIVED)
        if self.phones_known.get(phone.token) is None:
            return DEAD
        return ARRIVED if self._phone_limit.use(phone.token) else LIMIT_REACHED

    def _check(self, message: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
        objection = self._unicast_checks.objection(fields)
        if objection is None:
            objection = self._unicast_checks.message_objection(message)
        if objection is None:
            objection = template_objection(fields, self._facts, self._approved)
        if objection is not None:
            raise CallRefused(*objection)

    def _message_id(self) -> str:
        # V1.3 shows no format of it; the current pages show AppId-1-1-<unique id>.
        return self._new_id() if self._dialect == "v1.3" else f"{APP_ID}-1-1-{self._new_id()}"

    def _left_today(self) -> int | None:
        left = self._allowance.left_today
        return None if left is None else max(left, 0)

    def _show(self, phone: Phone, fields: Mapping[str, Any], message_id: str, operation: str) -> None:
        def delivery() -> Delivery:
            dedupe_id, at = fields.get("app_message_id") or None, self.clock()
            texts = fields["title"], fields["content"]
            seen = shown(fields, self._facts)
            return Delivery(phone.token, *texts, dedupe_id, message_id, operation, at, fields, **seen)

        self.deliver(phone, delivery)

    # Broadcasts.

    def _save(self, form: Mapping[str, str]) -> Response:
        fields = {name: value for name, value in form.items() if name != "auth_token"}
        objection = self._broadcast_checks.objection(fields) or late_start(fields, self.clock())
        objection = objection or template_objection(fields, self._facts, self._approved)
        if objection is not None:
            raise CallRefused(*objection)
        self._other_calls.check_pictures(fields)
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
        before = self.ledger.total
        for phone in audience.phones:
            self._show(phone, saved.fields, message_id, "broadcast")
        self._other_calls.broadcast(message_id, task_id, audience, self.ledger.total - before)
        if audience.kind in self._receipt_kinds:
            tokens = [phone.token for phone in audience.phones]
            self._receipts.note(saved.fields, tokens, message_id, self.clock(), task_id=task_id)
        return self._accepted({"message_id": message_id, "task_id": task_id, **audience.refused})
