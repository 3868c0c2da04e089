"""What a plug-in says, checked. `GuardedVendor` is the one place where the engine asks a `Vendor` and checks answers.

What is the same for all pushes is asked once, when the certificate's settings are taken. Every other answer is checked
when it comes. A wrong answer is a `BrokenPromise`, whose message names what is wrong and quotes no content; what the
plug-in itself raises comes out too. The caller ends the plug-in's own pushes with the text of `GuardedVendor.blame`.

Not here: carrying an exchange through (`VendorSession`), and whether outcomes fit their pushes (`results`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Generator, Hashable, Mapping, Sequence
from types import GeneratorType
from typing import Any, Literal, ParamSpec, TypeAlias, TypeVar

import attrs

from pushgateway.certificates.receipt_signing import ReceiptSigner
from pushgateway.model.audience import AudienceKind, Broadcast
from pushgateway.model.batch import distinct
from pushgateway.model.notification import Notification
from pushgateway.model.push import Push, PushToken
from pushgateway.model.secret import safe_repr, where
from pushgateway.vendor import AccessToken, Batching, Exchange, Rates, Request, Response, Saved, Vendor
from pushgateway.vendor.ruling import Ruling

P = ParamSpec("P")
R = TypeVar("R")

Marks: TypeAlias = Literal["push", "message", "none"]
"""What carries one receipt parameter, as in `Vendor.marks`."""
Route: TypeAlias = tuple[str, str, Hashable]
"""Region, daily quota and part of a push; pushes that are of one region and part may share a request."""


@safe_repr
class OneNotification:
    """The part of pushes that share a request only with others of the same notification and quota.

    Its hash is kept: it is needed a dozen times on the way of a push, and that of a notification takes a microsecond.
    """

    __slots__ = ("_hash", "notification", "quota")

    def __init__(self, quota: str, notification: Notification) -> None:
        self.quota = quota
        self.notification = notification
        self._hash = hash((quota, notification))

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(other) is not OneNotification:
            return NotImplemented
        return self.quota == other.quota and self.notification == other.notification

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"OneNotification({self.quota!r}, {self.notification!r})"


class BrokenPromise(TypeError):
    """A plug-in returned what its contract does not allow. The message is ours and may be shown."""


def raise_again(error: BaseException) -> None:
    """Raise `error` if it is none of the plug-in's: Ctrl-C while a plug-in was at work.

    Everything else that comes out of a plug-in's code is its fault, `SystemExit` and `asyncio.CancelledError` too: that
    code does not wait, so it cannot have been cancelled.
    """
    if isinstance(error, KeyboardInterrupt):
        raise error


def guarded(method: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """What a plug-in's method returns. A `BaseException` that is no `Exception` becomes a `BrokenPromise`."""
    try:
        return method(*args, **kwargs)
    except Exception:
        raise
    except BaseException as odd:
        raise_again(odd)
        raise BrokenPromise(where(odd)) from None


def fault_of(error: BaseException) -> str:
    """In words, what a plug-in did wrong. The error's message may quote content, so it is shown only if it is ours."""
    return str(error) if isinstance(error, BrokenPromise) else where(error)


class GuardedVendor:
    """The plug-in of one certificate, with every answer checked. Replaced when the certificate's settings change.

    Each method raises `BrokenPromise` or what the plug-in raises, unless it says otherwise.
    """

    def __init__(
        self,
        vendor: Vendor,
        certificate_id: str,
        complain: Callable[[str], None],
        signer: ReceiptSigner | None = None,
    ) -> None:
        """`complain` is called with a sentence for each fault of the plug-in. `signer`: what marks pushes, if anything:
        the mark counts as a part of the push's weight."""
        self.plugin = vendor
        """The plug-in itself."""
        self.marks: Marks = "push"
        self.brand = vendor.brand
        self.fault = ""
        """What is wrong with the plug-in before any push, if something is."""
        self.batching, self.rates = Batching(), Rates()
        self.deduplicates: bool | Literal["message"] = False
        """Whether repeats of one id are dropped, as in `Vendor.deduplicates`."""
        self.reports_later = False
        """Whether dead tokens are only reported by receipts, as in `Vendor.dead_tokens`."""
        self.finishes = type(vendor).finish is not Vendor.finish
        """Whether the plug-in changes its requests without an access token too."""
        self.day_offset = 0.0
        """Seconds east of UTC of the vendor's day, less than a day."""
        self._certificate_id = certificate_id
        self._complain = complain
        self._signer_weight = 0
        self._weigh = vendor.weigh
        self._region_of = vendor.region
        self._quota_of: Callable[[Notification], str] | None = None
        self._compartment_of: Callable[[Notification], str] | None = None
        self._is_alone: Callable[[Notification], bool] | None = None
        try:
            self.batching = _of_type("batching", vendor.batching, Batching, "a Batching")
            self.deduplicates = _deduplicates(vendor.deduplicates)
            self.marks = as_marks(vendor.marks)
            self._weigh_marks(signer)
            self.rates = _of_type("rates", vendor.rates, Rates, "a Rates")
            self.day_offset = _day_offset(vendor.day_offset)
            as_proving(vendor.proves_receipts)  # asked again for each receipt, but a wrong one is known before
            self.reports_later = vendor.dead_tokens == "receipt"
            if vendor.dead_tokens not in ("reply", "receipt"):
                raise _wrong("dead_tokens", vendor.dead_tokens, "'reply' or 'receipt'")  # noqa: TRY301 - blamed below
            if type(vendor).quota is not Vendor.quota:
                self._quota_of = vendor.quota
            if self.batching.mixed and type(vendor).compartment is not Vendor.compartment:
                self._compartment_of = vendor.compartment
            if type(vendor).is_alone is not Vendor.is_alone:
                self._is_alone = vendor.is_alone
        except BaseException as broken:
            self.fault = self.blame(broken)

    def _weigh_marks(self, signer: ReceiptSigner | None) -> None:
        """Count the receipt parameter: with each push, or once for a request, which then may be so much smaller."""
        if signer is None or self.marks == "none":
            return
        if self.marks == "push":
            self._signer_weight = signer.weight
        elif self.batching.max_bytes is not None:
            self.batching = attrs.evolve(self.batching, max_bytes=max(1, self.batching.max_bytes - signer.weight))

    def blame(self, error: BaseException) -> str:
        """A sentence on a plug-in that broke its contract, which is logged too. Raises the error again where it is none
        of the plug-in's."""
        raise_again(error)
        sentence = f"the {self.brand} plug-in broke its contract: {fault_of(error)}"
        self._complain(f"certificate {self._certificate_id}: {sentence}")
        return sentence

    # What the vendor is like

    def _value(self, name: str) -> Any:
        """A property of the plug-in, not checked yet."""
        return guarded(getattr, self.plugin, name)

    @property
    def audiences(self) -> Collection[AudienceKind]:
        """Whom `broadcast` can address."""
        return _kinds("audiences", self._value("audiences"))

    @property
    def receipt_audiences(self) -> Collection[AudienceKind]:
        """Whom a broadcast may address when it asks for receipts."""
        return _kinds("receipt_audiences", self._value("receipt_audiences"))

    @property
    def audience_size(self) -> int:
        """Tokens, aliases or accounts in one broadcast request, 1 or more."""
        found = self._value("audience_size")
        if isinstance(found, bool) or not isinstance(found, int) or found < 1:
            raise _wrong("audience_size", found, "a whole number, 1 or more")
        return found

    @property
    def dialect(self) -> str:
        """The generation of the vendor's interface."""
        return as_text("dialect", self._value("dialect"))

    @property
    def home_region(self) -> str:
        """The key of the server for what is addressed to no token."""
        return as_text("home_region", self._value("home_region"))

    def advice(self) -> tuple[str, ...]:
        """What the settings lack, one sentence each."""
        found = guarded(self.plugin.advice)
        if isinstance(found, str | bytes) or not isinstance(found, Sequence):
            raise _wrong("advice()", found, "a sequence of str")
        return tuple(as_text("advice()", sentence) for sentence in found)

    def rulings(self, asked: Push | Broadcast) -> tuple[Ruling, ...]:
        """The vendor's rules that decide about a push or a broadcast."""
        found: object = guarded(self.plugin.rulings, asked)
        if isinstance(found, str | bytes) or not isinstance(found, Sequence):
            raise _wrong("rulings()", found, "a sequence of Ruling")
        return tuple(_of_type("rulings()", one, Ruling, "a Ruling") for one in found)

    def operation(self, request: Request) -> str:
        """The vendor's name of a call."""
        return as_text("operation()", guarded(self.plugin.operation, request))

    # How pushes travel

    def region(self, token: str) -> str:
        """The key of the server that serves a token."""
        return as_text("region()", guarded(self._region_of, token))

    def route(
        self, push_tokens: Sequence[PushToken], notifications: Sequence[Notification], part: Hashable
    ) -> Route | list[Route]:
        """Where pushes go and what they may share a request with: one answer where it is the same for all of them,
        otherwise one for each. `part`: of a batch that was halved."""
        if len(push_tokens) == 1:
            region = self._region_of(push_tokens[0].token)
            if type(region) is not str:
                region = as_text("region()", region)
            return (region, *self._share(notifications[0], part))
        tokens = [push_token.token for push_token in push_tokens]
        regions, notes = set(_regions(self.plugin.regions(tokens))), distinct(notifications)
        is_shared = self.batching.mixed and self._compartment_of is None and len(regions) == 1
        if is_shared and (quota := self._common_quota(notes)) is not None:
            return (regions.pop(), quota, quota or None if part is None else part)
        shares = {id(one): self._share(one, part) for one in notes}
        if len(regions) == 1 and len(set(shares.values())) == 1:
            return (regions.pop(), *next(iter(shares.values())))
        only = regions.pop() if len(regions) == 1 else None
        each = [as_text("region()", self._region_of(token)) if only is None else only for token in tokens]
        return [(region, *shares[id(one)]) for region, one in zip(each, notifications, strict=True)]

    def are_alone(self, notifications: Sequence[Notification]) -> bool | list[bool]:
        """Whether pushes of these are sent in requests of their own: one answer where it is the same for all of them,
        otherwise one for each."""
        if self._is_alone is None:
            return False
        found = {
            id(one): _of_type("is_alone()", self._is_alone(one), bool, "a bool") for one in distinct(notifications)
        }
        answers = set(found.values())
        return answers.pop() if len(answers) == 1 else [found[id(one)] for one in notifications]

    def _share(self, notification: Notification, part: Hashable) -> tuple[str, Hashable]:
        """The quota of a notification, and what its pushes may share a request with."""
        quota = ""
        if self._quota_of is not None:
            quota = self._quota_of(notification)
            if type(quota) is not str:  # asked here, because it is for nearly every push
                quota = as_text("quota()", quota)
        if part is not None:
            return quota, part
        if not self.batching.mixed:
            return quota, OneNotification(quota, notification)
        if self._compartment_of is not None:
            return quota, (quota, as_text("compartment()", self._compartment_of(notification)))
        return quota, quota or None

    def _common_quota(self, notifications: Sequence[Notification]) -> str | None:
        """The daily quota that all of these count against; None where they differ or one has to be checked."""
        if self._quota_of is None:
            return ""
        quotas = set(map(self._quota_of, notifications))
        quota = quotas.pop()
        return quota if not quotas and type(quota) is str else None

    def quota(self, notification: Notification) -> str:
        """The daily quota that a notification counts against."""
        return as_text("quota()", guarded(self.plugin.quota, notification))

    def broadcast_quota(self, broadcast: Broadcast) -> str:
        """The daily quota that a broadcast counts against."""
        return as_text("broadcast_quota()", guarded(self.plugin.broadcast_quota, broadcast))

    def broadcast_quota_or_default(self, broadcast: Broadcast) -> str:
        """The same, and "" where the plug-in fails. Raises nothing."""
        try:
            return self.broadcast_quota(broadcast)
        except BaseException as broken:
            self.blame(broken)
            return ""

    def weigh(self, notification: Notification) -> int:
        """Bytes that a push of this notification adds to a request. Raises nothing: where the plug-in fails it is so
        much that the push goes alone."""
        try:
            weight = self._weigh(notification)
            if type(weight) is not int or weight < 0:  # asked here, because it is for nearly every push
                weight = _weight(weight)
            return weight + self._signer_weight
        except BaseException as broken:
            self.blame(broken)
            return self.batching.max_bytes or 0

    def weigh_each(self, notifications: Sequence[Notification]) -> list[int]:
        """The same for each of these, in their order, with one call less for each."""
        try:
            weights = list(map(self._weigh, notifications))
            if set(map(type, weights)) == {int} and min(weights) >= 0:
                return [weight + self._signer_weight for weight in weights] if self._signer_weight else weights
        except BaseException as broken:
            raise_again(broken)  # which of them it was is found out below
        return list(map(self.weigh, notifications))


# The values of exchanges, which `VendorSession` carries through


def as_text(name: str, value: object) -> str:
    """`value`, if it is text."""
    if not isinstance(value, str):
        raise _wrong(name, value, "a str")
    return value


def as_access_token(given: object) -> AccessToken:
    """What a login returned."""
    found = _of_type("login()", given, AccessToken, "an AccessToken")
    as_text("AccessToken.value", found.value)
    if isinstance(found.lifetime, bool) or not isinstance(found.lifetime, int | float):
        raise _wrong("AccessToken.lifetime", found.lifetime, "a number of seconds")
    return found


def as_saved(name: str, given: object) -> Saved:
    """What `save` or `save_push` returned."""
    saved = _of_type(name, given, Saved, "a Saved")
    as_text(f"{name}: Saved.id", saved.id)
    for cut in (*saved.truncated, *saved.omitted):
        as_text(f"{name}: the name of a field", cut)
    lifetime: object = saved.lifetime
    if isinstance(lifetime, bool) or not isinstance(lifetime, int | float):
        raise _wrong(f"{name}: Saved.lifetime", lifetime, "a number of seconds")
    return saved


def as_exchange(name: str, given: Exchange[R]) -> Exchange[R]:
    """What the operation `name` returned, if it is an exchange."""
    if type(given) is not GeneratorType and not isinstance(given, Generator):
        raise _wrong(name, given, "an exchange (a generator)")
    return given


def as_request(name: str, given: object) -> Request:
    """What an exchange of the operation `name` yielded, or `finish` returned."""
    if not isinstance(given, Request):
        raise _wrong(name, given, "a Request")
    if not (isinstance(given.method, str) and isinstance(given.url, str) and isinstance(given.content, bytes)):
        raise BrokenPromise(f"{name}: a Request has a str for method and url, and bytes for content")
    headers: Any = given.headers
    # A loop and the exact types first: for each request twice, and an abstract class or a generator takes five times as
    # long.
    is_right = type(headers) is dict or isinstance(headers, Mapping)
    if is_right:
        for key, value in headers.items():
            if not type(key) is type(value) is str:
                is_right = False
    if not is_right:
        raise BrokenPromise(f"{name}: a Request has a str for the name and the value of each header")
    return given


def as_marks(given: object) -> Marks:
    """What `Vendor.marks` is."""
    if given == "push" or given == "message" or given == "none":  # noqa: PLR1714 - so that mypy knows them
        return given
    raise _wrong("marks", given, "'push', 'message' or 'none'")


def as_proving(given: object) -> bool:
    """What `Vendor.proves_receipts` is. Nothing that is only like True counts as it."""
    return _of_type("proves_receipts", given, bool, "True or False")


def as_receipt_answer(given: object) -> Response:
    """What `Vendor.receipt_answer` returned, as a web server may send it: a final status, a short body, and headers
    with lower-case names that a client cannot take for something else. Those that the server itself sets are left
    out."""
    answer = _of_type("receipt_answer()", given, Response, "a Response")
    status, content, headers = answer.status, answer.content, answer.headers
    if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
        raise BrokenPromise("receipt_answer(): the status must be a number from 200 to 599")
    if not isinstance(content, bytes) or len(content) > LONGEST_ANSWER:
        raise BrokenPromise(f"receipt_answer(): the content must be bytes, at most {LONGEST_ANSWER}")
    if not isinstance(headers, Mapping) or not all(map(_is_header, headers, headers.values())):
        raise BrokenPromise("receipt_answer(): headers must be printable ASCII str by name")
    kept = {name.lower(): value for name, value in headers.items() if name.lower() not in _OF_THE_SERVER}
    return Response(status, kept, content)


LONGEST_ANSWER = 65_536
"""Bytes in the answer to posted receipts, at most."""
_OF_THE_SERVER = frozenset({"connection", "content-length", "date", "server", "transfer-encoding"})
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def _is_header(name: object, value: object) -> bool:
    if not isinstance(name, str) or not isinstance(value, str) or _HEADER_NAME.fullmatch(name) is None:
        return False
    return value.isascii() and value.isprintable()


def _deduplicates(given: object) -> bool | Literal["message"]:
    if given is True or given is False or given == "message":
        return given
    raise _wrong("deduplicates", given, "True, False or 'message'")


def _day_offset(given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise _wrong("day_offset", given, "a number of seconds")
    if abs(given) > 86400:
        raise BrokenPromise("day_offset is more than a day")
    return float(given)


def _regions(given: Any) -> Collection[str]:
    """What `Vendor.regions` returned, if it is a collection of texts with at least one. One text would be its
    letters."""
    is_right = type(given) is set or (isinstance(given, Collection) and not isinstance(given, str | bytes))
    if not is_right or not given:
        raise _wrong("regions()", given, "a collection of str")
    found: Collection[str] = given
    for one in found:
        as_text("regions()", one)
    return found


def _weight(given: object) -> int:
    """What `Vendor.weigh` returned: bytes, 0 or more."""
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < math.inf:
        raise _wrong("weigh()", given, "a number of bytes")
    return math.ceil(given)


def _kinds(name: str, given: object) -> Collection[AudienceKind]:
    if isinstance(given, str | bytes) or not isinstance(given, Collection):
        raise _wrong(name, given, "a frozenset of AudienceKind")
    for one in given:
        _of_type(name, one, AudienceKind, "an AudienceKind")
    return given


def _of_type(name: str, given: object, kind: type[R], right: str) -> R:
    if not isinstance(given, kind):
        raise _wrong(name, given, right)
    return given


def _wrong(name: str, given: object, right: str) -> BrokenPromise:
    return BrokenPromise(f"{name}: must be {right}, is {type(given).__name__}")
