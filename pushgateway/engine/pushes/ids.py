"""Dedupe ids, by which a vendor may recognise a repeat of a push, and message ids, by which a phone may.

An id has 32 characters of 0-9a-f; two pushes never have the same dedupe id. Used by `Intake`, `Endpoint` and `explain`.
"""

from __future__ import annotations

import hashlib
import random
import struct
from collections.abc import Callable, Sequence
from operator import attrgetter

from pushgateway.model.batch import distinct
from pushgateway.model.notification import Notification
from pushgateway.model.push import Push, PushToken

_DEDUPE_ID: Callable[[Notification], str | None] = attrgetter("dedupe_id")


class Ids:
    """Makes ids; one for each gateway and process."""

    def __init__(self, rng: random.Random) -> None:
        """Not to be made before a fork: both processes would make the same ids."""
        self._head = f"{rng.getrandbits(64):016x}"
        self._tail = 0

    def make(self, push_token: PushToken, notification: Notification) -> str:
        """The id of a push that has none.

        From the host's id of the message it is derived with the token in it: OPPO's V1.3 pushes an id once in all,
        so phones of one user must not share it. Otherwise it is new.
        """
        message = notification.dedupe_id
        if not message:
            self._tail += 1
            return f"{self._head}{self._tail:016x}"
        return derived(push_token, message)

    def make_each(
        self,
        push_tokens: Sequence[PushToken],
        notifications: Sequence[Notification],
        pushes: Sequence[Push] | None = None,
    ) -> list[str]:
        """The same for each that goes to one of these phones; those that the pushes have stay theirs."""
        if pushes is None and len(push_tokens) == 1:
            return [self.make(push_tokens[0], notifications[0])]
        own = [""] * len(push_tokens) if pushes is None else [push.dedupe_id for push in pushes]
        if any(own) or any(map(_DEDUPE_ID, notifications)):
            each = zip(own, push_tokens, notifications, strict=True)
            return [dedupe_id or self.make(push_token, note) for dedupe_id, push_token, note in each]
        count, first = len(push_tokens), self._tail + 1
        if not count:
            return []
        self._tail += count
        # All at once, in hexadecimal and cut apart again: one by one each would cost three times as much.
        tails = struct.pack(f">{count}Q", *range(first, first + count)).hex("\n", 8)
        return (self._head + tails.replace("\n", f"\n{self._head}")).split("\n")


def derived(push_token: PushToken, message: str) -> str:
    """The id of a push that is made of the host's id of its message."""
    address = (message, push_token.certificate_id, push_token.token)
    text = "\0".join(address).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=16, person=b"pushgateway").hexdigest()


def message_ids(notifications: Sequence[Notification], dedupe_ids: Sequence[str], certificate_id: str) -> list[str]:
    """The message ids of pushes that share a request for the first time, for vendors whose `deduplicates` is "message".

    Pushes with one notification get one id. It is made of all their dedupe ids: so two sends of an equal notification
    have different ids, because a phone would drop the second, and a host that sends the same pushes again under the
    same ids gets the same one. Pushes with several notifications get one each. An id that the host gave the message
    (`Notification.dedupe_id`) is what counts in both cases.
    """
    if len(set(distinct(notifications))) == 1:
        return [_of_message(notifications[0], dedupe_ids, certificate_id)] * len(dedupe_ids)
    each = zip(notifications, dedupe_ids, strict=True)
    return [_of_message(note, (dedupe_id,), certificate_id) for note, dedupe_id in each]


def _of_message(notification: Notification, dedupe_ids: Sequence[str], certificate_id: str) -> str:
    if notification.dedupe_id:
        parts: Sequence[str] = (notification.dedupe_id, certificate_id)
    elif len(dedupe_ids) == 1:
        return dedupe_ids[0]
    else:
        parts = dedupe_ids
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=16, person=b"pushgateway-msg").hexdigest()
