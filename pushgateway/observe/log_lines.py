"""The log lines of events: level and sentence of each event that an operator should see, and which are the same thing.

Pure functions; how often a line is written is decided in `pushgateway.observe.emitter`. Each sentence is a single line:
texts of vendors, plug-ins and hosts are escaped and cut.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import attrs

from pushgateway.model.reason import Reason, Status
from pushgateway.model.secret import safe_repr
from pushgateway.observe.events import (
    SAVED_CONTENTS,
    BreakerChanged,
    BreakerState,
    BroadcastDone,
    CallDone,
    DevicesChanged,
    Event,
    LoginDone,
    OutboxChanged,
    OutcomeGiven,
    QuotaLatched,
    QuotaReleased,
    RateChanged,
    ReceiptsReceived,
    Reloaded,
    RetiringChanged,
    SharedStateChanged,
    Shed,
)

INFO, WARNING, ERROR = 20, 30, 40
"""The levels of `logging`, which a pure module does not import."""

LONGEST = 200
"""Characters of a foreign text that a line shows, at most."""


@safe_repr
@attrs.frozen(eq=False)
class Line:
    """How one kind of event is logged."""

    about: Callable[[Any], Hashable | None]
    """Returns a key; events with equal keys are about the same thing. None: the event is not logged."""
    level: Callable[[Any], int]
    text: Callable[[Any, str], str]
    """Returns the sentence; takes the event and our detail about it."""
    count: Callable[[Any], int] = lambda event: 1
    """Returns how many things the event stands for."""


_OPERATORS = frozenset({Reason.CREDENTIALS, Reason.QUOTA_EXCEEDED, Reason.RATE_LIMITED, Reason.UNAVAILABLE})


def _outcome_about(event: OutcomeGiven | BroadcastDone | CallDone) -> Hashable | None:
    if event.status is not Status.UNKNOWN and event.reason not in _OPERATORS:
        return None
    return type(event), event.certificate_id, event.status, event.reason, event.vendor_code


def _failure_level(event: OutcomeGiven | BroadcastDone | CallDone | LoginDone | BreakerChanged) -> int:
    """An error if somebody must fix the credentials; a warning for failures that end by themselves."""
    return ERROR if event.reason is Reason.CREDENTIALS else WARNING


def _why(reason: Reason | None, code: str | None, detail: str = "") -> str:
    parts = [reason.value if reason is not None else ""]
    if code is not None:
        parts.append(f", vendor code {plain(code)}")
    if detail:
        parts.append(f" ({plain(detail)})")
    return "".join(parts)


def _outcome_text(event: OutcomeGiven, detail: str) -> str:
    why = _why(event.reason, event.vendor_code, detail)
    return f"{_of(event)}: pushes end {event.status.value}: {why}"


def _broadcast_text(event: BroadcastDone, detail: str) -> str:
    why = _why(event.reason, event.vendor_code, detail)
    return f"{_of(event)}: a broadcast ended {event.status.value}: {why}"


def _call_about(event: CallDone) -> Hashable | None:
    about = _outcome_about(event)
    return None if about is None else (about, event.name)


def _call_text(event: CallDone, detail: str) -> str:
    why = _why(event.reason, event.vendor_code, detail)
    return f"{_of(event)}: {plain(event.name)} ended {event.status.value}: {why}"


def _login_about(event: LoginDone) -> Hashable | None:
    if event.ok:
        return None
    return LoginDone, event.certificate_id, event.region, event.reason, event.vendor_code


def _login_text(event: LoginDone, detail: str) -> str:
    verb = "was refused" if event.reason is Reason.CREDENTIALS else "failed"
    return f"{_of(event)}: the login{_region(event)} {verb}: {_why(event.reason, event.vendor_code, detail)}"


def _breaker_about(event: BreakerChanged) -> Hashable | None:
    if event.state is BreakerState.HALF_OPEN:
        return None
    return BreakerChanged, event.certificate_id, event.region, event.state, event.reason, event.vendor_code


def _breaker_level(event: BreakerChanged) -> int:
    return INFO if event.state is BreakerState.CLOSED else _failure_level(event)


def _breaker_text(event: BreakerChanged, detail: str) -> str:
    if event.state is BreakerState.CLOSED:
        return f"{_of(event)}: the vendor{_region(event)} answers again; sending resumes"
    why = _why(event.reason, event.vendor_code, detail)
    return f"{_of(event)}: the vendor{_region(event)} is not asked for {event.seconds:.0f} s: {why}"


def _region(event: LoginDone | BreakerChanged) -> str:
    return f" (region {plain(event.region)})" if event.region else ""


def _quota(event: QuotaLatched | QuotaReleased) -> str:
    return f"the day's quota{f' of {plain(event.quota)}' if event.quota else ''}"


def _latch_text(event: QuotaLatched, detail: str) -> str:
    effect = "pushes are sent one by one" if event.quota == SAVED_CONTENTS else "the vendor is not asked"
    return f"{_of(event)}: {_quota(event)} is used up; {effect} for {event.seconds / 3600:.1f} h"


def _rate_text(event: RateChanged, detail: str) -> str:
    rates = {"pushes": event.pushes_per_second, "requests": event.requests_per_second}
    limits = [f"{rate:.4g} {what} per second" for what, rate in rates.items() if rate is not None]
    return f"{_of(event)}: sends at most {' and '.join(limits)}" if limits else f"{_of(event)}: sends without a limit"


def _shed_text(event: Shed, detail: str) -> str:
    return f"{_of(event)}: the queue is full, {event.count} refused at once"


def _receipts_about(event: ReceiptsReceived) -> Hashable | None:
    if not (event.forged or event.unreadable):
        return None
    return ReceiptsReceived, event.certificate_id, bool(event.forged), bool(event.unreadable)


def _receipts_text(event: ReceiptsReceived, detail: str) -> str:
    what = [f"{event.forged} receipts that do not prove themselves" if event.forged else ""]
    what.append(f"{event.unreadable} that cannot be read" if event.unreadable else "")
    return f"{_of(event)}: {' and '.join(filter(None, what))} came in{f': {plain(detail)}' if detail else ''}"


def _reload_text(event: Reloaded, detail: str) -> str:
    sets = {"added": event.added, "changed": event.changed, "removed": event.removed}
    changes = [f"{len(ids)} {what} ({plain(', '.join(ids[:10]))})" for what, ids in sets.items() if ids]
    return f"certificates: {', '.join(changes)}"


def _state_text(event: SharedStateChanged, detail: str) -> str:
    if event.available:
        return f"the shared state ({plain(detail)}) answers again"
    return f"the shared state does not answer, and each process goes on by itself ({plain(detail)})"


def _devices_text(event: DevicesChanged, detail: str) -> str:
    if event.available:
        return f"devices: {plain(detail)} can be used again"
    return f"devices: pushes to users are not sent, and dead tokens wait: {plain(detail)}"


def _outbox_text(event: OutboxChanged, detail: str) -> str:
    if event.available:
        return f"outbox: {_OUTBOX[event.what][1]}"
    return f"outbox: {_OUTBOX[event.what][0]}: {plain(detail)}"


_OUTBOX = {
    "store": ("its store cannot be used, and nothing more is sent", "its store can be used again"),
    "results": ("results are not taken, and wait", "results are taken again"),
    "worker": ("a part of the worker has failed", "the worker works again"),
}


def _retiring_text(event: RetiringChanged, detail: str) -> str:
    share = f"{event.dead} of {event.tried} tokens"
    if event.stopped:
        return f"{_of(event)}: the vendor calls {share} dead, so none is retired: is it the certificate of this app?"
    return f"{_of(event)}: the vendor calls {share} dead, so dead tokens are retired again"


def _lane_about(event: Any) -> Hashable:
    return type(event), event.certificate_id, event.region, getattr(event, "quota", "")


def _of(event: Event) -> str:
    return f"certificate {plain(event.certificate_id)}"


def plain(text: str) -> str:
    """The text as part of one line: control and direction characters are escaped, and it is cut at `LONGEST`."""
    shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in shown)


def _info(event: Event) -> int:
    return INFO


def _warning(event: Event) -> int:
    return WARNING


LINES: dict[type[Event], Line] = {
    OutcomeGiven: Line(_outcome_about, _failure_level, _outcome_text),
    BroadcastDone: Line(_outcome_about, _failure_level, _broadcast_text),
    CallDone: Line(_call_about, _failure_level, _call_text),
    LoginDone: Line(_login_about, _failure_level, _login_text),
    QuotaLatched: Line(_lane_about, _warning, _latch_text),
    QuotaReleased: Line(
        _lane_about, _info, lambda event, detail: f"{_of(event)}: {_quota(event)} is renewed; sending resumes"
    ),
    BreakerChanged: Line(_breaker_about, _breaker_level, _breaker_text),
    RateChanged: Line(_lane_about, _info, _rate_text),
    Shed: Line(lambda event: (Shed, event.certificate_id), _warning, _shed_text, lambda event: event.count),
    ReceiptsReceived: Line(_receipts_about, _warning, _receipts_text, lambda event: event.forged + event.unreadable),
    SharedStateChanged: Line(
        lambda event: (SharedStateChanged, event.available),
        lambda event: INFO if event.available else WARNING,
        _state_text,
    ),
    DevicesChanged: Line(
        lambda event: (DevicesChanged, event.available), lambda event: INFO if event.available else ERROR, _devices_text
    ),
    OutboxChanged: Line(
        lambda event: (OutboxChanged, event.what, event.available),
        lambda event: INFO if event.available else ERROR,
        _outbox_text,
    ),
    RetiringChanged: Line(
        lambda event: (RetiringChanged, event.certificate_id, event.stopped),
        lambda event: ERROR if event.stopped else INFO,
        _retiring_text,
    ),
    Reloaded: Line(
        lambda event: Reloaded if event.added or event.changed or event.removed else None, _info, _reload_text
    ),
}
"""By kind of event; kinds that are not listed are not logged."""
