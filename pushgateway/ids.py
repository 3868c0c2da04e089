"""The id under which a vendor may recognise a repeat of a push.

Law of this file: 32 characters of 0-9a-f, never the same for two pushes.
"""

from __future__ import annotations

import hashlib
import random
import struct
from collections.abc import Sequence

from pushgateway.model import Notification, Push, PushToken


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

    def make_each(self, pushes: Sequence[Push], push_tokens: Sequence[PushToken]) -> list[str]:
        """Those that the pushes have, or the same for each that has none and goes to this phone."""
        if any(push.dedupe_id or push.notification.dedupe_id for push in pushes):
            pairs = zip(pushes, push_tokens, strict=True)
            return [push.dedupe_id or self.make(push_token, push.notification) for push, push_token in pairs]
        count, first = len(push_tokens), self._tail + 1
        self._tail += count
        head, tails = self._head, struct.pack(f">{count}Q", *range(first, first + count)).hex()  # all at once
        return [head + tails[place : place + 16] for place in range(0, 16 * count, 16)]


def derived(push_token: PushToken, message: str) -> str:
    """The id of a push that is made of the host's id of its message."""
    address = (message, push_token.certificate_id, push_token.token)
    text = "\0".join(address).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=16, person=b"pushgateway").hexdigest()
