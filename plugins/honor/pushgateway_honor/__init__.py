"""Honor Push: the vendor `honor`, for phones with Honor's own push service. Its facts are in `rules.toml`."""

from pushgateway_honor.vendor import Honor

__all__ = ["Honor"]
