"""Acme Push for pushgateway: an invented vendor, written as an example."""

from pushgateway_acme.vendor import Acme

__all__ = ["Acme"]
