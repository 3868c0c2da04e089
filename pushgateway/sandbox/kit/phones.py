"""The phones that a sandbox knows: which are registered, which are muted, and what each shows.

Vendor-neutral and pure. A phone has one token, at most one alias and any number of tags; an alias names one phone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pushgateway.sandbox.kit.ledger import Delivery

SHOWN_AT_ONCE = 5
"""Notifications that a phone keeps on its screen; older ones are removed, so that memory stays bounded."""


class Phone:
    """One app on one phone. Changed only through `Phones`."""

    __slots__ = ("alias", "muted", "shown", "tags", "token")

    def __init__(self, token: str) -> None:
        self.token = token
        self.muted = False
        self.alias: str | None = None
        self.tags: frozenset[str] = frozenset()
        self.shown: list[Delivery] = []
        """The notifications on its screen, oldest first."""

    def show(self, delivery: Delivery) -> None:
        """Put a notification on the screen; only the newest `SHOWN_AT_ONCE` stay."""
        self.shown.append(delivery)
        if len(self.shown) > SHOWN_AT_ONCE:
            del self.shown[0]


class Phones:
    """All phones of one app, in the order of their registration."""

    def __init__(self) -> None:
        self._by_token: dict[str, Phone] = {}
        self._by_alias: dict[str, Phone] = {}

    def __len__(self) -> int:
        return len(self._by_token)

    def __iter__(self) -> Iterator[Phone]:
        return iter(tuple(self._by_token.values()))

    @property
    def tokens(self) -> tuple[str, ...]:
        """All registered tokens."""
        return tuple(self._by_token)

    def get(self, token: str) -> Phone | None:
        """The phone with this token, or None."""
        return self._by_token.get(token)

    def by_alias(self, alias: str) -> Phone | None:
        """The phone with this alias, or None."""
        return self._by_alias.get(alias)

    def register(self, tokens: Iterable[str]) -> None:
        """Register new phones; one that is registered stays as it is."""
        for token in tokens:
            if token not in self._by_token:
                self._by_token[token] = Phone(token)

    def uninstall(self, token: str) -> bool:
        """The app is removed from this phone: its token is dead. Returns False if it was not registered."""
        phone = self._by_token.pop(token, None)
        if phone is None:
            return False
        if phone.alias is not None:
            self._by_alias.pop(phone.alias, None)
        return True

    def mute(self, token: str, muted: bool = True) -> bool:
        """The user switches notifications off (or on again). Returns False if the token is not registered."""
        phone = self._by_token.get(token)
        if phone is None:
            return False
        phone.muted = muted
        return True

    def set_alias(self, token: str, alias: str | None) -> bool:
        """Give a phone an alias, which no other phone has then, or none. Returns False if the token is not
        registered."""
        phone = self._by_token.get(token)
        if phone is None:
            return False
        if phone.alias is not None:
            self._by_alias.pop(phone.alias, None)
        if alias is not None:
            former = self._by_alias.get(alias)
            if former is not None:
                former.alias = None
            self._by_alias[alias] = phone
        phone.alias = alias
        return True

    def set_tags(self, token: str, tags: Iterable[str]) -> bool:
        """Give a phone exactly these tags. Returns False if the token is not registered."""
        phone = self._by_token.get(token)
        if phone is None:
            return False
        phone.tags = frozenset(tags)
        return True
