"""`Batch`: the pushes of one vendor request, as a plug-in gets them.

It is a sequence of `Push`, and it also has a list for each field (a column). A plug-in that reads only the columns is
faster, because then no `Push` object is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import overload

from pushgateway.model.notification import Notification
from pushgateway.model.push import CallBack, Push, PushToken
from pushgateway.model.secret import safe_repr


@safe_repr
class Batch(Sequence[Push]):
    """A sequence of pushes, and the same pushes as columns: the values at one index of each column are one push."""

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
        """One push for each index: `notifications` for these phones under these ids. `origins`: the pushes whose other
        fields they have; None: the other fields have their defaults."""
        self._origins = origins
        self._pushes: Sequence[Push] | None = None
        self.push_tokens = push_tokens
        self.notifications = notifications
        self.dedupe_ids = dedupe_ids
        self.tokens = [push_token.token for push_token in push_tokens]
        self.contexts: Sequence[object]
        self.callbacks: Sequence[CallBack | None] | None = None
        """Where receipts go, for each push; None if no push has a `callback`."""
        if origins is None:
            self.contexts = [None] * len(push_tokens)
            return
        self.contexts = [push.context for push in origins]
        callbacks = [push.callback for push in origins]
        if callbacks.count(None) < len(callbacks):
            self.callbacks = callbacks

    @classmethod
    def of(cls, pushes: Iterable[Push]) -> Batch:
        """A batch of these pushes; a `Batch` is returned as it is."""
        if isinstance(pushes, Batch):
            return pushes
        given = list(pushes)
        push_tokens, notes = [push.push_token for push in given], [push.notification for push in given]
        batch = cls(push_tokens, notes, [push.dedupe_id for push in given], given)
        batch._pushes = given
        return batch

    @classmethod
    def joined(cls, batches: Sequence[Batch]) -> Batch:
        """One batch with the pushes of all of these, in order."""
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
        """A batch of the pushes at these indices."""
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
                self._pushes = self._make_pushes()
            return self._pushes[where]
        origins = None if self._origins is None else self._origins[where]
        part = Batch(self.push_tokens[where], self.notifications[where], self.dedupe_ids[where], origins)
        if self._pushes is not None:
            part._pushes = self._pushes[where]
        return part

    def _make_pushes(self) -> list[Push]:
        if self._origins is not None:
            return Push.copies(self._origins, self.push_tokens, self.dedupe_ids)
        return list(map(Push.with_defaults, self.push_tokens, self.notifications, self.dedupe_ids))

    def __repr__(self) -> str:
        return f"Batch({len(self)} pushes)"


def distinct(notifications: Sequence[Notification]) -> Sequence[Notification]:
    """Each notification once, in their order. They are compared by identity, because comparing their content costs more
    than it saves."""
    if len(set(map(id, notifications))) == 1:
        return notifications[:1]
    return list(dict(zip(map(id, notifications), notifications, strict=True)).values())
