"""Reads the receipts that a vendor posts: forms, times, tokens, one `Receipt`, and signatures.

Pure. Anybody may have posted the body: sizes are bounded before anything is parsed, and an element that cannot be read
does not affect the others. JSON bodies are read with `pushgateway.vendor.read_posted`.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal
from urllib.parse import parse_qsl

from pushgateway.vendor import PushToken, Reason, Receipt, ReceiptKind, Refused, read_posted
from pushgateway.vendor.replies import MAX_POSTED
from pushgateway.vendor.rules import EventRule
from pushgateway.vendor.toolkit.readers import epoch_seconds

LONGEST: Final = 256
"""Characters of an id or a parameter, at most; the vendors' ids have some 50, parameters at most 128."""
LATEST: Final = 10**14
"""Milliseconds since the epoch, at most; a later time is ignored as unreadable."""
MOST: Final = 10_000
"""Receipts of one request, at most; Huawei posts up to 100, and 1,000 by an older page."""
_MOST_FIELDS: Final = 100


def no_receipts(problem: str) -> Refused:
    """What to raise for a body that holds no receipts: "is no list of receipts"."""
    return Refused(Reason.INVALID_NOTIFICATION, detail=f"the request {problem}")


def read_posted_list(body: bytes, name: str, most: int = MOST) -> list[Any]:
    """The receipts in a posted JSON object that has a list of them under `name`. Raises `Refused`
    (`INVALID_NOTIFICATION`) for any other body, and for a list that is empty or has more than `most`."""
    posted = read_posted(body)
    listed = posted.get(name) if isinstance(posted, dict) else None
    if not isinstance(listed, list) or not 0 < len(listed) <= most:
        raise no_receipts(f"holds no list {name} of 1 to {most} receipts")
    return listed


def read_keyed(
    text: str, receipts_of: Callable[[str, Mapping[str, Any]], Iterable[Receipt | None]], most: int = MOST
) -> list[Receipt | None]:
    """The receipts in JSON text with an object of objects. `receipts_of` gets a name and its object, and makes the
    receipts of its phones; None stands for an object without any, for one that has a name twice with different values
    (which one is meant is not known), and for another value. A name that stands in the outer object twice has the
    receipts of both. Raises `Refused` (`INVALID_NOTIFICATION`) for any other text, and for more than `most`
    receipts."""
    posted = read_posted(text.encode("utf-8", "replace"), _Members)
    if not isinstance(posted, _Members) or not posted:
        raise no_receipts("holds no object of receipts")
    receipts: list[Receipt | None] = []
    for name, element in posted.all:
        is_clear = isinstance(element, _Members) and element.is_clear
        receipts.extend((list(receipts_of(name, element)) if is_clear else []) or [None])
        if len(receipts) > most:
            raise no_receipts(f"is about more than {most} phones")
    return receipts


class _Members(dict[str, Any]):
    """A JSON object, with all of its members as they were written."""

    def __init__(self, members: list[tuple[str, Any]]) -> None:
        super().__init__(members)
        self.all = members

    @property
    def is_clear(self) -> bool:
        """No name has two different values."""
        return len(self) == len(self.all) or all(repr(self[name]) == repr(value) for name, value in self.all)


def read_posted_form(body: bytes) -> Mapping[str, str]:
    """The fields of a posted form, each named once. Raises `Refused` (`INVALID_NOTIFICATION`) for any other body, and
    for one that is too large."""
    if len(body) > 3 * MAX_POSTED:
        raise no_receipts(f"is larger than {3 * MAX_POSTED} bytes")
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise no_receipts("is no form") from None
    if not pairs:
        raise no_receipts("is no form")
    if len(form := dict(pairs)) < len(pairs):
        raise no_receipts("names a field twice")
    return form


def printable(value: object) -> str:
    """A text of at most `LONGEST` printable characters; "" for anything else."""
    return value if isinstance(value, str) and len(value) <= LONGEST and value.isprintable() else ""


def moment(value: object, unit: Literal["ms", "s"] = "ms") -> float | None:
    """Epoch seconds from a time given as a number or as its digits; None if it cannot be read."""
    if unit == "ms":
        return epoch_seconds(value, below=LATEST)
    seconds = epoch_seconds(value, below=LATEST // 1000)
    return None if seconds is None else seconds * 1000


def read_tokens(value: object, is_token: Callable[[str], bool], separator: str = ",") -> list[str]:
    """The tokens of a list or of a text joined by `separator`, with or without blanks; each once. What cannot be a
    token is left out."""
    if isinstance(value, list):
        given: Iterable[str] = [one for one in value if isinstance(one, str)]
    else:
        given = value.split(separator) if isinstance(value, str) else ()
    return [token for token in dict.fromkeys(one.strip() for one in given) if token and is_token(token)]


def make_receipt(
    certificate_id: str,
    token: str,
    event: str,
    events: Mapping[str, EventRule],
    *,
    message_id: object = None,
    task_id: object = None,
    at: object = None,
    parameter: object = None,
    replacement: str | None = None,
) -> Receipt | None:
    """The receipt of one phone; None for a token that no phone has, or without an event.

    `events`: the rows by the vendor's name of the event. One with a part behind a slash, such as `104/2124`, that has
    no row of its own is as the one before it; one without a row is `OTHER`. `at`: epoch milliseconds. Ids, times and
    parameters that cannot be read count as none.
    """
    if not event:
        return None
    try:
        push_token = PushToken(certificate_id, token)
        other = PushToken(certificate_id, replacement) if replacement else None
    except ValueError:
        return None
    row = events.get(event) or events.get(event.partition("/")[0])
    ids = printable(message_id) or None, printable(task_id) or None
    return Receipt(
        push_token=push_token,
        kind=ReceiptKind.OTHER if row is None else ReceiptKind[row.kind],
        event=event,
        message_id=ids[0],
        task_id=ids[1],
        at=moment(at),
        parameter=printable(parameter),
        replacement=other,
    )


def hmac_proof(
    keys: Iterable[bytes],
    text: str,
    given: str,
    *,
    algorithm: str = "sha256",
    encoding: Literal["base64", "hex"] = "base64",
) -> bool:
    """Whether `given` is the HMAC of the text by one of these keys. The time does not depend on where they differ."""
    wanted, found = given.encode("utf-8", "replace"), False
    for key in keys:
        digest = hmac.digest(key, text.encode("utf-8", "replace"), algorithm)
        right = base64.b64encode(digest) if encoding == "base64" else digest.hex().encode()
        found = hmac.compare_digest(wanted, right) or found
    return found


def secret_keys(secret: str) -> tuple[bytes, ...]:
    """The keys that a vendor may mean by a secret: its bytes in UTF-8, and those that it spells in Base64 (Huawei: by
    the age of the configuration)."""
    plain = secret.encode()
    try:
        return plain, base64.b64decode(secret, validate=True)
    except (binascii.Error, ValueError):
        return (plain,)


def check_time(at: float | None, now: float, window: float) -> bool:
    """Whether the time that a signature names is within `window` seconds of now."""
    return at is not None and abs(at - now) <= window
