"""What an exchange raises instead of returning outcomes: no verdict came, or the request was refused as a whole.

Raised by plug-ins, and by the core at the `yield` of an exchange; the engine makes outcomes of them. Hosts never see
them. The tree of all exceptions is in `pushgateway.model.errors`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

from pushgateway.model.errors import PushgatewayError
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Push
from pushgateway.model.reason import Reason, Status


class ExchangeError(PushgatewayError):
    """Base class of what plug-ins and the core raise in an exchange.

    `kept` holds the outcomes that the plug-in decided itself before the request, by index in the batch (or in the
    tokens of a broadcast): this error does not concern those pushes.
    """

    kept: Mapping[int, Outcome] = {}

    def keeping(self, kept: Mapping[int, Outcome]) -> Self:
        """The same error; the pushes at the indices of `kept` keep these outcomes."""
        self.kept = dict(kept)
        return self


class NoVerdict(ExchangeError):
    """No readable verdict came back for a request.

    `sent` is False only if it is certain that the request was not sent completely; the push then ends `NOT_SENT`,
    otherwise `UNKNOWN`. The core throws it into the exchange at the `yield`; most exchanges let it pass.
    """

    def __init__(self, detail: str, *, sent: bool = True) -> None:
        super().__init__(detail)
        self.detail = detail
        self.sent = sent


class TooLate(NoVerdict):
    """`Request.leave_before` was over before a byte of the request had left. Raised by transports; the core then asks
    again whether the request may leave, and sends it."""

    def __init__(self, detail: str = "the request could not leave in time", *, sent: bool = False) -> None:
        super().__init__(detail, sent=sent)


class Refused(ExchangeError):
    """The vendor refused a request as a whole with a readable reply: nothing of it was pushed.

    `code` and `message` are the vendor's return code (as text) and sentence, `retry_after` is in seconds, `detail` is a
    sentence of ours that may be logged. `about` says what was refused, if the code says so; the core needs it to find
    out which pushes of a batch are meant:

    - "content": the notification. Where all pushes of the request have the same one, all of them are refused.
    - "compartment": what all pushes of a request share by `Vendor.compartment`, such as a channel that the vendor has
      not approved. All of them are refused.
    - "target": the token of one push. The core sends smaller batches until that push is alone.
    - "size": the request is too large (HTTP 413). The core sends smaller batches, and remembers the size for an hour.
    - "": not known. The core sends smaller batches. That holds where all pushes have one notification too: to take the
      notification for refused could cost 999 good pushes, and to search costs some twenty requests. So name it: codes
      whose row says `scope = "content"` do.
    - "saved": the vendor does not know what `Vendor.save_push` stored, or not any more. The core saves it anew, once.
    - "login": the login was refused, not a push. Only set by the core.
    """

    def __init__(
        self,
        reason: Reason,
        code: str | None = None,
        message: str | None = None,
        retry_after: float | None = None,
        detail: str = "",
        *,
        about: Literal["", "content", "compartment", "target", "size", "saved", "login"] = "",
    ) -> None:
        super().__init__(f"{reason.value} (vendor code {code})" if code else f"{reason.value}: {detail}")
        self.reason = reason
        self.code = code
        self.message = message
        self.retry_after = retry_after
        self.detail = detail
        self.about = about

    def outcome(self, push: Push, *, sent: bool = True) -> Outcome:
        """The outcome of `push`, which was in the refused request: `REJECTED`, with one attempt.

        `sent=False`: a step before its request was refused, such as the login. Then it is `NOT_SENT`, without an
        attempt.
        """
        return Outcome(
            push_token=push.push_token,
            status=Status.REJECTED if sent else Status.NOT_SENT,
            reason=self.reason,
            vendor_code=self.code,
            vendor_message=self.message,
            detail=self.detail,
            retry_after=self.retry_after,
            attempts=1 if sent else 0,
            dedupe_id=push.dedupe_id,
            context=push.context,
        )


class AccessExpired(Refused):
    """The vendor does not accept this access token: the core drops it, logs in once and sends once more.

    An exchange whose earlier requests had outcomes for some pushes hands them over by `keeping`: then only the others
    are sent again. A `Call` of several requests that is not `repeatable` is not begun again.

    `offset` is filled in by the core, as in `ClockSkew`: an access token that was signed here by a wrong clock may be
    refused as expired.
    """

    offset: float | None = None


class ClockSkew(Refused):
    """The vendor does not accept our time, or what was signed with it. Any exchange may raise it: the core learns the
    offset from the reply, drops the access token, and asks once more, by the vendor's clock.

    `offset` is filled in by the core: the vendor's clock minus ours in seconds, None when the reply had no `Date`.
    """

    offset: float | None = None
