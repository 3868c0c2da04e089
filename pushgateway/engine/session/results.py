"""What the end of an exchange means for each push of its batch.

Pure. One outcome for each push, in order, whatever a plug-in returned or raised; no push gets an outcome that was made
for another. Used by `Delivery`, `Endpoint` and broadcasts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter, is_

import attrs

from pushgateway.model.batch import Batch
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Push
from pushgateway.model.reason import Reason
from pushgateway.vendor.refusals import AccessExpired, ClockSkew, ExchangeError, NoVerdict, Refused


class SignatureRefused(AccessExpired):
    """The vendor refused an access token that was signed here, and a second one: the key is wrong, or the app was
    locked. So it counts as a refusal of the credentials. Raised by `VendorSession`."""

    @classmethod
    def of(cls, refused: Refused) -> SignatureRefused:
        """The same refusal, with a sentence of ours if the plug-in has none."""
        detail = refused.detail or "the vendor refused the access token that was signed here, twice in a row"
        made = cls(Reason.CREDENTIALS, refused.code, refused.message, refused.retry_after, detail, about=refused.about)
        return made.keeping(refused.kept)


def is_of_the_login(refusal: Refused) -> bool:
    """Whether the login was refused, or what was signed in its place: such a refusal says nothing about a text."""
    return refusal.about == "login" or isinstance(refusal, SignatureRefused)


def checked(batch: Batch, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """The plug-in's outcomes, if they are one for each push in order. Raises `TypeError` otherwise."""
    if len(outcomes) != len(batch.tokens):
        raise TypeError("not one outcome for each push")
    if not _are_made_for(batch, outcomes):
        raise TypeError("an outcome of another push")
    return outcomes


def kept(pushes: Sequence[Push], error: ExchangeError) -> Mapping[int, Outcome]:
    """The outcomes that the plug-in had settled before asking, as far as they are what they should be."""
    return {
        place: outcome
        for place, outcome in error.kept.items()
        if isinstance(place, int) and 0 <= place < len(pushes) and _made_for(pushes[place], outcome)
    }


def before(push: Push, failure: ExchangeError) -> Outcome:
    """What had to come before the push, the login, failed."""
    if isinstance(failure, Refused):
        return failure.outcome(push, sent=False)
    return Outcome.not_sent(push, Reason.UNAVAILABLE, str(failure))


def refused(pushes: Sequence[Push], refusal: Refused, *, asked: bool) -> list[Outcome]:
    """The request as a whole was refused."""
    own = kept(pushes, refusal)
    return [own.get(place) or refusal.outcome(push, sent=asked) for place, push in enumerate(pushes)]


OF_THE_VENDOR = frozenset({Reason.CREDENTIALS, Reason.UNAVAILABLE, Reason.RATE_LIMITED, Reason.QUOTA_EXCEEDED})
"""Refusals that say something about the vendor or the certificate, not about what was asked."""


def is_of_the_vendor(refusal: Refused) -> bool:
    """Whether a refusal is about the vendor or the certificate, so that it holds for every push of the request.

    `CREDENTIALS` without the vendor's own code (HTTP 403 and the like) does not: a firewall in front of the vendor may
    have judged one text.
    """
    if refusal.reason is Reason.CREDENTIALS:
        return refusal.code is not None or refusal.about == "login" or isinstance(refusal, AccessExpired | ClockSkew)
    return refusal.reason in OF_THE_VENDOR or refusal.about == "login"


OF_A_PHONE = frozenset({Reason.UNREGISTERED, Reason.MUTED})
"""Refusals that are about one phone and never about a notification, whatever the plug-in says."""


def of_a_save(refusal: Refused) -> Refused:
    """The refusal of a save, which names no phone: it cannot cost one its token."""
    if refusal.reason not in OF_A_PHONE:
        return refusal
    detail = refusal.detail or f"the vendor refused the content (the plug-in says {refusal.reason.value})"
    return Refused(Reason.INVALID_NOTIFICATION, refusal.code, refusal.message, detail=detail)


def silent(pushes: Sequence[Push], silence: NoVerdict) -> list[Outcome]:
    """No readable verdict came for the request."""
    own = kept(pushes, silence)
    return [own.get(place) or _silent(push, silence) for place, push in enumerate(pushes)]


def broken(pushes: Sequence[Push], detail: str, *, asked: bool) -> list[Outcome]:
    """The plug-in, or the gateway itself, failed."""
    if asked:
        return [Outcome.unknown(push, detail) for push in pushes]
    return [Outcome.not_sent(push, Reason.CREDENTIALS, detail) for push in pushes]


def _silent(push: Push, silence: NoVerdict) -> Outcome:
    if silence.sent:
        return Outcome.unknown(push, silence.detail)
    return attrs.evolve(Outcome.not_sent(push, Reason.UNAVAILABLE, silence.detail), attempts=1)


def _are_made_for(batch: Batch, outcomes: Sequence[Outcome]) -> bool:
    if len(outcomes) == 1 and type(outcome := outcomes[0]) is Outcome:
        return (
            (outcome.push_token is batch.push_tokens[0] or outcome.push_token == batch.push_tokens[0])
            and outcome.dedupe_id == batch.dedupe_ids[0]
            and outcome.context is batch.contexts[0]
        )
    if set(map(type, outcomes)) != {Outcome}:
        return all(map(_made_for, batch, outcomes))
    return (
        [outcome.push_token for outcome in outcomes] == list(batch.push_tokens)
        and [outcome.dedupe_id for outcome in outcomes] == list(batch.dedupe_ids)
        and all(map(is_, map(_CONTEXT, outcomes), batch.contexts))  # not `==`, which is the host's own
    )


_CONTEXT = attrgetter("context")


def _made_for(push: Push, outcome: object) -> bool:
    return (
        isinstance(outcome, Outcome)
        and outcome.push_token == push.push_token
        and outcome.dedupe_id == push.dedupe_id
        and outcome.context is push.context
    )
