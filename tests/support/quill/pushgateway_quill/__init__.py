"""Quill, an invented vendor like `examples/acme`, written without the toolkit: every step is in sight."""

from pushgateway_quill.vendor import Quill

__all__ = ["Quill"]
