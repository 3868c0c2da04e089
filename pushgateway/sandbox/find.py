"""`find_sandbox` finds the sandbox class of a brand by the entry point group `pushgateway.sandboxes`."""

from __future__ import annotations

from pushgateway.certificates.plugins import load
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
