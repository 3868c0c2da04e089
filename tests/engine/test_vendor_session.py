"""Exchanges carried through: requests out in order, replies back in, and the truth about silence.

Law of this file: the transport is a script of replies; the exchanges are written by each test.
"""

import asyncio
from collections.abc import Callable, Generator
from typing import Any

import pytest
from scripted_transport import Script, ask, ask_of_push, asking, conversing, ending

from pushgateway.engine.session.vendor_session import MAX_BREATHS, MAX_REQUESTS
from pushgateway.model.reason import Reason
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import AccessToken, Exchange, Request, Response
from pushgateway.vendor.refusals import AccessExpired, ClockSkew, ExchangeError, NoVerdict, Refused

CANARY = "canary-5d1f"
LATE = "Tue, 14 Nov 2023 22:18:20 GMT"  # 1,700,000,300 seconds


def test_requests_and_replies_alternate() -> None:
    """Each reply reaches the `yield` of its request, in order, and what is returned is the result."""

    async def main() -> None:
        script = Script(Response(201), Response(202), Response(203))
        counted: list[int] = []

        result = await conversing(script).run(
            asking(1, 2, 3), None, ask_of_push(asking=lambda: counted.append(len(script.asked)))
        )

        assert result == [201, 202, 203]
        assert script.asked == [ask(1), ask(2), ask(3)]  # as they were: there is no access token to add
        assert script.with_ == [("7005", 5.0)] * 3
        assert counted == [0, 1, 2]  # told before each request, not after

    assert run_virtual(main()) is None


def test_an_exchange_may_ask_nothing() -> None:
    """All pushes were settled before: no request, no call of `asking`."""

    async def main() -> tuple[list[int], int]:
        script = Script()
        return await conversing(script).run(
            asking(), AccessToken("a", 5), ask_of_push(asking=lambda: pytest.fail("told"))
        ), len(script.asked)

    assert run_virtual(main()) == ([], 0)


def test_every_request_carries_the_access_token() -> None:
    """Each of an exchange, by the vendor's own way."""

    async def main() -> list[str | None]:
        script = Script(Response(200), Response(200))
        await conversing(script).run(asking(1, 2), AccessToken("abc", 5), ask_of_push())
        return [request.headers.get("authorization") for request in script.asked]

    assert run_virtual(main()) == ["Bearer abc"] * 2


@pytest.mark.parametrize("sent", [True, False])
def test_silence_is_thrown_into_the_exchange(sent: bool) -> None:
    """At the `yield` it belongs to; one that lets it pass ends with it, unchanged."""

    async def main() -> tuple[Any, int]:
        script = Script(Response(200), NoVerdict("timeout", sent=sent), Response(200))
        return await ending(conversing(script).run(asking(1, 2, 3), None, ask_of_push())), len(script.asked)

    error, asked = run_virtual(main())

    assert isinstance(error, NoVerdict)
    assert (error.detail, error.sent, asked) == ("timeout", sent, 2)


def test_an_exchange_may_catch_silence() -> None:
    """It keeps what it knows and returns, or asks something else."""

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
        return await conversing(script).run(patient(), None, ask_of_push())

    assert run_virtual(main()) == ["a", "200", "b"]


@pytest.mark.parametrize(
    "error", [Refused(Reason.MUTED, "5"), AccessExpired(Reason.CREDENTIALS, "11"), KeyError(CANARY)]
)
def test_what_an_exchange_raises_comes_out(error: Exception) -> None:
    """Unchanged: whoever called judges it."""

    def raising() -> Exchange[None]:
        yield ask(1)
        raise error

    async def main() -> Any:
        return await ending(conversing(Script(Response(200))).run(raising(), None, ask_of_push()))

    assert run_virtual(main()) is error


@pytest.mark.parametrize(
    ("headers", "offset"),
    [({"date": LATE}, 300.0), ({}, None), ({"date": "yesterday"}, None)],
)
def test_a_clock_that_is_off_is_measured_by_the_reply(headers: dict[str, str], offset: float | None) -> None:
    """The vendor's `Date` against the moment we had the reply; without a readable one nothing is claimed."""

    def skewed() -> Exchange[None]:
        yield ask(1)
        raise ClockSkew(Reason.CREDENTIALS, "19")

    async def main() -> Any:
        reply = Response(200, headers, received_at=1_700_000_000.0)
        return await ending(conversing(Script(reply)).run(skewed(), None, ask_of_push()))

    error = run_virtual(main())

    assert isinstance(error, ClockSkew)
    assert error.offset == offset


def test_an_exchange_is_closed_when_its_caller_is_cancelled() -> None:
    """Its `finally` runs, at once, and the cancellation goes on."""
    ended: list[str] = []

    def held() -> Exchange[None]:
        try:
            yield ask(1)
        finally:
            ended.append("closed")

    exchange = held()  # kept here, so that nobody but the session closes it

    async def main() -> bool:
        task = asyncio.create_task(conversing(Script(100.0, Response(200))).run(exchange, None, ask_of_push()))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return task.cancelled()

    assert run_virtual(main()) is True
    assert ended == ["closed"]
    assert exchange.gi_frame is None  # type: ignore[attr-defined]


def test_at_a_breath_the_loop_turns_and_nothing_is_asked() -> None:
    """Before, between and after requests; a breath is no request, and neither its flight nor its reply knows of it."""

    def breathing() -> Exchange[list[Any]]:
        heard: list[Any] = [(yield None), (yield None)]
        heard.append((yield ask(1)).status)
        heard.append((yield None))
        heard.append((yield ask(2)).status)
        heard.append((yield None))
        return heard

    async def main() -> tuple[Any, ...]:
        script, told, turns, over = Script(Response(201), Response(202)), list[tuple[int, int]](), [0], asyncio.Event()

        async def turn() -> None:
            while not over.is_set():
                turns[0] += 1
                await asyncio.sleep(0)

        other = asyncio.create_task(turn())
        heard = await conversing(script).run(
            breathing(), None, ask_of_push(asking=lambda: told.append((len(script.asked), turns[0])))
        )
        over.set()
        await other
        return heard, told, script.asked, turns[0]

    heard, told, asked, turns = run_virtual(main())

    assert heard == [None, None, 201, None, 202, None]
    assert asked == [ask(1), ask(2)]
    assert [before for before, _ in told] == [0, 1]  # told before each request, and at no breath
    assert told[0][1] >= 2  # two breaths before the first
    assert turns >= 4 + 2  # one for each breath, one for each reply


@pytest.mark.parametrize("breaths", [MAX_BREATHS, MAX_BREATHS + 1])
def test_nobody_takes_breath_for_ever(breaths: int) -> None:
    """Up to the limit an exchange may breathe; beyond it, it is the plug-in's fault, and it is closed."""
    ended: list[str] = []

    def breathing() -> Exchange[str]:
        try:
            for _ in range(breaths):
                yield None
            return "done"
        finally:
            ended.append("closed")

    async def main() -> Any:
        return await ending(conversing(Script()).run(breathing(), None, ask_of_push()))

    result = run_virtual(main())

    assert ended == ["closed"]
    assert result == "done" if breaths <= MAX_BREATHS else isinstance(result, RuntimeError)


def test_breaths_take_no_request_away() -> None:
    """The limit of requests counts requests."""

    def breathing() -> Exchange[int]:
        statuses = []
        for number in range(MAX_REQUESTS):
            yield None
            statuses.append((yield ask(number)).status)
            yield None
        return len(statuses)

    async def main() -> int:
        return await conversing(Script(*[Response(200)] * MAX_REQUESTS)).run(breathing(), None, ask_of_push())

    assert run_virtual(main()) == MAX_REQUESTS


def test_a_cancellation_at_a_breath_closes_the_exchange() -> None:
    """Nothing has left and nothing stays behind."""
    ended: list[str] = []

    def breathing() -> Exchange[None]:
        try:
            while True:
                yield None
        finally:
            ended.append("closed")

    exchange = breathing()
    script = Script()

    async def main() -> bool:
        task = asyncio.create_task(conversing(script).run(exchange, None, ask_of_push()))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert run_virtual(main()) is True
    assert (ended, script.asked) == (["closed"], [])
    assert exchange.gi_frame is None  # type: ignore[attr-defined]


def test_a_clock_that_is_off_is_measured_after_a_breath_too() -> None:
    """By the last reply; after silence there is none to measure by."""

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
        return await ending(conversing(Script(*lines)).run(skewed(*range(len(lines))), None, ask_of_push()))

    assert run_virtual(main(late)).offset == 300.0
    assert run_virtual(main(late, NoVerdict("cut"))).offset is None


def test_blame_names_the_place_and_quotes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Brand, kind of error, function and line: enough to repair a plug-in, nothing of what it was given."""

    def faulty() -> None:
        raise ValueError(CANARY)

    with pytest.raises(ValueError, match=CANARY) as caught:
        faulty()

    async def main() -> list[str]:
        session = conversing(Script())
        return [session.blame(caught.value), *(session.blame(KeyError(CANARY)) for _ in range(1000))]

    sentence, *others = run_virtual(main())

    assert "the scripted plug-in broke its contract: ValueError in " in sentence
    assert ".faulty, line " in sentence
    assert set(others) == {"the scripted plug-in broke its contract: KeyError"}
    assert CANARY not in sentence + caplog.text
    assert sentence in caplog.text
    assert len(caplog.records) == 2  # a thousand times the same is one line a minute


def not_a_request(region: str, now: float) -> Any:
    """Yields what is no request."""
    yield CANARY


@pytest.mark.parametrize("begun", [lambda: not_a_request("", 0.0), lambda: AccessToken("a", 5.0), lambda: None])
def test_what_is_no_exchange_ends_as_an_error_of_the_plug_in(begun: Callable[[], Any]) -> None:
    """Not as a word of the vendor's: the lane blames the plug-in for it."""

    async def main() -> Any:
        return await ending(conversing(Script(Response(200))).run(begun(), AccessToken("a", 5.0), ask_of_push()))

    error = run_virtual(main())

    assert isinstance(error, TypeError | AttributeError | ValueError)
    assert not isinstance(error, ExchangeError)
