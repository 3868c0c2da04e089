"""`trace`: the steps of a push, from the queue to the receipt or to the reason of its loss."""

import asyncio
from typing import Any

import pytest
from toy_vendor import Toy, ToyServer, certificate, gateway, note

from pushgateway import (
    Certificate,
    FieldError,
    Gateway,
    Outcome,
    Push,
    PushToken,
    Reason,
    Receipt,
    ReceiptKind,
    RetryPolicy,
    Status,
    Trace,
    sync,
)
from pushgateway.observe.traces import BatchTrace, Traces
from pushgateway.testing.virtual_time import run_virtual

TOKEN = PushToken(1, "t-1")


def lives(*pushes: Push, server: ToyServer | None = None, at_once: bool = True, **options: Any) -> list[Trace | None]:
    """The traces of pushes that are sent together, or one after the other."""

    async def send() -> list[Trace | None]:
        async with gateway(server or ToyServer(), **options) as host:
            groups = [pushes] if at_once else [[push] for push in pushes]
            outcomes = [outcome for group in groups for outcome in await host.send_each(group)]
            return [host.trace(outcome.dedupe_id) for outcome in outcomes]

    return run_virtual(send())


def whats(trace: Trace | None) -> list[str]:
    assert trace is not None
    return [step.what for step in trace.steps]


def test_the_trace_of_an_accepted_push() -> None:
    """It was queued, joined with others, sent, accepted; the trace has the vendor's id and where the access token came
    from."""
    first, _, last = lives(*(Push(PushToken(1, f"t-{n}"), note()) for n in range(3)))

    assert first is not None
    assert last is not None
    assert whats(first) == ["queued", "gathered", "sent", "ended"]
    assert (first.status, first.reason, first.advice) == (Status.ACCEPTED, None, "")
    assert (first.gathered, first.access, first.region, first.attempts) == (3, "fetched", "near", 1)
    assert first.message_id == f"m-{first.dedupe_id}"
    assert first.steps[1].detail == "with 2 others, access token fetched"
    assert [step.at for step in first.steps] == sorted(step.at for step in first.steps)
    assert first.steps[0].at >= 1_700_000_000.0
    assert last.push_token == PushToken(1, "t-2")


def test_the_trace_of_a_later_push_names_a_cached_access_token() -> None:
    """Only the first batch of a server waits for a login."""
    first, second = lives(Push(TOKEN, note()), Push(TOKEN, note()), at_once=False)

    assert [first and first.access, second and second.access] == ["fetched", "cached"]


def test_a_vendor_without_login_has_no_access_token() -> None:
    """The trace has no step for an access token."""

    async def send() -> Trace | None:
        async with gateway(ToyServer(), certificate(logs_in=False)) as host:
            return host.trace((await host.send(TOKEN, note())).dedupe_id)

    trace = run_virtual(send())

    assert trace is not None
    assert (trace.access, trace.steps[1].detail) == ("", "alone")


def test_the_trace_of_a_refusal_says_why_and_who_must_act() -> None:
    """It has the vendor's code, our reason and its advice."""
    server = ToyServer()
    server.codes["t-1"] = "2"

    (trace,) = lives(Push(TOKEN, note()), server=server)

    assert trace is not None
    assert (trace.status, trace.reason, trace.vendor_code) == (Status.REJECTED, Reason.UNREGISTERED, "2")
    assert trace.advice == Reason.UNREGISTERED.advice
    assert trace.steps[-1].detail == "rejected: unregistered (vendor code 2)"


def test_the_trace_of_a_push_without_a_batch_has_only_its_reason() -> None:
    """For an unknown certificate there is no batch and no server."""
    (trace,) = lives(Push(PushToken(9, "t"), note()))

    assert trace is not None
    assert whats(trace) == ["queued", "ended"]
    assert (trace.gathered, trace.attempts, trace.reason) == (0, 0, Reason.CREDENTIALS)


def test_a_failed_attempt_is_in_the_trace() -> None:
    """Each attempt that was repeated has its reason, and the last batch is described in full."""
    server = ToyServer()
    server.answers = ["5", "5"]

    (trace,) = lives(Push(TOKEN, note()), server=server, retry=RetryPolicy(attempts=3))

    assert whats(trace) == ["queued", "tried again", "tried again", "gathered", "sent", "ended"]
    assert trace is not None
    assert trace.attempts == 3
    assert trace.steps[1].detail == "unavailable (vendor code 5)"


def test_only_the_last_traces_are_kept() -> None:
    """At the bound the oldest is known, with one more it is forgotten; with a bound of 0 nothing is kept."""

    async def known(trace: int, count: int) -> list[bool]:
        async with gateway(ToyServer(), trace=trace) as host:
            outcomes = await host.send_each(Push(PushToken(1, f"t-{n}"), note()) for n in range(count))
            return [host.trace(outcome.dedupe_id) is not None for outcome in outcomes]

    assert run_virtual(known(3, 3)) == [True] * 3
    assert run_virtual(known(3, 4)) == [False, True, True, True]
    assert run_virtual(known(0, 1)) == [False]


@pytest.mark.parametrize("size", [1, 7, 8, 20])
def test_traces_are_forgotten_by_the_batch(size: int) -> None:
    """At least the configured number is known, and with them the whole of the oldest batch; each push has its own
    trace."""

    async def known() -> list[Trace | None]:
        async with gateway(ToyServer(), certificate(size=size), trace=10) as host:
            outcomes = [await host.send_each(Push(PushToken(1, f"t-{n}"), note()) for n in range(size))]
            while size * len(outcomes) < 10 + 2 * size:
                outcomes.append(await host.send_each(Push(PushToken(1, f"t-{n}"), note()) for n in range(size)))
            return [host.trace(outcome.dedupe_id) for batch in outcomes for outcome in batch]

    traces = run_virtual(known())

    kept = [trace for trace in traces if trace is not None]
    assert traces[-10:] == kept[-10:]
    assert 10 <= len(kept) < 10 + max(size, 2)
    assert [trace.push_token.token for trace in kept[-size:]] == [f"t-{n}" for n in range(size)]
    assert {trace.gathered for trace in kept} == {size}


def test_accepted_pushes_do_not_remove_traces_of_lost_ones() -> None:
    """Traces of lost pushes are kept separately, because those are the ones that users ask about."""
    server = ToyServer()
    server.codes["t-0"] = "2"

    async def send() -> Trace | None:
        async with gateway(server, trace=2) as host:
            outcomes = await host.send_each(Push(PushToken(1, f"t-{n}"), note()) for n in range(50))
            return host.trace(outcomes[0].dedupe_id)

    trace = run_virtual(send())

    assert trace is not None
    assert trace.reason is Reason.UNREGISTERED


@pytest.mark.parametrize("wrong", [-1, 1.5, True, None])
def test_a_wrong_number_is_refused(wrong: Any) -> None:
    """Only a whole number of 0 or more is accepted."""
    with pytest.raises(FieldError, match=r"Gateway\.trace: must be a whole number, 0 or more"):
        Gateway([], trace=wrong)


@pytest.mark.parametrize("wrong", ["", None, 7])
def test_trace_refuses_an_invalid_id(wrong: Any) -> None:
    """The exception names the argument."""
    with pytest.raises(FieldError, match="dedupe_id: must be a non-empty str"):
        gateway(ToyServer()).trace(wrong)


def test_nothing_of_the_content_is_kept() -> None:
    """No title, body, data, context or vendor's message can be reached from what a gateway keeps."""
    traces = Traces(10, now=lambda: 0.0, clock=lambda: 0.0)
    push = Push(TOKEN, note("TITLE", "BODY"), dedupe_id="d", context=["CONTEXT"])
    outcome = Outcome.rejected(push, Reason.MUTED, code="1", message="SENTENCE")

    traces.ended(outcome, 0.0, BatchTrace("near", 1, 0.0, "cached"))

    found, seen = list[Any]([traces]), set[int]()
    texts = []
    while found:
        one = found.pop()
        if id(one) in seen or isinstance(one, type) or callable(one):
            continue
        seen.add(id(one))
        texts += [one] if isinstance(one, str) else []
        found += list(one) if isinstance(one, list | tuple) or type(one).__name__ == "deque" else []
        found += [getattr(one, name) for name in getattr(type(one), "__slots__", ()) if hasattr(one, name)]
        found += list(vars(one).values()) if hasattr(one, "__dict__") else []
    assert "d" in texts
    assert not {"TITLE", "BODY", "CONTEXT", "SENTENCE"} & set(texts)
    assert "t-1" not in repr(traces.find("d"))


def test_receipts_are_part_of_a_trace() -> None:
    """They belong to a push by the signed id, or by the vendor's message id for the same phone; others are left out."""
    traces = Traces(10, now=lambda: 0.0, clock=lambda: 100.0)
    push = Push(TOKEN, note(), dedupe_id="d")
    traces.ended(Outcome.accepted(push, "m-1"), 0.0, None)
    other = PushToken(1, "t-2")
    for receipt in (
        Receipt(push_token=TOKEN, kind=ReceiptKind.ARRIVED, event="push_arrive", dedupe_id="d", at=130.0),
        Receipt(push_token=TOKEN, kind=ReceiptKind.LIMITED, event="user_daily_limit", message_id="m-1", at=120.0),
        Receipt(push_token=other, kind=ReceiptKind.ARRIVED, event="other phone", message_id="m-1", at=1.0),
        Receipt(push_token=TOKEN, kind=ReceiptKind.ARRIVED, event="other id", dedupe_id="e", message_id="m-1"),
    ):
        traces.received(receipt)

    trace = traces.find("d")

    assert trace is not None
    assert [(step.at, step.what, step.detail) for step in trace.steps] == [
        (100.0, "queued", ""),
        (100.0, "ended", "accepted"),
        (120.0, "receipt", "limited (user_daily_limit)"),
        (130.0, "receipt", "arrived (push_arrive)"),
    ]


def test_trace_returns_the_last_of_two_pushes_with_one_id() -> None:
    """A host may send a message again under its own id."""
    server = ToyServer()

    async def twice() -> tuple[int, Trace | None]:
        async with gateway(server) as host:
            push = Push(TOKEN, note(dedupe_id="m"))
            await host.send_each([push])
            await asyncio.sleep(5)
            (outcome,) = await host.send_each([push])
            return int(asyncio.get_running_loop().time()), host.trace(outcome.dedupe_id)

    seconds, trace = run_virtual(twice())

    assert trace is not None
    assert trace.steps[0].at >= 1_700_000_000.0 + seconds - 1


def test_the_blocking_gateway_explains_the_same() -> None:
    """The blocking gateway returns it in the thread that calls."""
    with sync.Gateway([Certificate(1, "toy", {"secret": "s"})], transport=ToyServer(), vendors={"toy": Toy}) as host:
        outcome = host.send(TOKEN, note())
        trace = host.trace(outcome.dedupe_id)

    assert trace is not None
    assert trace.status is Status.ACCEPTED
    assert whats(trace) == ["queued", "gathered", "sent", "ended"]
