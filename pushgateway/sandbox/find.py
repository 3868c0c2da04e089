"""`find_sandbox` finds the sandbox class of a brand by the entry point group `pushgateway.sandboxes`;
`installed_brands` lists the brands."""

from __future__ import annotations

from collections.abc import Sequence

from pushgateway.certificates.plugins import installed, load
from pushgateway.model.errors import PluginError
from pushgateway.sandbox.kit.base import Sandbox

SANDBOXES = "pushgateway.sandboxes"
"""The entry point group of sandboxes; the entry point's name is the brand."""


def find_sandbox(brand: str) -> type[Sandbox]:
    """The sandbox class of `brand`. Raises `PluginError` if there is none or more than one, if it cannot be imported,
    or if it is no sandbox of that brand."""
    found = load(SANDBOXES, brand)
    if not (isinstance(found, type) and issubclass(found, Sandbox)):
        raise PluginError(f"the sandbox for brand {brand!r} is not a subclass of pushgateway.sandbox.Sandbox")
    if getattr(found, "brand", None) != brand:
        raise PluginError(f"the entry point {brand!r} leads to the sandbox of another brand")
    return found


def installed_brands() -> Sequence[str]:
    """The brands that have a plug-in and a sandbox, sorted. Raises `PluginError` if there is none."""
    plugins = installed()
    found = [brand for brand in installed(SANDBOXES) if brand in plugins]
    if not found:
        raise PluginError("no vendor plug-in with a sandbox is installed: pip install ./plugins/* in a checkout")
    return found
