"""`Emitter`: observers get every event and cannot disturb the sending; the log gets what an operator must fix."""

import asyncio
import functools
import logging
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_events import OF, Clock, breaker, login_done, one_of_each, outcome_given, request_done

from pushgateway.model.errors import FieldError
from pushgateway.model.reason import Reason, Status
from pushgateway.observe.emitter import DEEPEST, MOST, PAUSE, Emitter
from pushgateway.observe.events import (
    SAVED_CONTENTS,
    BreakerState,
    BroadcastDone,
    Event,
    OutcomeGiven,
    QuotaLatched,
    RateChanged,
    Reloaded,
    RequestDone,
    Shed,
)
from pushgateway.observe.log_lines import LINES, LONGEST, plain

CANARY = "canary-5e1f"


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """The log so far, as `LEVEL sentence` lines."""
    caplog.set_level(logging.INFO, logger="pushgateway.observe.emitter")
    return lambda: [
        f"{record.levelname} {record.getMessage()}" for record in caplog.records if record.name.endswith("emitter")
    ]


def test_an_observer_gets_every_event_unchanged() -> None:
    """Each kind of event reaches the observer, in order, as the value that was emitted."""
    received: list[Event] = []
    emitter = Emitter(received.append, Clock())

    for event in one_of_each():
        emitter.emit(event)

    assert received == one_of_each()


def test_without_an_observer_outcomes_need_not_be_made() -> None:
    """The engine checks this before it builds an event for each accepted push."""
    assert not Emitter(None, Clock()).is_observed
    assert Emitter(lambda event: None, Clock()).is_observed


@pytest.mark.parametrize("error", [ValueError, asyncio.CancelledError, RecursionError, StopIteration])
def test_an_exception_of_an_observer_is_logged_and_not_passed_on(
    error: type[BaseException], lines: Callable[[], list[str]]
) -> None:
    """A broken observer costs one line a minute with type and place, never a push, and the line never holds the
    exception's text."""
    clock = Clock()
    received = 0

    def observer(event: Event) -> None:
        nonlocal received
        received += 1
        raise error(CANARY)

    emitter = Emitter(observer, clock)
    for _ in range(1000):
        emitter.emit(request_done())
    clock.now += PAUSE
    emitter.emit(request_done())

    first, second = lines()
    assert received == 1001
    assert first.startswith(f"ERROR the observer failed: {error.__name__} in ")
    assert ".observer, line " in first
    assert second.endswith("; 999 more since the last line")
    assert CANARY not in first + second


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_exceptions_that_end_the_process_are_passed_on(error: type[BaseException]) -> None:
    """Ctrl-C while an observer runs, or an observer that exits, is not lost: it is raised in a later turn of the loop,
    after the code that emitted the event has finished."""

    def observer(event: Event) -> None:
        raise error

    async def main() -> None:
        emitter.emit(request_done())
        steps.append("emitted")
        await asyncio.sleep(0)

    steps: list[str] = []
    emitter = Emitter(observer, Clock())
    with pytest.raises(error):
        emitter.emit(request_done())
    loop = asyncio.new_event_loop()
    try:
        with pytest.raises(error):
            loop.run_until_complete(main())
        assert steps == ["emitted"]
    finally:
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


def test_a_broken_log_handler_does_not_affect_sending() -> None:
    """An exception of a log filter of the host does not reach the code that sends."""
    log = logging.getLogger("pushgateway.observe.emitter")
    asked = 0

    def broken(record: logging.LogRecord) -> bool:
        nonlocal asked
        asked += 1
        raise RuntimeError(CANARY)

    log.addFilter(broken)
    try:
        emitter = Emitter(lambda event: 1 / 0, Clock())
        emitter.emit(login_done(Reason.CREDENTIALS))
    finally:
        log.removeFilter(broken)

    assert asked == 2


@pytest.mark.parametrize(
    "wrong", ["print", 7, asyncio.sleep, functools.partial(asyncio.sleep, 1)], ids=["str", "int", "async", "partial"]
)
def test_an_object_that_cannot_observe_is_refused(wrong: object) -> None:
    """Text, numbers and coroutine functions are refused when the gateway is made, not at the first event."""
    with pytest.raises(FieldError, match="observer"):
        Emitter(wrong, Clock())  # type: ignore[arg-type]


def test_an_object_with_an_async_call_is_refused() -> None:
    """Its coroutines would never run."""

    class Asynchronous:
        async def __call__(self, event: Event) -> None:
            """Never awaited."""

    with pytest.raises(FieldError, match="plain function"):
        Emitter(Asynchronous(), Clock())  # type: ignore[arg-type]


def test_an_observer_that_causes_events_does_not_loop_endlessly(lines: Callable[[], list[str]]) -> None:
    """Events that an observer causes are passed to it a few levels deep, and then no more; each `emit` returns."""
    depths: list[int] = []

    def observer(event: Event) -> None:
        depths.append(len(depths))
        emitter.emit(request_done())

    emitter = Emitter(observer, Clock())
    emitter.emit(request_done())

    assert len(depths) == DEEPEST
    assert "without end" in lines()[0]
    emitter.emit(request_done())
    assert len(depths) == 2 * DEEPEST


SENTENCES: list[tuple[Event, str, str]] = [
    (
        outcome_given(Reason.CREDENTIALS, vendor_code="14"),
        "no such key",
        "ERROR certificate 7005: pushes end rejected: credentials, vendor code 14 (no such key)",
    ),
    (
        outcome_given(Reason.NO_VERDICT, Status.UNKNOWN),
        "timeout",
        "WARNING certificate 7005: pushes end unknown: no_verdict (timeout)",
    ),
    (
        outcome_given(Reason.QUOTA_EXCEEDED, vendor_code="33"),
        "",
        "WARNING certificate 7005: pushes end rejected: quota_exceeded, vendor code 33",
    ),
    (
        BroadcastDone(**OF, status=Status.UNKNOWN, reason=Reason.NO_VERDICT, duration=1.0, targets=3),
        "",
        "WARNING certificate 7005: a broadcast ended unknown: no_verdict",
    ),
    (
        login_done(Reason.CREDENTIALS, vendor_code="14"),
        "",
        "ERROR certificate 7005: the login (region cn) was refused: credentials, vendor code 14",
    ),
    (
        login_done(Reason.UNAVAILABLE),
        "timeout",
        "WARNING certificate 7005: the login (region cn) failed: unavailable (timeout)",
    ),
    (
        breaker(BreakerState.OPEN, reason=Reason.CREDENTIALS, vendor_code="14", seconds=300.0),
        "",
        "ERROR certificate 7005: the vendor (region cn) is not asked for 300 s: credentials, vendor code 14",
    ),
    (
        breaker(BreakerState.OPEN, reason=Reason.UNAVAILABLE, seconds=2.5),
        "",
        "WARNING certificate 7005: the vendor (region cn) is not asked for 2 s: unavailable",
    ),
    (breaker(BreakerState.CLOSED), "", "INFO certificate 7005: the vendor (region cn) answers again; sending resumes"),
    (
        QuotaLatched(**OF, region="cn", quota="private", seconds=9000.0, pushes=12),
        "",
        "WARNING certificate 7005: the day's quota of private is used up; the vendor is not asked for 2.5 h",
    ),
    (
        QuotaLatched(**OF, region="cn", quota=SAVED_CONTENTS, seconds=9000.0, pushes=0),
        "",
        "WARNING certificate 7005: the day's quota of saved contents is used up; pushes are sent one by one for 2.5 h",
    ),
    (
        RateChanged(**OF, region="cn", pushes_per_second=312.5, requests_per_second=20.0),
        "",
        "INFO certificate 7005: sends at most 312.5 pushes per second and 20 requests per second",
    ),
    (
        RateChanged(**OF, region="cn", pushes_per_second=None, requests_per_second=None),
        "",
        "INFO certificate 7005: sends without a limit",
    ),
    (Shed(**OF, count=57), "", "WARNING certificate 7005: the queue is full, 57 refused at once"),
    (Reloaded(added=("1", "2"), removed=("3",)), "", "INFO certificates: 2 added (1, 2), 1 removed (3)"),
]


@pytest.mark.parametrize(("event", "detail", "sentence"), SENTENCES, ids=[case[2][:60] for case in SENTENCES])
def test_a_log_line_names_the_problem_and_the_certificate(
    event: Event, detail: str, sentence: str, lines: Callable[[], list[str]]
) -> None:
    """Each kind of event that an operator should know of is one sentence; the level is higher where only a person can
    fix it."""
    Emitter(None, Clock()).emit(event, detail)

    assert lines() == [sentence]


@pytest.mark.parametrize(
    "event",
    [
        outcome_given(),
        outcome_given(Reason.UNREGISTERED, vendor_code="10000"),
        outcome_given(Reason.MUTED),
        outcome_given(Reason.EXPIRED, Status.NOT_SENT),
        request_done(ending="no_verdict", status=None),
        login_done(),
        breaker(BreakerState.HALF_OPEN),
        Reloaded(),
    ],
    ids=str,
)
def test_events_that_need_no_operator_are_not_logged(event: Event, lines: Callable[[], list[str]]) -> None:
    """A dead token is normal work of the host, and not logged."""
    Emitter(None, Clock()).emit(event)

    assert lines() == []


def test_one_line_and_then_one_a_minute(lines: Callable[[], list[str]]) -> None:
    """The first line comes at once; the next when a minute is over and not earlier, with the number of events in
    between."""
    clock = Clock()
    emitter = Emitter(None, clock)
    refused = outcome_given(Reason.CREDENTIALS, vendor_code="14")

    for _ in range(500):
        emitter.emit(refused)
    clock.now += PAUSE - 0.001
    emitter.emit(refused)
    assert len(lines()) == 1
    clock.now += 0.001
    emitter.emit(refused)

    assert lines()[1].endswith("vendor code 14; 500 more since the last line")


def test_different_problems_have_different_lines(lines: Callable[[], list[str]]) -> None:
    """A problem of one certificate does not hide another's, nor one code another."""
    emitter = Emitter(None, Clock())

    for _ in range(10):
        emitter.emit(outcome_given(Reason.CREDENTIALS, vendor_code="14"))
        emitter.emit(outcome_given(Reason.CREDENTIALS, vendor_code="41"))
        emitter.emit(outcome_given(Reason.CREDENTIALS, vendor_code="14", certificate_id="7006"))
        emitter.emit(login_done(Reason.CREDENTIALS, vendor_code="14"))

    assert len(lines()) == 4


def test_shed_pushes_are_counted_by_the_push(lines: Callable[[], list[str]]) -> None:
    """The number of suppressed ones counts pushes, not events."""
    clock = Clock()
    emitter = Emitter(None, clock)

    for _ in range(3):
        emitter.emit(Shed(**OF, count=100))
    clock.now += PAUSE
    emitter.emit(Shed(**OF, count=1))

    assert lines()[1] == "WARNING certificate 7005: the queue is full, 1 refused at once; 200 more since the last line"


def test_an_endless_variety_of_problems_needs_bounded_memory_and_disk(lines: Callable[[], list[str]]) -> None:
    """Above a number of different problems all others share a line; when the minute is over they have their own lines
    again."""
    clock = Clock()
    emitter = Emitter(None, clock)

    for number in range(5 * MOST):
        emitter.emit(outcome_given(Reason.CREDENTIALS, Status.NOT_SENT, certificate_id=f"made-up-{number}"))

    assert len(lines()) == len(emitter._said) == MOST + 1
    clock.now += PAUSE
    emitter.emit(outcome_given(Reason.CREDENTIALS, certificate_id="7005"))
    emitter.emit(outcome_given(Reason.CREDENTIALS, certificate_id="7006"))
    assert len(lines()) == MOST + 3
    assert len(emitter._said) == 2


@given(st.text(max_size=3 * LONGEST))
def test_texts_from_outside_become_one_printable_line(text: str) -> None:
    """A vendor's code, a detail or a host's id cannot fake a log entry, hide text or fill the line."""
    event = OutcomeGiven(certificate_id=text, brand="oppo", status=Status.UNKNOWN, vendor_code=text, duration=0.0)

    line = LINES[OutcomeGiven].text(event, text)

    assert line.isprintable()
    assert len(plain(text)) <= 10 * (LONGEST + 1)


def test_control_characters_in_the_log_are_escaped() -> None:
    """New lines, terminal colours and reversed writing are escaped; Chinese stays readable."""
    assert plain("a\nERROR b") == "a\\nERROR b"
    assert plain("\x1b[31m\u202e") == "\\x1b[31m\\u202e"
    assert plain("证书") == "证书"
    assert plain("x" * LONGEST) == "x" * LONGEST
    assert plain("x" * (LONGEST + 1)) == "x" * LONGEST + "…"


def test_requests_are_not_logged() -> None:
    """A line for each request would fill the log in normal operation."""
    assert RequestDone not in LINES
