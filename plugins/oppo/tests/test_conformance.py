"""The conformance kit of `pushgateway.testing`, run for the OPPO plug-in in both dialects and over HTTP."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pushgateway_oppo import Oppo
from pushgateway_oppo.aliases_and_tags import Alias, Tag, Tags
from pushgateway_oppo.feedback import InvalidTokens
from pushgateway_oppo.sandbox import OppoSandbox

from pushgateway.testing.conformance import CallSample, OverHttp, PluginConformance, PostedSample, Sample
from pushgateway.vendor import Reason, ReceiptKind, Statistics

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
    Sample(
        '{"code": 0, "data": {"messageId": "m-1", "registrationId": "another"}}',
        Reason.NO_VERDICT,
        "a reply about another registration id",
    ),
    Sample(
        '{"code": 0, "data": {"messageId": "m-1", "registrationId": "{token}"}}', None, "a reply that names its target"
    ),
    Sample(
        '{"code": 0, "data": {"messageId": "m-1", "errorCode": 10000}}', Reason.NO_VERDICT, "success with an errorCode"
    ),
    Sample('{"code": 0, "data": {"10000": ["{token}"]}}', Reason.NO_VERDICT, "success with a group of refused ids"),
)
"""Replies to one push: codes and English texts of V1.3's table, and replies that contradict themselves."""


FIGURES = Statistics(targets=6, valid=5, sent=4, arrived=3, shown=2, opened=1)
_COUNTED = '"targetCount": 6, "validCount": "5", "sendCount": 4, "arriveCount": "3", "showCount": 2, "openCount": 1'
POSTED = (
    PostedSample(
        '[{"messageId": "m", "taskId": "t", "registrationIds": "CN_1,CN_2", "eventType": "push_arrive", "param": "p",'
        ' "eventTime": "1700000000123"}]',
        tuple(
            {
                "token": token,
                "kind": ReceiptKind.ARRIVED,
                "event": "push_arrive",
                "message_id": "m",
                "task_id": "t",
                "parameter": "p",
                "at": 1_700_000_000.123,
            }
            for token in ("CN_1", "CN_2")
        ),
        "page 11239: two phones of a broadcast",
    ),
    PostedSample(
        '[{"messageId": "m", "taskId": "m", "registrationIds": "CN_1, CN_2", "eventType": "regid_invalid"}]',
        tuple(
            {"token": token, "kind": ReceiptKind.UNREGISTERED, "message_id": "m", "task_id": None, "at": None}
            for token in ("CN_1", "CN_2")
        ),
        "page 11239: ids with a blank behind the comma, and no time",
    ),
)
"""Receipts as OPPO's pages print them."""


class TestV13(PluginConformance):
    """The dialect `v1.3`, OPPO's document of 2018."""

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
    regions: ClassVar[Mapping[str, str]] = {
        "CN_1a": "cn",
        "1a": "cn",
        "A_CN_1a": "cn",
        "US_1a": "overseas",
        "EUEX_1a": "overseas",
    }
    samples = SAMPLES
    posted_samples = POSTED
    call_samples: ClassVar[Sequence[CallSample]] = (
        CallSample(
            "statistics",
            {"message_id": "m", "task_id": "t"},
            f'{{"code": 0, "data": {{{_COUNTED}}}}}',
            FIGURES,
            "V1.3, statistics: numbers, or their text",
        ),
        CallSample("statistics", {"message_id": "m"}, '{"code": 0}', Reason.NO_VERDICT, "no figures"),
        CallSample(
            "get_alias",
            {"token": "CN_1"},
            '{"code": 0, "data": {"registration_id": "CN_1", "alias": "ann"}}',
            Alias("CN_1", "ann"),
            "V1.3, get_alias",
        ),
        CallSample(
            "get_alias",
            {"token": "CN_1"},
            '{"code": 0, "data": {"registration_id": "CN_2", "alias": "ann"}}',
            Reason.NO_VERDICT,
            "a reply about another phone",
        ),
        CallSample(
            "subscribe_tags",
            {"token": "CN_1", "tags": ["a", "b"]},
            '{"code": 0, "data": {"tags": [{"tagName": "a", "tagId": "1"}, {"tagName": "a", "tagId": "1"}]}}',
            Tags("CN_1", (Tag("a", "1"),), ("b",)),
            "V1.3, subscribe_tags: a tag twice, another passed over",
        ),
        CallSample(
            "subscribe_tags",
            {"token": "CN_1", "tags": ["a"]},
            '{"code": 10000, "message": "Invalid RegistrationId"}',
            Reason.UNREGISTERED,
            "V1.3, codes: 10000, of the only target",
        ),
    )

    def make_sandbox(self, **options: Any) -> OppoSandbox:
        """A sandbox in this dialect."""
        return OppoSandbox(dialect=self.dialect, **options)

    def with_wrong_secret(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """The settings with another MasterSecret, which signs the login."""
        return {**settings, "master_secret": "another"}


class TestCurrent(TestV13):
    """The dialect `current`, OPPO's current pages."""

    dialect = "current"
    limits: ClassVar[Mapping[str, int]] = {
        "title": 50,
        "body": 50,
        "subtitle": 10,
        "receipt_parameter": 100,
        "ttl": 864_000,
    }

    own_fields: ClassVar[Mapping[str, Any]] = {"off_line_ttl": 77, "notify_id": 12, "title": "own", "show_ttl": 60}

    call_samples: ClassVar[Sequence[CallSample]] = (
        CallSample(
            "subscribe_alias",
            {"token": "CN_1", "alias": "ann"},
            '{"code": 0, "message": "success"}',
            Alias("CN_1", "ann"),
            "page 11087: no data",
        ),
        CallSample(
            "invalid_tokens",
            {},
            '{"code": 0, "data": {"registration_ids": ["CN_1", "CN_2", "CN_1"], "totalCount": 3}}',
            InvalidTokens(("CN_1", "CN_2"), 3),
            "clients (S10, S19): as many as are counted",
        ),
        CallSample(
            "invalid_tokens",
            {},
            '{"code": 0, "data": {"registration_ids": ["CN_1", "CN_2"], "totalCount": "9"}}',
            InvalidTokens(("CN_1", "CN_2"), 9, complete=False),
            "clients (S10, S19): more are counted than listed",
        ),
        CallSample(
            "invalid_tokens",
            {},
            '{"code": 0, "data": {"registration_ids": "CN_1;CN_2"}}',
            InvalidTokens(("CN_1", "CN_2")),
            "clients: one text, and no count",
        ),
    )

    def with_template(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """An intent with a private template that has one parameter in its title and one in its text."""
        chat = {"template": "t-1", "title_parameters": ["who"], "content_parameters": ["what"]}
        return {**settings, "intents": {"chat": chat}}


class TestCurrentOverHttp(OverHttp, TestCurrent):
    """The dialect `current` against the sandbox served over HTTP."""
