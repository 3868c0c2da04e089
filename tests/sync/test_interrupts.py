"""The blocking gateway under interrupts and under gevent: an interrupted call affects no other caller.

Each test is a process of its own, because a failure is a process that hangs; it is killed and fails its test.
"""

import pytest
from processes import run

INTERRUPTED = """
import itertools
from pushgateway import LoopError

class Interrupted(BaseException):
    pass

gateway = Gateway(gateway.certificates, transport=server, vendors={"toy": Toy}, linger=0.0)
server.latency = 0.0

def interrupted_at(wanted, call):
    count = itertools.count(1)
    def trace(frame, event, argument):
        if next(count) == wanted:
            sys.settrace(None)
            raise Interrupted
        return trace
    try:
        sys.settrace(trace)
        call()
    except Interrupted:
        return True
    finally:
        sys.settrace(None)
    return False

def other():
    outcomes.append(gateway.send(PushToken(1, "other"), note))

calls = {
    "send": lambda: gateway.send(PushToken(1, "a"), note),
    "stream": lambda: list(gateway.stream([Push(PushToken(1, "a"), note)])),
}
at = 0
while interrupted_at(at := at + 1, calls[sys.argv[1]]):
    outcomes = []
    thread = threading.Thread(target=other, daemon=True)
    thread.start()
    thread.join(10)
    assert [outcome.ok for outcome in outcomes] == [True], f"the gateway hangs after an interrupt at event {at}"
assert at > 100
gateway.close()
"""


@pytest.mark.parametrize("call", ["send", "stream"])
def test_an_interrupt_at_any_point_of_a_call_ends_that_call_only(call: str) -> None:
    """A signal handler that raises (SIGALRM, Ctrl-C, Celery's soft time limit) may run anywhere.

    It is raised at each line, call and return of Python code: other threads keep sending, and the gateway can be
    closed. Once, a lock of `concurrent.futures` stayed locked at some of them, and the loop's thread waited for it for
    ever.
    """
    ended = run(INTERRUPTED, call)

    assert ended.returncode == 0, ended.stderr


GEVENT = """
import gevent.monkey
gevent.monkey.patch_all()
import gevent
"""
GREENLETS = """
ticks = []
def tick():
    while True:
        ticks.append(1)
        gevent.sleep(0.001)

server.latency = 0.1
ticker = gevent.spawn(tick)
sends = [gevent.spawn(gateway.send, PushToken(1, f"k{number}"), note) for number in range(20)]
assert all(send.get().ok for send in sends)
assert len(ticks) > 5, "the other greenlets stood still"
assert sum(outcome.ok for outcome in gateway.stream([Push(PushToken(1, "b"), note)] * 3)) == 3
try:
    with gevent.Timeout(0.01):
        gateway.send(PushToken(1, "c"), note)
except gevent.Timeout:
    assert gateway.send(PushToken(1, "d"), note).ok
    sys.exit(6)
"""


@pytest.mark.parametrize("close", ["", "gateway.close()\n"], ids=["not closed", "closed"])
def test_greenlets_of_gevent_wait_without_blocking_each_other(close: str) -> None:
    """As under `gunicorn -k gevent`: every call works, other greenlets run meanwhile, and a `gevent.Timeout` ends one
    call."""
    ended = run(GREENLETS.replace("    sys.exit(6)", f"    {close or 'pass'}\n    sys.exit(6)"), before=GEVENT)

    assert (ended.returncode, ended.stderr) == (6, "")


EVENTLET = """
import sys, types
patcher = types.ModuleType("eventlet.patcher")
patcher.is_monkey_patched = lambda module: module == "thread"
sys.modules["eventlet.patcher"] = patcher
"""


def test_eventlet_is_refused_with_advice() -> None:
    """The blocking gateway cannot work there: the error says what to use."""
    ended = run("", before=EVENTLET)

    assert "LoopError: eventlet has replaced Python's threads" in ended.stderr
    assert "gunicorn -k gthread" in ended.stderr
