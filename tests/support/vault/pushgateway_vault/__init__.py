"""Vault, an invented vendor: saved content, access tokens that are signed here, signed receipts, calls for recalls."""

from pushgateway_vault.vendor import Vault

__all__ = ["Vault"]
