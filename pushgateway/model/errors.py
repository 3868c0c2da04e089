"""The exception tree.

Law of this file: an exception here is either the host's own mistake or a word between a plug-in and the core.
What becomes of a push is never an exception: it is an `Outcome`. No message here may hold a secret, a token, a
title or a body.

    PushgatewayError
    ├── FieldError          (ValueError)    a value the host gave is wrong; names the field and what would be right
    ├── ConfigError         (ValueError)    certificates or settings are wrong; `problems` lists every one
    ├── PluginError                         a brand has no usable plug-in; says what to install or remove
    ├── LoopError           (RuntimeError)  the gateway is used in a second event loop, after a fork, or sync in async
    ├── PushFailed                          only from `Outcome.raise_for_failure()`; `outcome` is the value
    └── ExchangeError                       between plug-in and core; hosts never see these
        ├── NoVerdict                       no readable reply came
        └── Refused                         the request as a whole was refused, readably
            ├── AccessExpired               the access token is not taken (any more): log in again
            └── ClockSkew                   the vendor does not accept our clock
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    from pushgateway.model.outcome import BroadcastOutcome, CallOutcome, Outcome, Reason


class PushgatewayError(Exception):
    """Root of everything raised by pushgateway.

    Every one survives `pickle` and `copy`, so it comes whole out of a process pool or a task queue.
    """

    def __reduce__(self) -> Any:
        # Python's own way calls the class with the message, which is not what the classes here are made of.
        return _remade, (type(self), self.args, {**self.__dict__})


def _remade(kind: type[PushgatewayError], args: tuple[Any, ...], state: dict[str, Any]) -> PushgatewayError:
    """The other end of `PushgatewayError.__reduce__`: an error with this message and these attributes."""
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class FieldError(PushgatewayError, ValueError):
    """A value the host gave is wrong. `field` is its name; the text says what would be right."""

    def __init__(self, field: str, right: str) -> None:
        super().__init__(f"{field}: {right}")
        self.field = field


class ConfigError(PushgatewayError, ValueError):
    """Certificates or settings are wrong. `problems` has one sentence for each; nothing was changed."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


class PluginError(PushgatewayError):
    """A brand has no usable plug-in: none installed, two of one name, broken, or not a `Vendor`."""


class LoopError(PushgatewayError, RuntimeError):
    """A gateway lives in one event loop of one process; this call came from elsewhere."""


class PushFailed(PushgatewayError):
    """Raised by `raise_for_failure()` for every ending but `ACCEPTED`. `outcome` holds all details."""

    def __init__(self, outcome: Outcome | BroadcastOutcome | CallOutcome[Any]) -> None:
        parts = [outcome.status.value]
        if outcome.reason is not None:
            parts.append(outcome.reason.value)
        if outcome.vendor_code is not None:
            parts.append(f"vendor code {outcome.vendor_code}")
        if outcome.detail:
            parts.append(outcome.detail)
        super().__init__(": ".join(parts))
        self.outcome = outcome


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


class AccessExpired(Refused):
    """The vendor does not take this access token: the core forgets it, logs in once and sends once more."""


class ClockSkew(Refused):
    """The vendor does not accept our timestamp: the core learns the offset from the reply and repeats once.

    `offset` is filled in by the core: the vendor's clock minus ours in seconds, None when the reply had no `Date`.
    """

    offset: float | None = None
