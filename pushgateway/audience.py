"""The words of a broadcast: who it is for, and what it says.

Law of this file: as in `model`, frozen values and nothing else; a `repr` holds nothing that a log may not show.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from datetime import datetime

import attrs

from pushgateway.errors import FieldError
from pushgateway.model import Notification, as_certificate_id, check_aware, check_kind


class AudienceKind(enum.Enum):
    """Who a broadcast is for."""

    EVERYONE = "everyone"
    TOKENS = "tokens"
    ALIASES = "aliases"
    TAGS = "tags"


@attrs.frozen(repr=False)
class Audience:
    """Who a broadcast is for. Made with `everyone()`, `of_tokens(…)`, `of_aliases(…)` or `of_tags(…)`."""

    kind: AudienceKind
    values: tuple[str, ...] = ()
    """Tokens or aliases, in the order given; for tags those of which one is enough."""
    all_of: tuple[str, ...] = ()
    """Tags: every one of these too."""
    none_of: tuple[str, ...] = ()
    """Tags: and none of these."""

    @classmethod
    def everyone(cls) -> Audience:
        """Every phone with the certificate's app."""
        return cls(AudienceKind.EVERYONE)

    @classmethod
    def of_tokens(cls, tokens: Iterable[str]) -> Audience:
        """These tokens; a token given twice counts once. Any number: the core cuts the list for the vendor."""
        return cls(AudienceKind.TOKENS, _texts("Audience.of_tokens", tokens))

    @classmethod
    def of_aliases(cls, aliases: Iterable[str]) -> Audience:
        """Phones with one of these aliases."""
        return cls(AudienceKind.ALIASES, _texts("Audience.of_aliases", aliases))

    @classmethod
    def of_tags(
        cls, any_of: Iterable[str] = (), *, all_of: Iterable[str] = (), none_of: Iterable[str] = ()
    ) -> Audience:
        """Phones with one of `any_of`, all of `all_of` and none of `none_of`; an empty group does not count."""
        groups = [_texts("Audience.of_tags", tags, empty=True) for tags in (any_of, all_of, none_of)]
        if not any(groups):
            raise FieldError("Audience.of_tags", "must name at least one tag")
        return cls(AudienceKind.TAGS, *groups)

    def __repr__(self) -> str:
        return f"Audience({self.kind.value}, {len(self.values) + len(self.all_of) + len(self.none_of)} values)"


def _texts(owner: str, values: Iterable[str], *, empty: bool = False) -> tuple[str, ...]:
    if isinstance(values, str):
        raise FieldError(owner, "must be an iterable of str, not one str")
    try:
        texts = tuple(dict.fromkeys(values))
    except TypeError:  # not iterable, or holding what has no hash and so is no str
        raise FieldError(owner, "must be an iterable of str") from None
    if not all(isinstance(text, str) for text in texts):
        raise FieldError(owner, "must hold only str")
    if not texts and not empty:
        raise FieldError(owner, "must not be empty")
    return texts


@attrs.frozen(repr=False)
class Broadcast:
    """One notification to an audience of one certificate."""

    certificate_id: str = attrs.field(converter=as_certificate_id)
    notification: Notification
    audience: Audience
    start_at: datetime | None = attrs.field(default=None, kw_only=True)
    """When the vendor shall begin (with a time zone). None: now."""
    rate: int | None = attrs.field(default=None, kw_only=True)
    """Phones per second the vendor shall not exceed. None: the vendor's own speed."""

    def __attrs_post_init__(self) -> None:
        check_kind("Broadcast.notification", Notification, self.notification)
        check_kind("Broadcast.audience", Audience, self.audience)
        check_aware("Broadcast", "start_at", self.start_at)
        if self.rate is not None and (isinstance(self.rate, bool) or not isinstance(self.rate, int) or self.rate < 1):
            raise FieldError("Broadcast.rate", "must be a whole number of phones per second, 1 or more, or None")

    def __repr__(self) -> str:
        return f"Broadcast({self.certificate_id!r}, {self.notification!r}, {self.audience!r})"
