"""The pushes of one request.

Law of this file: a value. Whoever wants pushes gets pushes; whoever has to be fast reads them column by column, and
then the pushes of a call are never made one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import overload

from pushgateway.model.notification import Notification
from pushgateway.model.push import CallBack, Push, PushToken
from pushgateway.model.secret import safe_repr


@safe_repr
class Batch(Sequence[Push]):
    """Pushes as a sequence, and the same as columns: what is at one place in each of them belongs together."""

    __slots__ = (
        *("_origins", "_pushes", "callbacks", "contexts", "dedupe_ids", "notifications", "push_tokens", "tokens"),
    )

    def __init__(
        self,
        push_tokens: Sequence[PushToken],
        notifications: Sequence[Notification],
        dedupe_ids: Sequence[str],
        origins: Sequence[Push] | None = None,
    ) -> None:
        """`notifications` to these phones under these ids. `origins`: pushes of which they have everything else; None:
        everything else is as usual."""
        self._origins = origins
        self._pushes: Sequence[Push] | None = None
        self.push_tokens = push_tokens
        self.notifications = notifications
        self.dedupe_ids = dedupe_ids
        self.tokens = [push_token.token for push_token in push_tokens]
        self.contexts: Sequence[object]
        self.callbacks: Sequence[CallBack | None] | None = None
        """Where receipts go; None where no push says it."""
        if origins is None:
            self.contexts = [None] * len(push_tokens)
            return
        self.contexts = [push.context for push in origins]
        callbacks = [push.callback for push in origins]
        if callbacks.count(None) < len(callbacks):
            self.callbacks = callbacks

    @classmethod
    def of(cls, pushes: Iterable[Push]) -> Batch:
        """These pushes as they are."""
        if isinstance(pushes, Batch):
            return pushes
        given = list(pushes)
        push_tokens, notes = [push.push_token for push in given], [push.notification for push in given]
        batch = cls(push_tokens, notes, [push.dedupe_id for push in given], given)
        batch._pushes = given
        return batch

    @classmethod
    def joined(cls, batches: Sequence[Batch]) -> Batch:
        """One after the other."""
        if len(batches) == 1:
            return batches[0]
        usual = all(batch._origins is None for batch in batches)
        return cls(
            [push_token for batch in batches for push_token in batch.push_tokens],
            [notification for batch in batches for notification in batch.notifications],
            [dedupe_id for batch in batches for dedupe_id in batch.dedupe_ids],
            None if usual else [push for batch in batches for push in batch._origins or batch],
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
                self._pushes = self._made()
            return self._pushes[where]
        origins = None if self._origins is None else self._origins[where]
        part = Batch(self.push_tokens[where], self.notifications[where], self.dedupe_ids[where], origins)
        if self._pushes is not None:
            part._pushes = self._pushes[where]
        return part

    def _made(self) -> list[Push]:
        if self._origins is not None:
            return Push.twins(self._origins, self.push_tokens, self.dedupe_ids)
        return list(map(Push.ordinary, self.push_tokens, self.notifications, self.dedupe_ids))

    def __repr__(self) -> str:
        return f"Batch({len(self)} pushes)"


def distinct(notifications: Sequence[Notification]) -> Sequence[Notification]:
    """Each of them once, in their order; by identity, because to compare their content costs more than it saves."""
    if len(set(map(id, notifications))) == 1:
        return notifications[:1]
    return list(dict(zip(map(id, notifications), notifications, strict=True)).values())
