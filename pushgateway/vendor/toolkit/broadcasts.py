"""Broadcasts: to lists of which some tokens cannot be sent to, to tokens as pushes of one notification, and their
outcomes.

Pure. The plug-in says which tokens are not sent, makes the request and reads its reply. For other audiences there is
nothing to settle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from pushgateway.vendor import (
    Audience,
    AudienceKind,
    Broadcast,
    BroadcastOutcome,
    Exchange,
    NoVerdict,
    Outcome,
    Push,
    PushToken,
    Reason,
    Refused,
    Request,
    Response,
    Status,
)
from pushgateway.vendor.toolkit.refusals import unsupported


def send_broadcast(
    broadcast: Broadcast,
    message_id: str,
    *,
    refuse: Callable[[str], tuple[Reason, str] | None],
    ask: Callable[[Sequence[str]], Request],
    read: Callable[[Response, Sequence[str]], tuple[BroadcastOutcome, Mapping[str, Outcome]]],
) -> Exchange[BroadcastOutcome]:
    """The `broadcast` of a vendor. `message_id`: of the saved content, "" without.

    `refuse`: why a token is not sent; None: it is. `ask` gets the values that are sent (tokens, aliases, tags). `read`
    returns the outcome, and by token that of each, which is used for an audience of tokens only.
    """
    values, kept = broadcast.audience.values, dict[str, Outcome]()
    if broadcast.audience.kind is AudienceKind.TOKENS:
        for token in values:
            if (refusal := refuse(token)) is not None:
                push = Push(PushToken(broadcast.certificate_id, token), broadcast.notification)
                kept[token] = Outcome.not_sent(push, *refusal)
    sent = values if not kept else [token for token in values if token not in kept]
    if kept and not sent:
        return BroadcastOutcome(
            certificate_id=broadcast.certificate_id,
            status=Status.NOT_SENT,
            reason=next(iter(kept.values())).reason,
            message_id=message_id,
            detail="no token of this list can be sent to",
            outcomes=tuple(kept[token] for token in values),
        )
    try:
        outcome, verdicts = read((yield ask(sent)), sent)
    except (Refused, NoVerdict) as failed:
        places = {token: place for place, token in enumerate(values)}
        raise failed.keeping({places[token]: one for token, one in kept.items()}) from None
    if broadcast.audience.kind is not AudienceKind.TOKENS:
        return outcome
    whole = {**verdicts, **kept}
    return attrs.evolve(outcome, outcomes=tuple(whole[token] for token in values))


def broadcast_as_pushes(
    broadcast: Broadcast, push: Callable[[Sequence[Push]], Exchange[Sequence[Outcome]]]
) -> Exchange[BroadcastOutcome]:
    """The `broadcast` to tokens of a vendor whose pushes hold many tokens: `push` gets them as one batch. The broadcast
    ends as the best of them does, and has all of their outcomes."""
    name, note = broadcast.certificate_id, broadcast.notification
    dedupe_id = note.dedupe_id or ""
    to = [Push(PushToken(name, token), note, dedupe_id=dedupe_id) for token in broadcast.audience.values]
    outcomes = tuple((yield from push(to)))
    return sum_of(broadcast, next((one for one in outcomes if one.ok), outcomes[0]), outcomes)


def any_or_all(audience: Audience, vendor: str) -> tuple[Sequence[str], bool]:
    """The tags of an audience, and whether a phone must have all of them, for a vendor that joins tags by one
    operation. Raises `Refused` (`UNSUPPORTED`) for what needs two, and for `none_of`."""
    any_of, all_of = audience.values, audience.all_of
    if audience.none_of or (all_of and len(any_of) > 1):
        raise unsupported("audience", f"{vendor} has any_of or all_of tags, not both, and no none_of")
    return tuple(dict.fromkeys((*any_of, *all_of))), bool(all_of)


def counted(broadcast: Broadcast, reasons: Mapping[str, Reason | None], **of: Any) -> BroadcastOutcome:
    """The outcome of a request to aliases or accounts whose reply names those that it refused: it ends as the best of
    them did, and counts all. `reasons`: by target None, or why not (`NO_VERDICT`: the reply does not say). `of`: other
    fields of the outcome, such as `task_ids`."""
    counts = Counter((_STATUSES.get(reason, Status.REJECTED), reason) for reason in reasons.values())
    status, reason = (Status.ACCEPTED, None) if (Status.ACCEPTED, None) in counts else counts.most_common(1)[0][0]
    requests = tuple((*ending, count) for ending, count in counts.items())
    return BroadcastOutcome(
        certificate_id=broadcast.certificate_id, status=status, reason=reason, requests=requests, **of
    )


_STATUSES: Final[Mapping[Reason | None, Status]] = {None: Status.ACCEPTED, Reason.NO_VERDICT: Status.UNKNOWN}


def sum_of(broadcast: Broadcast, outcome: Outcome, outcomes: tuple[Outcome, ...] = ()) -> BroadcastOutcome:
    """The outcome of a broadcast that ended as the push of `outcome`, which was one of `outcomes` if there are any."""
    message_id = outcome.message_id
    return BroadcastOutcome(
        certificate_id=broadcast.certificate_id,
        status=outcome.status,
        reason=outcome.reason,
        detail=outcome.detail,
        message_id=message_id,
        task_ids=(message_id,) if message_id else (),
        truncated=outcome.truncated,
        omitted=outcome.omitted,
        outcomes=outcomes,
    )
