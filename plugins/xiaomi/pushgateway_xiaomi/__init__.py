"""Xiaomi's Mi Push for `pushgateway`: the plug-in class `Xiaomi` (entry point `xiaomi`)."""

from pushgateway_xiaomi.vendor import Xiaomi

__all__ = ["Xiaomi"]
