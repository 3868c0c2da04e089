"""`Sandbox`, the base class of a vendor's sandbox: a request in, an answer out.

Pure but for the sandbox's own state. No socket, no sleep: an answer says how late it comes and whether the connection
breaks, and its carrier (`serving`, or `pushgateway.testing.SandboxTransport`) does so. The clock is handed in. Calls
from several threads are safe: one request is answered at a time.

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
from pushgateway.sandbox.kit.phones import Phone, Phones
from pushgateway.vendor import Reason, ReceiptKind, Request, Response

HTML_PAGE = b"<!DOCTYPE html><html><head><title>gateway</title></head><body><h1>Bad gateway</h1></body></html>"

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
"""Made once: `json.dumps` with an option makes a new one for every call."""


@safe_repr
@attrs.frozen
class Answer:
    """What a sandbox does with a request."""

    response: Response | None
    """None: the connection breaks without a reply."""
    delay: float = 0.0
    """Seconds until the reply, or the break, comes."""
    sent: bool = True
    """False: the connection broke before the request had arrived, so surely nothing was done."""


@safe_repr
@attrs.frozen
class Switch:
    """A part of the vendor's behaviour that may be changed while the sandbox runs."""

    takes: Callable[[Any], bool]
    """Whether a value is one that it takes."""
    values: str
    """Those values in words, behind "must be"."""


class Sandbox(ABC):
    """A strict imitation of one vendor's server for one app.

    `clock` gives epoch seconds; `seed` decides tokens, ids and shares of faults; `tokens` is how many phones are
    registered at the start; with `keep=False` the ledger only counts and the screens of the phones stay empty.
    """

    brand: ClassVar[str]
    """The phone maker as a key; equals the entry point's name."""
    operations: ClassVar[Collection[str]] = ()
    """The vendor's calls by name, as faults and the ledger name them."""
    manglings: ClassVar[Collection[str]] = ()
    """Kinds of faults beyond the common ones; `mangle` plays them."""
    codes: ClassVar[Mapping[Reason, str | None]] = {}
    """The vendor's code for a whole request that ends with a reason, None where it has none: what the conformance kit
    plays. Not needed for a plug-in that ships `rules.toml`."""
    says_of_targets: ClassVar[bool] = False
    """Whether `perform` looks `sayings` up before it delivers. The conformance kit plays codes about single targets
    only where this is True, and demands it of a vendor whose `rules.toml` has such codes."""
    receipt_kinds: Collection[ReceiptKind] = frozenset({ReceiptKind.ARRIVED})
    """The kinds of receipts that this sandbox can post: `perform` looks `fates` up for those besides `ARRIVED`."""
    switches: ClassVar[Mapping[str, Switch]] = {}
    """By name: what `switch` changes; `turn` does it."""

    def __init__(
        self, *, clock: Callable[[], float] = time.time, seed: int = 0, tokens: int = 20, keep: bool = True
    ) -> None:
        self.clock = clock
        self.phones_known = Phones()
        self.ledger = Ledger(keep=keep)
        self.faults = Faults(kinds=self.manglings, operations=self.operations, seed=seed)
        # Tokens of imaginary phones are not cryptography; a seed makes a failing run repeatable.
        self.random = random.Random(seed)  # noqa: S311
        self.lock = threading.RLock()
        self.sayings: dict[str, str] = {}
        """By token: the code that the vendor says of this target in place of delivering to it."""
        self.fates: dict[str, ReceiptKind] = {}
        """By token: what a receipt tells of a push that was accepted and did not arrive. Only for pushes to single
        phones that ask for receipts."""
        self._date = (0, "")
        self.register(tokens)

    # To be implemented for a vendor.

    @abstractmethod
    def operation(self, request: Request) -> str:
        """The vendor's name of the call that this request makes; any text when it makes none."""

    @abstractmethod
    def perform(self, request: Request, operation: str) -> Response:
        """Do what the vendor does and answer as the vendor answers. Never raises for what a client sent."""

    @abstractmethod
    def refusal(self, code: str) -> Response:
        """The vendor's reply with this code, nothing done."""

    @abstractmethod
    def settings(self, url: str) -> dict[str, object]:
        """The settings of a certificate that makes the plug-in talk to this sandbox at `url`."""

    def mangle(self, response: Response, fault: Fault) -> Response:
        """The vendor's true reply, spoilt as `fault` (one of `manglings`) asks."""
        raise NotImplementedError(f"{type(self).__name__} lists {fault.kind!r} in manglings but cannot play it")

    def turn(self, name: str, value: Any) -> None:
        """Set one of `switches` to a value that it takes."""
        raise NotImplementedError(f"{type(self).__name__} lists {name!r} in switches but cannot turn it")

    def make_token(self) -> str:
        """A token for a new phone."""
        return f"{self.random.getrandbits(128):032x}"

    def expire_tokens(self) -> None:  # noqa: B027 - most vendors have a login, not all
        """All access tokens expire now. Nothing to do for a vendor without a login."""

    def callbacks(self) -> list[Request]:
        """The requests of receipts that are due. Each is returned once: the caller must post it."""
        return []

    # The same for all vendors.

    def answer(self, request: Request) -> Answer:
        """Answer one request: note it, play the faults of the script, and otherwise do what the vendor does."""
        with self.lock:
            operation = self.operation(request)
            self.ledger.note_call(operation, len(request.content))
            script = self.faults.take(operation)
            if not script:
                return Answer(self.perform(request, operation))
            return self._play(request, operation, script)

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

    def switch(self, name: str, value: object) -> None:
        """Change a part of the vendor's behaviour from now on. Raises `FieldError` for a wrong name or value."""
        self.check_switch(name, value)
        with self.lock:
            self.turn(name, value)

    def check_switch(self, name: str, value: object) -> None:
        """Raise `FieldError` unless `switch` would take this."""
        known = self.switches.get(name)
        if known is None:
            names = ", ".join(sorted(self.switches)) or "none"
            raise FieldError(name, f"the sandbox of {self.brand} has no such switch; it has: {names}")
        if not known.takes(value):
            raise FieldError(name, f"must be {known.values}")

    def register(self, tokens: int | Iterable[str]) -> list[str]:
        """Register so many new phones, or phones with these tokens. Returns their tokens."""
        with self.lock:
            new = [self.make_token() for _ in range(tokens)] if isinstance(tokens, int) else list(tokens)
            self.phones_known.register(new)
            return new

    def uninstall(self, token: str) -> bool:
        """The app is removed from this phone: its token is dead. False when it was not registered."""
        with self.lock:
            return self.phones_known.uninstall(token)

    def mute(self, token: str, muted: bool = True) -> bool:
        """The user switches this app's notifications off (or on again). False when the token is not registered."""
        with self.lock:
            return self.phones_known.mute(token, muted)

    def set_alias(self, token: str, alias: str | None) -> bool:
        """Name a phone. False when the token is not registered."""
        with self.lock:
            return self.phones_known.set_alias(token, alias)

    def set_tags(self, token: str, tags: Iterable[str]) -> bool:
        """Give a phone exactly these tags. False when the token is not registered."""
        with self.lock:
            return self.phones_known.set_tags(token, tags)

    def phones(self) -> tuple[Phone, ...]:
        """The registered phones with what each shows."""
        with self.lock:
            return tuple(self.phones_known)

    def deliver(self, phone: Phone, delivery: Callable[[], Delivery]) -> None:
        """Write a performed push into the ledger and onto the phone's screen (only counted when `keep=False`)."""
        if not self.ledger.keeps:
            self.ledger.note(phone.token, None)
            return
        made = delivery()
        self.ledger.note(phone.token, made)
        phone.show(made)

    def reply_json(self, body: Any, status: int = 200) -> Response:
        """A JSON reply with the sandbox's own date."""
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
"""How each replacing kind of fault answers; a test keeps it equal to `faults.REPLACING`."""
