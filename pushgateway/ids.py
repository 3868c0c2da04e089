"""The id under which a vendor may recognise a repeat of a push.

Law of this file: 32 characters of 0-9a-f, never the same for two pushes.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Sequence

from pushgateway.model import Notification, Push, PushToken


class Ids:
    """Makes ids; one for each gateway and process."""

    def __init__(self, rng: random.Random) -> None:
        """Not to be made before a fork: both processes would make the same ids."""
        self._form = f"{rng.getrandbits(64):016x}%016x"
        self._tail = 0

    def make(self, push_token: PushToken, notification: Notification) -> str:
        """The id of a push that has none.

        From the host's id of the message it is derived with the token in it: OPPO's V1.3 pushes an id once in all,
        so phones of one user must not share it. Otherwise it is new.
        """
        message = notification.dedupe_id
        if not message:
            self._tail += 1
            return self._form % self._tail
        return derived(push_token, message)

    def make_each(self, pushes: Iterable[Push]) -> list[str]:
        """Those that they have, or the same for each that has none."""
        form, tail = self._form, self._tail
        made = []
        for push in pushes:
            dedupe_id = push.dedupe_id
            if not dedupe_id:
                message = push.notification.dedupe_id
                if message:
                    dedupe_id = derived(push.push_token, message)
                else:
                    tail += 1
                    dedupe_id = form % tail
            made.append(dedupe_id)
        self._tail = tail
        return made

    def make_all(self, push_tokens: Sequence[PushToken], notification: Notification) -> list[str]:
        """The same for pushes of one notification, at half the price."""
        if notification.dedupe_id:
            return [self.make(push_token, notification) for push_token in push_tokens]
        form, first = self._form, self._tail + 1
        self._tail += len(push_tokens)
        return [form % tail for tail in range(first, first + len(push_tokens))]


def derived(push_token: PushToken, message: str) -> str:
    """The id of a push that is made of the host's id of its message."""
    address = (message, push_token.certificate_id, push_token.token)
    text = "\0".join(address).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=16, person=b"pushgateway").hexdigest()
