"""The OPPO plug-in keeps the promises of every plug-in, in both dialects."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pushgateway_oppo import Oppo
from pushgateway_oppo.sandbox import OppoSandbox

from pushgateway.testing.conformance import OverHttp, PluginConformance, Sample
from pushgateway.vendor import Reason

SAMPLES = (
    Sample('{"code": 0, "message": "", "data": {"messageId": "m-1"}}', None, "V1.3, unicast, sample of a reply"),
    Sample('{"code": 10000, "message": "Invalid RegistrationId"}', Reason.UNREGISTERED, "V1.3, codes: 10000"),
    Sample('{"code": 10001, "message": "Not subscribed"}', Reason.MUTED, "V1.3, codes: 10001"),
    Sample('{"code": -1, "message": "Service Currently Unavailable"}', Reason.UNAVAILABLE, "V1.3, codes: -1"),
    Sample('{"code": -2, "message": "Service in Flow Control"}', Reason.RATE_LIMITED, "V1.3, codes: -2"),
    Sample('{"code": 14, "message": "Invalid AppKey"}', Reason.CREDENTIALS, "V1.3, codes: 14"),
    Sample('{"code": 16, "message": "Invalid Signature"}', Reason.CREDENTIALS, "V1.3, codes: 16"),
    Sample(
        '{"code": 33, "message": "Message count exceeds the daily limit"}', Reason.QUOTA_EXCEEDED, "V1.3, codes: 33"
    ),
    Sample('{"code": 40, "message": "Missing Required Arguments"}', Reason.INVALID_NOTIFICATION, "V1.3, codes: 40"),
    Sample('{"code": 41, "message": "Invalid Arguments"}', Reason.INVALID_NOTIFICATION, "V1.3, codes: 41"),
)
"""The founding document's table of codes, in its English column, as replies to one push."""


class TestV13(PluginConformance):
    """The dialect of the founding document."""

    vendor = Oppo
    dialect = "v1.3"
    own_fields: ClassVar[Mapping[str, Any]] = {"off_line_ttl": 77, "title": "own"}
    limits: ClassVar[Mapping[str, int]] = {
        "title": 32,
        "body": 200,
        "subtitle": 10,
        "receipt_parameter": 50,
        "ttl": 259_200,
    }
    regions: ClassVar[Mapping[str, str]] = {"CN_1a": "cn", "1a": "cn"}
    samples = SAMPLES

    def make_sandbox(self, **options: Any) -> OppoSandbox:
        """A sandbox that speaks the dialect."""
        return OppoSandbox(dialect=self.dialect, **options)

    def with_wrong_secret(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """The MasterSecret signs."""
        return {**settings, "master_secret": "another"}


class TestCurrent(TestV13):
    """The dialect of OPPO's pages of today."""

    dialect = "current"
    limits: ClassVar[Mapping[str, int]] = {
        "title": 50,
        "body": 50,
        "subtitle": 10,
        "receipt_parameter": 100,
        "ttl": 864_000,
    }

    own_fields: ClassVar[Mapping[str, Any]] = {"off_line_ttl": 77, "notify_id": 12, "title": "own", "show_ttl": 60}

    def with_template(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """A chat template with a place in its title and one in its text."""
        chat = {"template": "t-1", "title_parameters": ["who"], "content_parameters": ["what"]}
        return {**settings, "intents": {"chat": chat}}


class TestCurrentOverHttp(OverHttp, TestCurrent):
    """The same over HTTP, against the served sandbox."""
