"""Acme Push keeps the promises of every plug-in."""

from collections.abc import Mapping
from typing import Any

from pushgateway_acme import Acme
from pushgateway_acme.sandbox import AcmeSandbox

from pushgateway.testing.conformance import OverHttp, PluginConformance


class TestAcme(PluginConformance):
    """Every scenario of the contract."""

    vendor = Acme

    def make_sandbox(self, **options: Any) -> AcmeSandbox:
        """Acme's server."""
        return AcmeSandbox(**options)

    def with_wrong_secret(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """The secret signs."""
        return {**settings, "secret": "another"}


class TestOverHttp(OverHttp, TestAcme):
    """The same over HTTP, against the served sandbox."""
