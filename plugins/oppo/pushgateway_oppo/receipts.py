"""Reads the receipts that OPPO posts to a `call_back_url`.

Pure; accepts every shape that OPPO is known to send: `a,b` and `a, b`, times as text and as numbers, and in V1.3
neither app nor time. What an event means is a row of `rules.toml`; an unknown event is passed on as `OTHER`. An
element that cannot be read does not affect the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pushgateway.vendor import Receipt, read_posted
from pushgateway.vendor.rules import Dialect, EventRule
from pushgateway.vendor.toolkit.receipts import make_receipt, no_receipts, printable, read_tokens
from pushgateway_oppo.tokens import token_problem

MOST: Final = 10_000
"""Phones in one request, at most; a broadcast has at most 1,000 targets."""


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
        raise no_receipts("is no list of receipts")
    events = {name: row for each in (*others.values(), dialect) for name, row in each.events.items()}
    longest = dialect.number("token_bytes")
    receipts: list[Receipt | None] = []
    for element in elements:
        receipts += (_receipts(certificate_id, element, events, longest) if isinstance(element, dict) else []) or [None]
        if len(receipts) > MOST:
            raise no_receipts(f"is about more than {MOST} phones")
    return receipts


def _receipts(
    certificate_id: str, element: Mapping[str, Any], events: Mapping[str, EventRule], longest: int
) -> list[Receipt | None]:
    event, message_id, task_id = (printable(element.get(name)) for name in ("eventType", "messageId", "taskId"))
    tokens = read_tokens(element.get("registrationIds"), lambda token: not token_problem(token, longest))
    return [
        make_receipt(
            certificate_id,
            token,
            event,
            events,
            message_id=message_id,
            # For a single push OPPO sends the message id as task id (rules S3c).
            task_id=None if task_id == message_id else task_id,
            at=element.get("eventTime"),
            parameter=element.get("param"),
        )
        for token in (tokens if event else ())
    ]
