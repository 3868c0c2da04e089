"""The id under which a vendor may recognise a repeat of a push.

Law of this file: 32 characters of 0-9a-f, never the same for two pushes.
"""

from __future__ import annotations

import hashlib
import random

from pushgateway.model import Push


class Ids:
    """Makes ids; one for each gateway and process."""

    def __init__(self, rng: random.Random) -> None:
        """Not to be made before a fork: both processes would make the same ids."""
        self._head = f"{rng.getrandbits(64):016x}"
        self._tail = 0

    def make(self, push: Push) -> str:
        """The id of a push that has none.

        From the host's id of the message it is derived with the token in it: OPPO's V1.3 pushes an id once in all,
        so phones of one user must not share it. Otherwise it is new.
        """
        message = push.notification.dedupe_id
        if not message:
            self._tail += 1
            return f"{self._head}{self._tail:016x}"
        address = (message, push.push_token.certificate_id, push.push_token.token)
        text = "\0".join(address).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, digest_size=16, person=b"pushgateway").hexdigest()
