"""Finds the sandbox of a brand by entry point, as `pushgateway.certificates.plugins` finds vendors, in a group of its
own.
"""

from __future__ import annotations

from pushgateway.certificates.plugins import load
from pushgateway.model.errors import PluginError
from pushgateway.sandbox.kit.base import Sandbox

SANDBOXES = "pushgateway.sandboxes"
"""The entry point group of sandboxes; the entry point's name is the brand."""


def find_sandbox(brand: str) -> type[Sandbox]:
    """The sandbox class of `brand`. Raises `PluginError`: none, twins, broken, or not a sandbox of that brand."""
    found = load(SANDBOXES, brand)
    if not (isinstance(found, type) and issubclass(found, Sandbox)):
        raise PluginError(f"the sandbox for brand {brand!r} is not a subclass of pushgateway.sandbox.Sandbox")
    if getattr(found, "brand", None) != brand:
        raise PluginError(f"the entry point {brand!r} leads to the sandbox of another brand")
    return found
