"""What a plug-in says of itself and of a push, checked: types and bounds of everything that the engine reads of a
`Vendor` beside its exchanges.

The one place for it. Each function here returns what it is named after, or raises `BrokenPromise`, whose message is a
sentence of ours without content; what the plug-in itself raises comes out too. The caller makes it the ending of the
plug-in's own pushes (`VendorSession.blame`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from types import GeneratorType
from typing import Any, ParamSpec, TypeVar

from pushgateway.model.audience import AudienceKind
from pushgateway.model.notification import Notification
from pushgateway.model.secret import where
from pushgateway.vendor import AccessToken, Batching, Rates, Request, Vendor
from pushgateway.vendor.ruling import Ruling

P = ParamSpec("P")
R = TypeVar("R")


class BrokenPromise(TypeError):
    """A plug-in gave what it must not give. The message is ours and may be shown."""


def passed_on(error: BaseException) -> None:
    """Raise `error` again if it is not for us to catch: Ctrl-C while a plug-in was at work.

    Everything else that comes out of a plug-in's code is its fault, `SystemExit` and `asyncio.CancelledError` too: that
    code does not wait, so nobody can have cancelled it.
    """
    if isinstance(error, KeyboardInterrupt):
        raise error


def asked(method: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """What a plug-in's method gives. A `BaseException` that is no `Exception` becomes a `BrokenPromise`."""
    try:
        return method(*args, **kwargs)
    except Exception:
        raise
    except BaseException as odd:
        passed_on(odd)
        raise BrokenPromise(where(odd)) from None


def text(name: str, value: object) -> str:
    """`value`, if it is text."""
    if not isinstance(value, str):
        raise _wrong(name, value, "a str")
    return value


def batching(vendor: Vendor) -> Batching:
    """How many pushes share a request."""
    found = vendor.batching
    if not isinstance(found, Batching):
        raise _wrong("batching", found, "a Batching")
    return found


def rates(vendor: Vendor) -> Rates:
    """What the vendor takes in a second."""
    found = vendor.rates
    if not isinstance(found, Rates):
        raise _wrong("rates", found, "a Rates")
    return found


def deduplicates(vendor: Vendor) -> bool:
    """Whether the vendor drops repeats of one id."""
    found = vendor.deduplicates
    if not isinstance(found, bool):
        raise _wrong("deduplicates", found, "a bool")
    return found


def day_offset(vendor: Vendor) -> float:
    """Seconds east of UTC of the vendor's day, less than a day."""
    found: object = vendor.day_offset
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        raise _wrong("day_offset", found, "a number of seconds")
    if abs(found) > 86400:
        raise BrokenPromise("day_offset is more than a day")
    return float(found)


def audiences(vendor: Vendor) -> Collection[AudienceKind]:
    """Whom `broadcast` can address."""
    return _kinds("audiences", vendor.audiences)


def receipt_audiences(vendor: Vendor) -> Collection[AudienceKind]:
    """Whom a broadcast may address when it asks for receipts."""
    return _kinds("receipt_audiences", vendor.receipt_audiences)


def audience_size(vendor: Vendor) -> int:
    """Tokens or aliases in one broadcast request, 1 or more."""
    found = vendor.audience_size
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        raise _wrong("audience_size", found, "a whole number, 1 or more")
    return found


def region(vendor: Vendor, token: str) -> str:
    """The key of the host that serves a token."""
    return text("region()", asked(vendor.region, token))


def regions(given: Any) -> Collection[str]:
    """What `Vendor.regions` gave, if it is a collection of texts with at least one. One text would be its letters."""
    is_right = type(given) is set or (isinstance(given, Collection) and not isinstance(given, str | bytes))
    if not is_right or not given:
        raise _wrong("regions()", given, "a collection of str")
    found: Collection[str] = given
    for one in found:
        text("regions()", one)
    return found


def home_region(vendor: Vendor) -> str:
    """The key of the host for what is addressed to no token."""
    return text("home_region", vendor.home_region)


def weight(given: object) -> int:
    """What `Vendor.weigh` gave: bytes, 0 or more."""
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < math.inf:
        raise _wrong("weigh()", given, "a number of bytes")
    return math.ceil(given)


def advice(vendor: Vendor) -> tuple[str, ...]:
    """What the settings lack, one sentence each."""
    found = asked(vendor.advice)
    if isinstance(found, str | bytes) or not isinstance(found, Sequence):
        raise _wrong("advice()", found, "a sequence of str")
    return tuple(text("advice()", sentence) for sentence in found)


def dialect(vendor: Vendor) -> str:
    """The generation of the vendor's interface."""
    return text("dialect", vendor.dialect)


def quota(vendor: Vendor, notification: Notification) -> str:
    """The daily quota that a notification counts against."""
    return text("quota()", asked(vendor.quota, notification))


def operation(vendor: Vendor, request: Request) -> str:
    """The vendor's name of a call."""
    return text("operation()", asked(vendor.operation, request))


def rulings(given: object) -> tuple[Ruling, ...]:
    """What `Vendor.rulings` gave."""
    if isinstance(given, str | bytes) or not isinstance(given, Sequence):
        raise _wrong("rulings()", given, "a sequence of Ruling")
    for one in given:
        if not isinstance(one, Ruling):
            raise _wrong("rulings()", one, "a Ruling")
    return tuple(given)


def access_token(given: object) -> AccessToken:
    """What a login gave."""
    if not isinstance(given, AccessToken):
        raise _wrong("login()", given, "an AccessToken")
    text("AccessToken.value", given.value)
    if isinstance(given.lifetime, bool) or not isinstance(given.lifetime, int | float):
        raise _wrong("AccessToken.lifetime", given.lifetime, "a number of seconds")
    return given


def check_exchange(name: str, given: object) -> None:
    """Raise `BrokenPromise` unless what the operation `name` gave is an exchange."""
    if type(given) is not GeneratorType and not isinstance(given, Generator):
        raise _wrong(name, given, "an exchange (a generator)")


def request(name: str, given: object) -> Request:
    """What an exchange of the operation `name` yielded, or `authorize` gave back."""
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


def _kinds(name: str, given: object) -> Collection[AudienceKind]:
    if isinstance(given, str | bytes) or not isinstance(given, Collection):
        raise _wrong(name, given, "a frozenset of AudienceKind")
    for one in given:
        if not isinstance(one, AudienceKind):
            raise _wrong(name, one, "an AudienceKind")
    return given


def _wrong(name: str, given: object, right: str) -> BrokenPromise:
    return BrokenPromise(f"{name}: must be {right}, is {type(given).__name__}")
