"""`Sandbox`, the base class of a vendor's sandbox: takes a request, returns an answer.

It has no socket and does not sleep: an `Answer` says after how many seconds the reply comes and whether the connection
breaks, and what carries it (`pushgateway.sandbox.serving`, or `pushgateway.testing.SandboxTransport`) does so. The
clock is handed in. Calls from several threads are safe: one request is answered at a time.

A vendor's sandbox is a subclass with `operation`, `perform`, `refusal` and `settings`, registered in the entry point
group `pushgateway.sandboxes` under its brand.
"""

from __future__ import annotations

import json
import random
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from email.utils import formatdate
from typing import Any, ClassVar

import attrs

from pushgateway.model.errors import FieldError
from pushgateway.model.secret import safe_repr
from pushgateway.sandbox.kit.faults import Fault, Faults
from pushgateway.sandbox.kit.ledger import Delivery, Ledger
from pushgateway.sandbox.kit.options import SandboxOption
from pushgateway.sandbox.kit.outbox import Outbox, json_rows
from pushgateway.sandbox.kit.phones import Phone, Phones
from pushgateway.sandbox.kit.receipt_log import ReceiptLog
from pushgateway.sandbox.kit.request_log import LoggedRequest, RequestLog
from pushgateway.vendor import Reason, ReceiptKind, Request, Response

HTML_PAGE = b"<!DOCTYPE html><html><head><title>gateway</title></head><body><h1>Bad gateway</h1></body></html>"

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
"""Made once, because `json.dumps` with arguments makes a new encoder for every call."""


@safe_repr
@attrs.frozen
class Answer:
    """How a sandbox answers a request."""

    response: Response | None
    """None: the connection breaks without a reply."""
    delay: float = 0.0
    """Seconds until the reply comes or the connection breaks."""
    sent: bool = True
    """False: the connection broke before the request had arrived, so it was not performed."""


@safe_repr
@attrs.frozen
class Reached:
    """What becomes of the targets of one push."""

    tokens: Sequence[str] = attrs.field(repr=False)
    """Those that get it, in the order given."""
    refused: Mapping[str, Sequence[str]] = attrs.field(factory=dict, repr=False)
    """By code: those that the vendor refuses in its reply."""
    reports: Mapping[str, ReceiptKind] = attrs.field(factory=dict, repr=False)
    """By token: those that the vendor accepts and that do not get it, with the kind of receipt that says so."""


class Sandbox(ABC):
    """A strict imitation of one vendor's server for one app.

    `clock` returns epoch seconds. `seed` decides tokens, ids and which requests a fault with a `share` changes.
    `tokens` is the number of phones registered at the start. With `keep=False` the ledger only counts, phones show
    nothing, and no request is logged.
    """

    brand: ClassVar[str]
    """The phone maker as a key; equals the entry point's name."""
    operations: ClassVar[Collection[str]] = ()
    """Names of the vendor's calls, as used by faults and the ledger."""
    pushing: Collection[str] = ()
    """Those of `operations` that push to phones. Faults of the conformance kit aim at them; empty: at any call."""
    manglings: ClassVar[Collection[str]] = ()
    """Kinds of faults of this vendor in addition to the common ones; `mangle` applies them."""
    codes: ClassVar[Mapping[Reason, str | None]] = {}
    """For each reason the code with which the vendor refuses a whole request, None if it has none. The conformance kit
    sends these as faults. Not needed for a plug-in that ships `rules.toml`."""
    has_target_codes: ClassVar[bool] = False
    """True if `perform` looks up `target_codes` before it delivers. The conformance kit tests codes about single
    targets only if this is True, and requires it if the vendor's `rules.toml` has such codes."""
    receipt_kinds: Collection[ReceiptKind] = frozenset({ReceiptKind.ARRIVED})
    """The kinds of receipts that this sandbox can post. For kinds other than `ARRIVED`, `perform` looks up
    `target_receipts`."""
    demo_options: ClassVar[Mapping[str, Any]] = {}
    """Keyword arguments with which `pushgateway demo` makes it, such as the current dialect."""
    options: ClassVar[Mapping[str, SandboxOption]] = {}
    """The options that `set_option` changes, by name; a subclass changes them in `apply_option`."""

    def __init__(
        self, *, clock: Callable[[], float] = time.time, seed: int = 0, tokens: int = 20, keep: bool = True
    ) -> None:
        self.clock = clock
        self.phones_known = Phones()
        self.ledger = Ledger(keep=keep)
        self.faults = Faults(kinds=self.manglings, operations=self.operations, seed=seed)
        # Tokens of simulated phones need no cryptographic random; a seed makes a failing run repeatable.
        self.random = random.Random(seed)  # noqa: S311
        self.lock = threading.RLock()
        self.target_codes: dict[str, str] = {}
        """By token: the code with which the vendor refuses this target instead of delivering to it."""
        self.target_receipts: dict[str, ReceiptKind] = {}
        """By token: the kind of receipt for a push that was accepted and did not arrive. Only for pushes to single
        phones that ask for receipts."""
        self.receipts_at = ""
        """Where receipts are posted, for a vendor that takes no URL with a message because it is set in its console;
        "": nowhere. The receipt URL of a message has precedence, where there is one."""
        self.outbox = Outbox(json_rows())
        """Receipts that are due. A vendor's sandbox replaces it by one that writes them as the vendor does."""
        self.request_log = RequestLog()
        """The last requests with their answers, for people who look at the sandbox."""
        self.receipt_log = ReceiptLog()
        """The last posted receipts, written by what posts them."""
        self._request_count = 0
        self._request_number: int | None = None
        self._delivery_count = 0
        self._date = (0, "")
        self.register(tokens)

    # Implemented by a vendor's sandbox.

    @abstractmethod
    def operation(self, request: Request) -> str:
        """The vendor's name of the call that this request makes; any other text if it is no known call."""

    @abstractmethod
    def perform(self, request: Request, operation: str) -> Response:
        """Do what the vendor does and return the vendor's reply. Never raises because of what a client sent."""

    @abstractmethod
    def refusal(self, code: str) -> Response:
        """The vendor's reply with this code; nothing is performed."""

    def login_refusal(self, code: str) -> Response:
        """The vendor's reply to a login with this code. Default: as any other call's."""
        return self.refusal(code)

    @abstractmethod
    def settings(self, url: str) -> dict[str, object]:
        """The settings of a certificate that makes the plug-in talk to this sandbox at `url`."""

    def mangle(self, response: Response, fault: Fault) -> Response:
        """The vendor's true reply, changed as `fault` (one of `manglings`) says."""
        raise NotImplementedError(f"{type(self).__name__} lists {fault.kind!r} in manglings but has no mangle for it")

    def apply_option(self, name: str, value: Any) -> None:
        """Set one of `options` to a value that it takes."""
        raise NotImplementedError(f"{type(self).__name__} lists {name!r} in options but has no apply_option for it")

    def make_token(self) -> str:
        """A token for a new phone."""
        return f"{self.random.getrandbits(128):032x}"

    def expire_tokens(self) -> None:  # noqa: B027 - most vendors have a login, not all
        """All access tokens expire now. Nothing to do for a vendor without a login."""

    def is_access_token(self, text: str) -> bool:
        """Whether `text` is an access token of this sandbox, valid or expired: pages do not show it."""
        return False

    def code_for(self, reason: Reason) -> str | None:
        """The code with which the vendor refuses a whole request for `reason`; None: it has none, or it is not
        known."""
        return self.codes.get(reason)

    def has_access_tokens(self) -> bool:
        """Whether `expire_tokens` does anything."""
        return type(self).expire_tokens is not Sandbox.expire_tokens

    def report_tap(self, delivery: Delivery) -> None:  # noqa: B027 - most vendors have no such receipt
        """The user has tapped this notification: make the receipt, if the sender asked for one. Nothing to do for a
        vendor that reports no taps."""

    def callbacks(self) -> list[Request]:
        """The requests of receipts that are due, with their headers. Each is returned once: the caller must post
        it."""
        with self.lock:
            return self.outbox.take()

    def is_taken(self, answer: Response) -> bool:
        """Whether this answer of the host to posted receipts says to the vendor that they were taken. Default: any
        status below 300. A vendor that expects a certain body overrides it."""
        return answer.status < 300

    # The same for every vendor.

    def answer(self, request: Request) -> Answer:
        """Answer one request: count it in the ledger, apply the faults that are set for it, or else perform it."""
        with self.lock:
            operation = self.operation(request)
            self.ledger.note_call(operation, len(request.content))
            script = self.faults.take(operation)
            self._request_count += 1
            self._request_number = self._request_count
            try:
                answer = self._play(request, operation, script) if script else Answer(self.perform(request, operation))
            finally:
                self._request_number = None
            self.phones_known.changes.note()
            if self.ledger.keeps:
                kinds = tuple(fault.kind for fault in script)
                made = self._request_count, self.clock(), operation, request, answer.response, answer.delay, kinds
                self.request_log.add(LoggedRequest(*made))
            return answer

    def _play(self, request: Request, operation: str, script: Sequence[Fault]) -> Answer:
        by_kind = {fault.kind: fault for fault in script}
        delay = by_kind["delay"].seconds if "delay" in by_kind else 0.0
        if "expire" in by_kind:
            self.expire_tokens()
        replacing = next((fault for fault in script if fault.kind in _REPLIES), None)
        if replacing is not None:
            true = self.perform(request, operation) if replacing.performs else None
            return Answer(_REPLIES[replacing.kind](self, replacing, true), delay, sent=replacing.kind != "refuse")
        reply = self.perform(request, operation)
        for fault in script:
            if fault.kind in self.manglings:
                reply = self.mangle(reply, fault)
        return Answer(reply, delay)

    @property
    def tokens(self) -> Sequence[str]:
        """The registered tokens, in the order of registration."""
        with self.lock:
            return self.phones_known.tokens

    def set_option(self, name: str, value: object) -> None:
        """Change an option of the sandbox from now on. Raises `FieldError` for a wrong name or value."""
        self.check_option(name, value)
        with self.lock:
            self.apply_option(name, value)

    def check_option(self, name: str, value: object) -> None:
        """Raise `FieldError` unless `set_option` would accept this."""
        known = self.options.get(name)
        if known is None:
            names = ", ".join(sorted(self.options)) or "none"
            raise FieldError(name, f"the sandbox of {self.brand} has no such option; it has: {names}")
        if not known.takes(value):
            raise FieldError(name, f"must be {known.values}")

    def register(self, tokens: int | Iterable[str]) -> list[str]:
        """Register that number of new phones, or phones with these tokens. Returns their tokens."""
        with self.lock:
            new = [self.make_token() for _ in range(tokens)] if isinstance(tokens, int) else list(tokens)
            self.phones_known.register(new)
            return new

    def uninstall(self, token: str) -> bool:
        """The app is removed from this phone: its token is dead. Returns False if it was not registered."""
        with self.lock:
            return self.phones_known.uninstall(token)

    def mute(self, token: str, muted: bool = True) -> bool:
        """The user switches this app's notifications off (or on again). Returns False if the token is not
        registered."""
        with self.lock:
            return self.phones_known.mute(token, muted)

    def set_alias(self, token: str, alias: str | None) -> bool:
        """Give a phone this alias, or none. Returns False if the token is not registered."""
        with self.lock:
            return self.phones_known.set_alias(token, alias)

    def set_account(self, token: str, account: str | None) -> bool:
        """This user of the app is logged in on the phone, or nobody. Returns False if the token is not registered."""
        with self.lock:
            return self.phones_known.set_account(token, account)

    def set_tags(self, token: str, tags: Iterable[str]) -> bool:
        """Give a phone exactly these tags. Returns False if the token is not registered."""
        with self.lock:
            return self.phones_known.set_tags(token, tags)

    def phones(self) -> tuple[Phone, ...]:
        """The registered phones and what each shows."""
        with self.lock:
            return tuple(self.phones_known)

    def deliver(self, phone: Phone, delivery: Callable[[], Delivery]) -> None:
        """Add a performed push to the ledger and to what the phone shows (with `keep=False` it is only counted)."""
        if not self.ledger.keeps:
            self.ledger.note(phone.token, None)
            return
        self._put_on_screen(phone, delivery())

    def deliver_all(self, tokens: Sequence[str], delivery: Callable[[str], Delivery]) -> None:
        """The same for one notification to these tokens; `delivery` makes that of a token. Fast with `keep=False`."""
        if not self.ledger.keeps:
            self.ledger.count_all(tokens)
            return
        for token in tokens:
            self._put_on_screen(self.phones_known.get(token) or Phone(token), delivery(token))

    def _put_on_screen(self, phone: Phone, delivery: Delivery) -> None:
        if delivery.user_id and phone.account not in (None, delivery.user_id):
            self.ledger.dropped["user"] += 1
            return
        self._delivery_count += 1
        delivery = attrs.evolve(delivery, number=self._delivery_count, request=self._request_number)
        self.ledger.note(phone.token, delivery)
        phone.show(delivery)
        self.phones_known.changes.note(phone.token)

    def first_time(self, tokens: Sequence[str], key: str) -> Sequence[str]:
        """Those of the phones that have not got a message with this id today; the others drop it. `key`: "" for a
        message without an id, which nobody drops."""
        if not key:
            return tokens
        fresh = self.phones_known.first_time(tokens, key, self.clock())
        self.ledger.dropped["repeated"] += len(tokens) - len(fresh)
        return fresh

    def verify_picture(self, url: str) -> None:  # noqa: B027 - most vendors verify none
        """The vendor has verified the picture at this URL, for a vendor that shows no other ones (HarmonyOS). Default:
        nothing to do."""

    def recall(self, token: str, *, replaces: str = "", message_id: str = "") -> bool:
        """Take a notification back from a phone: by its `Delivery.replaces` or `message_id`, or both. Returns False if
        the phone does not show it (any more)."""
        with self.lock:
            phone = self.phones_known.get(token)
            recalled = phone is not None and phone.recall(
                lambda one: (
                    (replaces or message_id) != ""
                    and (not replaces or one.replaces == replaces)
                    and (not message_id or one.message_id == message_id)
                )
            )
            if recalled:
                self.phones_known.changes.note(token)
            return recalled

    def tap(self, token: str, message_id: str = "", *, number: int = 0) -> bool:
        """The user taps a notification: it leaves the screen, and is reported where the vendor reports taps
        (`report_tap`). It is named by its `Delivery.message_id` (the newest of several is tapped) or `Delivery.number`.
        Returns False if the phone does not show it (any more)."""
        with self.lock:
            phone = self.phones_known.get(token)
            if phone is None:
                return False
            for delivery in reversed(phone.shown):
                if delivery.number == number or (message_id and delivery.message_id == message_id):
                    phone.tap(delivery)
                    self.report_tap(delivery)
                    self.phones_known.changes.note(token)
                    return True
            return False

    def clear(self) -> None:
        """Empty the ledger, the log of requests and the screens of all phones. Phones, faults and what the vendor
        remembers (access tokens, quotas, ids) stay."""
        with self.lock:
            self.ledger.clear()
            self.request_log.clear()
            for phone in self.phones_known:
                phone.clear()
            self.phones_known.changes.note()

    def reach(self, tokens: Sequence[str], *, unknown: str | None, muted: str | None) -> Reached:
        """Which of the targets of a push to tokens get it. `unknown` and `muted`: the code by which a token that is not
        registered, or is muted, is refused; None: the vendor accepts it and reports the phone by receipt.

        `target_codes` and `target_receipts` come first. Costs one set comparison where all get it.
        """
        if not (self.target_codes or self.target_receipts) and self.phones_known.all_reachable(tokens):
            return Reached(tokens)
        reached: list[str] = []
        refused: dict[str, list[str]] = {}
        reports: dict[str, ReceiptKind] = {}
        for token in tokens:
            code, kind = self._target_ending(token, unknown, muted)
            if code is not None:
                refused.setdefault(code, []).append(token)
            elif kind is not None:
                reports[token] = kind
            else:
                reached.append(token)
        return Reached(reached, refused, reports)

    def _target_ending(
        self, token: str, unknown: str | None, muted: str | None
    ) -> tuple[str | None, ReceiptKind | None]:
        """The code by which a token is refused, or else the kind of receipt that reports it; both None: it is
        reached."""
        if token in self.target_codes:
            return self.target_codes[token], None
        if token in self.target_receipts:
            return None, self.target_receipts[token]
        phone = self.phones_known.get(token)
        if phone is None:
            return unknown, ReceiptKind.UNREGISTERED
        return (muted, ReceiptKind.MUTED) if phone.muted else (None, None)

    def reply_json(self, body: Any, status: int = 200) -> Response:
        """A JSON reply whose `date` header is the sandbox's clock."""
        content = _ENCODER.encode(body).encode("utf-8", "replace")
        return self._reply(status, "application/json;charset=UTF-8", content)

    def _reply(self, status: int, kind: str, content: bytes) -> Response:
        return Response(status, {"content-type": kind, "date": self._http_date()}, content)

    def _http_date(self) -> str:
        second = int(self.clock())
        if second != self._date[0]:
            self._date = (second, formatdate(second, usegmt=True))
        return self._date[1]

    def _page(self, fault: Fault, _: Response | None) -> Response:
        page = self._reply(fault.status if fault.kind == "status" else 200, "text/html", HTML_PAGE)
        if fault.kind == "status" and fault.retry_after is not None:
            page = attrs.evolve(page, headers={**page.headers, "retry-after": str(fault.retry_after)})
        return page

    def _code(self, fault: Fault, _: Response | None) -> Response:
        return self.refusal(fault.code)

    def _empty(self, _fault: Fault, _: Response | None) -> Response:
        return self._reply(200, "application/json;charset=UTF-8", b"")

    def _cut(self, fault: Fault, true: Response | None) -> Response:
        whole = self.refusal("-1") if true is None else true
        return attrs.evolve(whole, content=whole.content[: fault.size])

    def _break(self, _fault: Fault, _: Response | None) -> None:
        return None


_REPLIES: dict[str, Callable[[Sandbox, Fault, Response | None], Response | None]] = {
    "code": Sandbox._code,
    "status": Sandbox._page,
    "html": Sandbox._page,
    "empty": Sandbox._empty,
    "cut": Sandbox._cut,
    "drop": Sandbox._break,
    "refuse": Sandbox._break,
}
"""The answer for each kind of fault that replaces the reply. A test keeps the keys equal to `faults.REPLACING`."""
