"""The sandboxes of all installed brands with one page and one gateway: `pushgateway sandbox` without a brand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import attrs

from pushgateway.certificates.certificate import Certificate
from pushgateway.cli.page_gateway import SandboxGateway, certificates_for
from pushgateway.model.secret import safe_repr
from pushgateway.sandbox import Sandbox, find_sandbox, installed_brands
from pushgateway.sandbox.kit.ruled import RuledSandbox
from pushgateway.sandbox.serving.server import serve, serve_page


@safe_repr
@attrs.frozen
class Fleet:
    """Sandboxes that are served, and their page."""

    page: str
    """The URL of the page."""
    sandboxes: Mapping[str, Sandbox]
    """By the URL of each."""
    certificates: Mapping[str, Certificate]
    """By brand: a certificate that leads to its sandbox."""


def installed_sandboxes(tokens: int, brands: Iterable[str] | None = None) -> list[Sandbox]:
    """A sandbox of each of `brands` (None: of all that are installed) with so many phones, in its current dialect.
    Raises `PluginError`."""
    wanted = installed_brands() if brands is None else brands
    return [made(tokens=tokens, **_current(made)) for made in map(find_sandbox, wanted)]


def _current(sandbox_class: type[Sandbox]) -> dict[str, Any]:
    """The arguments with which a sandbox imitates what its vendor has today."""
    known = sandbox_class.rules.dialects if issubclass(sandbox_class, RuledSandbox) else ()
    return {**sandbox_class.demo_options, **({"dialect": "current"} if "current" in known else {})}


@contextmanager
def serve_all(sandboxes: Iterable[Sandbox], port: int = 0, language: str | None = None) -> Iterator[Fleet]:
    """Serve each sandbox on a free port and their page on `port`, with a gateway for the page, as long as the block
    lasts. `language`: see `serve_page`. Raises `OSError` when the port is taken."""
    with ExitStack() as stack:
        served = {stack.enter_context(serve(sandbox)).url: sandbox for sandbox in sandboxes}
        page = stack.enter_context(serve_page(served, port=port, language=language))
        gateway = SandboxGateway(served, page.receipts)
        stack.callback(gateway.close)  # before the page's server stops: that waits for pushes under way
        page.attach(gateway)
        yield Fleet(page.url, served, certificates_for(served))
