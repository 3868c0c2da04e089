"""How exchanges are run: requests out in order, replies back in, and what a missing reply means.

The transport is a script of replies; the exchanges are written by each test.
"""

import asyncio
from collections.abc import Callable, Generator
from typing import Any

import pytest
from scripted_transport import PushAsk, Script, ask, asking, ending, session_over

from pushgateway.engine.session.vendor_session import MAX_CHECKPOINTS, MAX_REQUESTS
from pushgateway.model.reason import Reason
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import AccessToken, Exchange, Request, Response
from pushgateway.vendor.refusals import AccessExpired, ClockSkew, ExchangeError, NoVerdict, Refused

CANARY = "canary-5d1f"
LATE = "Tue, 14 Nov 2023 22:18:20 GMT"  # 1,700,000,300 seconds


def test_requests_and_replies_alternate() -> None:
    """Each reply is sent into the `yield` of its request, in order, and the return value is the result."""

    async def main() -> None:
        script = Script(Response(201), Response(202), Response(203))
        counted: list[int] = []

        result = await session_over(script).run(
            asking(1, 2, 3), None, PushAsk(before=lambda: counted.append(len(script.asked)))
        )

        assert result == [201, 202, 203]
        assert script.asked == [ask(1), ask(2), ask(3)]  # unchanged: there is no access token to add
        assert script.with_ == [("7005", 5.0)] * 3
        assert counted == [0, 1, 2]  # before each request, not after

    assert run_virtual(main()) is None


def test_an_exchange_may_make_no_request() -> None:
    """If all pushes were settled before, there is no request, and `asking` is not called."""

    async def main() -> tuple[list[int], int]:
        script = Script()
        return await session_over(script).run(
            asking(), AccessToken("a", 5), PushAsk(before=lambda: pytest.fail("asked_at"))
        ), len(script.asked)

    assert run_virtual(main()) == ([], 0)


def test_every_request_carries_the_access_token() -> None:
    """Each request of an exchange gets it, in the vendor's own way."""

    async def main() -> list[str | None]:
        script = Script(Response(200), Response(200))
        await session_over(script).run(asking(1, 2), AccessToken("abc", 5), PushAsk())
        return [request.headers.get("authorization") for request in script.asked]

    assert run_virtual(main()) == ["Bearer abc"] * 2


@pytest.mark.parametrize("sent", [True, False])
def test_a_missing_reply_is_thrown_into_the_exchange(sent: bool) -> None:
    """`NoVerdict` is raised at the `yield` of its request; an exchange that does not catch it ends with it,
    unchanged."""

    async def main() -> tuple[Any, int]:
        script = Script(Response(200), NoVerdict("timeout", sent=sent), Response(200))
        return await ending(session_over(script).run(asking(1, 2, 3), None, PushAsk())), len(script.asked)

    error, asked = run_virtual(main())

    assert isinstance(error, NoVerdict)
    assert (error.detail, error.sent, asked) == ("timeout", sent, 2)


def test_an_exchange_may_catch_a_missing_reply() -> None:
    """It may return what it knows, or make another request."""

    def patient() -> Generator[Request, Response, list[str]]:
        seen = []
        for number in (1, 2, 3):
            try:
                reply = yield ask(number)
                seen.append(str(reply.status))
            except NoVerdict as silent:
                seen.append(silent.detail)
        return seen

    async def main() -> list[str]:
        script = Script(NoVerdict("a"), Response(200), NoVerdict("b"))
        return await session_over(script).run(patient(), None, PushAsk())

    assert run_virtual(main()) == ["a", "200", "b"]


@pytest.mark.parametrize(
    "error", [Refused(Reason.MUTED, "5"), AccessExpired(Reason.CREDENTIALS, "11"), KeyError(CANARY)]
)
def test_an_exception_of_an_exchange_reaches_the_caller(error: Exception) -> None:
    """It is unchanged, because the caller decides what it means."""

    def raising() -> Exchange[None]:
        yield ask(1)
        raise error

    async def main() -> Any:
        return await ending(session_over(Script(Response(200))).run(raising(), None, PushAsk()))

    assert run_virtual(main()) is error


@pytest.mark.parametrize(
    ("headers", "offset"),
    [({"date": LATE}, 300.0), ({}, None), ({"date": "yesterday"}, None)],
)
def test_a_wrong_clock_is_measured_by_the_reply(headers: dict[str, str], offset: float | None) -> None:
    """The offset is the vendor's `Date` against the moment when the reply arrived; without a readable date there is
    none."""

    def skewed() -> Exchange[None]:
        yield ask(1)
        raise ClockSkew(Reason.CREDENTIALS, "19")

    async def main() -> Any:
        reply = Response(200, headers, received_at=1_700_000_000.0)
        return await ending(session_over(Script(reply)).run(skewed(), None, PushAsk()))

    error = run_virtual(main())

    assert isinstance(error, ClockSkew)
    assert error.offset == offset


def test_an_exchange_is_closed_when_its_caller_is_cancelled() -> None:
    """Its `finally` runs at once, and the cancellation is passed on."""
    ended: list[str] = []

    def held() -> Exchange[None]:
        try:
            yield ask(1)
        finally:
            ended.append("closed")

    exchange = held()  # kept here, so that only the session closes it

    async def main() -> bool:
        task = asyncio.create_task(session_over(Script(100.0, Response(200))).run(exchange, None, PushAsk()))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return task.cancelled()

    assert run_virtual(main()) is True
    assert ended == ["closed"]
    assert exchange.gi_frame is None  # type: ignore[attr-defined]


def test_at_a_checkpoint_the_loop_runs_and_no_request_is_made() -> None:
    """An exchange may yield None before, between and after requests; that is no request, and changes neither the next
    one nor its reply."""

    def yielding() -> Exchange[list[Any]]:
        received: list[Any] = [(yield None), (yield None)]
        received.append((yield ask(1)).status)
        received.append((yield None))
        received.append((yield ask(2)).status)
        received.append((yield None))
        return received

    async def main() -> tuple[Any, ...]:
        script, asked_at, turns, over = (
            Script(Response(201), Response(202)),
            list[tuple[int, int]](),
            [0],
            asyncio.Event(),
        )

        async def turn() -> None:
            while not over.is_set():
                turns[0] += 1
                await asyncio.sleep(0)

        other = asyncio.create_task(turn())
        received = await session_over(script).run(
            yielding(), None, PushAsk(before=lambda: asked_at.append((len(script.asked), turns[0])))
        )
        over.set()
        await other
        return received, asked_at, script.asked, turns[0]

    received, asked_at, asked, turns = run_virtual(main())

    assert received == [None, None, 201, None, 202, None]
    assert asked == [ask(1), ask(2)]
    assert [before for before, _ in asked_at] == [0, 1]  # before each request, and at no checkpoint
    assert asked_at[0][1] >= 2  # two checkpoints before the first
    assert turns >= 4 + 2  # one for each checkpoint, one for each reply


@pytest.mark.parametrize("checkpoints", [MAX_CHECKPOINTS, MAX_CHECKPOINTS + 1])
def test_the_number_of_checkpoints_is_bounded(checkpoints: int) -> None:
    """Up to the limit an exchange may yield None; beyond it the plug-in is at fault, and the exchange is closed."""
    ended: list[str] = []

    def yielding() -> Exchange[str]:
        try:
            for _ in range(checkpoints):
                yield None
            return "done"
        finally:
            ended.append("closed")

    async def main() -> Any:
        return await ending(session_over(Script()).run(yielding(), None, PushAsk()))

    result = run_virtual(main())

    assert ended == ["closed"]
    assert result == "done" if checkpoints <= MAX_CHECKPOINTS else isinstance(result, RuntimeError)


def test_checkpoints_do_not_count_as_requests() -> None:
    """The limit of requests counts requests only."""

    def yielding() -> Exchange[int]:
        statuses = []
        for number in range(MAX_REQUESTS):
            yield None
            statuses.append((yield ask(number)).status)
            yield None
        return len(statuses)

    async def main() -> int:
        return await session_over(Script(*[Response(200)] * MAX_REQUESTS)).run(yielding(), None, PushAsk())

    assert run_virtual(main()) == MAX_REQUESTS


def test_a_cancellation_at_a_checkpoint_closes_the_exchange() -> None:
    """No request was made, and no task or generator remains."""
    ended: list[str] = []

    def yielding() -> Exchange[None]:
        try:
            while True:
                yield None
        finally:
            ended.append("closed")

    exchange = yielding()
    script = Script()

    async def main() -> bool:
        task = asyncio.create_task(session_over(script).run(exchange, None, PushAsk()))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert run_virtual(main()) is True
    assert (ended, script.asked) == (["closed"], [])
    assert exchange.gi_frame is None  # type: ignore[attr-defined]


def test_a_wrong_clock_is_measured_after_a_checkpoint_too() -> None:
    """It is measured by the last reply; after a missing reply there is no offset."""

    def skewed(*numbers: int) -> Exchange[None]:
        for number in numbers:
            try:
                yield ask(number)
            except NoVerdict:
                yield None
        yield None
        raise ClockSkew(Reason.CREDENTIALS, "-1")

    late = Response(200, {"date": LATE}, received_at=1_700_000_000.0)

    async def main(*lines: Any) -> Any:
        return await ending(session_over(Script(*lines)).run(skewed(*range(len(lines))), None, PushAsk()))

    assert run_virtual(main(late)).offset == 300.0
    assert run_virtual(main(late, NoVerdict("cut"))).offset is None


def test_a_fault_of_a_plugin_is_reported_with_its_place_and_no_content(caplog: pytest.LogCaptureFixture) -> None:
    """Brand, kind of error, function and line are enough to repair a plug-in; nothing that it was given is quoted."""

    def faulty() -> None:
        raise ValueError(CANARY)

    with pytest.raises(ValueError, match=CANARY) as caught:
        faulty()

    async def main() -> list[str]:
        session = session_over(Script())
        return [session.vendor.blame(caught.value), *(session.vendor.blame(KeyError(CANARY)) for _ in range(1000))]

    sentence, *others = run_virtual(main())

    assert "the scripted plug-in broke its contract: ValueError in " in sentence
    assert ".faulty, line " in sentence
    assert set(others) == {"the scripted plug-in broke its contract: KeyError"}
    assert CANARY not in sentence + caplog.text
    assert sentence in caplog.text
    assert len(caplog.records) == 2  # a thousand times the same is one line a minute


def not_a_request(region: str, now: float) -> Any:
    """Yields something that is not a request."""
    yield CANARY


@pytest.mark.parametrize("begun", [lambda: not_a_request("", 0.0), lambda: AccessToken("a", 5.0), lambda: None])
def test_an_object_that_is_no_exchange_is_an_error_of_the_plugin(begun: Callable[[], Any]) -> None:
    """The exception is not a reply of the vendor: the lane reports a fault of the plug-in."""

    async def main() -> Any:
        return await ending(session_over(Script(Response(200))).run(begun(), AccessToken("a", 5.0), PushAsk()))

    error = run_virtual(main())

    assert isinstance(error, TypeError | AttributeError | ValueError)
    assert not isinstance(error, ExchangeError)
