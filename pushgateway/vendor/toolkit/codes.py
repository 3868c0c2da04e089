"""A vendor's return codes: which outcome or which refusal each of them means, by the rows of its `rules.toml`.

Pure. Raises nothing but `Refused` (with `AccessExpired` and `ClockSkew`) and `NoVerdict`. Items of a reply are read in
`items`, lists of refused tokens in `token_lists`; both ask this table what a code means.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, Literal

import attrs

from pushgateway.vendor import (
    AccessExpired,
    ClockSkew,
    NoVerdict,
    Outcome,
    Push,
    Reason,
    Refused,
    Reply,
    Response,
    read_reply,
    safe_repr,
)
from pushgateway.vendor.replies import code_text
from pushgateway.vendor.rules import CodeRule, Rules
from pushgateway.vendor.toolkit.readers import short

_PAUSED = (Reason.RATE_LIMITED, Reason.UNAVAILABLE, Reason.QUOTA_EXCEEDED)
"""Reasons for which the time of the next attempt has a meaning."""


@safe_repr
@attrs.frozen
class CodeTable:
    """The return codes of one kind of reply. A code without a row is a permanent refusal, never a dead token.

    A vendor has one for its requests, and others (`CodeTable.of`) where a code means something else for one target
    within a reply, or in a login.
    """

    rows: Mapping[str, CodeRule] = attrs.field(repr=False)
    """By code as text, a number or a word: usually `load_rules(...).codes`."""
    code: str = "code"
    """The name of the code in a reply."""
    message: str = "message"
    """The name of the vendor's sentence for it in a reply."""
    busy: frozenset[int] = attrs.field(default=frozenset(), converter=frozenset)
    """HTTP statuses besides 429 by which the vendor limits the rate: Huawei's flow control answers 503 without a
    code."""
    expired: frozenset[int] = attrs.field(default=frozenset(), converter=frozenset)
    """HTTP statuses by which the vendor refuses an access token without a code: Huawei's 401."""
    accepted: frozenset[str] = attrs.field(init=False)
    """The codes of success."""
    partial: frozenset[str] = attrs.field(init=False)
    """The codes of a success in part: the reply names who was refused."""
    _words: frozenset[str] = attrs.field(init=False, repr=False)

    @accepted.default
    def _success(self) -> frozenset[str]:
        return frozenset(code for code, row in self.rows.items() if row.reason == "accepted")

    @partial.default
    def _in_part(self) -> frozenset[str]:
        return frozenset(code for code, row in self.rows.items() if row.reason == "partial")

    @_words.default
    def _not_numbers(self) -> frozenset[str]:
        return frozenset(code for code in self.rows if code_text(code) is None)

    @classmethod
    def of(
        cls, rules: Rules, place: Literal["codes", "target_codes", "login_codes"] = "codes", **how: Any
    ) -> CodeTable:
        """The codes of a place, with those of a request behind them. `how`: the other fields of a `CodeTable`."""
        return cls(rules.codes_of(place), **how)

    def read(self, response: Response) -> Reply:
        """The reply, accepted or refused. Raises as `read_reply` does, `AccessExpired` for a status of `expired`
        without a code, and `NoVerdict` for a code of success with an HTTP status of failure, or of a success in part
        with HTTP 5xx."""
        try:
            reply = read_reply(response, code=self.code, message=self.message, words=self._words, busy=self.busy)
        except Refused as refused:
            if response.status in self.expired:
                raise AccessExpired(Reason.CREDENTIALS, detail=refused.detail) from None
            raise
        is_good = 200 <= response.status < 300 or (reply.code in self.partial and response.status < 500)
        if not is_good and (reply.code in self.accepted or reply.code in self.partial):
            raise NoVerdict(f"HTTP {response.status} contradicts code {reply.code}")
        return reply

    def read_accepted(self, response: Response, *, one_target: bool = False, also: Collection[str] = ()) -> Reply:
        """The reply, if its code is a success, or a success in part (`partial`); otherwise raises what the code means.

        `one_target`: the request named only one token or alias, so a code about a target concerns that one. `also`:
        further codes that the caller handles itself, such as that of a partial success.
        """
        reply = self.read(response)
        if reply.code in self.accepted or reply.code in self.partial or reply.code in also:
            return reply
        row = self.rows.get(reply.code)
        if one_target and row is not None and row.scope == "target" and row.host_reason is not None:
            raise Refused(row.host_reason, reply.code, short(reply.message), None, self.sentence(reply.code))
        raise self.refusal(reply, response)

    def refusal(self, reply: Reply, response: Response) -> Refused | NoVerdict:
        """What to raise for a request that was refused as a whole.

        A code about a target does not say which target: it becomes `INVALID_NOTIFICATION` with `about="target"`, so
        that no valid token is retired. A code about the content is not tried in halves. An unknown code with HTTP 5xx
        is no verdict.
        """
        row = self.rows.get(reply.code)
        if row is None and response.status >= 500:
            return NoVerdict(f"HTTP {response.status} with the unknown code {reply.code}")
        kind: type[Refused] = Refused
        if row is not None and row.reason in ("expired", "clock"):
            kind = AccessExpired if row.reason == "expired" else ClockSkew
        reason = (row.host_reason if row else None) or Reason.INVALID_NOTIFICATION
        detail = self.sentence(reply.code)
        if row is not None and row.scope == "target":
            # It does not say which target: `UNREGISTERED` for all of them would retire valid tokens.
            reason, detail = Reason.INVALID_NOTIFICATION, f"{detail}; the reply does not name the target"
            return kind(reason, reply.code, short(reply.message), None, detail, about="target")
        pause = self.pause(reply.code, response.retry_after)
        now = response.received_at if response.date is None else response.date
        if row is not None and row.hours and now is not None:  # a `Retry-After` counts as 300 seconds at most
            pause = max(pause or 0.0, seconds_closed(row.hours, now))
        return kind(reason, reply.code, short(reply.message), pause, detail, about="" if row is None else row.about)

    def login_refusal(self, reply: Reply, response: Response) -> Refused | NoVerdict:
        """What to raise for a refused login. Codes about the notification, and "log in again", which would be repeated
        for ever, become `CREDENTIALS`."""
        refused = self.refusal(reply, response)
        if isinstance(refused, Refused) and (
            isinstance(refused, AccessExpired) or refused.reason is Reason.INVALID_NOTIFICATION
        ):
            return Refused(Reason.CREDENTIALS, refused.code, refused.message, refused.retry_after, refused.detail)
        return refused

    def only_push_refused(
        self,
        push: Push,
        reply: Reply,
        response: Response,
        truncated: tuple[str, ...] = (),
        omitted: tuple[str, ...] = (),
    ) -> Outcome:
        """The outcome of the only push of a refused request. Raises `refusal` if the code concerns the request and not
        this push."""
        row = self.rows.get(reply.code)
        if row is None or (row.scope != "target" and row.reason != "repeated"):
            raise self.refusal(reply, response)
        pause = response.retry_after
        return self.rejected(push, reply.code, reply.message, truncated=truncated, omitted=omitted, pause=pause)

    def rejected(
        self,
        push: Push,
        code: str,
        message: object = None,
        *,
        truncated: tuple[str, ...] = (),
        omitted: tuple[str, ...] = (),
        pause: float | None = None,
        message_id: str | None = None,
    ) -> Outcome:
        """The outcome of a push that the vendor refused by name with this code. `pause`: seconds that the reply asks
        to wait."""
        row = self.rows.get(code)
        reason = (row.host_reason if row else None) or Reason.INVALID_NOTIFICATION
        return Outcome.rejected(
            push,
            reason,
            code=code,
            message=short(message),
            detail=self.sentence(code),
            retry_after=self.pause(code, pause),
            message_id=message_id,
            repeated=row is not None and row.reason == "repeated",
            truncated=truncated,
            omitted=omitted,
        )

    def is_copy(self, code: str) -> bool:
        """True if the code says that a target was named twice; the first one was accepted."""
        row = self.rows.get(code)
        return row is not None and row.reason == "copy"

    def is_deadly(self, code: str) -> bool:
        """True if the code says that a token is dead."""
        row = self.rows.get(code)
        return row is not None and row.host_reason is Reason.UNREGISTERED

    def sentence(self, code: str) -> str:
        """The meaning of a code and what to do about it, for `Outcome.detail`."""
        row = self.rows.get(code)
        if row is None:
            return "unknown code"
        return f"{row.meaning}: {row.advice}" if row.advice else row.meaning

    def pause(self, code: str, hint: float | None) -> float | None:
        """Seconds until the next attempt: the reply's `hint`, else the row's; None if waiting does not help."""
        row = self.rows.get(code)
        if row is None or row.host_reason not in _PAUSED:
            return None
        return row.retry_after if hint is None else hint


_ZONE: Final = 8 * 3600
_DAY: Final = 86_400
_CLOCKS_DIFFER: Final = 900.0
"""Seconds to wait where a vendor refuses for its hours within these hours: its servers' clocks differ."""


def seconds_closed(hours: str, now: float) -> float:
    """Seconds until hours such as `07:00-23:00` of China's day begin. `now`: epoch seconds by the vendor's clock."""
    begin, end = (60 * (60 * int(one[:2]) + int(one[3:])) for one in hours.split("-"))
    time = (now + _ZONE) % _DAY
    is_open = begin <= time < end if begin < end else time >= begin or time < end
    return _CLOCKS_DIFFER if is_open else (begin - time) % _DAY
