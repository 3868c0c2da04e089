"""A vendor's own operations: each call has an outcome, and none is repeated where a repeat could do harm."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest
from operations_vendor import OperationsServer, OperationsVendor, operations_gateway
from toy_vendor import gateway

from pushgateway import FieldError, Gateway, PushFailed, Reason, RetryPolicy, Statistics, Status
from pushgateway.engine.operations import operations_of
from pushgateway.model.outcome import CallOutcome
from pushgateway.observe.events import CallDone, Event, RequestDone
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import Call, NoVerdict, Vendor

Ask = Callable[[Gateway], Awaitable[CallOutcome[Any]]]
BUSY = {"code": 5}


def asked(server: OperationsServer, ask: Ask, **options: Any) -> CallOutcome[Any]:
    async def main() -> CallOutcome[Any]:
        async with operations_gateway(server, **options) as g:
            return await ask(g)

    return run_virtual(main())


def alias(g: Gateway) -> Awaitable[CallOutcome[Any]]:
    return g.vendor(1).alias("k", "ann")


def upload(g: Gateway) -> Awaitable[CallOutcome[Any]]:
    return g.vendor(1).upload(b"picture")


def test_an_operation_uses_an_access_token_and_returns_its_value() -> None:
    """There is one login and one request; the outcome holds the value that the plug-in read."""
    server = OperationsServer()

    outcome = asked(server, alias)

    assert (outcome.status, outcome.value, outcome.operation, outcome.attempts) == (
        Status.ACCEPTED,
        "done",
        "set_alias",
        1,
    )
    assert (outcome.ok, outcome.certificate_id) == (True, "1")
    assert server.called == [("alias", ["k", "ann"])]
    assert server.calls["login"] == 1


def test_ask_is_the_same_call_with_types() -> None:
    """`ask` takes the plug-in's method itself; a method that is no operation of this vendor is a mistake of the
    caller."""
    server = OperationsServer()

    class Other(OperationsVendor):
        def other(self) -> None: ...

    async def main() -> CallOutcome[Statistics]:
        async with operations_gateway(server) as g:
            with pytest.raises(FieldError, match="toy has no operation 'other'; it has: alias, "):
                await g.vendor(1).ask(Other.other)  # type: ignore[arg-type]
            return await g.vendor(1).ask(OperationsVendor.statistics, "m", task_id="t")

    server.value = lambda: 2
    outcome = run_virtual(main())

    assert outcome.value == Statistics(valid=3, arrived=2)
    assert server.called == [("statistics", ["m", "t"])]


def test_operations_are_the_methods_that_return_a_call() -> None:
    """An operation is a public method, of the class or its bases, whose return annotation is `Call`, as text or not."""

    class Evaluated(OperationsVendor):
        def counted(self) -> int:
            return 1

    Evaluated.upload.__annotations__["return"] = inspect.signature(
        OperationsVendor.upload, eval_str=False
    ).return_annotation

    assert operations_of(Vendor) == {"check_tokens", "recall", "statistics"}
    assert operations_of(Evaluated) == {
        "alias",
        "broken",
        "check_tokens",
        "ping",
        "recall",
        "spoilt",
        "statistics",
        "upload",
    }


def test_an_unknown_name_lists_the_operations() -> None:
    """A misspelt name is an error at the place of the call; so are wrong arguments and wrong types."""

    async def main() -> None:
        async with operations_gateway(OperationsServer()) as g:
            operations = g.vendor(1)
            with pytest.raises(AttributeError, match="toy has no operation 'alais'; it has: alias, broken, "):
                operations.alais  # noqa: B018
            with pytest.raises(AttributeError):
                operations.push  # noqa: B018
            with pytest.raises(AttributeError):
                operations._refuse  # noqa: B018
            with pytest.raises(TypeError, match="missing a required argument: 'alias'"):
                await operations.alias("k")
            with pytest.raises(FieldError, match="alias: must be a str"):
                await operations.alias("k", 7)
            assert dir(operations) == [
                *("alias", "ask", "broken", "check_tokens", "ping", "recall", "spoilt", "statistics", "upload")
            ]
            assert repr(operations) == "Operations('1')"

    run_virtual(main())


def test_errors_before_any_request_are_not_sent() -> None:
    """A refused argument, an operation that the vendor does not have, a certificate that does not exist."""
    server = OperationsServer()

    empty = asked(server, lambda g: g.vendor(1).alias("k", ""))
    strange = asked(server, lambda g: g.vendor(2).anything())
    missing = run_virtual(_statistics_of_plain_toy())

    assert (empty.status, empty.reason, empty.detail) == (
        Status.NOT_SENT,
        Reason.INVALID_NOTIFICATION,
        "alias: must not be empty",
    )
    assert (strange.status, strange.reason, strange.operation) == (Status.NOT_SENT, Reason.CREDENTIALS, "anything")
    assert (missing.status, missing.reason) == (Status.NOT_SENT, Reason.UNSUPPORTED)
    assert server.calls == {}
    assert [outcome.attempts for outcome in (empty, strange, missing)] == [0, 0, 0]


async def _statistics_of_plain_toy() -> CallOutcome[Any]:
    from toy_vendor import ToyServer, gateway

    async with gateway(ToyServer()) as g:
        return await g.vendor(1).statistics("m", "t")


def test_an_access_token_that_expired_is_renewed_once() -> None:
    """Refused once, the call logs in again and is repeated; refused each time, it ends after the second request."""
    server = OperationsServer()
    server.refuse_access = {"t1"}
    hopeless = OperationsServer()
    hopeless.refuse_access = {f"t{number}" for number in range(9)}

    renewed, refused = asked(server, alias), asked(hopeless, alias)

    assert (renewed.status, renewed.attempts, server.calls["login"]) == (Status.ACCEPTED, 2, 2)
    assert (refused.status, refused.reason, refused.attempts) == (Status.REJECTED, Reason.CREDENTIALS, 2)


def test_a_temporary_refusal_is_repeated() -> None:
    """Also an operation that must not be done twice is repeated: a readable refusal did nothing."""
    for ask in (alias, upload):
        server = OperationsServer()
        server.given = [BUSY, {"code": 6, "wait": 2.0}]

        outcome = asked(server, ask)

        assert (outcome.status, outcome.attempts, len(server.called)) == (Status.ACCEPTED, 3, 3)


def test_attempts_and_time_are_bounded() -> None:
    """There are as many attempts as the policy allows, and none after the deadline."""
    server = OperationsServer()
    server.given = [dict(BUSY) for _ in range(9)]
    hurried = OperationsServer()
    hurried.given = [{"code": 6, "wait": 60.0}]

    outcome = asked(server, alias, retry=RetryPolicy(attempts=3))
    late = asked(hurried, lambda g: g.vendor(1, timeout=5.0).alias("k", "ann"))

    assert (outcome.status, outcome.reason, outcome.attempts) == (Status.REJECTED, Reason.UNAVAILABLE, 3)
    assert (late.status, late.reason, late.attempts, late.retry_after) == (
        Status.REJECTED,
        Reason.RATE_LIMITED,
        1,
        60.0,
    )


def test_without_a_verdict_only_harmless_operations_are_repeated() -> None:
    """Setting an alias twice does no harm; a picture may be uploaded already, so it is not uploaded again."""
    for ask, status, attempts in ((alias, Status.ACCEPTED, 2), (upload, Status.UNKNOWN, 1)):
        server = OperationsServer()
        server.given = [NoVerdict("cut")]

        outcome = asked(server, ask)

        assert (outcome.status, outcome.attempts) == (status, attempts)


def test_a_request_that_was_not_sent_is_repeated() -> None:
    """A refused connection proves that nothing was done."""
    server = OperationsServer()
    server.given = [NoVerdict("refused", sent=False), NoVerdict("refused", sent=False)]

    outcome = asked(server, upload)

    assert (outcome.status, outcome.attempts) == (Status.ACCEPTED, 3)


@pytest.mark.parametrize("is_repeatable", [True, False])
def test_an_operation_is_not_begun_again_where_its_first_request_must_not_be_repeated(is_repeatable: bool) -> None:
    """An access token that is refused at the second request: the first one has done something. The next call has a new
    access token."""
    server = OperationsServer()
    server.given = [{"code": 0}, {"code": 11}]

    class Repeatable(OperationsVendor):
        def upload(self, picture: bytes, *, twice: bool = False) -> Call[str]:
            return attrs.evolve(super().upload(picture, twice=twice), repeatable=is_repeatable)

    async def main() -> tuple[CallOutcome[Any], CallOutcome[Any]]:
        async with gateway(server, vendors={"toy": Repeatable}) as g:
            return await g.vendor(1).upload(b"picture", twice=True), await g.vendor(1).upload(b"picture", twice=True)

    first, second = run_virtual(main())

    assert [what for what, _ in server.called].count("reserve") == (3 if is_repeatable else 2)
    assert (first.ok, first.reason) == ((True, None) if is_repeatable else (False, Reason.UNAVAILABLE))
    assert second.ok
    assert server.calls["login"] == 2


def test_the_first_of_several_requests_is_not_repeated() -> None:
    """The second was refused readably, but the first may have done something that must not be done twice."""
    server = OperationsServer()
    server.given = [{"code": 0}, BUSY]

    outcome = asked(server, lambda g: g.vendor(1).upload(b"picture", twice=True))

    assert (outcome.status, outcome.reason, outcome.attempts) == (Status.REJECTED, Reason.UNAVAILABLE, 2)
    assert [what for what, _ in server.called] == ["reserve", "upload"]


def test_after_an_attempt_without_a_verdict_a_refusal_proves_nothing() -> None:
    """The first attempt may have been carried out, so the outcome is not `REJECTED`."""
    server = OperationsServer()
    server.given = [NoVerdict("cut"), {"code": 3, "message": "no"}]

    outcome = asked(server, alias)

    assert (outcome.status, outcome.reason) == (Status.UNKNOWN, Reason.NO_VERDICT)
    assert (outcome.vendor_code, outcome.vendor_message, outcome.attempts) == ("3", "no", 2)
    assert outcome.detail == "an earlier attempt had no verdict; the last one ended rejected"


def test_the_deadline_ends_waiting_calls_and_requests() -> None:
    """Before a request the outcome is `EXPIRED` and nothing was done; during one it is `UNKNOWN`."""
    server = OperationsServer()
    server.latency = 4.0

    waiting = asked(server, lambda g: g.vendor(1, timeout=3.0).alias("k", "ann"))  # still logging in
    asking = asked(server, lambda g: g.vendor(1, timeout=7.0).alias("k", "ann"))

    assert (waiting.status, waiting.reason) == (Status.NOT_SENT, Reason.EXPIRED)
    assert (asking.status, asking.reason) == (Status.UNKNOWN, Reason.NO_VERDICT)


def test_a_used_up_quota_of_an_operation_stops_that_operation_only() -> None:
    """The daily quota of pictures is used up: the second upload ends without a request; pushes and other operations are
    sent."""
    server = OperationsServer()
    server.given = [{"code": 7}]

    async def main() -> list[Reason | None]:
        from pushgateway import Notification, PushToken

        async with operations_gateway(server) as g:
            first, second = await upload(g), await upload(g)
            other, push = await alias(g), await g.send(PushToken(1, "k"), Notification("a", "b"))
            assert (first.status, second.status) == (Status.REJECTED, Status.NOT_SENT)
            return [first.reason, second.reason, other.reason, push.reason]

    reasons = run_virtual(main())

    assert reasons == [Reason.QUOTA_EXCEEDED, Reason.QUOTA_EXCEEDED, None, None]
    assert [what for what, _ in server.called] == ["upload", "alias"]


def test_a_call_of_a_broken_plugin_names_the_plugin_and_quotes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The plug-in returns no `Call`, or raises before or after a request; after one, something may have been done."""
    server = OperationsServer()

    spoilt = asked(server, lambda g: g.vendor(1).spoilt())
    early = asked(server, lambda g: g.vendor(1).broken(late=False))
    late = asked(server, lambda g: g.vendor(1).broken(late=True))

    assert [(one.status, one.reason) for one in (spoilt, early, late)] == [
        (Status.NOT_SENT, Reason.CREDENTIALS),
        (Status.NOT_SENT, Reason.CREDENTIALS),
        (Status.UNKNOWN, Reason.NO_VERDICT),
    ]
    assert "KeyError" in early.detail
    assert "secret text" not in f"{caplog.text}{early.detail}{late.detail}"


def test_a_missing_permission_stops_its_operation_only() -> None:
    """If a permission is missing, or a server is down, the operation makes no request for a while, and pushes are
    sent."""
    server = OperationsServer()
    server.given = [{"code": 8}]

    async def main() -> list[Reason | None]:
        from pushgateway import Notification, PushToken

        async with operations_gateway(server) as g:
            first, second = await alias(g), await alias(g)
            push, other = await g.send(PushToken(1, "k"), Notification("a", "b")), await upload(g)
            assert (first.status, second.status) == (Status.REJECTED, Status.NOT_SENT)
            return [first.reason, second.reason, push.reason, other.reason]

    assert run_virtual(main()) == [Reason.CREDENTIALS, Reason.CREDENTIALS, None, None]
    assert [what for what, _ in server.called] == ["alias", "upload"]


def test_a_refused_login_stops_calls_too() -> None:
    """The login is not tried again for a while."""
    server = OperationsServer()
    server.login_answers = ["8"]

    async def main() -> list[CallOutcome[Any]]:
        async with operations_gateway(server) as g:
            return [await alias(g), await alias(g)]

    outcomes = run_virtual(main())

    assert [(one.status, one.reason, one.attempts) for one in outcomes] == (
        [(Status.NOT_SENT, Reason.CREDENTIALS, 0)] * 2
    )
    assert (server.called, server.calls["login"]) == ([], 1)


def test_events_of_calls_name_the_operation() -> None:
    """There is an event for each request, and one for the end of the call."""
    server = OperationsServer()
    server.given = [BUSY]
    events: list[Event] = []

    asked(server, alias, observer=events.append)

    requests = [event for event in events if isinstance(event, RequestDone) and event.operation == "call"]
    (done,) = (event for event in events if isinstance(event, CallDone))
    assert [(event.name, event.pushes, event.region) for event in requests] == [("set_alias", 0, "near")] * 2
    assert (done.name, done.status, done.attempts, done.brand) == ("set_alias", Status.ACCEPTED, 2, "toy")
    assert done.duration > 0


def test_an_outcome_of_a_call_can_be_raised() -> None:
    """This is for hosts that prefer exceptions; the value is not in the text of the exception."""
    server = OperationsServer()
    server.value = lambda: "s3cret"
    good = asked(server, alias)
    server.given = [{"code": 3}]
    bad = asked(server, alias)

    good.raise_for_failure()
    with pytest.raises(PushFailed, match="rejected: invalid_notification: vendor code 3"):
        bad.raise_for_failure()

    assert "s3cret" not in repr(good)
