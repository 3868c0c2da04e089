"""`Bindings`: what the gateway asks about pushes that have an owner (`Push.owner`), and what it reports of them.

A protocol, so that the engine knows no database. `pushgateway.devices` implements it. Where a gateway has none, nothing
here is used, and owners are not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol

import attrs

from pushgateway.model.binding import Binding
from pushgateway.model.push import Owner, PushToken
from pushgateway.model.secret import safe_repr
from pushgateway.observe.events import Event

UNBOUND: Final = "the phone no longer belongs to the user that the push was for"
NO_DEVICES: Final = "is needed for this: give Gateway(devices=Devices(…))"
UNCONFIRMED: Final = "whether the phone still belongs to the user could not be asked"


@safe_repr
@attrs.frozen
class Confirmation:
    """The answer to `Bindings.confirm`."""

    gone: frozenset[int]
    """The bindings (`Owner.binding`) that do not hold any more."""
    until: float
    """Seconds of the event loop's clock: a request with pushes of the other ones may leave before then."""


class Bindings(Protocol):
    """Which phone belongs to which user."""

    async def of_users(self, users: Iterable[str]) -> Mapping[str, Sequence[Binding]]:
        """The bindings of each of these users. Raises `StoreError`."""

    async def confirm(self, owned: Sequence[tuple[PushToken, Owner]]) -> Confirmation:
        """Which of these bindings hold; asked before each request for all its pushes that have an owner.

        After an `unbind` has returned, no request for that binding may leave by an answer that was given before: that
        is what `until` is for. Raises `StoreError`, within some seconds.
        """

    def report_dead(self, push_token: PushToken, owner: Owner) -> None:
        """The vendor says that the token of a push is dead. Returns at once."""

    def attach(self, emit: Callable[[Event, str], None], brand_of: Callable[[str], str | None]) -> None:
        """Where its events go, each with a sentence without content for the log, and the brand of a certificate id."""
