"""The smallest vendor that keeps every promise: no login, no rules file, no broadcasts, one text in a request.

It leaves out everything that a plug-in may leave out, to test that the conformance kit requires no more than the
contract.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import ClassVar

import attrs

from pushgateway.vendor import (
    Batching,
    Exchange,
    NoVerdict,
    Outcome,
    Push,
    Reason,
    Refused,
    Reply,
    Request,
    Secret,
    Vendor,
    find_omitted,
    find_unsupported,
    read_reply,
)
from pushgateway.vendor.text import clean

REASONS = {"4": Reason.RATE_LIMITED, "5": Reason.QUOTA_EXCEEDED, "8": Reason.CREDENTIALS}
MOST = 20


@attrs.frozen
class Plain(Vendor):
    """One push per request."""

    brand: ClassVar[str] = "plain"
    contract: ClassVar[str] = "0.2"
    key: Secret
    host: str = "https://plain.example"

    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        note = batch[0].notification
        title, text = clean(note.title), clean(note.body)
        if not title or not text:
            return [Outcome.not_sent(push, Reason.INVALID_NOTIFICATION, "title, body: are empty") for push in batch]
        if lacking := find_unsupported(note, (), "plain"):
            return [Outcome.not_sent(push, Reason.UNSUPPORTED, ", ".join(lacking)) for push in batch]
        kept = {
            place: Outcome.not_sent(push, Reason.UNREGISTERED, "token: must be ASCII")
            for place, push in enumerate(batch)
            if not push.push_token.token.isascii()  # a reply could not name such a token
        }
        tokens = [push.push_token.token for place, push in enumerate(batch) if place not in kept]
        if not tokens:
            return list(kept.values())
        order = json.dumps({"title": title, "text": text, "to": tokens}).encode()
        try:
            reply = read_reply((yield Request("POST", f"{self.host}/send", {"x-key": self.key.reveal()}, order)))
            dead = _dead(reply, tokens)
        except (Refused, NoVerdict) as failed:
            raise failed.keeping(kept) from None
        return [kept[place] if place in kept else _outcome(push, dead) for place, push in enumerate(batch)]


def _dead(reply: Reply, asked: Sequence[str]) -> list[object]:
    if reply.code != "0":
        raise Refused(REASONS.get(reply.code, Reason.UNAVAILABLE), reply.code)
    dead = reply.body.get("dead")
    if not isinstance(dead, list):
        raise NoVerdict("the reply does not say who is dead")
    if not all(token in asked for token in dead):
        raise NoVerdict("the reply names a token that was not in the request")
    return dead


def _outcome(push: Push, dead: list[object]) -> Outcome:
    if push.push_token.token in dead:
        return Outcome.rejected(push, Reason.UNREGISTERED, code="1")
    return Outcome.accepted(push, None, omitted=find_omitted(push.notification, ()))


@attrs.frozen
class Group(Plain):
    """One notification for many tokens."""

    @property
    def batching(self) -> Batching:
        return Batching(size=MOST)
