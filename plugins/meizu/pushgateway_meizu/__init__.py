"""Meizu's push service (Flyme) for `pushgateway`: the plug-in class `Meizu` (entry point `meizu`)."""

from pushgateway_meizu.vendor import Meizu

__all__ = ["Meizu"]
