"""`Facts`: what a plug-in says about itself, apart from the fields of a notification.

Read from an instance of the plug-in with the settings of its brand's sandbox, or with made-up ones. Nothing is sent.
What cannot be known without settings is None.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import attrs

from pushgateway.certificates.certificate import Certificate
from pushgateway.certificates.plugins import Plugins
from pushgateway.certificates.settings import load_vendors
from pushgateway.model.audience import AudienceKind
from pushgateway.model.errors import ConfigError
from pushgateway.model.intent import Intent
from pushgateway.model.notification import Notification
from pushgateway.model.push import Push, PushToken
from pushgateway.model.secret import safe_repr
from pushgateway.sandbox import Sandbox
from pushgateway.vendor import Vendor

HOST = "https://sandbox.invalid"
"""The address of a sandbox that is called in this process."""
ID = "1"
"""The id of the certificate."""

Login: TypeAlias = Literal["request", "signed", "none"]
Proof: TypeAlias = Literal["signed", "push", "message", "unproved", "none"]


@safe_repr
@attrs.frozen(kw_only=True)
class Facts:
    """What one plug-in can do. None: it depends on settings that could not be made up."""

    dialect: str | None = None
    """Which version of the vendor's interface these facts are about; "": there is one."""
    batch_size: int | None = None
    """Pushes in one request."""
    mixed: bool | None = None
    """Whether they may have different notifications."""
    least: int | None = None
    """A batch of fewer pushes is sent without a saved content. Where `saves`."""
    saves: bool | None = None
    """Whether the vendor stores a content before it goes to many phones."""
    login: Login | None = None
    """"request": the vendor gives an access token; "signed": it is signed here; "none": each request has the key."""
    deduplicates: bool | Literal["message"] | None = None
    """Whether the vendor drops repeats; "message": the phone does."""
    receipts: Proof | None = None
    """What proves a receipt: the vendor's signature, a mark of ours on each push or request, or nothing; "none": the
    vendor posts none."""
    receipt_kinds: Sequence[str] | None = None
    """The kinds of receipts, by the brand's sandbox."""
    dead_tokens: Literal["reply", "receipt"] | None = None
    """Where the vendor says first that a token is dead."""
    recall: bool
    """Whether a notification can be taken back."""
    check_tokens: bool
    """Whether tokens can be checked without a push."""
    audiences: Sequence[str] | None = None
    """The kinds of audience of a broadcast."""
    audience_size: int | None = None
    """Tokens, aliases or accounts in one request of a broadcast. None also without broadcasts."""
    pushes_per_second: float | None = None
    """By the vendor's figures, as the plug-in uses them. None also where it knows none."""
    requests_per_second: float | None = None
    connections: int | None = None
    """Requests at once that the vendor is good for."""
    quotas: Mapping[str, Sequence[str]] | None = None
    """The vendor's daily quotas in words, as its rules have them: for a push without an intent (""), and for each
    intent. Empty: no quota is known."""
    required: Sequence[str] = ()
    """The settings that a certificate needs."""
    optional: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        values = {
            name: list(value) if isinstance(value, tuple) else value for name, value in attrs.asdict(self).items()
        }
        values["settings"] = {"required": values.pop("required"), "optional": values.pop("optional")}
        return values


def facts_of(vendor_class: type[Vendor], sandbox: Sandbox | None) -> Facts:
    """The facts of a plug-in, asked with the settings of this sandbox of its brand."""
    fields = attrs.fields(vendor_class) if attrs.has(vendor_class) else ()
    required = [field.name for field in fields if field.init and field.default is attrs.NOTHING]
    optional = [field.name for field in fields if field.init and field.default is not attrs.NOTHING]
    by_class: dict[str, Any] = {
        "recall": vendor_class.recall is not Vendor.recall,
        "check_tokens": vendor_class.check_tokens is not Vendor.check_tokens,
        "required": required,
        "optional": optional,
    }
    for settings in _settings(required, sandbox):
        with contextlib.suppress(ConfigError):
            vendor = load(vendor_class, settings())
            kinds = None if sandbox is None else sorted(kind.value for kind in sandbox.receipt_kinds)
            return Facts(**by_class, **_of_instance(vendor), receipt_kinds=kinds)
    return Facts(**by_class)


def load(vendor_class: type[Vendor], settings: Mapping[str, Any]) -> Vendor:
    """An instance with these settings. Raises `ConfigError`."""
    certificate = Certificate(ID, vendor_class.brand, settings)
    loaded = load_vendors([certificate], Plugins({vendor_class.brand: vendor_class}))[ID]
    if not isinstance(loaded, Vendor):
        raise loaded
    return loaded


def _settings(required: Sequence[str], sandbox: Sandbox | None) -> Iterator[Callable[[], Mapping[str, Any]]]:
    """Those of the sandbox first, because "x" is no setting where one has a form, such as a key."""
    if sandbox is not None:
        yield lambda: sandbox.settings(HOST)
    yield lambda: dict.fromkeys(required, "x")


def _of_instance(vendor: Vendor) -> dict[str, Any]:
    batching, rates = vendor.batching, vendor.rates
    return {
        "dialect": vendor.dialect,
        "batch_size": batching.size,
        "mixed": batching.mixed,
        "least": batching.least,
        "saves": batching.saves,
        "login": _login(vendor),
        "deduplicates": vendor.deduplicates,
        "receipts": _proof(vendor),
        "dead_tokens": vendor.dead_tokens,
        "audiences": [kind.value for kind in AudienceKind if kind in vendor.audiences],
        "audience_size": vendor.audience_size if vendor.audiences else None,
        "pushes_per_second": rates.pushes,
        "requests_per_second": rates.requests,
        "connections": rates.connections,
        "quotas": _quotas(vendor),
    }


def _login(vendor: Vendor) -> Login:
    exchange = vendor.login(vendor.home_region, 0.0)
    if exchange is None:
        return "none"
    try:
        while next(exchange) is None:
            pass  # a checkpoint
    except StopIteration:
        return "signed"
    finally:
        exchange.close()
    return "request"


def _proof(vendor: Vendor) -> Proof:
    if type(vendor).receipts is Vendor.receipts:
        return "none"
    if vendor.proves_receipts:
        return "signed"
    return "unproved" if vendor.marks == "none" else vendor.marks


def _quotas(vendor: Vendor) -> dict[str, Sequence[str]]:
    token = PushToken(ID, "token")
    found: dict[str, Sequence[str]] = {}
    for intent in (None, *Intent):
        rulings = vendor.rulings(Push(token, Notification("title", "body", intent=intent)))
        found["" if intent is None else intent.value] = [one.verdict for one in rulings if one.field == "quota"]
    return found
