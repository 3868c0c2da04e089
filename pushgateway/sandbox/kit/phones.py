"""The phones that a sandbox knows: which are registered, which are muted, and what each shows.

Vendor-neutral and pure. A phone has one token, at most one alias, at most one account (the app's user, who may have
several phones) and any number of tags; an alias names one phone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Literal, NamedTuple, TypeAlias

from pushgateway.sandbox.kit.changes import Changes
from pushgateway.sandbox.kit.ledger import Delivery

SHOWN_AT_ONCE = 5
"""Notifications that a phone keeps on its screen; older ones are removed, so that memory stays bounded."""
REPEATS_REMEMBERED = 300_000
"""Messages that phones remember by their ids, at most, counted by phone; then those with the oldest id are forgotten.
With an id of its own for each phone they take about 100 MB."""
FORMER_REMEMBERED = 1000
"""Phones from which the app was removed that are remembered, at most; then the oldest is forgotten."""
DAY = 86_400.0

Why: TypeAlias = Literal["replaced", "recalled", "tapped"]


class Gone(NamedTuple):
    """A notification that is no longer on the screen."""

    delivery: Delivery
    why: Why


class Phone:
    """One app on one phone. Changed only through `Phones` and `show`."""

    __slots__ = ("account", "alias", "badge", "gone", "muted", "shown", "tags", "token")

    def __init__(self, token: str) -> None:
        self.token = token
        self.muted = False
        self.alias: str | None = None
        self.account: str | None = None
        """The app's user who is logged in, as the app reported it to the vendor."""
        self.tags: frozenset[str] = frozenset()
        self.badge = 0
        """The number on the app's icon."""
        self.shown: list[Delivery] = []
        """The notifications on its screen, oldest first."""
        self.gone: tuple[Gone, ...] = ()
        """The notifications that were replaced, recalled or tapped, oldest first; the newest `SHOWN_AT_ONCE` of
        them."""

    def show(self, delivery: Delivery) -> None:
        """Put a notification on the screen, in the place of one with the same `Delivery.replaces`; only the newest
        `SHOWN_AT_ONCE` stay. Its badge changes the number on the icon."""
        if delivery.replaces:
            self._remove("replaced", lambda old: old.replaces == delivery.replaces)
        if delivery.badge is not None:
            self.badge = delivery.badge.number if delivery.badge.how == "set" else self.badge + delivery.badge.number
        self.shown.append(delivery)
        if len(self.shown) > SHOWN_AT_ONCE:
            del self.shown[0]

    def recall(self, is_meant: Callable[[Delivery], bool]) -> bool:
        """Take the notifications back for which `is_meant` returns True. False: there was none on the screen."""
        return self._remove("recalled", is_meant)

    def tap(self, delivery: Delivery) -> None:
        """The user taps this notification, which removes it from the screen."""
        self._remove("tapped", lambda one: one is delivery)

    def clear(self) -> None:
        """Empty the screen, and remove the number on the icon."""
        self.shown, self.gone, self.badge = [], (), 0

    def _remove(self, why: Why, is_meant: Callable[[Delivery], bool]) -> bool:
        gone = [old for old in self.shown if is_meant(old)]
        if gone:
            self.shown = [old for old in self.shown if not is_meant(old)]
            self.gone = (*self.gone, *(Gone(old, why) for old in gone))[-SHOWN_AT_ONCE:]
        return bool(gone)


class Phones:
    """All phones of one app, in the order of their registration."""

    def __init__(self) -> None:
        self.changes = Changes()
        self._by_token: dict[str, Phone] = {}
        self._former: OrderedDict[str, Phone] = OrderedDict()
        self._by_alias: dict[str, Phone] = {}
        self._by_account: dict[str, dict[str, Phone]] = {}
        self._muted: set[str] = set()
        self._seen: OrderedDict[str, dict[str, float]] = OrderedDict()
        self._remembered = 0

    def __len__(self) -> int:
        return len(self._by_token)

    def __iter__(self) -> Iterator[Phone]:
        return iter(tuple(self._by_token.values()))

    @property
    def tokens(self) -> tuple[str, ...]:
        """All registered tokens."""
        return tuple(self._by_token)

    def first(self, most: int) -> list[Phone]:
        """The phones that were registered first, at most `most`."""
        return list(islice(self._by_token.values(), most))

    def get(self, token: str) -> Phone | None:
        """The phone with this token, or None."""
        return self._by_token.get(token)

    def former(self, token: str) -> Phone | None:
        """The phone that had this token until the app was removed, or None."""
        return self._former.get(token)

    def by_alias(self, alias: str) -> Phone | None:
        """The phone with this alias, or None."""
        return self._by_alias.get(alias)

    def by_account(self, account: str) -> tuple[Phone, ...]:
        """The phones on which this user is logged in, the latest login last."""
        return tuple(self._by_account.get(account, {}).values())

    def tagged(
        self, any_of: Collection[str] = (), all_of: Collection[str] = (), none_of: Collection[str] = ()
    ) -> list[Phone]:
        """The phones with one of `any_of`, all of `all_of` and none of `none_of`; an empty group limits nothing."""
        one, every, none = frozenset(any_of), frozenset(all_of), frozenset(none_of)
        return [
            phone
            for phone in self._by_token.values()
            if (not one or phone.tags & one) and phone.tags >= every and not phone.tags & none
        ]

    def all_reachable(self, tokens: Iterable[str]) -> bool:
        """Whether all of these are registered and none is muted. One look at all: a batch may have 1,000."""
        asked = set(tokens)
        return self._by_token.keys() >= asked and self._muted.isdisjoint(asked)

    def first_time(self, tokens: Sequence[str], key: str, now: float, within: float = DAY) -> Sequence[str]:
        """Those of the phones that have not got a message with this id in the last `within` seconds; from now on they
        have. Phones drop a repeated message so: HarmonyOS by `appMessageId`, Xiaomi by `jobkey`."""
        seen = self._seen.setdefault(key, {})
        fresh = [token for token in tokens if token not in seen or seen[token] + within <= now] if seen else tokens
        before = len(seen)
        seen.update(dict.fromkeys(fresh, now))
        self._remembered += len(seen) - before
        while self._remembered > REPEATS_REMEMBERED and len(self._seen) > 1:
            self._remembered -= len(self._seen.popitem(last=False)[1])
        return fresh

    def register(self, tokens: Iterable[str]) -> None:
        """Register new phones; one that is registered stays as it is."""
        for token in tokens:
            if token not in self._by_token:
                self._by_token[token] = Phone(token)
                self._former.pop(token, None)
        self.changes.note()

    def uninstall(self, token: str) -> bool:
        """The app is removed from this phone: its token is dead. Returns False if it was not registered."""
        phone = self._by_token.get(token)
        if phone is None:
            return False
        self.set_alias(token, None)
        self.set_account(token, None)
        self._muted.discard(token)
        del self._by_token[token]
        phone.clear()
        self._former[token] = phone
        if len(self._former) > FORMER_REMEMBERED:
            self._former.popitem(last=False)
        self.changes.note(token)
        return True

    def mute(self, token: str, muted: bool = True) -> bool:
        """The user switches notifications off (or on again). Returns False if the token is not registered."""
        phone = self._by_token.get(token)
        if phone is None:
            return False
        phone.muted = muted
        if muted:
            self._muted.add(token)
        else:
            self._muted.discard(token)
        self.changes.note(token)
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
                self.changes.note(former.token)
            self._by_alias[alias] = phone
        phone.alias = alias
        self.changes.note(token)
        return True

    def set_account(self, token: str, account: str | None) -> bool:
        """This user of the app is logged in on the phone, or nobody. Returns False if the token is not registered."""
        phone = self._by_token.get(token)
        if phone is None:
            return False
        if phone.account is not None:
            phones = self._by_account[phone.account]
            del phones[token]
            if not phones:
                del self._by_account[phone.account]
        if account is not None:
            self._by_account.setdefault(account, {})[token] = phone
        phone.account = account
        self.changes.note(token)
        return True

    def set_tags(self, token: str, tags: Iterable[str]) -> bool:
        """Give a phone exactly these tags. Returns False if the token is not registered."""
        phone = self._by_token.get(token)
        if phone is None:
            return False
        phone.tags = frozenset(tags)
        self.changes.note(token)
        return True
