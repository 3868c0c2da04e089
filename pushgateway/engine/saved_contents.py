"""`SavedContents`: what a vendor has stored of notifications, where it stores a content before it goes to many phones.

Each endpoint has one. A content is saved once for all batches that need it at the same time, used for its lifetime, and
dropped when no push with its notification is on its way or waits. How it is saved is a function that is handed in. Used
by `Endpoint`.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from pushgateway.model.notification import Notification
from pushgateway.model.push import CallBack
from pushgateway.vendor import Saved


class Stored(NamedTuple):
    """What the vendor has stored of a notification."""

    saved: Saved
    callback: CallBack | None
    """Where the receipts of its pushes go: a part of what was stored."""


class SavedContent:
    """One notification, as the vendor has stored it. Times are loop seconds."""

    __slots__ = ("_loop", "_stored", "_under_way", "notification", "until", "users")

    def __init__(self, notification: Notification) -> None:
        self.notification = notification
        self.users = 0
        """Batches on their way that use it."""
        self.until = 0.0
        """The end of its lifetime."""
        self._stored: Stored | None = None
        self._under_way: asyncio.Future[Stored | Exception | None] | None = None
        self._loop = asyncio.get_running_loop()

    async def get(self, save: Callable[[], Awaitable[Stored]]) -> Stored:
        """What was saved; where there is nothing, by `save`, of which one is under way at a time.

        All who wait for one get its result, also where its lifetime is over by then, or raise what it raised. If it was
        cancelled, the next one saves.
        """
        while True:
            if self._stored is not None and self._loop.time() < self.until:
                return self._stored
            if self._under_way is None:
                return await self._save(save)
            result = await asyncio.shield(self._under_way)  # or the first who is cancelled would cancel it for all
            if isinstance(result, Exception):
                raise result.with_traceback(None)
            if result is not None:
                return result

    async def _save(self, save: Callable[[], Awaitable[Stored]]) -> Stored:
        under_way = self._under_way = self._loop.create_future()
        begun = self._loop.time()
        result: Stored | Exception | None = None
        try:
            result = self._stored = await save()
            self.until = begun + result.saved.lifetime
        except Exception as failed:
            result = failed
            raise
        finally:
            self._under_way = None
            under_way.set_result(result)
        return result

    def forget(self, stored: Stored) -> None:
        """The vendor does not know `stored` any more. Does nothing when another one has taken its place already."""
        if self._stored is stored:
            self._stored = None


class SavedContents:
    """Those of one endpoint, by notification. Of those that no batch uses it keeps `MOST` at most; the oldest go
    first."""

    MOST = 256

    def __init__(self) -> None:
        self._all: OrderedDict[Notification, SavedContent] = OrderedDict()

    def __len__(self) -> int:
        return len(self._all)

    def join(self, notification: Notification) -> SavedContent:
        """A batch with this notification is on its way: what is to be asked for the saved content. `leave` follows."""
        content = self._all.pop(notification, None)
        if content is None:
            content = SavedContent(notification)
        content.users += 1
        self._all[notification] = content
        if len(self._all) > self.MOST:
            unused = next((one for one in self._all.values() if not one.users), None)
            if unused is not None:
                del self._all[unused.notification]
        return content

    def leave(self, content: SavedContent, *, is_needed: bool) -> None:
        """A batch has come to its end. `is_needed`: pushes with its notification wait or are tried again."""
        content.users -= 1
        if not (content.users or is_needed) and self._all.get(content.notification) is content:
            del self._all[content.notification]
