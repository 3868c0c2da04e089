"""Certificates: which app, which vendor, which credentials; and their way into a plug-in's fields.

Law of this file: everything wrong with a set of certificates is found at once and named by certificate and field. A
brand without a usable plug-in is not a fault of the set: it costs that certificate's pushes, nobody else's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from pushgateway.certificates.receipt_signing import ReceiptSigner, longest_base
from pushgateway.model.checks import as_certificate_id, check_linger, check_rate
from pushgateway.model.errors import FieldError
from pushgateway.model.frozen import EMPTY, FrozenDict, Typed, freeze
from pushgateway.model.secret import Secret, safe_repr
from pushgateway.vendor import check_base_url


@safe_repr
class _Held:
    """A raw value on its way into a certificate, out of sight of what stores the variables of a frame."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "held"


def _kept(held: _Held) -> FrozenDict:
    """A frozen copy. Raises `FieldError` for what is no mapping, or holds itself."""
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
"""Characters of a receipt secret."""


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
    """One or several; none for None; None for what cannot be any. Raises nothing: it has them in its hands."""
    if value is None or value == ():  # the latter is what None becomes
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
    `Secret` where the plug-in says so. They are copied: to change one, make a new `Certificate` and `reload`.
    """

    id: str = attrs.field(converter=as_certificate_id)
    brand: str = attrs.field(converter=_brand)
    settings: Mapping[str, Any] = attrs.field(converter=_kept, eq=Typed)
    linger: float | None = attrs.field(default=None, kw_only=True)
    """Seconds a push may wait for others to share its request; 0: each in a request of its own. None: the gateway's."""
    pushes_per_second: float | None = attrs.field(default=None, kw_only=True)
    """Phones a second that the vendor takes from this certificate. None: the plug-in's figure; `math.inf`: no limit."""
    requests_per_second: float | None = attrs.field(default=None, kw_only=True)
    """Requests that the vendor takes in a second, likewise."""
    receipt_url: str | None = attrs.field(default=None, kw_only=True, converter=_receipt_url)
    """Where `pushgateway.receipts` is to be reached from outside: `https://im.example.com/push`. Every push whose
    notification says nothing else then asks for receipts there. https, or http to loopback addresses."""
    receipt_secret: tuple[Secret, ...] = attrs.field(default=None, kw_only=True, converter=_receipt_secret)
    """Goes with it: by this a receipt proves itself, and nobody else may know it. A string of at least 16 characters,
    or several with the new one first, so that receipts of pushes sent under an old one are still believed."""

    def __init__(
        self,
        id: int | str,  # noqa: A002
        brand: str,
        settings: Mapping[str, Any] = EMPTY,
        *,
        linger: float | None = None,
        pushes_per_second: float | None = None,
        requests_per_second: float | None = None,
        receipt_url: str | None = None,
        receipt_secret: str | Secret | Sequence[str | Secret] | None = None,
    ) -> None:
        """Raises `FieldError` that names the field and quotes no value."""
        # Raw secrets are out of every frame of ours before anything can raise: a crash reporter stores variables.
        held, secrets = _Held(settings), _Held(receipt_secret)
        del settings, receipt_secret
        if not isinstance(brand, str):
            brand = ""  # perhaps it is the settings
        self.__attrs_init__(
            id=id,
            brand=brand,
            settings=held,
            linger=linger,
            pushes_per_second=pushes_per_second,
            requests_per_second=requests_per_second,
            receipt_url=receipt_url,
            receipt_secret=secrets,
        )

    def __attrs_post_init__(self) -> None:
        check_linger("Certificate.linger", self.linger)
        check_rate("Certificate.pushes_per_second", self.pushes_per_second)
        check_rate("Certificate.requests_per_second", self.requests_per_second)
        if (self.receipt_url is None) == bool(self.receipt_secret):
            field, other = ("secret", "url") if self.receipt_secret else ("url", "secret")
            raise FieldError(f"Certificate.receipt_{field}", f"needs receipt_{other} beside it")
        if self.receipt_url is not None and len(self.receipt_url) > (most := longest_base(self.id)):
            raise FieldError("Certificate.receipt_url", f"must have at most {most} characters for this certificate id")

    @property
    def signer(self) -> ReceiptSigner | None:
        """What marks its pushes and knows their receipts, where it asks for them."""
        return None if self.receipt_url is None else ReceiptSigner(self.id, self.receipt_url, self.receipt_secret)

    def __repr__(self) -> str:
        return f"Certificate({self.id!r}, {self.brand!r}, {len(self.settings)} settings)"
