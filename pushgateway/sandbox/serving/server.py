"""Runs a sandbox, or the page of several, as an HTTP server on 127.0.0.1.

Importing this module costs nothing: what the extra `sandbox` brings (Starlette, uvicorn, trustme) is imported when it
is first needed, and its absence is one `PluginError`. Used by `pushgateway sandbox`, the demo, tests and benchmarks.
"""

from __future__ import annotations

import importlib
import signal
import ssl
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from pushgateway.model.errors import PluginError
from pushgateway.model.installing import core_command
from pushgateway.model.secret import safe_repr
from pushgateway.sandbox.kit.base import Sandbox

if TYPE_CHECKING:
    from pushgateway.sandbox.page.gateway import PageGateway

T = TypeVar("T")

SIGNAL_CHECK = 0.1
"""Seconds between two checks for a signal. Python calls a handler in the main thread only. The kernel may give the
signal to another thread, and a main thread that waits without a limit goes on waiting then and never calls it."""

_EXTRA = frozenset({"starlette", "uvicorn", "trustme", "h11", "click"})


@safe_repr
@attrs.frozen
class Served:
    """Where a sandbox listens."""

    url: str
    """`http://127.0.0.1:<port>` or `https://…`, without a slash at the end."""
    ca_file: Path | None = None
    """With TLS: the file of the authority to trust (PEM); it is removed when the sandbox stops."""


def app(sandbox: Sandbox, *, hosts: Collection[str] = ()) -> Any:
    """The sandbox as an ASGI app, for a server of your own.

    What lies below `/_sandbox/` answers only where the `Host` header names a loopback address or one of `hosts`.
    """
    return _extra("pushgateway.sandbox.serving.app").app(sandbox, hosts=hosts)


@contextmanager
def serve(sandbox: Sandbox, *, port: int = 0, tls: bool = False, post_receipts: bool = True) -> Iterator[Served]:
    """Serve `sandbox` in a thread as long as the block lasts. Port 0: any free one. `post_receipts=False`: receipts
    wait for `Sandbox.callbacks` and are not posted.

    Raises `OSError` when the port is taken and `PluginError` when the extra `sandbox` is not installed.
    """
    thread_class = _extra("pushgateway.sandbox.serving.thread").ServerThread
    served = _extra("pushgateway.sandbox.serving.app").app(sandbox, post_receipts=post_receipts)
    with ExitStack() as stack:
        context, ca_file = _certificates(stack) if tls else (None, None)
        thread = thread_class(served, port, context)
        stack.callback(thread.stop)
        yield Served(f"{'https' if tls else 'http'}://127.0.0.1:{thread.port}", ca_file)


@safe_repr
@attrs.frozen
class ServedPage:
    """The page of phones of several sandboxes."""

    url: str
    """`http://127.0.0.1:<port>/`."""
    attach: Callable[[PageGateway | None], None] = attrs.field(repr=False)
    """Gives the page a gateway, with which people send on it and which takes receipts posted to `receipts`."""

    @property
    def receipts(self) -> str:
        """The URL for `Certificate.receipt_url` of the page's gateway."""
        return f"{self.url}receipts"


@contextmanager
def serve_page(
    sandboxes: Mapping[str, Sandbox], *, port: int = 0, language: str | None = None, post_receipts: bool = True
) -> Iterator[ServedPage]:
    """Serve the page of phones of `sandboxes` in a thread as long as the block lasts.

    `sandboxes`: by the URL where each is served, one of each brand. Port 0: any free one. `language`: "en" or "zh";
    None: that of the browser. `post_receipts=False`: receipts of taps wait for `Sandbox.callbacks`.

        with serve(oppo) as served, serve_page({served.url: oppo}) as page:
            print(page.url)

    Raises `OSError` when the port is taken and `PluginError` when the extra `sandbox` is not installed.
    """
    from pushgateway.sandbox.page.view import View

    thread_class = _extra("pushgateway.sandbox.serving.thread").ServerThread
    view = View(sandboxes, language)
    thread = thread_class(_extra("pushgateway.sandbox.page.app").page_app(view, post_receipts=post_receipts), port)
    try:
        yield ServedPage(f"http://127.0.0.1:{thread.port}/", view.attach)
    finally:
        thread.stop()


def run(sandbox: Sandbox, port: int, tls: bool, on_ready: Callable[[Served], None]) -> None:
    """Serve `sandbox` until SIGINT or SIGTERM. Call it from the main thread; `on_ready` gets the address."""
    run_until_stopped(serve(sandbox, port=port, tls=tls), on_ready)


def run_until_stopped(serving: AbstractContextManager[T], on_ready: Callable[[T], None]) -> None:
    """Enter `serving`, pass what it gives to `on_ready`, and leave it at SIGINT or SIGTERM. Call it from the main
    thread."""
    # Unlike an `Event`, this queue takes an item from a handler at any time, also in the middle of its own `get`.
    signals: SimpleQueue[int] = SimpleQueue()
    former = {one: signal.signal(one, lambda number, _: signals.put(number)) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        with serving as served:
            on_ready(served)
            while not _is_there(signals):
                pass
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _is_there(signals: SimpleQueue[int]) -> bool:
    """Whether a signal comes within `SIGNAL_CHECK` seconds."""
    try:
        signals.get(timeout=SIGNAL_CHECK)
    except Empty:
        return False
    return True


def _certificates(stack: ExitStack) -> tuple[ssl.SSLContext, Path]:
    trustme = _extra("trustme")
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="pushgateway-sandbox-"))
    ca_file = Path(folder) / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    return context, ca_file


def _extra(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as missing:
        if missing.name not in _EXTRA:
            raise
        raise PluginError(f"serving a sandbox needs {missing.name}: {core_command('sandbox')}") from missing
