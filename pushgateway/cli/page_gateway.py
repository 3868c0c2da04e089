"""`SandboxGateway`: the gateway that sends to the phones of the page, with one certificate for each sandbox.

It implements `pushgateway.sandbox.page.gateway.PageGateway` with the blocking gateway, and keeps what the page shows of
it: outcomes, the last sends and events, and which receipts it has verified. Any thread may call.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from pushgateway.certificates.certificate import Certificate
from pushgateway.certificates.plugins import Plugins
from pushgateway.certificates.settings import load_vendors
from pushgateway.model.errors import FieldError
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Push, PushToken
from pushgateway.model.receipt import ReceiptKind
from pushgateway.model.secret import safe_repr
from pushgateway.observe.events import (
    BreakerChanged,
    BreakerState,
    Event,
    LoginDone,
    OutcomeGiven,
    QuotaLatched,
    QuotaReleased,
    RateChanged,
    ReceiptsReceived,
    Shed,
)
from pushgateway.observe.log_lines import LINES
from pushgateway.sandbox import Sandbox
from pushgateway.sandbox.kit.bounded import Bounded
from pushgateway.sandbox.page.gateway import PagePush
from pushgateway.sync import Gateway
from pushgateway.vendor import Receipt, Response, Vendor

FIRST_ID = 7001
"""The certificate id of the first sandbox; the others have the following ones."""
TIMEOUT = 8.0
"""Seconds in which a push of the page has its outcome, so that somebody who waits for it sees one."""
REQUEST_TIMEOUT = 5.0
"""Seconds for one request: longer than the page makes replies late."""
MOST_LISTED = 50
"""Sends and events that are kept, at most."""
MOST_REMEMBERED = 20_000
"""Pushes that can be recalled, and receipts whose verification is known, at most."""


def certificates_for(sandboxes: Mapping[str, Sandbox]) -> dict[str, Certificate]:
    """A certificate for each sandbox, by its brand, in the order given. `sandboxes`: by the URL of each."""
    return {
        sandbox.brand: Certificate(number, sandbox.brand, sandbox.settings(url))
        for number, (url, sandbox) in enumerate(sandboxes.items(), start=FIRST_ID)
    }


@safe_repr
class SandboxGateway:
    """The gateway of the page."""

    def __init__(self, sandboxes: Mapping[str, Sandbox], receipt_url: str) -> None:
        """`sandboxes`: by the URL where each is served, one of each brand. `receipt_url`: where they post receipts to,
        which the page hands to `receive`; sandboxes of vendors whose console holds it get it here.

        Raises `ConfigError` if a plug-in refuses the settings of its sandbox, `PluginError` without a plug-in.
        """
        self._lock = threading.Lock()
        self._number = 0
        self._outcomes: dict[str, Counter[str]] = {}
        self._sends: deque[Mapping[str, Any]] = deque(maxlen=MOST_LISTED)
        self._events: deque[Mapping[str, Any]] = deque(maxlen=MOST_LISTED)
        self._sent: Bounded[Outcome] = Bounded(MOST_REMEMBERED)
        self._verified: Bounded[bool] = Bounded(MOST_REMEMBERED)
        plugins, secret = Plugins(), secrets.token_urlsafe(24)
        posting = {
            sandbox.brand
            for sandbox in sandboxes.values()
            if plugins.vendor(sandbox.brand).receipts is not Vendor.receipts
        }
        certificates = [
            # Without the rates that vendors name for small apps: a test push to every phone is not to take an hour.
            attrs.evolve(
                plain,
                pushes_per_second=float("inf"),
                requests_per_second=float("inf"),
                receipt_url=receipt_url if brand in posting else None,
                receipt_secret=secret if brand in posting else None,
            )
            for brand, plain in certificates_for(sandboxes).items()
        ]
        self._certificates = certificates
        self._brands = {certificate.id: certificate.brand for certificate in certificates}
        self._ids = {certificate.brand: certificate.id for certificate in certificates}
        self._vendors = load_vendors(certificates, plugins)
        self._gateway = Gateway(certificates, timeout=TIMEOUT, request_timeout=REQUEST_TIMEOUT, observer=self._observe)
        for sandbox in sandboxes.values():
            if sandbox.brand in posting:
                sandbox.receipts_at = self._gateway.receipt_address(self._ids[sandbox.brand])

    def __repr__(self) -> str:
        return f"SandboxGateway({', '.join(self._ids)})"

    def close(self) -> None:
        """Close the gateway; pushes that wait end at once."""
        self._gateway.close(0.0)

    # What the page shows

    @property
    def number(self) -> int:
        """Grows with every change of `state`."""
        return self._number

    def state(self) -> Mapping[str, Any]:
        """Outcomes, sends and events, the newest first."""
        with self._lock:
            return {
                "outcomes": {brand: dict(counts) for brand, counts in self._outcomes.items()},
                "sends": list(self._sends),
                "events": list(self._events),
            }

    def clear(self) -> None:
        """Forget outcomes, sends and events."""
        with self._lock:
            self._number += 1
            self._outcomes.clear()
            self._sends.clear()
            self._events.clear()

    # Sending

    def send(self, pushes: Sequence[PagePush]) -> Sequence[Mapping[str, Any]]:
        """Send pushes and wait for their outcomes, in order."""
        made = [
            Push(PushToken(self._ids[push.brand], push.token), push.notification, context=place)
            for place, push in enumerate(pushes)
        ]
        began = time.monotonic()
        sends: list[Mapping[str, Any]] = [{}] * len(made)
        for outcome in self._gateway.stream(made):
            place: Any = outcome.context
            sends[place] = self._send(pushes[place], outcome, time.monotonic() - began)
        return sends

    def _send(self, push: PagePush, outcome: Outcome, seconds: float) -> Mapping[str, Any]:
        send = {
            "at": time.time(),
            "brand": push.brand,
            "certificate_id": outcome.push_token.certificate_id,
            "token": push.token,
            "title": push.notification.title,
            "status": outcome.status.value,
            "reason": None if outcome.reason is None else outcome.reason.value,
            "vendor_code": outcome.vendor_code,
            "vendor_message": outcome.vendor_message,
            "detail": outcome.detail,
            "message_id": outcome.message_id,
            "attempts": outcome.attempts,
            "seconds": round(seconds, 3),
            "truncated": list(outcome.truncated),
            "omitted": list(outcome.omitted),
            "possible_duplicate": outcome.possible_duplicate,
        }
        with self._lock:
            self._number += 1
            self._sends.appendleft(send)
            if outcome.message_id is not None:
                self._sent.put((push.brand, push.token, outcome.message_id), outcome)
        return send

    def recall(self, brand: str, token: str, message_id: str) -> Mapping[str, Any]:
        """Take a push of this gateway back from a phone."""
        outcome = self._sent.get((brand, token, message_id))
        if outcome is None:
            raise FieldError("id", "only a push that was sent on this page can be recalled here")
        (recalled,) = self._gateway.recall([outcome], timeout=TIMEOUT)
        return {
            "done": recalled.ok,
            "status": recalled.status.value,
            "reason": None if recalled.reason is None else recalled.reason.value,
            "detail": recalled.detail,
        }

    def renew(self, brand: str) -> None:
        """Begin the vendor's next day: what was learned about its quota is forgotten."""
        # A certificate that is new knows of no used-up quota.
        self._gateway.reload([one for one in self._certificates if one.brand != brand])
        self._gateway.reload(self._certificates)
        self._list_event(brand, "quota_released", "the day's quota is renewed; sending resumes", None)

    # Receipts

    def receive(self, address: str, headers: Mapping[str, str], body: bytes) -> Response | None:
        """Take posted receipts: verify them, remember which are genuine, and answer as the vendor expects."""
        certificate_id, _, path_secret = address.rpartition("/")
        if certificate_id not in self._brands or not self._gateway.admits(certificate_id, path_secret):
            return None
        received = self._gateway.receipts(certificate_id, headers, body)
        brand = self._brands[certificate_id]
        with self._lock:
            for receipt in self._read(certificate_id, headers, body):
                if self._verified.get(_key(brand, receipt)) is None:
                    self._verified.put(_key(brand, receipt), False)
            for receipt in received.receipts:
                self._verified.put(_key(brand, receipt), True)
        return self._gateway.receipt_answer(certificate_id, taken=not received.should_repeat)

    def is_verified(self, brand: str, token: str, message_id: str, kind: str) -> bool | None:
        """Whether a receipt of this kind was genuine; None: this gateway got none."""
        return self._verified.get((brand, token, message_id, kind))

    def _read(self, certificate_id: str, headers: Mapping[str, str], body: bytes) -> Sequence[Receipt]:
        """The receipts in a body, genuine or not."""
        vendor = self._vendors[certificate_id]
        try:
            read = vendor.receipts(certificate_id, headers, body, time.time()) if isinstance(vendor, Vendor) else ()
        except Exception:  # no receipts, or a wrong signature of the vendor
            return ()
        return [receipt for receipt in read if receipt is not None]

    # Events

    def _observe(self, event: Event) -> None:
        if event.brand is None:
            return
        if isinstance(event, OutcomeGiven):
            word = event.status.value if event.reason is None else event.reason.value
            with self._lock:
                self._number += 1
                self._outcomes.setdefault(event.brand, Counter())[word] += 1
        elif (name := _KINDS.get(type(event), lambda _: None)(event)) is not None:
            self._list_event(event.brand, name, _sentence(event), getattr(event, "seconds", None) or None)

    def _list_event(self, brand: str, kind: str, text: str, seconds: float | None) -> None:
        with self._lock:
            self._number += 1
            self._events.appendleft({"at": time.time(), "brand": brand, "kind": kind, "text": text, "seconds": seconds})


def _key(brand: str, receipt: Receipt) -> tuple[str, str, str, str]:
    # What the gateway cannot confirm is "suspect" for the host; the vendor has said "unregistered".
    kind = ReceiptKind.UNREGISTERED if receipt.kind is ReceiptKind.SUSPECT else receipt.kind
    return brand, receipt.push_token.token, receipt.message_id or "", kind.value


_KINDS: Mapping[type[Event], Callable[[Any], str | None]] = {
    BreakerChanged: lambda event: f"breaker_{event.state.value}",
    QuotaLatched: lambda _: "quota",
    QuotaReleased: lambda _: "quota_released",
    RateChanged: lambda _: "rate",
    LoginDone: lambda event: "login" if event.ok else "login_failed",
    Shed: lambda _: "shed",
    ReceiptsReceived: lambda event: "receipts_refused" if event.forged or event.unreadable else None,
}
"""By kind of event, the name of it on the page; None: it is not listed."""


def _sentence(event: Event) -> str:
    """An event in a sentence, as the log has it."""
    if isinstance(event, LoginDone) and event.ok:
        return "logged in"
    if isinstance(event, BreakerChanged) and event.state is BreakerState.HALF_OPEN:
        return "one request is sent as a test"
    return LINES[type(event)].text(event, "").removeprefix(f"certificate {event.certificate_id}: ")
