"""The first push of a process: everything that it needs is imported and made together with the gateway.

Each test runs a program of its own, because in this process everything is imported already.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from pushgateway_oppo.sandbox import OppoSandbox

from pushgateway.sandbox.serving.server import Served, serve
from pushgateway.transport import HttpTransport
from pushgateway.transport.tls import Authorities

SECONDS = 60
"""Seconds: far more than the program takes, and still an end when it hangs."""
SETUP = """
import json, os, select, signal, ssl, sys, threading
from pushgateway import Certificate, Notification, PushToken
from pushgateway.sync import Gateway
from pushgateway.transport import HttpTransport, LeanTransport

url, ca_file, token, settings, kind = sys.argv[1:]
certificates = [Certificate(1, "oppo", json.loads(settings))]
note = Notification("你好 👋🏽" * 40, "e\\u0301" * 300, data={"a": ["中", 1.5]})

def make():
    transport = {"http": HttpTransport, "lean": LeanTransport}[kind](ca_file=ca_file or None)
    return Gateway(certificates, transport=transport)
"""


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "tls"])
def served(request: pytest.FixtureRequest) -> Iterator[tuple[OppoSandbox, Served]]:
    sandbox = OppoSandbox()
    with serve(sandbox, tls=request.param) as running:
        yield sandbox, running


def run(served: tuple[OppoSandbox, Served], kind: str, program: str) -> subprocess.CompletedProcess[str]:
    sandbox, at = served
    url = at.url.replace("127.0.0.1", "localhost")  # a name, so that it is resolved
    settings = json.dumps(sandbox.settings(url))
    options = ["-W", "ignore:This process:DeprecationWarning"]  # one of the tests forks beside threads on purpose
    arguments = [url, str(at.ca_file or ""), sandbox.tokens[0], settings, kind]
    command = [sys.executable, *options, "-c", SETUP + program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


@pytest.mark.parametrize("kind", ["http", "lean"])
def test_the_first_push_imports_and_reads_nothing(served: tuple[OppoSandbox, Served], kind: str) -> None:
    """Imports of some 100 ms and reading the authorities of some 20 ms would hold the host's event loop at the moment
    of its first push. They are done when the gateway is made."""
    ended = run(
        served,
        kind,
        """
gateway = make()
ssl.create_default_context = None
before = set(sys.modules)
outcomes = [gateway.send(PushToken(1, token), note), gateway.send(PushToken(1, "wrong"), note)]
print([outcome.status.value for outcome in outcomes], sorted(set(sys.modules) - before))
gateway.close()
""",
    )

    assert (ended.stdout, ended.stderr) == ("['accepted', 'rejected'] []\n", "")


@pytest.mark.parametrize("kind", ["http", "lean"])
def test_a_process_forked_during_the_first_push_sends_with_its_own_gateway(
    served: tuple[OppoSandbox, Served], kind: str
) -> None:
    """By then the parent's loop thread imports nothing. A module that it was importing could never be imported in the
    child, whose gateway would wait for ever. The child is killed if it does."""
    ended = run(
        served,
        kind,
        """
there, forked = threading.Event(), threading.Event()

def stop():
    if threading.current_thread() is not threading.main_thread() and not forked.is_set():
        there.set()
        forked.wait(20)

class Importing:
    def find_spec(self, name, path=None, target=None):  # the lock of the module that imports this one is held
        stop()

gateway = make()
sys.meta_path.insert(0, Importing())
sys.addaudithook(lambda event, _: stop() if event == "socket.connect" else None)
outcome = []
parent = threading.Thread(target=lambda: outcome.append(gateway.send(PushToken(1, token), note)))
parent.start()
assert there.wait(20)
alive, ending = os.pipe()
child = os.fork()
if child == 0:
    forked.set()
    try:
        own = make()
        ok = own.send(PushToken(1, token), note).ok
        own.close()
    finally:
        os._exit(0 if ok else 1)
os.close(ending)
forked.set()
if not select.select([alive], [], [], 10)[0]:  # readable when the child has ended
    os.kill(child, signal.SIGKILL)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
parent.join()
print(code, outcome[0].status.value)
gateway.close()
""",
    )

    assert (ended.stdout, ended.stderr) == ("0 accepted\n", "")


def test_importing_the_package_imports_no_http_client() -> None:
    """`import pushgateway` loads no HTTP client for a host that does not send, such as a command."""
    asked = "import sys, pushgateway; print([name for name in ('httpx', 'h11', 'certifi') if name in sys.modules])"

    finished = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, timeout=SECONDS, check=True
    )

    assert finished.stdout == "[]\n"


def test_the_authorities_are_read_once_for_all_transports_of_a_process() -> None:
    """A host may make a gateway for each of its tenants; the file of authorities is read once."""
    first, second = (transport._pools._authorities for transport in (HttpTransport(), HttpTransport()))

    assert first.context() is second.context()


def test_a_replaced_file_of_authorities_is_read_again(tmp_path: Path) -> None:
    """A gateway made after the file of authorities was replaced trusts the new ones."""
    file = str(tmp_path / "ca.pem")
    trustme.CA().cert_pem.write_to_path(file)
    former = Authorities("ca_file", file).context()
    trustme.CA().cert_pem.write_to_path(file)
    replaced = Authorities("ca_file", file).context()

    assert replaced is not former
    assert replaced.get_ca_certs() != former.get_ca_certs()
