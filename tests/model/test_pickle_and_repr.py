"""Values and exceptions can be pickled and copied without loss, and every value can be shown while it is half made.

The tests find the classes themselves, so a new class is tested too.
"""

import copy
import enum
import inspect
from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from typing import Any

import attrs
import pytest
from all_classes import classes

from pushgateway.certificates.certificate import Certificate
from pushgateway.model import errors
from pushgateway.model.audience import Audience, Broadcast
from pushgateway.model.batch import Batch
from pushgateway.model.click import OpenUrl
from pushgateway.model.errors import ConfigError, FieldError, PushgatewayError
from pushgateway.model.frozen import FrozenDict
from pushgateway.model.notification import Notification
from pushgateway.model.outcome import BroadcastOutcome, CallOutcome, Outcome, PushFailed
from pushgateway.model.push import Push, PushToken
from pushgateway.model.reason import Reason, Status
from pushgateway.model.receipt import Receipt, ReceiptKind
from pushgateway.model.secret import Secret
from pushgateway.observe import events
from pushgateway.outbox import IdConflict
from pushgateway.vendor.refusals import NoVerdict, Refused

PUSH = Push(
    PushToken(7005, "CN_a"),
    Notification("t", "b", data={"a": [1, {"b": None}]}, click=OpenUrl("https://x.example"), intent="chat"),
    dedupe_id="d-1",
    context=("row", 5),
)
REFUSED = Outcome.rejected(PUSH, Reason.MUTED, code="5", message="sentence", retry_after=3.0)
CALL: CallOutcome[int] = CallOutcome(certificate_id="1", operation="x", status=Status.NOT_SENT, reason=Reason.CLOSED)
VALUES: list[Any] = [
    PUSH,
    PUSH.push_token,
    PUSH.notification,
    REFUSED,
    Outcome.accepted(PUSH, "m-1"),
    BroadcastOutcome(certificate_id="1", status=Status.REJECTED, reason=Reason.MUTED, outcomes=(REFUSED,)),
    CALL,
    Broadcast(1, PUSH.notification, Audience.of_tags(["a"], none_of=["b"])),
    Receipt(push_token=PUSH.push_token, kind=ReceiptKind.ARRIVED, event="push_arrive"),
    events.RateChanged(certificate_id="1", brand="toy", region="", pushes_per_second=1.0, requests_per_second=None),
]


def pickled(value: Any) -> Any:
    """The object after pickling and unpickling, as a process pool does it."""
    return ForkingPickler.loads(ForkingPickler.dumps(value))


WAYS: list[Callable[[Any], Any]] = [pickled, copy.copy, copy.deepcopy]


def an_error(kind: type[PushgatewayError]) -> PushgatewayError:
    """An exception of this kind, with a value in each of its attributes."""
    made: PushgatewayError
    if issubclass(kind, Refused):
        made = kind(Reason.MUTED, "5", "sentence", 3.0, "ours").keeping({1: REFUSED})
    elif issubclass(kind, NoVerdict):
        made = kind("silence", sent=False).keeping({0: REFUSED})
    elif issubclass(kind, PushFailed):
        made = kind(REFUSED)
    elif issubclass(kind, ConfigError):
        made = kind(["one", "two"])
    elif issubclass(kind, IdConflict):
        made = kind(["id-1", "id-2"])
    elif issubclass(kind, FieldError):
        made = kind("Notification.ttl", "must be right")
    else:
        made = kind("a sentence")
    made.add_note("a note")
    return made


def tree(kind: type[PushgatewayError]) -> list[type[PushgatewayError]]:
    """A class and all its subclasses, in every module."""
    return [kind, *(one for below in kind.__subclasses__() for one in tree(below))]


@pytest.mark.parametrize("way", WAYS)
def test_every_exception_survives(way: Callable[[Any], Any]) -> None:
    """It keeps type, message and attributes, also when pickled twice; a pool that cannot read one hangs or breaks."""
    assert {*map(type, map(an_error, [FieldError, ConfigError]))} == {FieldError, ConfigError}
    list(classes())  # so that every module is imported
    for kind in tree(errors.PushgatewayError):
        if not kind.__module__.startswith("pushgateway"):
            continue  # a class of another test
        error = an_error(kind)
        twin = way(way(error))

        assert type(twin) is kind
        assert str(twin) == str(error)
        assert twin.args == error.args
        assert vars(twin) == vars(error)


def test_the_values_of_an_exception_keep_their_types() -> None:
    """Problems are sentences and not single letters, and the outcome of a failed push has its push token."""
    wrong, failed = pickled(ConfigError(["one", "two"])), pickled(PushFailed(REFUSED))

    assert wrong.problems == ("one", "two")
    assert (failed.outcome, failed.outcome.push_token, failed.outcome.context) == (REFUSED, PUSH.push_token, ("row", 5))


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("way", WAYS)
def test_every_value_survives(way: Callable[[Any], Any], value: Any) -> None:
    """Hosts put them into queues; a frozen value stays frozen."""
    twin = way(value)

    assert type(twin) is type(value)
    assert twin == value
    assert hash(twin) == hash(value)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(twin, attrs.fields(type(value))[0].name, None)


@pytest.mark.parametrize("way", WAYS)
def test_frozen_mappings_within_stay_frozen(way: Callable[[Any], Any]) -> None:
    """This holds for the data of a notification that came out of a queue."""
    data: Any = way(PUSH.notification).data

    assert type(data) is FrozenDict
    with pytest.raises(TypeError, match="frozen"):
        data["a"].append(1)
    assert len(way(Batch.of([PUSH]))) == 1


def test_a_certificate_is_copied_within_the_process_only() -> None:
    """Its secrets must not get into a queue or onto a disk."""
    certificate = Certificate(1, "toy", {"secret": Secret("s3cret"), "more": {"a": [1]}})

    assert copy.deepcopy(certificate) == certificate == copy.copy(certificate)
    with pytest.raises(TypeError, match="not pickled"):
        pickled(certificate)


def shown() -> list[type]:
    """The classes with a `__repr__` of their own of which objects can be made."""
    own = [kind for kind in classes() if "__repr__" in vars(kind) and not inspect.isabstract(kind)]
    return [kind for kind in own if not issubclass(kind, enum.Enum | BaseException | tuple)]


def test_a_repr_never_raises() -> None:
    """A debugger or crash reporter shows an object that was just being made: with no field yet, or with the value that
    caused the error."""
    raising = []
    for kind in shown():
        values = [kind.__new__(kind)]
        for field in attrs.fields(kind) if attrs.has(kind) else ():
            values.append(kind.__new__(kind))
            object.__setattr__(values[-1], field.name, 5)
        try:
            assert all(isinstance(repr(value), str) for value in values)
        except Exception:
            raising.append(f"{kind.__module__}.{kind.__qualname__}")

    assert len(shown()) > 90
    assert raising == [], "put pushgateway.model.secret.safe_repr (plug-ins: pushgateway.vendor.safe_repr) above these"


def test_a_notification_that_failed_its_check_can_be_shown() -> None:
    """A crash reporter finds it in the frame that raised."""
    with pytest.raises(FieldError) as caught:
        Notification("a title", 5)  # type: ignore[arg-type]
    trace = caught.tb
    while trace.tb_next is not None:
        trace = trace.tb_next

    assert repr(trace.tb_frame.f_locals["self"]) == "Notification(title of 7, body of unknown length characters)"
