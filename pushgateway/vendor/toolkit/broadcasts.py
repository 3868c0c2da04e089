"""A broadcast whose list of tokens has some that cannot be sent to: their outcomes, and those of the others, in order.

Pure. The plug-in says which tokens are not sent, makes the request and reads its reply. For other audiences there is
nothing to settle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import attrs

from pushgateway.vendor import (
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
