"""Replies that list the tokens that were refused; the others were accepted.

Huawei, Honor, vivo, Meizu and Xiaomi answer so to one notification for many phones, OPPO to a broadcast.

Pure. Works for a reply whose request was accepted as a whole or in part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pushgateway.vendor import Outcome, Push
from pushgateway.vendor.toolkit.codes import CodeTable
from pushgateway.vendor.toolkit.items import UNREAD


def listed_outcomes(
    codes: CodeTable,
    sent: Sequence[Push],
    lists: Mapping[str, Sequence[str] | None],
    *,
    message_id: str | None = None,
    truncated: Sequence[tuple[str, ...]] | None = None,
    omitted: tuple[str, ...] = (),
    handle: str | None = None,
    pause: float | None = None,
    readable: bool = True,
    failures: int | None = None,
) -> list[Outcome]:
    """The outcome of each push of `sent`, in their order.

    `lists`: by code, the tokens that were refused with it (`refused_by`); None for a list that could not be read.
    `failures`: the number of refused tokens by the vendor's count. A push that is not listed was accepted, but it has
    no verdict (`UNKNOWN`) if a list could not be read, if `readable` is False, or if `failures` is larger than the
    number of pushes that are listed, because each unlisted push may be one of them. `truncated`: for each push the
    fields that were cut. `omitted`, `handle`: the looks that were left out, and what takes the notification back, the
    same for all pushes. `pause`: seconds that the reply asks to wait.
    """
    refused = refused_by(codes, lists)
    if failures is not None and failures > sum(push.push_token.token in refused for push in sent):
        readable = False  # a name that was not in the request does not say which of them it is
    if None in lists.values():
        readable = False
    outcomes = []
    for place, push in enumerate(sent):
        cut = truncated[place] if truncated is not None else ()
        code = refused.get(push.push_token.token)
        if code is not None:
            refusal = codes.rejected(push, code, truncated=cut, omitted=omitted, pause=pause, message_id=message_id)
            outcomes.append(refusal)
        elif readable:
            outcomes.append(Outcome.accepted(push, message_id, truncated=cut, omitted=omitted, handle=handle))
        else:
            outcomes.append(Outcome.unknown(push, UNREAD))
    return outcomes


def refused_by(codes: CodeTable, lists: Mapping[str, Sequence[str] | None]) -> dict[str, str]:
    """By token: the code that it was refused with. A code that means "named twice" refuses nothing. A token that is
    listed under two codes has the one that does not call it dead."""
    order = sorted(lists, key=codes.is_deadly, reverse=True)  # of two codes the last one stays
    return {token: code for code in order for token in lists[code] or () if not codes.is_copy(code)}
