"""Reads the receipts that OPPO posts to a `call_back_url`.

Pure; accepts every shape that OPPO is known to send: `a,b` and `a, b`, times as text and as numbers, and in V1.3
neither app nor time. What an event means is a row of `rules.toml`; an unknown event is passed on as `OTHER`. An
element that cannot be read does not affect the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pushgateway.vendor import PushToken, Reason, Receipt, ReceiptKind, Refused, read_posted
from pushgateway.vendor.rules import Dialect, EventRule
from pushgateway_oppo.tokens import token_problem

MOST: Final = 10_000
"""Phones in one request, at most; a broadcast has at most 1,000 targets."""
_LONGEST: Final = 256
"""Characters of an id or a parameter, at most; OPPO's ids have some 50, parameters at most 100."""
_LATEST: Final = 10**14
"""Milliseconds since the epoch, at most; a later time is ignored as unreadable."""


def decode_receipts(
    certificate_id: str, body: bytes, dialect: Dialect, others: Mapping[str, Dialect]
) -> list[Receipt | None]:
    """One receipt for each phone, None for an element that cannot be read. Raises `Refused` for a body that is no list
    of receipts, or is about more than `MOST` phones.

    What OPPO posts does not depend on the dialect: an event that is not in `dialect` is looked up in the `others`.
    """
    posted = read_posted(body)
    elements = [posted] if isinstance(posted, dict) else posted
    if not isinstance(elements, list) or not elements:
        raise Refused(Reason.INVALID_NOTIFICATION, detail="the request is no list of receipts")
    events = {name: row for each in (*others.values(), dialect) for name, row in each.events.items()}
    longest = dialect.number("token_bytes")
    receipts: list[Receipt | None] = []
    for element in elements:
        read = list(_receipts(certificate_id, element, events, longest)) if isinstance(element, dict) else []
        receipts.extend(read or [None])
        if len(receipts) > MOST:
            raise Refused(Reason.INVALID_NOTIFICATION, detail=f"the request is about more than {MOST} phones")
    return receipts


def _receipts(
    certificate_id: str, element: Mapping[str, Any], events: Mapping[str, EventRule], longest: int
) -> Iterator[Receipt]:
    event = _text(element.get("eventType"))
    tokens = _tokens(element.get("registrationIds"), longest)
    if not event or not tokens:
        return
    row = events.get(event)
    message_id, task_id = _text(element.get("messageId")), _text(element.get("taskId"))
    for token in tokens:
        yield Receipt(
            push_token=PushToken(certificate_id, token),
            kind=ReceiptKind.OTHER if row is None else ReceiptKind[row.kind],
            event=event,
            message_id=message_id or None,
            # For a single push OPPO sends the message id as task id (rules S3c).
            task_id=task_id if task_id and task_id != message_id else None,
            at=_moment(element.get("eventTime")),
            parameter=_text(element.get("param")),
        )


def _tokens(value: object, longest: int) -> list[str]:
    """Registration ids joined by commas, with or without blanks; each once. Texts that cannot be one are left out."""
    if isinstance(value, list):
        given = [one for one in value if isinstance(one, str)]
    else:
        given = value.split(",") if isinstance(value, str) else []
    stripped = dict.fromkeys(one.strip() for one in given)
    return [token for token in stripped if not token_problem(token, longest)]


def _text(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= _LONGEST and value.isprintable() else ""


def _moment(value: object) -> float | None:
    """Epoch seconds from milliseconds, given as a number or as its text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 15:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _LATEST:
        return None
    return value / 1000
