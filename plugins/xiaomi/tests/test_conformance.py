"""The conformance kit of `pushgateway.testing`, run for the Xiaomi plug-in in this process and over HTTP."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode

from pushgateway_xiaomi import Xiaomi
from pushgateway_xiaomi.sandbox import PRIVATE, XiaomiSandbox

from pushgateway.testing.conformance import CallSample, OverHttp, PluginConformance, PostedSample, Sample
from pushgateway.vendor import PushToken, Reason, ReceiptKind, Statistics

SAMPLES = (
    Sample(
        '{"result":"ok","trace_id":"X1","code":0,"data":{"id":"scm1","day_quota":"20000","day_acked":"153"}}',
        None,
        "page 1559, accepted",
    ),
    Sample(
        '{"result":"error","reason":"No valid targets!","trace_id":"X2","code":20301,"description":"发送消息失败"}',
        Reason.UNREGISTERED,
        "M21, a single dead regid",
    ),
    Sample(
        '{"result":"error","reason":"internal error","trace_id":"X3","code":20301}',
        Reason.UNAVAILABLE,
        "page 1560, 20301 with another reason",
    ),
    Sample(
        '{"result":"error","reason":"Invalid application secret.","code":21301}',
        Reason.CREDENTIALS,
        "page 1559, wrong secret",
    ),
    Sample(
        '{"result":"error","reason":"exceed quota, quota: 20000, have acked: 20000","code":200001}',
        Reason.QUOTA_EXCEEDED,
        "page 1656, quota",
    ),
    Sample(
        '{"result":"error","reason":"invalid channel info!","code":27001}', Reason.INVALID_NOTIFICATION, "page 1656"
    ),
    Sample('{"result":"error","code":200002}', Reason.RATE_LIMITED, "page 1656, too many requests"),
    Sample('{"result":"error","code":10001}', Reason.UNAVAILABLE, "page 1560, system error"),
    Sample('{"result":"error","code":65003}', Reason.MUTED, "the SDK: device not found, usually offline"),
    Sample('{"result":"error","code":0}', Reason.NO_VERDICT, "a success that says it is none"),
    Sample('{"result":"ok","code":0,"data":{"id":"s","bad_regids":"{token}"}}', Reason.UNREGISTERED, "M11, bad_regids"),
    Sample('{"result":"ok","code":0,"data":{"id":"s","bad_regids":7}}', Reason.NO_VERDICT, "a list that is none"),
    Sample(
        '{"result":"ok","code":0,"data":{"id":"s","channel_exceed_quota":"150002:1"}}',
        Reason.QUOTA_EXCEEDED,
        "page 1656, all of the channel",
    ),
    Sample(
        '{"result":"ok","code":0,"data":{"id":"s","channel_exceed_quota":"another:1"}}',
        Reason.NO_VERDICT,
        "a channel that was not in the request",
    ),
    Sample('{"result":"ok","code":0,"trace_id":"X9","data":"text"}', None, "data that is a text counts as none"),
)
"""Replies to one push."""


def posted(data: str) -> str:
    """The body of a posted receipt."""
    return urlencode({"data": data})


POSTED = (
    PostedSample(
        posted(
            '{"scm1":{"param":"m-42","type":1,"targets":"regid-a,regid-c","jobkey":"order-99","barStatus":"Enable",'
            '"timestamp":1790000000123}}'
        ),
        tuple(
            {
                "token": token,
                "kind": ReceiptKind.ARRIVED,
                "event": "1",
                "message_id": "scm1",
                "parameter": "m-42",
                "at": 1_790_000_000.123,
            }
            for token in ("regid-a", "regid-c")
        ),
        "page 1558, delivered",
    ),
    PostedSample(
        posted(
            '{"scm2":{"param":"m","type":"16","targets":"regid-b","errorCode":1,"replaceTarget":{"regid-b":"regid-n"},'
            '"timestamp":"1790000000456"}}'
        ),
        (
            {
                "token": "regid-b",
                "kind": ReceiptKind.UNREGISTERED,
                "replacement": PushToken("7", "regid-n"),
                "at": 1_790_000_000.456,
            },
        ),
        "page 1558, a dead target with its new regid; numbers as texts",
    ),
    PostedSample(
        posted('{"scm3":{"type":128,"targets":"regid-d","extra":{"ack":"20000","quota":"20000"}}}'),
        ({"token": "regid-d", "kind": ReceiptKind.DROPPED, "event": "128"},),
        "page 1558, the app's quota",
    ),
    PostedSample(
        posted('{"scm4":{"type":128,"targets":"regid-d","extra":{"device_acked":"5","device_quota":"5"}}}'),
        ({"token": "regid-d", "kind": ReceiptKind.LIMITED},),
        "page 1558, the phone's quota",
    ),
    *(
        PostedSample(
            posted(f'{{"scm5":{{"type":{number},"targets":"regid-e"}}}}'),
            ({"token": "regid-e", "kind": kind},),
            f"page 1558, type {number}",
        )
        for number, kind in (
            (2, ReceiptKind.CLICKED),
            (32, ReceiptKind.MUTED),
            (64, ReceiptKind.DROPPED),
            (1024, ReceiptKind.DROPPED),
            (4096, ReceiptKind.OTHER),
        )
    ),
    PostedSample(
        posted("%7B%22scm6%22%3A%7B%22type%22%3A1%2C%22targets%22%3A%22regid-f%22%7D%7D"),
        ({"token": "regid-f", "kind": ReceiptKind.ARRIVED},),
        "M14, a field that is encoded twice",
    ),
)
"""Receipts as Xiaomi posts them: a form whose field `data` holds JSON."""


class TestXiaomi(PluginConformance):
    """The plug-in against its sandbox."""

    vendor = Xiaomi
    parameters_are_texts = True
    samples = SAMPLES
    posted_samples = POSTED
    own_fields: ClassVar[Mapping[str, Any]] = {"extra.ticker": "own", "notify_type": 1, "title": "own"}
    limits: ClassVar[Mapping[str, int]] = {"title": 49, "body": 127, "receipt_parameter": 64, "ttl": 864_000}
    call_samples: ClassVar[Sequence[CallSample]] = (
        CallSample(
            "statistics",
            {"message_id": "scm1", "task_id": ""},
            '{"result":"ok","code":0,"data":{"data":{"id":"scm1","resolved":9,"delivered":"7","click":1}}}',
            Statistics(valid=9, arrived=7, opened=1),
            "M26, data inside of data",
        ),
        CallSample(
            "statistics",
            {"message_id": "scm1", "task_id": ""},
            '{"result":"ok","code":0,"data":{}}',
            Reason.NO_VERDICT,
            "no figures",
        ),
        CallSample(
            "check_tokens",
            {"tokens": ["a", "b", "c"]},
            '{"result":"ok","code":0,"data":{"valid_regids":["a"],"invalid_regids":"b"}}',
            {"a": None, "b": Reason.UNREGISTERED, "c": Reason.NO_VERDICT},
            "inferred: the reply's shape is not known",
        ),
        CallSample(
            "check_tokens",
            {"tokens": ["a"]},
            '{"result":"ok","code":0,"data":{}}',
            Reason.NO_VERDICT,
            "nothing about tokens",
        ),
        CallSample(
            "ask",
            {"name": "tokens_of_alias", "fields": {"aliasName": "ann"}},
            '{"result":"error","reason":"Alias not found","code":22006}',
            Reason.CREDENTIALS,
            "page 1705, an unknown alias has the code of an unknown app",
        ),
        CallSample(
            "ask",
            {"name": "topics_of", "fields": {"registration_id": "a"}},
            '{"result":"ok","code":0,"data":{"list":["news"]}}',
            {"list": ["news"]},
            "M26, a list",
        ),
    )

    def make_sandbox(self, **options: Any) -> XiaomiSandbox:
        """A sandbox of one app."""
        return XiaomiSandbox(**options)

    def with_wrong_secret(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """The settings with another AppSecret."""
        return {**settings, "app_secret": "another"}

    def with_template(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """An intent with a template that has two variables."""
        places = {"title_parameters": ["who"], "content_parameters": ["what"]}
        chat = {"channel_id": PRIVATE, "template": "P10001", **places}
        return {**settings, "intents": {**settings["intents"], "chat": chat}}


class TestOverHttp(OverHttp, TestXiaomi):
    """The same against the sandbox served over HTTP."""
