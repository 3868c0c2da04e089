"""OPPO Push for `pushgateway`: the plug-in behind the entry point `oppo`."""

from pushgateway_oppo.vendor import Oppo

__all__ = ["Oppo"]
