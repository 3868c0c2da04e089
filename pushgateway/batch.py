"""The pushes of one request.

Law of this file: a value. Whoever wants pushes gets pushes; whoever has to be fast reads them column by column, and
then the pushes of a call are never made one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import overload

from pushgateway.model import CallBack, Notification, Push, PushToken


class Batch(Sequence[Push]):
    """Pushes as a sequence, and the same as columns: what is at one place in each of them belongs together."""

    __slots__ = (
        *("_origins", "_pushes", "callbacks", "contexts", "dedupe_ids", "notifications", "push_tokens", "tokens"),
    )

    def __init__(self, origins: Sequence[Push], push_tokens: Sequence[PushToken], dedupe_ids: Sequence[str]) -> None:
        """The pushes `origins`, but to these phones and under these ids."""
        self._origins = origins
        self._pushes: list[Push] | None = None
        self.push_tokens = push_tokens
        self.dedupe_ids = dedupe_ids
        self.tokens = [push_token.token for push_token in push_tokens]
        self.notifications: Sequence[Notification] = [push.notification for push in origins]
        self.contexts = [push.context for push in origins]
        callbacks = [push.callback for push in origins]
        self.callbacks: Sequence[CallBack | None] | None = (
            None if callbacks.count(None) == len(callbacks) else callbacks
        )
        """Where receipts go; None where no push says it."""

    @classmethod
    def of(cls, pushes: Iterable[Push]) -> Batch:
        """These pushes as they are."""
        if isinstance(pushes, Batch):
            return pushes
        given = list(pushes)
        batch = cls(given, [push.push_token for push in given], [push.dedupe_id for push in given])
        batch._pushes = given
        return batch

    @classmethod
    def joined(cls, batches: Sequence[Batch]) -> Batch:
        """One after the other."""
        if len(batches) == 1:
            return batches[0]
        return cls(
            [origin for batch in batches for origin in batch._origins],
            [push_token for batch in batches for push_token in batch.push_tokens],
            [dedupe_id for batch in batches for dedupe_id in batch.dedupe_ids],
        )

    def pick(self, places: Iterable[int]) -> Batch:
        """Those at these places."""
        return Batch.of([self[place] for place in places])

    def __len__(self) -> int:
        return len(self.push_tokens)

    @overload
    def __getitem__(self, where: int) -> Push: ...

    @overload
    def __getitem__(self, where: slice) -> Batch: ...

    def __getitem__(self, where: int | slice) -> Push | Batch:
        if not isinstance(where, slice):
            if self._pushes is None:
                self._pushes = Push.twins(self._origins, self.push_tokens, self.dedupe_ids)
            return self._pushes[where]
        part = Batch(self._origins[where], self.push_tokens[where], self.dedupe_ids[where])
        if self._pushes is not None:
            part._pushes = self._pushes[where]
        return part

    def __repr__(self) -> str:
        return f"Batch({len(self)} pushes)"
