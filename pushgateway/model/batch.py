"""`Batch`: the pushes of one vendor request, as a plug-in gets them.

It is a sequence of `Push`, and it also has a list for each field (a column). A plug-in that reads only the columns is
faster, because then no `Push` object is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import overload

import attrs

from pushgateway.model.notification import Notification
from pushgateway.model.push import CallBack, Push, PushToken
from pushgateway.model.secret import safe_repr


@safe_repr
@attrs.frozen
class Saved:
    """Content that the vendor has stored, so that later requests name it by its id."""

    id: str
    """The vendor's id of it."""
    truncated: tuple[str, ...] = ()
    """Names of the notification's fields that were cut, as in `Outcome.truncated`."""
    omitted: tuple[str, ...] = ()
    """Names of the fields that the vendor does not have, as in `Outcome.omitted`."""
    lifetime: float = 3600.0
    """Seconds for which the core uses it."""


@safe_repr
class Batch(Sequence[Push]):
    """A sequence of pushes, and the same pushes as columns: the values at one index of each column are one push."""

    __slots__ = (
        *("_message_ids", "_origins", "_pushes", "callback", "callbacks", "contexts", "dedupe_ids", "notifications"),
        *("push_tokens", "saved", "tokens"),
    )

    def __init__(
        self,
        push_tokens: Sequence[PushToken],
        notifications: Sequence[Notification],
        dedupe_ids: Sequence[str],
        origins: Sequence[Push] | None = None,
        message_ids: Sequence[str] | None = None,
    ) -> None:
        """One push for each index: `notifications` for these phones under these ids. `origins`: the pushes whose other
        fields they have; None: the other fields have their defaults. `message_ids`: None: as `dedupe_ids`."""
        self._origins = origins
        self._message_ids = message_ids
        self._pushes: Sequence[Push] | None = None
        self.push_tokens = push_tokens
        self.notifications = notifications
        self.dedupe_ids = dedupe_ids
        self.tokens = [push_token.token for push_token in push_tokens]
        self.contexts: Sequence[object]
        self.callbacks: Sequence[CallBack | None] | None = None
        """Where receipts go, for each push; None if no push has a `callback`. For vendors whose `marks` is "push"."""
        self.callback: CallBack | None = None
        """Where receipts go, the same for all pushes of the request. For vendors whose `marks` is "message"."""
        self.saved: Saved | None = None
        """The notification as the vendor has stored it, where `Batching.saves`. None: send it with the request."""
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
            None
            if all(batch._message_ids is None for batch in batches)
            else [message_id for batch in batches for message_id in batch.message_ids],
        )

    def pick(self, places: Iterable[int]) -> Batch:
        """A batch of the pushes at these indices."""
        chosen = list(places)
        picked = Batch.of([self[place] for place in chosen])
        if self._message_ids is not None:
            picked._message_ids = [self._message_ids[place] for place in chosen]
        picked.callback, picked.saved = self.callback, self.saved
        return picked

    @property
    def message_ids(self) -> Sequence[str]:
        """For each push the id by which a phone drops repeats of its message, where `Vendor.deduplicates` is "message".
        Pushes whose first request held one notification have one id together. It stays through repeats: pushes with
        different ids share a request only where `Batching.mixed`. Otherwise the same as `dedupe_ids`."""
        return self.dedupe_ids if self._message_ids is None else self._message_ids

    @property
    def message_id(self) -> str:
        """The id of all pushes of the batch; "" if they have different ones."""
        ids = set(self.message_ids)
        return ids.pop() if len(ids) == 1 else ""

    @property
    def has_message_ids(self) -> bool:
        """Whether `message_ids` were given, so that they stay."""
        return self._message_ids is not None

    def under(self, message_ids: Sequence[str]) -> Batch:
        """The same batch with these `message_ids`."""
        self._message_ids = message_ids
        return self

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
        ids = None if self._message_ids is None else self._message_ids[where]
        part = Batch(self.push_tokens[where], self.notifications[where], self.dedupe_ids[where], origins, ids)
        part.callback, part.saved = self.callback, self.saved
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
