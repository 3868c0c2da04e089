"""`DeviceStore`: what an adapter has to do, and the values that go in and out.

The rules of bindings are the same in all adapters (`tests/support/device_promises.py` proves them): one row for each
push token, and one for each user and device; whoever reports a token last has it. No network, clock or random here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, Protocol

import attrs

from pushgateway.model.binding import Binding
from pushgateway.model.push import PushToken
from pushgateway.model.secret import safe_repr

MOST_UNREAD: Final = 1_000_000_000
"""The largest badge of a user."""


def added(badge: int, add: int) -> int:
    """A badge after adding to it: never less than 0, nor more than `MOST_UNREAD`."""
    return min(max(badge + add, 0), MOST_UNREAD)


@safe_repr
@attrs.frozen
class Bound:
    """What `DeviceStore.bind` did."""

    binding: Binding
    ended: frozenset[int] = frozenset()
    """The bindings that ended by it and that were of other users, or were too many."""
    former_at: float | None = None
    """When the latest of the bindings that it found, of this token or this device, was bound; None: it found none."""


@safe_repr
@attrs.frozen
class Verdict:
    """A vendor's word that the token of a binding is dead."""

    certificate_id: str
    binding: int
    """`Owner.binding` of the push, as the next one."""
    generation: int


@safe_repr
@attrs.frozen
class Count:
    """How many devices are bound, and how many users have them."""

    users: int
    devices: int


@safe_repr
@attrs.frozen
class Counts:
    """How many devices and users a store has."""

    total: Count
    """A user counts once, however many certificates his devices are of."""
    certificates: Mapping[str, Count]
    """By certificate id, in the order of the ids; only those with devices."""


class DeviceStore(Protocol):
    """Where bindings are kept. All methods but `aclose` raise `StoreError` where the store cannot be used now, and do
    what they do as a whole or not at all. Times are epoch seconds."""

    @property
    def name(self) -> str:
        """What errors and log lines call it; no password."""

    @property
    def is_shared(self) -> bool:
        """Whether other processes can use it too."""

    async def bind(
        self,
        user: str,
        device: str,
        push_token: PushToken,
        locale: str,
        now: float,
        *,
        most: int | None = None,
        is_late: bool = False,
    ) -> Bound:
        """Bind a push token to a user and a device. Any other binding of this token, and any other token of this user
        and device, ends. If it is bound so already, its generation grows by 1.

        `most`: how many devices the user may have then; of the others those end that were reported longest ago.
        `is_late`: a binding of this token, or of this user and device, that was reported after `now` stays; then
        nothing is changed, and it is the one that is returned.
        """

    async def rotate(self, old: PushToken, new: PushToken, now: float) -> Binding | None:
        """Give the user and device of `old` the token `new`. None, and nothing is changed, if `old` is not bound, or
        `new` is bound already."""

    async def unbind(self, user: str, device: str | None, *, keep: str | None = None) -> frozenset[int]:
        """End the binding of a user and a device, or of all his devices (None) but `keep`; which ended."""

    async def of_users(self, users: Iterable[str]) -> Mapping[str, Sequence[Binding]]:
        """The bindings of each of these users, in the order given; of one user in the order of their devices."""

    async def counts(self) -> Counts:
        """How many devices are bound, in all and of each certificate."""

    async def holding(self, bindings: Collection[int]) -> AbstractSet[int]:
        """Those of these bindings that have not ended."""

    async def retire(self, verdicts: Sequence[Verdict]) -> Sequence[Verdict]:
        """End the bindings that are still of the generation of the verdict; which verdicts these were."""

    async def retire_token(self, push_token: PushToken, before: float) -> bool:
        """End the binding of a token if it was reported before this time for the last time; whether it was."""

    async def count_badges(self, users: Sequence[str], add: int) -> Mapping[str, int]:
        """Add to the badge of each of these users, which is 0 at first (see `added`); what they are then."""

    async def set_badge(self, user: str, count: int) -> None:
        """Set the badge of a user."""

    async def prune(self, before: float) -> int:
        """End the bindings that were reported before this time for the last time; how many these were."""

    async def aclose(self) -> None:
        """Close all connections."""
