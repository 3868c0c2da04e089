"""The gateway for code without an event loop: `pushgateway.Gateway`, blocking, with a thread of its own."""

from pushgateway.sync.gateway import Gateway

__all__ = ["Gateway"]
