"""What an exchange raises instead of returning outcomes: no verdict came, or the request was refused as a whole.

Raised by plug-ins and by the core at the `yield` of an exchange; read by the engine, which makes outcomes of them.
Hosts never see them. Where they stand in the tree of exceptions is drawn in `pushgateway.model.errors`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

from pushgateway.model.errors import PushgatewayError
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Push
from pushgateway.model.reason import Reason, Status


class ExchangeError(PushgatewayError):
    """A word between a plug-in's exchange and the core.

    `kept` holds outcomes that the plug-in had settled itself before asking, by place in the batch (or among the
    tokens of a broadcast): what became of the request is not about them.
    """

    kept: Mapping[int, Outcome] = {}

    def keeping(self, kept: Mapping[int, Outcome]) -> Self:
        """The same error, leaving those at the places `kept` with the outcomes they already have."""
        self.kept = dict(kept)
        return self


class NoVerdict(ExchangeError):
    """No readable verdict came back for a request.

    `sent` is False only when it is sure that the request did not leave completely; the core then says
    `NOT_SENT`, otherwise `UNKNOWN`. The core throws it into the exchange at the `yield`; most exchanges just
    let it pass.
    """

    def __init__(self, detail: str, *, sent: bool = True) -> None:
        super().__init__(detail)
        self.detail = detail
        self.sent = sent


class Refused(ExchangeError):
    """The vendor refused a request as a whole, readably: nothing of it was pushed.

    `code` and `message` are the vendor's own number (as text) and sentence, `retry_after` is in seconds,
    `detail` is a sentence of ours that may be logged. `about` says what was refused, where the code says it; the core
    needs it to find out which pushes of a batch are meant:

    - "content": the notification. Where all pushes of the request have the same one, all of them are refused.
    - "target": the token of one push. The core sends smaller batches until that push is alone.
    - "size": the request is too large (HTTP 413). The core sends smaller batches, and remembers the size for an hour.
    - "": not known. The core sends smaller batches.
    - "login": only set by the core: what was refused is the login, and no push.
    """

    def __init__(
        self,
        reason: Reason,
        code: str | None = None,
        message: str | None = None,
        retry_after: float | None = None,
        detail: str = "",
        *,
        about: Literal["", "content", "target", "size", "login"] = "",
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

        `sent=False`: what was refused is what had to come before its request, such as the login. Then it is `NOT_SENT`,
        without an attempt.
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
    """The vendor does not take this access token: the core forgets it, logs in once and sends once more."""


class ClockSkew(Refused):
    """The vendor does not accept our timestamp: the core learns the offset from the reply and repeats once.

    `offset` is filled in by the core: the vendor's clock minus ours in seconds, None when the reply had no `Date`.
    """

    offset: float | None = None
