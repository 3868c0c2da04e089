"""How a sandbox's server thread starts and stops, and what remains after it.

Requests to it are tested in test_server.py.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from pushgateway.model.errors import PluginError
from pushgateway.sandbox import Sandbox
from pushgateway.sandbox.serving.server import serve
from pushgateway.sandbox.serving.thread import listen
from pushgateway.vendor import Request, Response


class QuietSandbox(Sandbox):
    """A sandbox that gets no request."""

    brand = "quiet"

    def operation(self, request: Request) -> str:
        return "any"

    def perform(self, request: Request, operation: str) -> Response:
        return Response(200)

    def refusal(self, code: str) -> Response:
        return Response(200)

    def settings(self, url: str) -> dict[str, object]:
        return {}


def test_replies_are_not_delayed() -> None:
    """asyncio switches Nagle's delay off only for sockets that name TCP; with it each reply would take 40 ms."""
    with listen(0) as listener:
        proto = listener.proto

    assert proto == socket.IPPROTO_TCP


def test_a_missing_extra_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without uvicorn the user reads what to install, not a traceback of imports."""
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "pushgateway.sandbox.serving.thread", raising=False)

    with pytest.raises(PluginError, match=r'pip install "\.\[sandbox\]"'), serve(QuietSandbox()):
        pass


def test_the_view_of_the_page_needs_no_extra() -> None:
    """What sandboxes show as JSON can be used where Starlette is not installed; serving it is one sentence."""
    program = """
import sys
sys.modules["starlette"] = sys.modules["uvicorn"] = None
from pushgateway.model.errors import PluginError
from pushgateway.sandbox.page import commands, view
from pushgateway.sandbox.serving.server import serve_page
print(view.View({}).state()["brands"])
try:
    with serve_page({}): pass
except PluginError as missing:
    print(missing)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert result.stdout.startswith("[]\nserving a sandbox needs ")


SERVER_PROGRAM = """
import signal, sys, threading
from pushgateway.sandbox import Sandbox
from pushgateway.sandbox.serving.server import run
class Quiet(Sandbox):
    brand = "quiet"
    def operation(self, request): return "any"
    def perform(self, request, operation): return self.reply_json({"code": 0})
    def refusal(self, code): return self.reply_json({"code": code})
    def settings(self, url): return {}
def signal_itself():
    if line := sys.stdin.readline():
        signal.pthread_kill(threading.get_ident(), int(line))
threading.Thread(target=signal_itself, daemon=True).start()
run(Quiet(), 0, False, lambda served: print(served.url, flush=True))
print("stopped", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_ends_on_a_signal(number: signal.Signals) -> None:
    """The command line's sandbox stops cleanly on Ctrl-C and on a service manager's TERM."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER_PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        url = program.stdout.readline().strip()
        with urllib.request.urlopen(f"{url}/any", timeout=10) as reply:
            status = reply.status
        program.send_signal(number)
        try:
            rest, errors = program.communicate(timeout=20)
        finally:
            program.kill()

    assert status == 200
    assert (rest, errors, program.returncode) == ("stopped\n", "", 0)


def test_run_ends_on_a_signal_that_another_thread_got() -> None:
    """The kernel may choose any thread, and Python calls the handler in the main thread, which may go on waiting."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER_PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None
        assert program.stdin is not None
        program.stdout.readline()
        try:
            rest, errors = program.communicate(f"{signal.SIGTERM.value}\n", timeout=20)
        finally:
            program.kill()

    assert (rest, errors, program.returncode) == ("stopped\n", "", 0)
