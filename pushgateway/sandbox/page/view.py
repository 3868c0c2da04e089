"""`View`: sandboxes as JSON for the page: brands, phones, notifications, and what changed since the last look.

Pure but for the receipts, which the vendor's plug-in reads. Whatever the number of phones, a state has the few that
changed last, and a change has those that changed since. All times are epoch seconds of the sandbox's clock. Texts are
what clients sent: the page never uses them as markup.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from pushgateway.model.errors import FieldError
from pushgateway.model.secret import safe_repr
from pushgateway.sandbox.kit.base import Sandbox
from pushgateway.sandbox.kit.ledger import Delivery
from pushgateway.sandbox.kit.phones import Phone
from pushgateway.sandbox.page.gateway import PageGateway
from pushgateway.sandbox.page.receipts import ReadReceipt, ReceiptIndex
from pushgateway.sandbox.page.requests import Hider, request_json
from pushgateway.sandbox.page.switches import can, switched_on
from pushgateway.vendor import ClickAction

RECENT = 12
"""Phones of a brand in a state, and changed ones in a change, at most."""
FOUND = 50
"""Phones that a search lists, at most."""
LISTED = 20
"""Items of a list in the fields of a notification that are shown, at most."""
LAST_REQUESTS = 50
"""Requests of a brand that are listed, at most."""


@safe_repr
class BrandView:
    """One sandbox."""

    def __init__(self, sandbox: Sandbox, url: str, gateway: PageGateway | None = None) -> None:
        """`url`: where it listens, "" if the page does not know it."""
        self.sandbox = sandbox
        self.url = url
        self.gateway = gateway
        self._receipts = ReceiptIndex(sandbox)
        self._hider: Hider | None = None

    def __repr__(self) -> str:
        return f"BrandView({self.sandbox.brand})"

    @property
    def number(self) -> int:
        """Grows with every change of anything in it."""
        return self.sandbox.phones_known.changes.number

    def state(self) -> dict[str, Any]:
        """The brand, with the phones that changed last; phones that never got anything fill up."""
        with self.sandbox.lock:
            self._receipts.refresh()
            known = self.sandbox.phones_known
            recent = {phone.token: phone for token in known.changes.since() if (phone := self._find(token)) is not None}
            for phone in known.first(RECENT):
                recent.setdefault(phone.token, phone)
            return {**self._brand(), "recent": [self._phone(phone) for phone in list(recent.values())[:RECENT]]}

    def change(self, number: int) -> tuple[int, dict[str, Any]]:
        """The new `number`, and the brand with the phones that changed since the former one."""
        with self.sandbox.lock:
            self._receipts.refresh()
            found = map(self._find, self.sandbox.phones_known.changes.since(number, RECENT))
            changed = [self._phone(phone) for phone in found if phone is not None]
            return self.number, {**self._brand(), "changed": changed}

    def phone(self, token: str) -> dict[str, Any] | None:
        """One phone, also one from which the app was removed; None: there is none."""
        with self.sandbox.lock:
            self._receipts.refresh()
            phone = self._find(token)
            return None if phone is None else self._phone(phone)

    def find(self, text: str) -> list[dict[str, Any]]:
        """The phones whose token, alias or account contains `text`, at most `FOUND`, in the order of registration."""
        found: list[Phone] = []
        for phone in self.sandbox.phones():  # searched without the lock: there may be a million
            if text in phone.token or text in (phone.alias or "") or text in (phone.account or ""):
                found.append(phone)
                if len(found) == FOUND:
                    break
        with self.sandbox.lock:
            return [self._phone(phone) for phone in found]

    def request(self, number: int) -> dict[str, Any] | None:
        """A logged request; None: there is none with this number, or it is forgotten."""
        with self.sandbox.lock:
            logged = self.sandbox.request_log.get(number)
        return None if logged is None else request_json(logged, self._hiding())

    def requests(self) -> list[dict[str, Any]]:
        """The last requests in short, the newest first, at most `LAST_REQUESTS`."""
        with self.sandbox.lock:
            return [
                {
                    "number": one.number,
                    "at": one.at,
                    "operation": one.operation,
                    "status": None if one.response is None else one.response.status,
                    "delay": one.delay,
                    "fault": ", ".join(one.faults) or None,
                }
                for one in self.sandbox.request_log.last(LAST_REQUESTS)
            ]

    def delivery(self, token: str, number: object) -> Delivery:
        """The notification with this id on the screen of a phone. Raises `FieldError` if there is none."""
        phone = self.sandbox.phones_known.get(token)
        for delivery in phone.shown if phone is not None else ():
            if str(delivery.number) == number:
                return delivery
        raise FieldError("id", "the phone does not show such a notification")

    def _find(self, token: str) -> Phone | None:
        known = self.sandbox.phones_known
        return known.get(token) or known.former(token)

    def _hiding(self) -> Hider:
        if self._hider is None:
            self._hider = Hider.of(self.sandbox)
        return self._hider

    def _brand(self) -> dict[str, Any]:
        sandbox, ledger = self.sandbox, self.sandbox.ledger
        rules = getattr(sandbox, "rules", None)
        return {
            "brand": sandbox.brand,
            "title": sandbox.brand if rules is None else rules.vendor,
            "url": self.url,
            "phones": len(sandbox.phones_known),
            "pushes": ledger.total,
            "requests": sum(ledger.calls.values()),
            "calls": dict(ledger.calls),
            "dropped": dict(ledger.dropped),
            "receipts": dict(ledger.receipts),
            "fault": switched_on(sandbox),
            "can": can(sandbox),
            "notes": [],
        }

    def _phone(self, phone: Phone) -> dict[str, Any]:
        return {
            "token": phone.token,
            "alias": phone.alias,
            "account": phone.account,
            "tags": sorted(phone.tags),
            "muted": phone.muted,
            "installed": self.sandbox.phones_known.get(phone.token) is phone,
            "badge": phone.badge,
            "shown": [self._notification(one) for one in reversed(phone.shown)],
            "gone": [{**self._notification(one.delivery), "why": one.why} for one in reversed(phone.gone)],
        }

    def _notification(self, one: Delivery) -> dict[str, Any]:
        hider = self._hiding()
        return {
            "id": str(one.number),
            "title": one.title,
            "body": one.body,
            "subtitle": one.subtitle,
            "at": one.at,
            "operation": one.operation,
            "message_id": one.message_id,
            "dedupe_id": one.dedupe_id,
            "request": one.request,
            "category": one.category,
            "private": one.private,
            "channel_id": one.channel_id,
            "template": one.template,
            "badge": None if one.badge is None else {"how": one.badge.how, "number": one.badge.number},
            "replaces": one.replaces,
            "alert": None if one.alert is None else one.alert.value,
            "sound": one.sound,
            "long_body": one.long_body,
            "picture": one.picture,
            "icon": one.icon,
            "buttons": [{"text": button.text, "tap": tap_json(button.click)} for button in one.buttons],
            "group": one.group,
            "show_in_foreground": one.show_in_foreground,
            "user_id": one.user_id,
            "ttl": one.ttl,
            "network": one.network.value,
            "show_from": one.show_from,
            "show_until": one.show_until,
            "tap": tap_json(one.click),
            "data": hider.value(shortened(one.data)),
            "fields": hider.value(shortened(one.notification)),
            "receipts": [self._receipt(one, read) for read in self._receipts.of(one.token, one.message_id)],
        }

    def _receipt(self, one: Delivery, read: ReadReceipt) -> dict[str, Any]:
        kind = read.receipt.kind.value
        verified = None
        if self.gateway is not None:
            verified = self.gateway.is_verified(self.sandbox.brand, one.token, one.message_id, kind)
        at = read.post.at if read.receipt.at is None else read.receipt.at
        return {"kind": kind, "at": at, "posted": read.post.ending, "verified": verified}


@safe_repr
class View:
    """All sandboxes of a page, and its gateway."""

    def __init__(self, sandboxes: Mapping[str, Sandbox], language: str | None = None) -> None:
        """`sandboxes`: by the URL where each listens, one of each brand. `language`: "en" or "zh", in which the page
        opens; None: that of the browser."""
        self.language = language
        self.brands = {sandbox.brand: BrandView(sandbox, url) for url, sandbox in sandboxes.items()}
        self._gateway: PageGateway | None = None

    def __repr__(self) -> str:
        return f"View({', '.join(self.brands)})"

    @property
    def gateway(self) -> PageGateway | None:
        """The gateway that sends to the phones, if there is one."""
        return self._gateway

    def attach(self, gateway: PageGateway | None) -> None:
        """From now on this gateway sends to the phones."""
        self._gateway = gateway
        for brand in self.brands.values():
            brand.gateway = gateway

    def brand(self, name: object) -> BrandView:
        """The view of a brand. Raises `FieldError` for another one."""
        found = self.brands.get(name) if isinstance(name, str) else None
        if found is None:
            raise FieldError("brand", f"must be one of {', '.join(self.brands)}")
        return found

    def numbers(self) -> dict[str, int]:
        """Where every part stands now, for `change`."""
        numbers = {name: brand.number for name, brand in self.brands.items()}
        return numbers if self._gateway is None else {**numbers, "": self._gateway.number}

    def state(self) -> dict[str, Any]:
        """Everything that the page shows first."""
        return {
            "language": self.language,
            "now": self._now(),
            "brands": [brand.state() for brand in self.brands.values()],
            "gateway": None if self._gateway is None else dict(self._gateway.state()),
        }

    def change(self, since: Mapping[str, int]) -> tuple[dict[str, int], dict[str, Any] | None]:
        """The new numbers, and what changed since the former ones: the brands that changed, and the gateway (None if it
        did not change); None: nothing changed."""
        numbers = self.numbers()
        if numbers == since:
            return numbers, None
        brands: list[dict[str, Any]] = []
        for name, brand in self.brands.items():
            if numbers[name] != since.get(name):
                numbers[name], changed = brand.change(since.get(name, 0))
                brands.append(changed)
        gateway = self._gateway if numbers.get("") != since.get("") else None
        return numbers, {
            "now": self._now(),
            "brands": brands,
            "gateway": None if gateway is None else dict(gateway.state()),
        }

    def _now(self) -> float:
        return next((brand.sandbox.clock() for brand in self.brands.values()), 0.0)


def shortened(value: Any) -> Any:
    """A JSON value with the first `LISTED` items of its long lists: a notification for many phones came with all their
    tokens, and its request shows them."""
    if isinstance(value, Mapping):
        return {name: shortened(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        more = len(value) - LISTED
        return [*map(shortened, value[:LISTED]), *([f"… ({more:,} more)"] if more > 0 else [])]
    return value


def tap_json(click: ClickAction | None) -> dict[str, str]:
    """What a tap does: the name of the action, and what it opens."""
    if click is None:
        return {"kind": "unknown", "target": ""}
    values: Sequence[Any] = attrs.astuple(click, recurse=False)
    return {"kind": type(click).__name__, "target": " ".join(map(str, values))}
