"""Dedupe ids: by such an id a vendor may recognise a repeat of a push.

An id has 32 characters of 0-9a-f; two pushes never have the same. Used by `Intake` and `explain`.
"""

from __future__ import annotations

import hashlib
import random
import struct
from collections.abc import Callable, Sequence
from operator import attrgetter

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
