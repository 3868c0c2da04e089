"""Replies of the queries: statistics of a broadcast, and OPPO's list of invalid registration ids.

Pure; unknown shapes of a reply are accepted where they can be read. V1.3 lists the statistics as struck out; of the
feedback host's replies one shape is known from one family of clients, the other is not documented. No source says
whether the list of invalid ids has pages, or whether reading it empties it: so the query is repeated as long as the
reply counts more ids than it lists and the next reply has new ones, which is correct in all four cases.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from pushgateway.vendor import Exchange, NoVerdict, Refused, Request, Response, Statistics, safe_repr
from pushgateway.vendor.toolkit.readers import count, texts
from pushgateway.vendor.toolkit.refusals import invalid
from pushgateway_oppo.replies import read_accepted
from pushgateway_oppo.tokens import token_problem

PAGES: Final = 10
"""Requests for one list of invalid ids, at most."""

_COUNTS = {"targets": "targetCount", "valid": "validCount", "sent": "sendCount"}
_COUNTS |= {"arrived": "arriveCount", "shown": "showCount", "opened": "openCount"}


@safe_repr
@attrs.frozen
class InvalidTokens:
    """Registration ids that OPPO reports as invalid. Retire each, if the device still has the same one.

    Source: clients (S10, S19).
    """

    tokens: tuple[str, ...] = attrs.field(repr=False)
    """In OPPO's order, each once."""
    total: int | None = None
    """OPPO's count of all invalid ids, by the first reply; None: the reply has no count."""
    complete: bool = True
    """False: OPPO counted more than it returned. Ask again later."""


def encode_statistics(message_id: str, task_id: str) -> dict[str, str]:
    """The fields of the query; at least one id must be given. Raises `Refused`."""
    fields = {"message_id": message_id, "task_id": task_id}
    for name, value in fields.items():
        if not isinstance(value, str) or not value.isprintable() or " " in value:
            raise invalid(name, "must be an id as the outcome of the broadcast has it, or empty")
    if not any(fields.values()):
        raise invalid("message_id", "must be given, or else task_id")
    return {name: value for name, value in fields.items() if value}


def decode_statistics(response: Response) -> Statistics:
    """The figures of the reply, given as numbers or as text. Raises `Refused` and `NoVerdict`."""
    data = read_accepted(response)
    if not isinstance(data, dict):
        raise NoVerdict("the reply to statistics holds no figures")
    return Statistics(**{ours: count(data.get(theirs)) for ours, theirs in _COUNTS.items()})


def fetch_invalid_tokens(request: Request, longest: int) -> Exchange[InvalidTokens]:
    """Repeat `request` until all invalid ids are there or a reply has no new ones. `longest`: bytes of a token.

    If a later request fails, the ids received before are returned, with `complete` False.
    """
    found: dict[str, None] = {}
    first: int | None = None
    missing = True
    for page in range(PAGES):
        try:
            tokens, total = _decode_page((yield request), longest)
        except (Refused, NoVerdict):
            if page == 0:
                raise
            break
        first = total if page == 0 else first
        before = len(found)
        found.update(dict.fromkeys(tokens))
        missing = total is not None and total > len(tokens)
        if not missing or len(found) == before:
            break
    return InvalidTokens(tuple(found), first, complete=not missing)


def _decode_page(response: Response, longest: int) -> tuple[list[str], int | None]:
    data = read_accepted(response)
    if data in (None, "", []):
        return [], None
    listed: Any = data.get("registration_ids", []) if isinstance(data, Mapping) else data
    # A text in place of the object is a message, not a token.
    tokens = None if listed is data and isinstance(listed, str) else texts(listed)
    if tokens is None:
        raise NoVerdict("the reply lists no registration_ids")
    # A text that cannot be a token must not retire a device.
    good = [token for token in tokens if not token_problem(token, longest)]
    return good, count(data.get("totalCount")) if isinstance(data, Mapping) else None
