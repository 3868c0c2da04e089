"""Beam, an invented vendor without a login and without mixed batches: one notification for many tokens, as a form."""

from pushgateway_beam.vendor import Beam

__all__ = ["Beam"]
