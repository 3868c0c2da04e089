"""The blocking gateway at the end of a process: a gateway that was not closed ends with it, quickly and without output.

Each test is a process of its own, like a web application with the gateway as a global. A process that hangs is killed
and fails its test.
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
def test_a_process_ends_with_its_own_code_and_without_output(program: str, code: int) -> None:
    """Whether or not the gateway was closed, the interpreter's end does not wait for its thread."""
    ended = run(program)

    assert (ended.returncode, ended.stderr, ended.stdout) == (code, "", "")


def test_only_the_exception_of_the_host_is_printed() -> None:
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
def test_a_forked_child_ends_too(leave: str) -> None:
    """The thread exists in the parent only: the child does not wait for it, and the parent goes on sending."""
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
    """After a fork inside `with`, the child's end of the block closes nothing and hides no exception."""
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
def test_requests_under_way_do_not_delay_the_end(program: str) -> None:
    """No caller is left to take the outcomes: requests have a moment of grace and are interrupted."""
    ended = run(program)

    assert (ended.returncode, ended.stderr) == (0, "")
