"""The blocking gateway: the same gateway for code without an event loop."""

import asyncio
import inspect
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator

import pytest
from operations_vendor import OperationsServer, OperationsVendor
from toy_vendor import Toy, ToyServer, certificate

import pushgateway
from pushgateway import Audience, Certificate, LoopError, Notification, Outcome, Push, PushToken, Reason, Status
from pushgateway.sync import Gateway

NOTE = Notification("title", "body")


@pytest.fixture
def server() -> ToyServer:
    toy = ToyServer()
    toy.latency = 0.0
    return toy


@pytest.fixture
def gateway(server: ToyServer) -> Iterator[Gateway]:
    before = set(threading.enumerate())
    with Gateway([Certificate(1, "toy", {"secret": "x"})], transport=server, vendors={"toy": Toy}) as opened:
        yield opened
    assert set(threading.enumerate()) <= before


def test_every_call_returns_the_same_values(gateway: Gateway, server: ToyServer) -> None:
    """send, send_each, multicast, stream, broadcast and check work without an await."""
    server.codes["dead"] = "2"
    tokens = [PushToken(1, token) for token in ("a", "dead", "c")]

    one = gateway.send(tokens[0], NOTE)
    each = gateway.send_each([Push(token, NOTE) for token in tokens])
    many = gateway.multicast(tokens, NOTE)
    streamed = list(gateway.stream(Push(PushToken(1, f"k{i}"), NOTE) for i in range(1000)))
    everyone = gateway.broadcast(1, NOTE, Audience.everyone())
    proof = gateway.check(1)

    assert one.ok
    assert [outcome.reason for outcome in each] == [None, Reason.UNREGISTERED, None]
    assert [outcome.reason for outcome in many] == [None, Reason.UNREGISTERED, None]
    assert len(streamed) == 1000
    assert everyone.ok
    assert proof.ok
    assert server.calls["login"] == 1


def test_an_id_and_a_context_of_the_host_come_back(gateway: Gateway) -> None:
    """They are in the outcomes as with the asynchronous calls, from an open gateway and from a closed one."""
    row = object()

    def outcomes() -> list[Outcome]:
        sends = (gateway.send, gateway.try_send)
        each = [send(PushToken(1, "a"), NOTE, dedupe_id=f"row-{n}", context=row) for n, send in enumerate(sends)]
        return [*each, *gateway.multicast([PushToken(1, "b")], NOTE, context=row)]

    open_ = outcomes()
    gateway.close()
    closed = outcomes()

    assert [one.ok for one in (*open_, *closed)] == [True, True, True, False, False, False]
    assert [one.dedupe_id for one in (*open_[:2], *closed[:2])] == ["row-0", "row-1"] * 2
    assert all(one.context is row for one in (*open_, *closed))


def test_a_stream_left_early_leaves_nothing_running(gateway: Gateway) -> None:
    """Breaking out of the loop is a normal way to end it."""
    taken = []

    for outcome in gateway.stream((Push(PushToken(1, f"k{i}"), NOTE) for i in range(10_000)), window=50):
        taken.append(outcome)
        break

    assert len(taken) == 1
    assert gateway.send(PushToken(1, "after"), NOTE).ok


def test_many_threads_share_one_gateway(gateway: Gateway, server: ToyServer) -> None:
    """Any thread may call; all use the same access token and the same lanes."""
    outcomes: list[Outcome] = []

    def work(name: str) -> None:
        outcomes.extend(gateway.send(PushToken(1, f"{name}-{i}"), NOTE) for i in range(20))

    threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(outcomes) == 160
    assert all(outcome.ok for outcome in outcomes)
    assert server.calls["login"] == 1


def test_inside_a_running_loop_there_is_a_clear_error(gateway: Gateway) -> None:
    """Blocking the loop would stop everything else in it, so nothing is sent."""

    async def main() -> None:
        gateway.send(PushToken(1, "a"), NOTE)

    with pytest.raises(LoopError, match=r"use pushgateway\.Gateway"):
        asyncio.run(main())


def test_after_a_fork_there_is_a_clear_error(gateway: Gateway) -> None:
    """The background thread does not exist in a child: waiting for it would never end."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            gateway.send(PushToken(1, "a"), NOTE)
        except LoopError as refused:
            code = 0 if "fork" in str(refused) else 2
        finally:
            os._exit(code)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_reload_swaps_the_set(gateway: Gateway) -> None:
    """It works as in the async gateway."""
    gateway.reload([Certificate(2, "toy", {"secret": "y"})])

    assert [certificate.id for certificate in gateway.certificates] == ["2"]
    assert gateway.send(PushToken(2, "a"), NOTE).ok
    assert gateway.send(PushToken(1, "a"), NOTE).reason is Reason.CREDENTIALS


def test_iterables_of_the_host_are_read_in_its_own_thread(gateway: Gateway, request: pytest.FixtureRequest) -> None:
    """A database cursor belongs to the thread that made it, and a slow one delays no other thread."""
    database = sqlite3.connect(":memory:")
    request.addfinalizer(database.close)
    rows = database.cursor()
    tokens = ("SELECT 'a' UNION SELECT 'b' UNION SELECT 'c'",)
    threads = set()

    def certificates() -> Iterator[Certificate]:
        threads.add(threading.current_thread())
        yield Certificate(1, "toy", {"secret": "y"})

    each = gateway.send_each(Push(PushToken(1, token), NOTE) for (token,) in rows.execute(*tokens))
    many = gateway.multicast((PushToken(1, token) for (token,) in rows.execute(*tokens)), NOTE)
    streamed = list(gateway.stream(Push(PushToken(1, token), NOTE) for (token,) in rows.execute(*tokens)))
    gateway.reload(certificates())

    assert [outcome.push_token.token for outcome in each] == ["a", "b", "c"]
    assert [outcome.push_token.token for outcome in many] == ["a", "b", "c"]
    assert sorted(outcome.push_token.token for outcome in streamed) == ["a", "b", "c"]
    assert all(outcome.ok for outcome in (*each, *many, *streamed))
    assert threads == {threading.current_thread()}


def test_both_gateways_have_the_same_names_and_parameters() -> None:
    """They have the same methods with the same parameters, also to make one; only the close has a different name.

    Every parameter is written out, so that a type checker finds a misspelt one.
    """
    renamed = {"aclose": "close"}
    public = [name for name in dir(pushgateway.Gateway) if not name.startswith("_")]
    compared = 0

    for name in ("__init__", *public):
        other = getattr(Gateway, renamed.get(name, name))
        if inspect.isfunction(other):
            assert parameters(getattr(pushgateway.Gateway, name)) == parameters(other), name
            compared += 1
    assert compared == 25


def parameters(function: Callable[..., object]) -> list[tuple[str, object, object]]:
    found = inspect.signature(function).parameters.values()
    return [(parameter.name, parameter.kind, parameter.default) for parameter in found]


def test_the_blocking_gateway_has_the_same_operations() -> None:
    """Names, values, the typed form, and the outcome of a closed gateway are the same."""
    server = OperationsServer()
    server.latency = 0.0
    with Gateway([certificate()], transport=server, vendors={"toy": OperationsVendor}) as g:
        named = g.vendor(1).alias("k", "ann")
        typed = g.vendor(1).ask(OperationsVendor.alias, "k", "ben")
        with pytest.raises(AttributeError, match="no operation 'alais'"):
            g.vendor(1).alais  # noqa: B018
        operations = g.vendor(1)
    closed = [operations.alias("k", "ann"), operations.ask(OperationsVendor.alias, "k", "ann")]

    assert (named.value, typed.value) == ("done", "done")
    assert [(one.status, one.reason, one.operation) for one in closed] == (
        [(Status.NOT_SENT, Reason.CLOSED, "alias")] * 2
    )
    assert dir(operations) == [
        *("alias", "ask", "broken", "check_tokens", "ping", "recall", "spoilt", "statistics", "upload")
    ]
