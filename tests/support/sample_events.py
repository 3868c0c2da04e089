"""Events for tests, one of each kind, and a clock that the test moves."""

from typing import Any

from pushgateway.model.reason import Reason, Status
from pushgateway.model.receipt import ReceiptKind
from pushgateway.observe.events import (
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
    RequestDone,
    RetiringChanged,
    SharedStateChanged,
    Shed,
    TokensRetired,
)

OF: dict[str, Any] = {"certificate_id": "7005", "brand": "oppo"}


class Clock:
    """Seconds that the test moves forward."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def request_done(**more: Any) -> RequestDone:
    """A push request that was answered."""
    given = {
        "region": "cn",
        "operation": "push",
        "pushes": 40,
        "duration": 0.25,
        "status": 200,
        "ending": "reply",
        "sent": True,
    }
    return RequestDone(**OF | given | more)


def outcome_given(reason: Reason | None = None, status: Status | None = None, **more: Any) -> OutcomeGiven:
    """A push that was accepted, or rejected with this `reason`."""
    status = status or (Status.ACCEPTED if reason is None else Status.REJECTED)
    return OutcomeGiven(**OF | {"status": status, "reason": reason, "attempts": 1, "duration": 0.5} | more)


def login_done(reason: Reason | None = None, **more: Any) -> LoginDone:
    """A successful login, or one that failed with this `reason`."""
    return LoginDone(**OF | {"region": "cn", "ok": reason is None, "reason": reason, "duration": 0.1} | more)


def breaker(state: BreakerState, **more: Any) -> BreakerChanged:
    """A breaker that changed to `state`."""
    return BreakerChanged(**OF | {"region": "cn", "state": state} | more)


def one_of_each() -> list[Event]:
    """Every kind of event."""
    return [
        request_done(),
        outcome_given(),
        BroadcastDone(**OF, status=Status.UNKNOWN, reason=Reason.NO_VERDICT, duration=1.0, targets=3),
        CallDone(**OF, name="statistics", status=Status.UNKNOWN, reason=Reason.NO_VERDICT, attempts=2, duration=1.0),
        login_done(),
        QuotaLatched(**OF, region="cn", quota="", seconds=7200.0, pushes=12),
        QuotaReleased(**OF, region="cn", quota=""),
        breaker(BreakerState.OPEN, reason=Reason.UNAVAILABLE, vendor_code="-1", seconds=30.0),
        RateChanged(**OF, region="cn", pushes_per_second=500.0, requests_per_second=None),
        Shed(**OF, count=3),
        ReceiptsReceived(
            **OF, fresh=5, kinds=((ReceiptKind.ARRIVED, 3), (ReceiptKind.MUTED, 2)), duplicates=1, forged=2
        ),
        SharedStateChanged(available=False),
        DevicesChanged(available=False),
        OutboxChanged(what="store", available=False),
        TokensRetired(**OF, count=4),
        RetiringChanged(**OF, stopped=True, dead=50, tried=120),
        Reloaded(added=("7005",), removed=("1", "2")),
    ]
