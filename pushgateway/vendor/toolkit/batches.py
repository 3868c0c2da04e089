"""Batches: of one notification for many tokens, as Huawei, Honor, vivo, Meizu and Xiaomi take them, and of different
ones, as Xiaomi does.

Pure. A plug-in says what a token looks like, how the notification is encoded, how the request is made and how its reply
is read; which pushes are sent, and that each has its outcome in the order of the batch, is decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

import attrs

from pushgateway.vendor import (
    Batch,
    Exchange,
    Notification,
    NoVerdict,
    Outcome,
    Push,
    Reason,
    Refused,
    Request,
    Response,
    safe_repr,
)
from pushgateway.vendor.toolkit.codes import CodeTable
from pushgateway.vendor.toolkit.token_lists import listed_outcomes

E = TypeVar("E")

CLEAN: Final = bytes(set(range(0x21, 0x7F)) - set(b"\"'`<>(){}[]\\;,"))
"""Visible ASCII without quotation marks, brackets and separators: what stands around a token in damaged input, and in
no vendor's tokens."""


@safe_repr
@attrs.frozen(kw_only=True)
class TokenRule:
    """What a text must be to be sent as a token."""

    vendor: str
    """How sentences call the vendor."""
    longest: int
    """Characters, at most."""
    letters: bytes = attrs.field(default=CLEAN, repr=False)
    """The characters that a token may have."""

    def problem(self, token: str) -> tuple[Reason, str] | None:
        """Why a text is not sent as a token, in a sentence that does not quote it; None: it may be one.

        `UNREGISTERED` only for a clean text that is longer than any token; else `INVALID_NOTIFICATION`, because a text
        with dirt about it may be a living phone's token, which the host keeps.
        """
        if not token:
            return Reason.INVALID_NOTIFICATION, "token: is empty"
        odd = next((one for one in token if not one.isascii() or ord(one) not in self.letters), "")
        if odd:
            sentence = f"token: contains U+{ord(odd):04X}, which no token of {self.vendor} contains"
            return Reason.INVALID_NOTIFICATION, f"{sentence}: pass only the token"
        if len(token) > self.longest:
            sentence = f"token: must have at most {self.longest} characters, has {len(token)}"
            return Reason.UNREGISTERED, f"{sentence}: it cannot be {self.vendor}'s"
        return None

    def settle(self, batch: Batch) -> dict[int, Outcome]:
        """By place: the outcomes of pushes whose tokens are not sent. One look at all where all are good."""
        sizes, together = list(map(len, batch.tokens)), "\n".join(batch.tokens)
        are_usual = together.isascii() and min(sizes) > 0 and max(sizes) <= self.longest
        if are_usual and together.encode().translate(None, self.letters) == b"\n" * (len(sizes) - 1):
            return {}
        problems = enumerate(map(self.problem, batch.tokens))
        return {place: Outcome.not_sent(batch[place], *problem) for place, problem in problems if problem is not None}


@safe_repr
@attrs.frozen(kw_only=True, repr=False)
class Frame:
    """A notification that was encoded once, without its target, and what every outcome of it says."""

    head: bytes
    """What stands before the target in the body."""
    tail: bytes = b""
    truncated: tuple[str, ...] = ()
    omitted: tuple[str, ...] = ()
    handle: str | None = None
    """`Outcome.handle`."""
    message_id: str | None = None
    """The message id of pushes whose reply has none: that of a saved content."""

    def around(self, target: bytes) -> bytes:
        """The body of a request for this target, as it is written in it."""
        return b"".join((self.head, target, self.tail))

    def outcomes(
        self,
        codes: CodeTable,
        sent: Batch,
        lists: Mapping[str, Sequence[str] | None],
        *,
        message_id: str | None,
        pause: float | None = None,
        failures: int | None = None,
    ) -> Sequence[Outcome]:
        """The outcome of each push of `sent`, in their order, by the lists of refused tokens: see `listed_outcomes`."""
        size = len(sent)
        truncated, omitted, handle = [self.truncated] * size, self.omitted, self.handle
        if not lists and not failures:
            return Outcome.all_accepted(sent, [message_id] * size, truncated, [omitted] * size, [handle] * size)
        return listed_outcomes(
            codes,
            sent,
            lists,
            message_id=message_id,
            truncated=truncated,
            omitted=omitted,
            handle=handle,
            pause=pause,
            failures=failures,
        )


def quoted_list(tokens: Sequence[str]) -> bytes:
    """A JSON list of tokens that hold nothing which JSON quotes (`CLEAN`), by two C calls."""
    return b'["%b"]' % '","'.join(tokens).encode() if tokens else b"[]"


def push_same(
    batch: Sequence[Push],
    rule: TokenRule,
    *,
    encode: Callable[[Batch], E],
    ask: Callable[[E, Batch], Request],
    read: Callable[[Response, E, Batch], Sequence[Outcome]],
) -> Exchange[Sequence[Outcome]]:
    """The `push` of a vendor whose requests hold one notification.

    `encode` gets the pushes that are sent and makes what `ask` and `read` get; a `Refused` that it raises ends them
    `NOT_SENT`. `read` returns an outcome for each push that was sent.
    """
    given = Batch.of(batch)
    settled = rule.settle(given)
    sent = given if not settled else given.pick(place for place in range(len(given)) if place not in settled)
    if not len(sent):
        return merged(given, settled, ())
    try:
        encoded = encode(sent)
    except Refused as refused:
        return merged(given, settled, (Outcome.not_sent(push, refused.reason, refused.detail) for push in sent))
    try:
        response = yield ask(encoded, sent)
        outcomes = read(response, encoded, sent)
    except (Refused, NoVerdict) as failed:
        raise failed.keeping(settled) from None
    return outcomes if not settled else merged(given, settled, outcomes)


CHECKPOINT_EVERY: Final = 64
"""Notifications that are encoded between two checkpoints: about 2 ms."""


def push_mixed(
    batch: Sequence[Push],
    rule: TokenRule,
    *,
    encode: Callable[[Notification], E | Refused],
    send: Callable[[Batch, Sequence[E]], Exchange[Sequence[Outcome]]],
) -> Exchange[Sequence[Outcome]]:
    """The `push` of a vendor whose requests may hold different notifications.

    `encode` is called once for each of them; a `Refused` that it returns ends its pushes `NOT_SENT`. `send` gets the
    other pushes, with the encoded notification of each (one object for pushes that share one), and returns an outcome
    for each. Yields None at checkpoints.
    """
    given = Batch.of(batch)
    settled = rule.settle(given)
    known: dict[int, E | Refused] = {}
    encoded: list[E] = []
    for place, note in enumerate(given.notifications):
        one = known.get(id(note))
        if one is None:
            one = known[id(note)] = encode(note)
            if len(known) % CHECKPOINT_EVERY == 0:
                yield None
        if isinstance(one, Refused):
            settled.setdefault(place, Outcome.not_sent(given[place], one.reason, one.detail))
        elif place not in settled:
            encoded.append(one)
    if not encoded:
        return merged(given, settled, ())
    sent = given if not settled else given.pick(place for place in range(len(given)) if place not in settled)
    try:
        outcomes = yield from send(sent, encoded)
    except (Refused, NoVerdict) as failed:
        raise failed.keeping(settled) from None
    return outcomes if not settled else merged(given, settled, outcomes)


def merged(batch: Batch, settled: Mapping[int, Outcome], outcomes: Iterable[Outcome]) -> list[Outcome]:
    """The outcomes of a batch in its order: `settled` by place, and `outcomes` for the others."""
    others = iter(outcomes)
    return [settled[place] if place in settled else next(others) for place in range(len(batch))]
