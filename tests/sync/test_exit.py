"""The sync door at the end of a process: a gateway that nobody closed ends with it, quickly and without a word.

Law of this file: each test is a process of its own, as a web application makes one: the gateway is a global. A process
that hangs is killed and fails its test.
"""

import pytest
from processes import run


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("", 0),
        ("sys.exit(3)", 3),
        ("del gateway", 0),
        ("gateway.close()", 0),
        ("gateway.close(); gateway.send(PushToken(1, 'a'), note); sys.exit(4)", 4),
        ("another = Gateway(gateway.certificates, transport=server, vendors={'toy': Toy}); sys.exit(5)", 5),
    ],
    ids=["runs to its end", "SystemExit", "dropped", "closed", "used after the close", "two gateways"],
)
def test_a_process_ends_with_its_own_code_and_without_a_word(program: str, code: int) -> None:
    """Whoever closes the gateway or does not: the interpreter's end does not wait for a thread that is gone."""
    ended = run(program)

    assert (ended.returncode, ended.stderr, ended.stdout) == (code, "", "")


def test_an_exception_is_all_that_is_told() -> None:
    """The host's traceback stands alone on stderr, and the exit code is Python's."""
    ended = run("raise RuntimeError('the host broke')")

    assert ended.returncode == 1
    assert ended.stderr.count("Traceback") == 1
    assert ended.stderr.rstrip().endswith("RuntimeError: the host broke")


@pytest.mark.parametrize(
    "leave",
    ["sys.exit(7)", "gateway_2 = gateway; del gateway; sys.exit(7)", "del gateway; sys.exit(7)", "refused()"],
    ids=["SystemExit", "renamed", "dropped", "used, then SystemExit"],
)
def test_a_forked_child_ends_as_well(leave: str) -> None:
    """The thread lives in the parent only: the child does not wait for it, and the parent goes on sending."""
    ended = run(
        f"""
from pushgateway import LoopError

def refused():
    try:
        gateway.send(PushToken(1, "b"), note)
    except LoopError:
        sys.exit(7)

child = os.fork()
if child == 0:
    {leave}
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert gateway.send(PushToken(1, "c"), note).ok
sys.exit(code)
"""
    )

    assert (ended.returncode, ended.stderr) == (7, "")


def test_a_child_may_leave_the_block_it_was_forked_in() -> None:
    """`with` in the parent: the child's way out of the block closes nothing and hides nothing."""
    ended = run(
        """
with gateway:
    child = os.fork()
    if child == 0:
        sys.exit(7)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert gateway.send(PushToken(1, "c"), note).ok
sys.exit(code)
"""
    )

    assert (ended.returncode, ended.stderr) == (7, "")


@pytest.mark.parametrize(
    "program",
    [
        "stream = gateway.stream(pushes(), window=10); next(stream)",
        """
asked = threading.Event()
class Slow(ToyServer):
    async def send(self, request, *, pool, timeout):
        asked.set()
        return await super().send(request, pool=pool, timeout=timeout)
server = Slow()
server.latency = 3600.0
gateway = Gateway(gateway.certificates, transport=server, vendors={"toy": Toy}, timeout=3600.0, request_timeout=3600.0)
threading.Thread(target=gateway.send, args=(PushToken(1, "b"), note), daemon=True).start()
asked.wait()
""",
        """
blocked = threading.Event()
def source():
    yield Push(PushToken(1, "b"), note)
    blocked.set()
    threading.Event().wait()
threading.Thread(target=lambda: list(gateway.stream(source())), daemon=True).start()
blocked.wait()
""",
    ],
    ids=["a stream half taken", "a send without an answer", "a source that blocks for ever"],
)
def test_what_is_under_way_does_not_hold_up_the_end(program: str) -> None:
    """Nobody is there to take the outcomes: it has a moment of grace and is cut off."""
    ended = run(program)

    assert (ended.returncode, ended.stderr) == (0, "")
