"""`RefusedContents`: notifications that the vendor refuses for every phone, so that they are not sent again and again.

Pure: times are parameters. The endpoint notes refusals and acceptances here, and asks before it sends.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable

from pushgateway.vendor.refusals import Refused

CONTENT_PAUSE = 60.0
"""Seconds for which a notification that was refused is not sent again."""
PROOFS = 5
"""Phones, each alone in its request, for which a notification must be refused before the notification is the cause."""


class RefusedContents:
    """Notifications that the vendor refuses whichever phone they are for. Keeps at most `MOST`, the oldest go first.

    So one forbidden text to ten thousand phones costs a few requests, not twenty thousand.
    """

    MOST = 64
    _PROVED_GOOD = -1_000_000

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, tuple[int, float, Refused]] = OrderedDict()
        self.is_empty = True
        """Whether nothing is known; a plain attribute, because it is read for each request."""

    def __contains__(self, content: Hashable) -> bool:
        return content in self._known

    def refused(self, content: Hashable, now: float, refusal: Refused, *, proofs: int = PROOFS) -> None:
        """It was refused. `proofs`: `PROOFS` where the vendor says that it is about the notification, 1 for a request
        to one phone (the phone may be the cause as well), 0 for a request to several."""
        before = self._known.pop(content, None)
        count = proofs + (before[0] if before is not None and now < before[1] else 0)
        self._known[content] = count, now + CONTENT_PAUSE, refusal
        if len(self._known) > self.MOST:
            self._known.popitem(last=False)
        self.is_empty = False

    def accepted(self, contents: Iterable[Hashable], now: float) -> None:
        """These were accepted, so an earlier refusal was about a phone."""
        while self._known and (first := next(iter(self._known.items())))[1][1] <= now:
            del self._known[first[0]]
        self.is_empty = not self._known
        for content in contents:
            if (known := self._known.get(content)) is not None:
                self._known[content] = self._PROVED_GOOD, *known[1:]

    def refusal(self, content: Hashable, now: float) -> Refused | None:
        """The refusal that holds for this notification now, if any."""
        known = self._known.get(content)
        return known[2] if known is not None and known[0] >= PROOFS and now < known[1] else None
