"""`Ledger`: the pushes that a sandbox has performed, whatever it answered.

Tests compare outcomes with it, so it holds only pushes that were performed. With `keep=False` it only counts, so that a
million pushes need no memory for texts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from pushgateway.model.secret import safe_repr
from pushgateway.vendor import Alert, Badge, Button, ClickAction, Network, OpenApp


@safe_repr
@attrs.frozen
class Delivery:
    """One push that a sandbox performed for one phone: what the phone shows and does, in vendor-neutral fields.

    A vendor's sandbox fills it from the request and leaves out what that vendor does not have. The
    conformance kit compares it with the notification, field by field. Its `repr` shows no token and no text.
    """

    token: str = attrs.field(repr=False)
    title: str = attrs.field(repr=False)
    body: str = attrs.field(repr=False)
    dedupe_id: str | None
    """The sender's id of the push, by which repeats are dropped."""
    message_id: str
    """The vendor's id of the push, as answered."""
    operation: str
    """The vendor's name of the call, as `unicast`."""
    at: float
    """When it was performed, by the sandbox's clock (epoch seconds)."""
    notification: Mapping[str, Any] = attrs.field(repr=False)
    """The notification as it arrived, in the vendor's own field names."""
    subtitle: str = attrs.field(default="", repr=False, kw_only=True)
    """The second line; "" if there is none."""
    click: ClickAction | None = attrs.field(default=OpenApp(), kw_only=True)
    """What a tap does. None: something that no `ClickAction` describes."""
    data: Mapping[str, Any] = attrs.field(factory=dict, repr=False, kw_only=True)
    """The JSON object that the app gets with the tap."""
    ttl: int | None = attrs.field(default=None, kw_only=True)
    """Seconds that the vendor keeps it for a phone that is offline. None: the vendor's default."""
    store_offline: bool = attrs.field(default=True, kw_only=True)
    """False: only for a phone that is online now."""
    network: Network = attrs.field(default=Network.ANY, kw_only=True)
    """Over which network it is delivered."""
    time_zone: str = attrs.field(default="", kw_only=True)
    """The time zone of the display window; "" if none was given."""
    show_from: float | None = attrs.field(default=None, kw_only=True)
    """Start of the display window (epoch seconds)."""
    show_until: float | None = attrs.field(default=None, kw_only=True)
    """End of the display window (epoch seconds)."""
    start_at: float | None = attrs.field(default=None, kw_only=True)
    """When a scheduled broadcast begins (epoch seconds). None: at once."""
    rate: int | None = attrs.field(default=None, kw_only=True)
    """Phones per second of a broadcast. None: the vendor's own speed."""
    channel_id: str = attrs.field(default="", kw_only=True)
    """The Android notification channel."""
    category: str = attrs.field(default="", kw_only=True)
    """The vendor's message category."""
    private: bool = attrs.field(default=False, kw_only=True)
    """True: the category or channel is only for messages that concern this one user, so marketing must not use it."""
    template: str = attrs.field(default="", kw_only=True)
    """The id of the vendor's template."""
    parameters: Mapping[str, Any] = attrs.field(factory=dict, repr=False, kw_only=True)
    """The values of the template's placeholders, by name."""
    badge: Badge | None = attrs.field(default=None, kw_only=True)
    """What happens to the number on the app's icon; None: nothing."""
    replaces: str = attrs.field(default="", repr=False, kw_only=True)
    """The vendor's key of what it replaces: a later notification with the same key takes the place of this one on the
    phone; "": every notification stays."""
    alert: Alert | None = attrs.field(default=None, kw_only=True)
    """How strongly it asks for attention. None: the vendor's default."""
    sound: str = attrs.field(default="", kw_only=True)
    """The sound that the app ships; "": that of the channel."""
    long_body: str = attrs.field(default="", repr=False, kw_only=True)
    """The text of the expanded notification; "": `body`."""
    picture: str = attrs.field(default="", repr=False, kw_only=True)
    """URL (or the vendor's id) of the large picture; "" if there is none."""
    icon: str = attrs.field(default="", repr=False, kw_only=True)
    """URL of the small picture; "" if there is none."""
    buttons: tuple[Button, ...] = attrs.field(default=(), repr=False, kw_only=True)
    """The buttons below the text."""
    group: str = attrs.field(default="", repr=False, kw_only=True)
    """Notifications with the same key are shown as one group; "": none."""
    show_in_foreground: bool = attrs.field(default=True, kw_only=True)
    """False: it is not shown while the app is on the screen."""
    user_id: str = attrs.field(default="", repr=False, kw_only=True)
    """The app's user that it is for; "": whoever is logged in."""
    receipt_url: str = attrs.field(default="", repr=False, kw_only=True)
    """Where receipts for it are posted; "": the sender asked for none."""
    receipt_parameter: str = attrs.field(default="", repr=False, kw_only=True)
    """The text that comes back with its receipts."""
    number: int = attrs.field(default=0, kw_only=True, eq=False)
    """Its number among the deliveries of its sandbox, from 1. Set by the sandbox."""
    request: int | None = attrs.field(default=None, kw_only=True, eq=False)
    """The number of the request that caused it (`RequestLog`); None: it was made without a request. Set by the
    sandbox."""


class Ledger:
    """Every push that was performed, and how often each call was made.

    `calls` counts requests by operation (also refused ones), `bytes` their bodies, `receipts` receipts by their result
    (`posted`, `failed`, `refused`), `dropped` what phones did not show, by the reason (`repeated`, `user`).
    """

    def __init__(self, *, keep: bool = True) -> None:
        self._keep = keep
        self.clear()

    def clear(self) -> None:
        """Remove everything."""
        self.total = 0
        self.bytes = 0
        self.calls: Counter[str] = Counter()
        self.receipts: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self._deliveries: list[Delivery] = []
        self._by_token: Counter[str] = Counter()

    @property
    def keeps(self) -> bool:
        """True if single deliveries are kept. Check it before you make a `Delivery`, which costs time."""
        return self._keep

    @property
    def deliveries(self) -> tuple[Delivery, ...]:
        """All deliveries, oldest first; empty if it only counts."""
        return tuple(self._deliveries)

    def last(self, number: int) -> tuple[Delivery, ...]:
        """The last `number` deliveries, oldest first."""
        return tuple(self._deliveries[-number:]) if number > 0 else ()

    def count(self, token: str) -> int:
        """How many pushes this token got."""
        return self._by_token[token]

    def note_call(self, operation: str, size: int) -> None:
        """A request arrived."""
        self.calls[operation] += 1
        self.bytes += size

    def note(self, token: str, delivery: Delivery | None) -> None:
        """A push was performed for `token`; `delivery` is None if the ledger only counts."""
        self.total += 1
        self._by_token[token] += 1
        if delivery is not None:
            self._deliveries.append(delivery)

    def count_all(self, tokens: Sequence[str]) -> None:
        """A push was performed for each of these tokens, by a ledger that only counts."""
        self.total += len(tokens)
        self._by_token.update(tokens)  # counted in C
