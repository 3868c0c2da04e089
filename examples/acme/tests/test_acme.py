"""Acme Push keeps the promises of every plug-in."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pushgateway_acme import Acme
from pushgateway_acme.sandbox import AcmeSandbox

from pushgateway.testing.conformance import OverHttp, PluginConformance, Sample
from pushgateway.vendor import Reason


class TestAcme(PluginConformance):
    """Every scenario of the contract."""

    vendor = Acme
    limits: ClassVar[Mapping[str, int]] = {"title": 40, "body": 200, "ttl": 604_800, "receipt_parameter": 300}
    samples = (
        Sample('{"code": 0, "results": [{"to": "{token}", "code": 0, "id": "m1"}]}', None, "accepted"),
        Sample('{"code": 0, "results": [{"to": "{token}", "code": 10}]}', Reason.UNREGISTERED, "no such phone"),
        Sample('{"code": 0, "results": [{"to": "{token}", "code": 11}]}', Reason.MUTED, "the user wants none"),
        Sample('{"code": 20}', Reason.CREDENTIALS, "wrong signature"),
        Sample('{"code": 31}', Reason.QUOTA_EXCEEDED, "the day is used up"),
    )

    def make_sandbox(self, **options: Any) -> AcmeSandbox:
        """Acme's server."""
        return AcmeSandbox(**options)

    def with_wrong_secret(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """The secret signs."""
        return {**settings, "secret": "another"}


class TestOverHttp(OverHttp, TestAcme):
    """The same over HTTP, against the served sandbox."""
