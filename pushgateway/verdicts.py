"""What the end of an exchange means for each push of its batch.

Law of this file: pure. One outcome for each push, in order, whatever a plug-in returned or raised; nobody gets an
outcome that was made for another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from pushgateway.batch import Batch
from pushgateway.errors import ExchangeError, NoVerdict, Refused
from pushgateway.model import Push
from pushgateway.outcome import Outcome, Reason


def checked(pushes: Sequence[Push], outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """The plug-in's outcomes, if they are one for each push in order. Raises `TypeError` otherwise."""
    if len(outcomes) != len(pushes):
        raise TypeError("not one outcome for each push")
    if not _are_made_for(Batch.of(pushes), outcomes):
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
        return Outcome.refused(push, failure, sent=False)
    return Outcome.not_sent(push, Reason.UNAVAILABLE, str(failure))


def refused(pushes: Sequence[Push], refusal: Refused, *, asked: bool, detail: str = "") -> list[Outcome]:
    """The request as a whole was refused."""
    own = kept(pushes, refusal)
    outcomes = [own.get(place) or Outcome.refused(push, refusal, sent=asked) for place, push in enumerate(pushes)]
    if not detail:
        return outcomes
    return [one if place in own else attrs.evolve(one, detail=detail) for place, one in enumerate(outcomes)]


def silent(pushes: Sequence[Push], silence: NoVerdict) -> list[Outcome]:
    """No readable verdict came for the request."""
    own = kept(pushes, silence)
    return [own.get(place) or _silent(push, silence) for place, push in enumerate(pushes)]


def broken(pushes: Sequence[Push], detail: str, *, asked: bool) -> list[Outcome]:
    """The plug-in, or the gateway itself, failed."""
    if asked:
        return [Outcome.unknown(push, detail) for push in pushes]
    return [Outcome.not_sent(push, Reason.CREDENTIALS, detail) for push in pushes]


def is_text(value: str) -> str:
    """What a plug-in gave as text, if it is. Raises `TypeError` otherwise."""
    if not isinstance(value, str):
        raise TypeError("not a str")
    return value


def _silent(push: Push, silence: NoVerdict) -> Outcome:
    if silence.sent:
        return Outcome.unknown(push, silence.detail)
    return attrs.evolve(Outcome.not_sent(push, Reason.UNAVAILABLE, silence.detail), attempts=1)


def _are_made_for(batch: Batch, outcomes: Sequence[Outcome]) -> bool:
    if set(map(type, outcomes)) == {Outcome}:
        return [outcome.push_token for outcome in outcomes] == list(batch.push_tokens)
    return all(map(_made_for, batch, outcomes))


def _made_for(push: Push, outcome: object) -> bool:
    return isinstance(outcome, Outcome) and outcome.push_token == push.push_token
