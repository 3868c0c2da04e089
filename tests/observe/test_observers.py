"""Observers of a whole gateway: every push is reported once, no event holds content, and an observer cannot disturb the
sending.

Events come from the engine, through `Gateway(observer=…)`; none is emitted by hand.
"""

import asyncio
import logging
from collections import Counter
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from toy_vendor import ToyServer, certificate, gateway, note

from pushgateway import Audience, Gateway, Outcome, Push, PushToken, Reason, Status
from pushgateway.observe.events import BroadcastDone, Event, LoginDone, OutcomeGiven, Reloaded, RequestDone
from pushgateway.observe.otel import OpenTelemetryObserver
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import NoVerdict, Request, Response

CANARY = "canary7f3a"


def pushes(count: int, title: str = "title") -> list[Push]:
    """As many pushes, each to a phone of its own."""
    return [Push(PushToken(1, f"k{i}"), note(title)) for i in range(count)]


def test_every_push_is_reported_once_with_its_outcome() -> None:
    """The events equal the outcomes: the same statuses, reasons, codes and attempts, none missing or double."""
    server = ToyServer()
    server.codes = {"k1": "2", "k2": "3", "k3": "8"}
    server.answers = ["6", NoVerdict("cut"), "5"]
    received: list[Event] = []

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(size=5), observer=received.append) as g:
            unknown = await g.send(PushToken("no-such", "k"), note())
            return [unknown, *await g.send_each(pushes(40))]

    outcomes = run_virtual(main())

    given = [event for event in received if isinstance(event, OutcomeGiven)]
    assert Counter((e.certificate_id, e.status, e.reason, e.vendor_code, e.attempts) for e in given) == Counter(
        (o.push_token.certificate_id, o.status, o.reason, o.vendor_code, o.attempts) for o in outcomes
    )
    assert {event.brand for event in given if event.certificate_id == "no-such"} == {None}
    assert {event.brand for event in given if event.certificate_id == "1"} == {"toy"}
    assert all(event.duration >= 0.0 for event in given)


def test_every_vendor_request_is_reported() -> None:
    """Observers get what the vendor got: each kind of request, with its number of pushes."""
    server = ToyServer()
    received: list[Event] = []

    async def main() -> None:
        async with gateway(server, certificate(size=10), observer=received.append) as g:
            await g.send_each(pushes(25))
            await g.broadcast(1, note(), Audience.of_tokens(["k1", "k2"]))

    run_virtual(main())

    requests = [event for event in received if isinstance(event, RequestDone)]
    assert Counter(event.operation for event in requests) == server.calls
    assert sum(event.pushes for event in requests if event.operation == "push") == 25
    assert {(event.status, event.ending, event.sent) for event in requests} == {(200, "reply", True)}
    assert all(event.duration == pytest.approx(server.latency) for event in requests)
    assert [event.ok for event in received if isinstance(event, LoginDone)] == [True]
    assert [event.status for event in received if isinstance(event, BroadcastDone)] == [Status.ACCEPTED]


def test_a_reload_is_reported_with_its_changes() -> None:
    """The event lists the certificates that were added, changed and removed."""
    received: list[Event] = []

    async def main() -> None:
        async with gateway(ToyServer(), certificate(1), certificate(2), observer=received.append) as g:
            await g.send(PushToken(1, "k"), note())
            g.reload([certificate(2, secret="new"), certificate(3)])

    run_virtual(main())

    assert [event for event in received if isinstance(event, Reloaded)][-1] == Reloaded(
        added=("3",), changed=("2",), removed=("1",)
    )


def test_a_refused_login_is_one_log_line(caplog: pytest.LogCaptureFixture) -> None:
    """The operator reads once that the login refuses a key, with the vendor's code, the server and its region, however
    many pushes wait; the line about the pushes says the same."""
    server = ToyServer()
    server.login_answers = ["8"] * 10

    async def main() -> None:
        async with gateway(server) as g:
            await g.send_each(pushes(100))

    run_virtual(main())

    lines = [record.getMessage() for record in caplog.records]
    why = "credentials, vendor code 8 (the vendor refused it with code 8 (login at https://toy.example, region near))"
    assert [line for line in lines if "login" in line and "refused" in line] == [
        f"certificate 1: the login (region near) was refused: {why}",
        f"certificate 1: pushes end not_sent: {why}",
    ]


def ending(observer: Any) -> list[tuple[Status, Reason | None]]:
    """Statuses and reasons of a mixture of pushes under this observer."""
    server = ToyServer()
    server.codes = {"k1": "2"}
    server.answers = ["6", NoVerdict("cut")]

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(size=5), observer=observer) as g:
            return await g.send_each(pushes(20))

    return [(outcome.status, outcome.reason) for outcome in run_virtual(main())]


def test_a_broken_observer_changes_nothing() -> None:
    """Whatever it raises at every event, the pushes end as without it."""

    def broken(event: Event) -> None:
        raise asyncio.CancelledError

    assert ending(broken) == ending(None)


@pytest.mark.parametrize("failing", [OutcomeGiven, RequestDone, LoginDone, Reloaded])
def test_every_push_has_its_outcome_whatever_an_observer_raises(failing: type[Event]) -> None:
    """An assertion in an observer (`pytest.fail()` of a host's test raises no `Exception`) reaches the loop's exception
    handler, and the pushes end as without it."""

    class Failed(BaseException):
        pass

    def broken(event: Event) -> None:
        if isinstance(event, failing):
            raise Failed

    async def main() -> list[tuple[Status, Reason | None]]:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: seen.append(context["exception"]))
        server = ToyServer()
        server.codes = {"k3": "2", "k7": "6"}
        async with gateway(server, certificate(size=5), observer=broken) as g:
            outcomes = await g.send_each(pushes(20))
            outcomes.append(await g.send(PushToken(1, "k3"), note()))
            g.reload([certificate(size=4)])
        return [(outcome.status, outcome.reason) for outcome in outcomes]

    seen: list[BaseException] = []
    ends = run_virtual(main())

    assert len(ends) == 21
    assert (Status.REJECTED, Reason.UNREGISTERED) in ends
    assert {status for status, _ in ends} <= {Status.ACCEPTED, Status.REJECTED}
    assert seen
    assert {type(error) for error in seen} == {Failed}


def test_an_observer_may_send_a_push() -> None:
    """An observer may start a task that sends an alarm through the same gateway; nothing is blocked."""
    server = ToyServer()
    server.codes = {"k1": "2"}
    alarms: list[asyncio.Task[Outcome]] = []

    async def main() -> list[Outcome]:
        def alarm(event: Event) -> None:
            if isinstance(event, OutcomeGiven) and event.reason is Reason.UNREGISTERED:
                alarms.append(asyncio.create_task(g.send(PushToken(1, "operator"), note("a token died"))))

        async with gateway(server, observer=alarm) as g:
            await g.send_each(pushes(3))
            return await asyncio.gather(*alarms)

    assert [outcome.status for outcome in run_virtual(main())] == [Status.ACCEPTED]
    assert server.ledger["operator", "a token died"] == 1


def test_an_observer_may_close_the_gateway() -> None:
    """A host may close the gateway from an observer at the first refused key; every push still has its outcome."""
    server = ToyServer()
    server.answers = ["8"]
    closing: list[asyncio.Task[None]] = []

    async def main() -> list[Outcome]:
        def give_up(event: Event) -> None:
            if isinstance(event, OutcomeGiven) and event.reason is Reason.CREDENTIALS and not closing:
                closing.append(asyncio.create_task(g.aclose(0)))

        g = gateway(server, certificate(size=5), observer=give_up, connections=1)
        outcomes = await g.send_each(pushes(50))
        await asyncio.gather(*closing)
        return outcomes

    outcomes = run_virtual(main())

    assert len(outcomes) == 50
    assert closing
    assert {outcome.reason for outcome in outcomes} <= {Reason.CREDENTIALS, Reason.CLOSED, Reason.NO_VERDICT, None}


# Content


class Telltale(ToyServer):
    """A vendor that quotes what it got, on a network whose errors do so too."""

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109
        if request.url.endswith("/push") and self.calls["push"] == 2:
            self.calls["push"] += 1
            raise OSError(f"{CANARY} {request.content!r}")
        return await super().send(request, pool=pool, timeout=timeout)

    def _whole(self, answers: list[str | Exception], body: dict[str, object]) -> Response:
        quoting = {**body, "message": f"{CANARY}-said"}
        return super()._whole(answers, quoting | ({"token": f"{CANARY}-access"} if "token" in body else {}))


def leaks(texts: dict[str, str]) -> list[str]:
    """The places where the canary text appears."""
    return [name for name, text in texts.items() if CANARY in text]


async def through_many_faults(server: Telltale, g: Gateway) -> None:
    """Accepted, refused in every way, cut off, broken and broadcast; every secret value holds the canary."""
    tokens = [PushToken(1, f"{CANARY}-token-{i}") for i in range(60)]
    server.codes = {tokens[i].token: code for i, code in enumerate(["2", "3", "5", "7", "8"])}
    server.answers = ["6", NoVerdict("cut"), "11", "5", "3"]
    server.saves = ["5"]
    text = note(f"{CANARY}-title", f"{CANARY}-body")
    await g.send_each([Push(token, text) for token in tokens])
    await g.send(tokens[0], note("", f"{CANARY}-body"))
    await g.broadcast(1, text, Audience.of_tokens([token.token for token in tokens[:7]]))
    server.login_answers = ["8"]
    g.reload([certificate(secret=f"{CANARY}-secret-2", size=7)])
    await g.send(tokens[7], text)
    g.reload([])
    await g.send(tokens[8], text)


@pytest.mark.parametrize("seed", range(3))
def test_no_content_is_in_events_logs_metrics_or_spans(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    """None of them holds a token, title, body, secret or vendor's message."""
    caplog.set_level(logging.DEBUG)
    reader, spans, tracers = InMemoryMetricReader(), InMemorySpanExporter(), TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    metrics = OpenTelemetryObserver(meter_provider=MeterProvider([reader]), tracer_provider=tracers)
    received: list[Event] = []
    server = Telltale()

    def observer(event: Event) -> None:
        received.append(event)
        metrics(event)
        raise ValueError(f"{CANARY}-observer")

    async def main() -> None:
        async with gateway(server, certificate(secret=f"{CANARY}-secret", size=7), observer=observer) as g:
            await through_many_faults(server, g)

    run_virtual(main(), seed=seed)

    data, done = reader.get_metrics_data(), spans.get_finished_spans()
    assert data is not None
    texts = {
        **{f"event {number}": repr(event) for number, event in enumerate(received)},
        **{f"line {number}": f"{r.getMessage()} {r.exc_text} {r.args}" for number, r in enumerate(caplog.records)},
        **{f"span {number}": span.to_json() for number, span in enumerate(done)},
        "metrics": data.to_json(),
    }
    assert leaks(texts) == []
    assert leaks({"planted": f"token={CANARY}"}) == ["planted"]
    assert {OutcomeGiven, RequestDone, BroadcastDone, LoginDone, Reloaded} <= {type(event) for event in received}
    assert {record.name for record in caplog.records} >= {"pushgateway.observe.emitter"}
    assert len(done) == len([event for event in received if isinstance(event, RequestDone)]) > 8
