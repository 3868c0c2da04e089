"""The conformance kit of `pushgateway.testing`, run for the Meizu plug-in in this process and over HTTP."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode

from pushgateway_meizu import Meizu
from pushgateway_meizu.sandbox import RECEIPT_TOKEN, MeizuSandbox

from pushgateway.testing.conformance import CallSample, OverHttp, PluginConformance, PostedSample, Sample
from pushgateway.vendor import Reason, ReceiptKind, Statistics

MSG = "c2ee5c3bf00448cfbceb7fdf68c3c8eb"
SAMPLES = (
    Sample(f'{{"code":"200","message":"","msgId":"{MSG}","value":{{}}}}', None, "PushAPI, accepted"),
    Sample('{"code":"200","message":"","value":"","redirect":""}', None, "two clients: an empty text"),
    Sample(f'{{"code":"200","message":"","redirect":"","msgId":"{MSG}"}}', None, "value is left out"),
    Sample(
        f'{{"code":"200","message":"","value":{{"110002":["{{token}}"]}},"msgId":"{MSG}"}}',
        Reason.UNREGISTERED,
        "PushAPI, not registered",
    ),
    Sample('{"code":"200","message":"","value":{"110003":["{token}"]}}', Reason.UNREGISTERED, "PushAPI, malformed"),
    Sample('{"code":"200","value":{"110010":["{token}"]}}', Reason.MUTED, "PushAPI, switched off"),
    Sample('{"code":"200","value":{"110011":["{token}"]}}', Reason.MUTED, "PushAPI, daily limit of a phone"),
    Sample('{"code":"200","value":{"520":["{token}"]}}', Reason.MUTED, "PushAPI, folded"),
    Sample('{"code":"200","value":{"519":["{token}"]}}', Reason.UNAVAILABLE, "PushAPI, overloaded"),
    Sample('{"code":"200","value":{"518":["{token}"]}}', Reason.RATE_LIMITED, "the SDK, too fast"),
    Sample('{"code":"200","value":{"201":["{token}"]}}', Reason.CREDENTIALS, "PushAPI, no permission"),
    Sample('{"code":"200","value":{"777":["{token}"]}}', Reason.INVALID_NOTIFICATION, "an unknown code"),
    Sample('{"code":"200","value":{"110002":["another"]}}', Reason.NO_VERDICT, "another target is named"),
    Sample('{"code":"200","value":{"110002":7}}', Reason.NO_VERDICT, "a list that is none"),
    Sample('{"code":"200","value":["{token}"]}', Reason.NO_VERDICT, "a value without codes"),
    Sample('{"code":"200","value":{"110010":["{token}"],"110002":["{token}"]}}', Reason.MUTED, "under two codes"),
    Sample('{"code":"200","value":{"110002":["{token}"]},"value":{}}', Reason.NO_VERDICT, "two values"),
    Sample(
        '{"code":"110010","message":"应用请求频率超过限制","value":"","redirect":""}',
        Reason.RATE_LIMITED,
        "PushAPI, too fast",
    ),
    Sample('{"code":"110002","message":"","value":""}', Reason.UNREGISTERED, "of a request with one token"),
    Sample('{"code":"1006","message":"","redirect":"","value":""}', Reason.CREDENTIALS, "PushAPI, signature"),
    Sample('{"code":"110000","message":"","redirect":"","value":""}', Reason.CREDENTIALS, "PushAPI, appId"),
    Sample('{"code":"1005","message":"","redirect":"","value":""}', Reason.INVALID_NOTIFICATION, "PushAPI, parameter"),
    Sample('{"code":"1003","message":"","redirect":"","value":""}', Reason.UNAVAILABLE, "PushAPI, busy"),
    Sample('{"code":"300","redirect":"https://a.example/","value":""}', Reason.UNAVAILABLE, "PushAPI, redirect"),
    Sample('{"code":"110019","message":"","redirect":"","value":""}', Reason.QUOTA_EXCEEDED, "PushAPI, daily limit"),
    Sample('{"code":200,"message":"","value":{}}', None, "a code as a number"),
)
"""Replies to one push."""


def posted(cb: str, token: str = RECEIPT_TOKEN) -> str:
    """The body of posted receipts."""
    return urlencode({"cb": cb, "access_token": token})


POSTED = (
    PostedSample(
        posted('{"c0ffee-1":{"param":"t7","type":1,"targets":["DEMO0001","DEMO0002"]}}'),
        tuple(
            {
                "token": token,
                "kind": ReceiptKind.ARRIVED,
                "event": "1",
                "message_id": "c0ffee",
                "parameter": "t7",
                "at": None,
            }
            for token in ("DEMO0001", "DEMO0002")
        ),
        "PushAPI, receipts: delivered",
    ),
    PostedSample(
        posted('{"m-2-2":{"param":"","type":2,"targets":["DEMO0001"]},"m3-1":{"targets":["DEMO0003"]}}'),
        (
            {"token": "DEMO0001", "kind": ReceiptKind.CLICKED, "message_id": "m-2"},
            {"token": "DEMO0003", "kind": ReceiptKind.ARRIVED, "message_id": "m3", "parameter": ""},
        ),
        "PushAPI, receipts: clicked; the key is split at the last hyphen, and has the type too",
    ),
    PostedSample(
        posted('{"m-9":{"type":9,"targets":["DEMO0001"]}}'),
        ({"token": "DEMO0001", "kind": ReceiptKind.OTHER, "event": "9"},),
        "a type that the document does not have",
    ),
)
"""Receipts as Meizu posts them: a form whose field `cb` holds JSON."""


class TestMeizu(PluginConformance):
    """The plug-in against its sandbox."""

    vendor = Meizu
    samples = SAMPLES
    posted_samples = POSTED
    own_fields: ClassVar[Mapping[str, Any]] = {"advanceInfo.clearNoticeBar": 0, "vipInfo.timeTop": 3600}
    limits: ClassVar[Mapping[str, int]] = {
        "title": 32,
        "body": 100,
        "subtitle": 16,
        "receipt_parameter": 64,
        "ttl": 259_200,
    }
    ttl_unit = 3600
    call_samples: ClassVar[Sequence[CallSample]] = (
        CallSample(
            "statistics",
            {"message_id": "", "task_id": "20457"},
            '{"code":"200","message":"","redirect":"","value":{"taskId":20457,"targetNo":9,"validNo":8,"pushedNo":7,'
            '"acceptNo ":6,"displayNo":5,"clickNo":4}}',
            Statistics(targets=9, valid=8, sent=7, arrived=6, shown=5, opened=4),
            "PushAPI, with the blank that the document prints",
        ),
        CallSample(
            "statistics",
            {"message_id": "", "task_id": "20457"},
            '{"code":"110032","message":"非法的taskId","redirect":"","value":""}',
            Reason.INVALID_NOTIFICATION,
            "PushAPI, unknown task",
        ),
        CallSample(
            "other",
            {"name": "daily_statistics", "fields": {"startTime": "20170502", "endTime": "20170503"}},
            '{"code":"200","message":"","redirect":"","value":[{"acceptNo":609,"clickNo":30,"date":"2017-05-03"}]}',
            [{"acceptNo": 609, "clickNo": 30, "date": "2017-05-03"}],
            "PushAPI, by day",
        ),
        CallSample(
            "other",
            {"name": "daily_statistics", "fields": {"startTime": "20170503", "endTime": "20170502"}},
            '{"code":"500","message":"结束时间不能早于开始时间","redirect":"","value":""}',
            Reason.INVALID_NOTIFICATION,
            "PushAPI, a wrong range",
        ),
        CallSample(
            "other",
            {"name": "cancel", "fields": {"pushType": "0", "taskId": "20457"}},
            '{"code":"200","message":"","redirect":"","value":{"result":true}}',
            {"result": True},
            "PushAPI, cancelled",
        ),
        CallSample(
            "other",
            {"name": "cancel", "fields": {"pushType": "0", "taskId": "20457"}},
            '{"code":"500","message":"任务已取消[已完成]，无法取消","redirect":"","value":""}',
            Reason.INVALID_NOTIFICATION,
            "PushAPI, over",
        ),
        CallSample(
            "check_tokens",
            {"tokens": ["DEMO0001"]},
            '{"code":"200","message":"","value":{"barTypeSwitch":1,"directTypeSwitch":1,"pushId":"DEMO0001"}}',
            {"DEMO0001": None},
            "PushAPI, switched on",
        ),
        CallSample(
            "check_tokens",
            {"tokens": ["DEMO0001"]},
            '{"code":"200","message":"","value":{"barTypeSwitch":0,"directTypeSwitch":1,"pushId":"DEMO0001"}}',
            {"DEMO0001": Reason.MUTED},
            "PushAPI, switched off",
        ),
        CallSample(
            "check_tokens",
            {"tokens": ["DEMO0001"]},
            '{"code":"110003","message":"","value":""}',
            {"DEMO0001": Reason.UNREGISTERED},
            "inferred: a malformed token",
        ),
        CallSample(
            "other",
            {"name": "subscribe_tags", "fields": {"pushId": "DEMO0001", "tags": "体育"}},
            '{"code":"200","message":"","redirect":"","value":{"pushId":"DEMO0001","tags":[{"tagId":1,"tagName":"体育"}]}}',
            {"pushId": "DEMO0001", "tags": [{"tagId": 1, "tagName": "体育"}]},
            "PushAPI, tags",
        ),
        CallSample(
            "other",
            {"name": "unsubscribe_all_tags", "fields": {"pushId": "DEMO0001"}},
            '{"code":"200","message":"","redirect":"","value":true}',
            True,
            "PushAPI, all tags",
        ),
    )

    def make_sandbox(self, **options: Any) -> MeizuSandbox:
        """A sandbox of one app."""
        return MeizuSandbox(**options)

    def of_another_receiver(self, settings: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """A certificate with another access token of receipts."""
        return [{**settings, "receipt_token": "another"}]

    def with_wrong_secret(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """The settings with another AppSecret."""
        return {**settings, "app_secret": "another"}


class TestOverHttp(OverHttp, TestMeizu):
    """The same against the sandbox served over HTTP."""
