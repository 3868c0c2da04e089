"""vivo push: the vendor `vivo`. Its facts are in `rules.toml`."""

from pushgateway_vivo.vendor import Vivo

__all__ = ["Vivo"]
