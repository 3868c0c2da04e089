"""`Certificate`: one app's credentials at one vendor, with the host's limits for it.

A frozen value and the checks of its own fields. The `settings` are checked and turned into a vendor object in
`pushgateway.certificates.settings`. Made by hosts and by `pushgateway.config`, used by the gateway.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from pushgateway.certificates.receipt_signing import ReceiptSigner, longest_base
from pushgateway.model.checks import as_certificate_id, check_connections, check_linger, check_rate
from pushgateway.model.errors import FieldError
from pushgateway.model.frozen import EMPTY, FrozenDict, Typed, freeze
from pushgateway.model.secret import Secret, safe_repr
from pushgateway.vendor import check_base_url


@safe_repr
class _Held:
    """Wraps a raw setting or secret, so that a crash reporter that stores the variables of a frame does not store
    it."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "held"


def _kept(held: _Held) -> FrozenDict:
    """A frozen copy of the settings. Raises `FieldError` if they are no mapping or contain themselves."""
    made: FrozenDict | None = None
    problem = "must not hold itself"
    if isinstance(held.value, Mapping):
        with contextlib.suppress(RecursionError):
            made = freeze(held.value)
    else:
        problem = f"must be a mapping, is {type(held.value).__name__}"
    if made is None:
        raise FieldError("Certificate.settings", problem)
    return made


def _brand(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise FieldError("Certificate.brand", "must be a brand such as 'oppo'")
    return value.strip().lower()


SHORTEST_SECRET = 16
"""Characters of a receipt secret, at least."""


def _receipt_url(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or " " in value:
        raise FieldError("Certificate.receipt_url", "must be a URL such as https://im.example.com/push")
    return check_base_url("Certificate.receipt_url", value)


def _receipt_secret(held: _Held) -> tuple[Secret, ...]:
    secrets = _as_secrets(held.value)
    if secrets is None:
        raise FieldError("Certificate.receipt_secret", "must be a string, or a list of strings with the new one first")
    if any(len(one.reveal()) < SHORTEST_SECRET for one in secrets):
        raise FieldError("Certificate.receipt_secret", f"must have at least {SHORTEST_SECRET} characters")
    return secrets


def _as_secrets(value: Any) -> tuple[Secret, ...] | None:
    """The secrets of one text or several; empty for None; None if the value is neither text nor a list of texts. It
    raises nothing, because a traceback would hold the secrets."""
    if value is None or value == ():  # `()` is what the converter made of None
        return ()
    given = value if isinstance(value, list | tuple) else (value,)
    if not given or not all(isinstance(one, str | Secret) for one in given):
        return None
    return tuple(one if isinstance(one, Secret) else Secret(one or " ") for one in given)


@safe_repr
@attrs.frozen(repr=False, init=False)
class Certificate:
    """The host's record of one app's credentials at one vendor (Tencent IM: 证书 ID, buzid).

    `id` may be `int` or `str` and is kept as `str`. `settings` are the fields of the brand's plug-in; strings become
    `Secret` if the plug-in's field is one. They are copied: to change one, make a new `Certificate` and call `reload`.
    """

    id: str = attrs.field(converter=as_certificate_id)
    brand: str = attrs.field(converter=_brand)
    settings: Mapping[str, Any] = attrs.field(converter=_kept, eq=Typed)
    linger: float | None = attrs.field(default=None, kw_only=True)
    """Seconds that a push may wait for others to share its request; 0: each has a request of its own. None: the
    gateway's `linger`."""
    pushes_per_second: float | None = attrs.field(default=None, kw_only=True)
    """Phones per second, at most, for this certificate. None: the plug-in's figure; `math.inf`: no limit."""
    requests_per_second: float | None = attrs.field(default=None, kw_only=True)
    """Requests per second, at most. None: the plug-in's figure; `math.inf`: no limit."""
    connections: int | None = attrs.field(default=None, kw_only=True)
    """Requests at once to each of the vendor's servers. None: the gateway's `connections` if you have set it, otherwise
    the plug-in's figure, otherwise 8."""
    receipt_url: str | None = attrs.field(default=None, kw_only=True, converter=_receipt_url)
    """The public URL of your `pushgateway.receipts` app, such as `https://im.example.com/push`. Every push then asks
    for receipts there, unless its notification has a `receipt_url` itself; where the vendor's console wants the
    address instead, enter `Gateway.receipt_address` there. https, or http to loopback addresses."""
    receipt_secret: tuple[Secret, ...] = attrs.field(default=None, kw_only=True, converter=_receipt_secret)
    """Required with `receipt_url`: the secret of its address, by which receipts are verified too unless the vendor
    signs them (the key for that is one of the plug-in's settings). A string of at least 16 characters, or
    several with the new one first, so that receipts of pushes that were sent with an old one are still accepted."""

    def __init__(
        self,
        id: int | str,  # noqa: A002
        brand: str,
        settings: Mapping[str, Any] = EMPTY,
        *,
        linger: float | None = None,
        pushes_per_second: float | None = None,
        requests_per_second: float | None = None,
        connections: int | None = None,
        receipt_url: str | None = None,
        receipt_secret: str | Secret | Sequence[str | Secret] | None = None,
    ) -> None:
        """Raises `FieldError` that names the field and quotes no value."""
        # Raw secrets are removed from every frame before anything can raise, because a crash reporter stores variables.
        held, secrets = _Held(settings), _Held(receipt_secret)
        del settings, receipt_secret
        if not isinstance(brand, str):
            brand = ""  # perhaps the settings were passed in its place
        self.__attrs_init__(
            id=id,
            brand=brand,
            settings=held,
            linger=linger,
            pushes_per_second=pushes_per_second,
            requests_per_second=requests_per_second,
            connections=connections,
            receipt_url=receipt_url,
            receipt_secret=secrets,
        )

    def __attrs_post_init__(self) -> None:
        check_linger("Certificate.linger", self.linger)
        check_rate("Certificate.pushes_per_second", self.pushes_per_second)
        check_rate("Certificate.requests_per_second", self.requests_per_second)
        check_connections("Certificate.connections", self.connections)
        if (self.receipt_url is None) == bool(self.receipt_secret):
            field, other = ("secret", "url") if self.receipt_secret else ("url", "secret")
            raise FieldError(f"Certificate.receipt_{field}", f"needs receipt_{other} beside it")
        if self.receipt_url is not None and len(self.receipt_url) > (most := longest_base(self.id)):
            raise FieldError("Certificate.receipt_url", f"must have at most {most} characters for this certificate id")

    @property
    def signer(self) -> ReceiptSigner | None:
        """Signs its pushes and verifies their receipts; None if it has no `receipt_url`."""
        return None if self.receipt_url is None else ReceiptSigner(self.id, self.receipt_url, self.receipt_secret)

    def __repr__(self) -> str:
        return f"Certificate({self.id!r}, {self.brand!r}, {len(self.settings)} settings)"
