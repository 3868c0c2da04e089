"""`Broadcast`: one notification for many phones, and `Audience`: which phones.

Frozen values and their checks, nothing else. A `repr` shows no token, alias, tag, title or body. Made by hosts for
`Gateway.broadcast`, read by plug-ins.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from datetime import datetime

import attrs

from pushgateway.model.checks import as_certificate_id, check_aware, check_kind
from pushgateway.model.errors import FieldError
from pushgateway.model.notification import Notification
from pushgateway.model.push import as_token
from pushgateway.model.secret import safe_repr, shown


class AudienceKind(enum.Enum):
    """Who a broadcast is for."""

    EVERYONE = "everyone"
    TOKENS = "tokens"
    ALIASES = "aliases"
    ACCOUNTS = "accounts"
    TAGS = "tags"

    @property
    def is_list(self) -> bool:
        """True if each value is a target of its own (tokens, aliases, accounts), so that a long audience is sent in
        several requests and counted by its values."""
        return self in _LISTS


_LISTS = frozenset({AudienceKind.TOKENS, AudienceKind.ALIASES, AudienceKind.ACCOUNTS})


@safe_repr
@attrs.frozen(repr=False)
class Audience:
    """Who a broadcast is for. Made with `everyone()`, `of_tokens(…)`, `of_aliases(…)`, `of_accounts(…)` or
    `of_tags(…)`."""

    kind: AudienceKind
    values: tuple[str, ...] = ()
    """Tokens, aliases or accounts, in the order given; for tags: the phone must have at least one of these."""
    all_of: tuple[str, ...] = ()
    """Tags: the phone must also have each of these."""
    none_of: tuple[str, ...] = ()
    """Tags: the phone must have none of these."""

    def __attrs_post_init__(self) -> None:
        check_kind("Audience.kind", AudienceKind, self.kind)
        keep = _tokens if self.kind is AudienceKind.TOKENS else _texts
        for name in ("values", "all_of", "none_of"):
            given = getattr(self, name)
            # Values that a class method below has made, or a part of them, are not checked again: there may be
            # millions.
            if (
                type(given) is not tuple
                or not set(map(type, given)) <= {str}
                or (keep is _tokens and not _are_plain(given))
            ):
                object.__setattr__(self, name, keep(f"Audience.{name}", given, empty=True))

    @classmethod
    def everyone(cls) -> Audience:
        """Every phone that has the certificate's app."""
        return cls(AudienceKind.EVERYONE)

    @classmethod
    def of_tokens(cls, tokens: Iterable[str]) -> Audience:
        """The phones with these tokens; a token given twice counts once. Any number: the core cuts the list into
        requests.

        Blanks around a token are removed. Raises `FieldError` for a token with a character that no token can hold (see
        `PushToken`), and names the place of the first such token.
        """
        return cls(AudienceKind.TOKENS, _tokens("Audience.of_tokens", tokens))

    @classmethod
    def of_aliases(cls, aliases: Iterable[str]) -> Audience:
        """Phones with one of these aliases."""
        return cls(AudienceKind.ALIASES, _texts("Audience.of_aliases", aliases))

    @classmethod
    def of_accounts(cls, accounts: Iterable[str]) -> Audience:
        """Phones on which one of these users of the app is logged in, for vendors to which the app reports its user
        (Xiaomi: `user_account`)."""
        return cls(AudienceKind.ACCOUNTS, _texts("Audience.of_accounts", accounts))

    @classmethod
    def of_tags(
        cls, any_of: Iterable[str] = (), *, all_of: Iterable[str] = (), none_of: Iterable[str] = ()
    ) -> Audience:
        """Phones with one of `any_of`, all of `all_of` and none of `none_of`; an empty group is ignored."""
        groups = [_texts("Audience.of_tags", tags, empty=True) for tags in (any_of, all_of, none_of)]
        if not any(groups):
            raise FieldError("Audience.of_tags", "must name at least one tag")
        return cls(AudienceKind.TAGS, *groups)

    def __repr__(self) -> str:
        groups = [getattr(self, name, ()) for name in ("values", "all_of", "none_of")]
        kind = getattr(getattr(self, "kind", None), "value", "unset")
        return f"Audience({kind}, {sum(len(group) for group in groups if isinstance(group, tuple))} values)"


def _texts(owner: str, values: Iterable[str], *, empty: bool = False) -> tuple[str, ...]:
    if isinstance(values, str):
        raise FieldError(owner, "must be an iterable of str, not one str")
    try:
        texts = tuple(dict.fromkeys(values))
    except TypeError:  # not iterable, or with an element without a hash, which is no str
        raise FieldError(owner, "must be an iterable of str") from None
    if not all(isinstance(text, str) for text in texts):
        raise FieldError(owner, "must hold only str")
    if not texts and not empty:
        raise FieldError(owner, "must not be empty")
    return texts if set(map(type, texts)) <= {str} else tuple(map(str.__str__, texts))


def _are_plain(tokens: Iterable[str]) -> bool:
    """True if all of these consist of letters, digits and "_", so they need no further check."""
    together = "".join(tokens)
    return together.isascii() and f"_{together}".isidentifier()


def _tokens(owner: str, values: Iterable[str], *, empty: bool = False) -> tuple[str, ...]:
    texts = _texts(owner, values, empty=empty)
    if _are_plain(texts):
        return texts
    kept: dict[str, None] = {}
    for text in texts:
        try:
            kept[as_token(text)] = None
        except FieldError as wrong:
            place, problem = texts.index(text), str(wrong).removeprefix(f"{wrong.field}: ")
            break
    else:
        return tuple(kept)
    del values, texts, kept, text  # a crash reporter stores the variables of this frame
    raise FieldError(f"{owner}[{place}]", problem)


LATE = 60.0
"""Seconds that a start may lie in the past, because clocks differ and time passes until it is checked."""


def check_start(field: str, start: datetime | None, clock: Callable[[], float]) -> None:
    """Raise `FieldError` for a start that has passed by `clock` (epoch seconds). The vendor would begin at once, or
    refuse it with a code that does not mention the time."""
    if start is not None and start.timestamp() < clock() - LATE:
        raise FieldError(field, "lies in the past: leave it out to begin now")


def check_display(broadcast: Broadcast, clock: Callable[[], float]) -> None:
    """Raise `FieldError` for a display window that is over by `clock` (epoch seconds), or before the broadcast begins.
    The vendor would accept it and no phone would show it."""
    until, start = broadcast.notification.show_until, broadcast.start_at
    if until is None:
        return
    if until.timestamp() < clock() - LATE:
        raise FieldError("Notification.show_until", "lies in the past: nobody would see it")
    if start is not None and until <= start:
        raise FieldError("Broadcast.start_at", "must be before the notification's show_until")


@safe_repr
@attrs.frozen(repr=False)
class Broadcast:
    """One notification to an audience of one certificate."""

    certificate_id: str = attrs.field(converter=as_certificate_id)
    notification: Notification
    audience: Audience
    start_at: datetime | None = attrs.field(default=None, kw_only=True)
    """When the vendor starts to send (with a time zone). None: now."""
    rate: int | None = attrs.field(default=None, kw_only=True)
    """Phones per second that the vendor must not exceed. None: the vendor's own speed."""

    def __attrs_post_init__(self) -> None:
        check_kind("Broadcast.notification", Notification, self.notification)
        check_kind("Broadcast.audience", Audience, self.audience)
        check_aware("Broadcast", "start_at", self.start_at)
        if self.rate is not None and (isinstance(self.rate, bool) or not isinstance(self.rate, int) or self.rate < 1):
            raise FieldError("Broadcast.rate", "must be a whole number of phones per second, 1 or more, or None")

    def __repr__(self) -> str:
        return f"Broadcast({', '.join(shown(self, name) for name in ('certificate_id', 'notification', 'audience'))})"
