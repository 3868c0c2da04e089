"""The conformance kit of `pushgateway.testing`, run for each way in which Honor may answer, and over HTTP."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from pushgateway_honor import Honor
from pushgateway_honor.sandbox import HonorSandbox

from pushgateway.testing.conformance import OverHttp, PluginConformance, PostedSample, Sample
from pushgateway.vendor import Reason, ReceiptKind


def reply(code: Any, data: Any = None, **lists: Any) -> str:
    """A reply in Honor's envelope; `lists` go into its `data`."""
    full = {"sendResult": True, "requestId": "170000000000000001", "failTokens": [], "expireTokens": [], **lists}
    return json.dumps({"code": code, "message": "success", "data": full if lists or data is None else data})


NONE: dict[str, Any] = {}
"""A `data` in which nothing is."""
REPLIES = (
    Sample(reply(200), None, "H3, H5, H6: code 200"),
    Sample(reply(80000000), None, "H4: code 80000000"),
    Sample(reply(0), None, "clients: code 0"),
    Sample(reply("12200000"), None, "clients: code 12200000, as text"),
    Sample('{"code":200,"message":"success","data":null}', None, "a success without details"),
    Sample(reply(200, sendResult=False), Reason.NO_VERDICT, "a success that sent nothing, and does not say why"),
    Sample(reply(200, expireTokens=["{token}"]), Reason.UNREGISTERED, "H3, H6: a dead token under code 200"),
    Sample(reply(80100000, failTokens=["{token}"]), Reason.UNAVAILABLE, "H5: a failed token under code 80100000"),
    Sample(reply(80100000, expireTokens=["{token}"]), Reason.UNREGISTERED, "a dead token under code 80100000"),
    Sample(
        reply(80100000, failTokens=["{token}"], expireTokens=["{token}"]),
        Reason.UNREGISTERED,
        "a dead token has failed too",
    ),
    Sample(reply(80100000, failTokens=["another"]), Reason.NO_VERDICT, "one failed, and another token is named"),
    Sample(reply(80100000), Reason.NO_VERDICT, "a success in part that names nobody"),
    Sample('{"code":80300007,"message":"all tokens invalid","data":null}', Reason.UNREGISTERED, "codes: 80300007"),
    Sample(reply(80300007, sendResult=False), Reason.UNREGISTERED, "80300007 with lists in which nothing is"),
    Sample(reply(80300007, failTokens=["{token}"]), Reason.UNAVAILABLE, "80300007 with a failed token"),
    Sample(reply(80100003, NONE), Reason.INVALID_NOTIFICATION, "codes: 80100003"),
    Sample(reply(80200001, NONE), Reason.CREDENTIALS, "codes: 80200001"),
    Sample(reply(401, NONE), Reason.CREDENTIALS, "codes: 401"),
    Sample(reply(80300002, NONE), Reason.CREDENTIALS, "codes: 80300002"),
    Sample(reply(429, NONE), Reason.RATE_LIMITED, "codes: 429"),
    Sample(reply(81000001, NONE), Reason.UNAVAILABLE, "codes: 81000001"),
)
"""Replies to one push, in the shapes of the sources."""
POSTED = PostedSample(
    '{"statuses":[{"appid":"104400123","token":"HTOK-AAAA","biTag":"msg-0001","status":40000002,'
    '"timestamp":1790000000123,"requestId":"170000000000000001"},{"appid":"104400123","token":"HTOK-AAAA",'
    '"biTag":"msg-0001","status":40000007,"timestamp":1790000001123,"requestId":"170000000000000001"}]}',
    (
        {
            "token": "HTOK-AAAA",
            "kind": ReceiptKind.ARRIVED,
            "event": "40000002",
            "message_id": "170000000000000001",
            "parameter": "msg-0001",
            "at": 1_790_000_000.123,
        },
        {"token": "HTOK-AAAA", "kind": ReceiptKind.CLICKED, "event": "40000007", "at": 1_790_000_001.123},
    ),
    "H5, H6: receipts, delivered and later tapped",
)


class TestHonor(PluginConformance):
    """Honor Push as the sandbox has it by default: 80100000 with lists."""

    vendor = Honor
    options: ClassVar[Mapping[str, Any]] = {}
    own_fields: ClassVar[Mapping[str, Any]] = {
        "android.notification.tag": "room-17",
        "android.notification.when": "2014-10-02T15:01:23.045123456Z",
    }
    limits: ClassVar[Mapping[str, int]] = {"title": 40, "body": 256, "ttl": 1_296_000}
    samples = REPLIES
    posted_samples = (POSTED,)

    def make_sandbox(self, **options: Any) -> HonorSandbox:
        """A sandbox that answers so."""
        return HonorSandbox(**self.options, **options)

    def with_wrong_secret(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """The settings with another client secret."""
        return {**settings, "client_secret": "another"}


class TestHonorWithOtherCodes(TestHonor):
    """Success is 80000000, lists come with 200, dead tokens alone with 80300007, and refusals with HTTP 4xx and 5xx."""

    options: ClassVar[Mapping[str, Any]] = {
        "success": "80000000",
        "partial": "200",
        "all_invalid": "80300007",
        "statuses": "by code",
    }


class TestHonorOverHttp(OverHttp, TestHonor):
    """Honor Push against the sandbox served over HTTP."""
